//! The subcommands, one file each.

pub mod check;
pub mod compile;
pub mod completion;
pub mod fmt;
pub mod info;
pub mod inspect;
pub mod list;
pub mod man;
pub mod run;
