//! The subcommands, one file each.

pub mod check;
pub mod compile;
pub mod fmt;
pub mod inspect;
pub mod list;
pub mod run;
