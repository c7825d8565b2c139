//! Probe providers, one file each.
//!
//! A [`Provider`] says how its attach points are written, what their programs see
//! (arguments, result, function) and which ELF section they go to. `sema` parses
//! and checks with it, `lower` asks what the context is; the runtime knows only
//! the `abi::Attach` that [`Provider::parse`] yields.

mod definition;
mod search;

pub use definition::{
    Argument, Context, Existence, Extent, Field, List, Location, Parse, ProbeError, Provider, described, duration, shape_of,
    split_list,
};

pub use search::{Found, search};

macro_rules! providers {
    ($($module:ident: $($provider:ident),+;)*) => {
        $(mod $module;)*

        /// Every provider, in the order of their files.
        pub static ALL: &[&Provider] = &[$($(&$module::$provider,)+)*];
    };
}

providers! {
    begin_end: BEGIN, END;
    fentry: FENTRY, FEXIT;
    interval: INTERVAL;
    iter: ITER;
    kprobe: KPROBE, KRETPROBE;
    profile: PROFILE;
    rawtracepoint: RAWTRACEPOINT;
    self_signal: SELF_SIGNAL;
    software: SOFTWARE, HARDWARE;
    test: TEST, BENCH;
    tracepoint: TRACEPOINT;
    uprobe: UPROBE, URETPROBE;
    usdt: USDT;
    watchpoint: WATCHPOINT;
}

/// The provider of that name or alias; `BEGIN` and `END` in any case of letters.
pub fn find(name: &str) -> Option<&'static Provider> {
    ALL.iter().find(|p| p.name == name || p.aliases.contains(&name)).copied()
}

/// An attach point in normal form: what its probe would be called by a compiler that does not lie.
pub fn normal(attach: &btc_abi::Attach) -> String {
    ALL.iter().map(|p| (p.normal)(attach)).find(|name| !name.is_empty()).unwrap_or_default()
}
