//! Loads, attaches and prints finished objects.
//!
//! It knows the manifest ([`btc_abi`]), libbpf and the kernel, and nothing of the
//! language. [`run`] takes an object's bytes to the last printed map; [`manifest`]
//! only reads and checks what an object says of itself.
#![cfg_attr(not(test), deny(clippy::print_stdout, clippy::print_stderr, reason = "they panic when nobody takes what they print"))]

#[macro_use]
mod say;

mod actions;
mod arguments;
mod attach;
mod binding;
mod child;
mod debug_info;
mod diagnose;
mod elf;
#[cfg(target_arch = "x86_64")]
mod entry;
mod error;
mod effects;
mod events;
mod foreign;
mod glob;
mod info;
pub mod inputs;
mod kfunc;
mod libbpf_log;
mod load;
mod losses;
mod maps;
mod modes;
mod named_files;
mod options;
mod output;
mod notify;
mod place;
mod privileges;
mod reads;
mod refusal;
mod render;
mod run;
mod short_keys;
mod signals;
mod sizes;
mod symbols;
mod trust;
mod types;
mod unwinding;
mod usage;
mod validate;
mod words;

pub use arguments::{Argument, Bound, Code, Kernel, arguments, arguments_at};
pub use debug_info::debug_info;
pub use effects::{Effect, EffectKind, effects};
pub use elf::manifest;
pub use error::Error;
pub use attach::{binary_functions, bpf_functions, static_probes, static_signs, symbol_size};
pub use info::{Answer, Offer, offer};
pub use options::{Author, Buffering, FEATURES, Format, Mode, Named, Options, environment, parameters};
pub use output::standard_output;
pub use reads::unfit_reads;
pub use render::escape::{Keep, shown};
pub use render::kernel_enums::{enum_constant, enum_name, enum_names};
pub use run::{Outcome, run};
pub use types::{Prototype, Types, Value, Variants};
pub use usage::usage;

#[cfg(feature = "fuzzing")]
pub mod fuzzing;
