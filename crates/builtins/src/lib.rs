//! Builtins and functions of the language, one file each.
//!
//! A definition is a [`Function`]: name, parameters, type rule, documentation and
//! a hook that lowers a call. `sema` reads the signature, `lower` calls the hook;
//! no other crate knows any builtin by name.

mod definition;
pub mod format;
mod helpers;
mod lowering;
mod texts;

pub use definition::{
    Arg, Check, Function, Kind, Literal, Param, ParamKind, ProbeFacts, Probes, Returns, Settings,
};
pub use lowering::{Call, Extra, Lowered, Lowering, MapHandle, Source};

macro_rules! builtins {
    ($($module:ident: $($function:ident),+;)*) => {
        $(mod $module;)*

        /// Every builtin and function, in the order of their files.
        pub static ALL: &[&Function] = &[$($(&$module::$function,)+)*];
    };
}

builtins! {
    argn: ARG0, ARG1, ARG2, ARG3, ARG4, ARG5, ARG6, ARG7, ARG8, ARG9;
    avg: AVG;
    cgroup: CGROUP;
    clear: CLEAR;
    comm: COMM;
    count: COUNT;
    cpid: CPID;
    cpu: CPU;
    curtask: CURTASK;
    delete: DELETE;
    elapsed: ELAPSED;
    exit: EXIT;
    func: FUNC;
    gid: GID;
    has_cpid: HAS_CPID;
    has_key: HAS_KEY;
    hist: HIST;
    join: JOIN;
    kstack: KSTACK;
    ksym: KSYM;
    len: LEN;
    lhist: LHIST;
    max: MAX;
    min: MIN;
    ncpus: NCPUS;
    nsecs: NSECS;
    ntop: NTOP;
    pid: PID;
    print: PRINT;
    printf: PRINTF;
    probe: PROBE;
    rand: RAND;
    retval: RETVAL;
    stats: STATS;
    str: STR;
    strftime: STRFTIME;
    sum: SUM;
    tid: TID;
    time: TIME;
    uid: UID;
    ustack: USTACK;
    usym: USYM;
    zero: ZERO;
}

/// The builtin of that name.
pub fn find(name: &str) -> Option<&'static Function> {
    ALL.iter().find(|f| f.name == name || f.aliases.contains(&name)).copied()
}
