//! Builtins and functions of the language, one file each.
//!
//! A definition is a [`Function`]: name, parameters, type rule, documentation and
//! a hook that lowers a call. `sema` reads the signature, `lower` calls the hook;
//! no other crate knows any builtin by name.

mod definition;
mod extreme;
pub mod format;
pub mod helpers;
mod ids;
mod mean;
mod lowering;
mod task;
mod texts;

pub use bswap::is_by_width;
pub use definition::{
    Arg, Check, Clock, Function, Kind, Literal, Param, ParamKind, ProbeFacts, Probes, Returns, Settings,
};
pub use hist::is_before_key;
pub use ids::own as own_ids;
pub use lowering::{Body, Bytes, Call, Extra, Lowered, Lowering, Outlined, Repeat, Source};

macro_rules! builtins {
    ($($module:ident: $($function:ident),+;)*) => {
        $(mod $module;)*

        /// Every builtin and function, in the order of their files.
        pub static ALL: &[&Function] = &[$($(&$module::$function,)+)*];
    };
}

builtins! {
    argn: ARG0, ARG1, ARG2, ARG3, ARG4, ARG5, ARG6, ARG7, ARG8, ARG9;
    assert: ASSERT;
    assert_str: ASSERT_STR;
    avg: AVG;
    bswap: BSWAP;
    buf: BUF;
    cat: CAT;
    cgroup: CGROUP;
    cgroup_path: CGROUP_PATH;
    cgroupid: CGROUPID;
    clear: CLEAR;
    comm: COMM;
    container_of: CONTAINER_OF;
    count: COUNT;
    cpid: CPID;
    cpu: CPU;
    curtask: CURTASK;
    default_str_length: DEFAULT_STR_LENGTH;
    delete: DELETE;
    dw_ustack: DW_USTACK;
    elapsed: ELAPSED;
    errorf: ERRORF;
    exit: EXIT;
    fail: FAIL;
    find: FIND;
    func: FUNC;
    getopt: GETOPT;
    gid: GID;
    has_cpid: HAS_CPID;
    has_key: HAS_KEY;
    hist: HIST;
    is_err: IS_ERR;
    is_type: IS_ARRAY, IS_INTEGER, IS_LITERAL, IS_PTR, IS_STR, IS_UNSIGNED_INTEGER;
    jiffies: JIFFIES;
    join: JOIN;
    kaddr: KADDR;
    kfunc_allowed: KFUNC_ALLOWED;
    kfunc_exist: KFUNC_EXIST;
    kptr: KPTR;
    kstack: KSTACK;
    ksym: KSYM;
    leader_comm: LEADER_COMM;
    leader_tid: LEADER_TID;
    len: LEN;
    lhist: LHIST;
    macaddr: MACADDR;
    max: MAX;
    memcmp: MEMCMP;
    min: MIN;
    ncpus: NCPUS;
    nsecs: NSECS;
    ntop: NTOP;
    numaid: NUMAID;
    overriding: OVERRIDE;
    path: PATH;
    pcomm: PCOMM;
    percpu_kaddr: PERCPU_KADDR;
    pid: PID;
    ppid: PPID;
    print: PRINT;
    printf: PRINTF;
    probe: PROBE;
    pton: PTON;
    probetype: PROBETYPE;
    rand: RAND;
    reg: REG;
    retval: RETVAL;
    signal: SIGNAL;
    signal_name: SIGNAL_NAME;
    signal_thread: SIGNAL_THREAD;
    skboutput: SKBOUTPUT;
    socket_cookie: SOCKET_COOKIE;
    static_assert: STATIC_ASSERT;
    stats: STATS;
    str: STR;
    str_concat: STR_CONCAT;
    strcap: STRCAP;
    strcontains: STRCONTAINS;
    strerror: STRERROR;
    strftime: STRFTIME;
    strlen: STRLEN;
    strncmp: STRNCMP;
    strstr: STRSTR;
    sum: SUM;
    syscall_name: SYSCALL_NAME;
    system: SYSTEM;
    tid: TID;
    time: TIME;
    tseries: TSERIES;
    uaddr: UADDR;
    uid: UID;
    unwatch: UNWATCH;
    uptr: UPTR;
    usermode: USERMODE;
    username: USERNAME;
    ustack: USTACK;
    usym: USYM;
    warnf: WARNF;
    write_user: WRITE_USER;
    zero: ZERO;
}

/// The builtin of that name.
pub fn find(name: &str) -> Option<&'static Function> {
    ALL.iter().find(|f| f.name == name || f.aliases.contains(&name)).copied()
}
