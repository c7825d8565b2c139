//! What bpftrace 0.27 documents, entry by entry, and how btc stands to it.

use std::fmt::Write;

use btc_sema::SETTINGS;

use super::cell;

/// Builtins, functions and map functions: `docs/stdlib.md` of release 0.27.
const FUNCTIONS: &str = "
assert assert_str bswap buf cat cgroup cgroup_path cgroupid clear comm config container_of cpid cpu curtask
default_str_length delete dw_ustack elapsed errorf exit fail find func getopt gid has_cpid has_key is_array is_err
is_integer is_literal is_ptr is_str is_unsigned_integer jiffies join kaddr kfunc_allowed kfunc_exist kptr kstack ksym
leader_comm leader_tid len macaddr memcmp ncpus nsecs ntop numaid offsetof override path pcomm percpu_kaddr pid ppid
print printf probe probetype pton rand reg retval signal signal_name signal_thread sizeof skboutput socket_cookie
static_assert str str_concat strcap strcontains strerror strftime strlen strncmp strstr syscall_name system tid time
typeinfo typeof uaddr uid unwatch uptr usermode username ustack usym warnf write_user zero
arg0 arg1 arg2 arg3 arg4 arg5 arg6 arg7 arg8 arg9 args ctx
avg count hist lhist max min stats sum tseries";

/// Probes and their short and old names: `docs/language.md`.
const PROBES: &str = "
begin end bench self hardware h interval i iter it fentry f fexit fr kfunc kretfunc kprobe k kretprobe kr profile p
rawtracepoint rt software s test tracepoint t uprobe u uretprobe ur usdt U watchpoint w";

/// Configuration: `docs/language.md`.
const CONFIG: &str = "
cache_user_symbols cpp_demangle lazy_symbolication license log_size max_bpf_progs max_cat_bytes max_map_keys
max_probes max_strlen missing_probes on_stack_limit perf_rb_pages show_debug_info stack_mode str_trunc_trailer
print_maps_on_exit unstable_tseries unstable_dw_ustack unstable_typeinfo unstable_import unstable_map_decl";

/// What is part of the language itself, not of a definition.
const SYNTAX: &[&str] = &["args", "ctx", "config", "offsetof", "sizeof", "typeof", "typeinfo"];

/// Entries that differ, with how.
const DIFFERENT: &[(&str, &str)] = &[
    ("cache_user_symbols", "accepted; tables are read once for each file"),
    ("lazy_symbolication", "accepted; symbols are looked up when printed"),
    ("max_bpf_progs", "accepted; the limit is 10000 attach points"),
    ("max_probes", "accepted; the limit is 10000 attach points"),
    ("on_stack_limit", "accepted; no script meets a stack limit"),
    ("unstable_tseries", "accepted; the feature is on"),
    ("unstable_typeinfo", "accepted; the feature is on"),
    ("unstable_import", "accepted; the feature is on"),
    ("unstable_map_decl", "accepted; the feature is on"),
];

/// Entries with their state, `None` for what btc lacks and nobody explains.
pub fn entries() -> Vec<(&'static str, &'static str, Option<&'static str>)> {
    let state = |name: &str, known: bool| {
        let note = DIFFERENT.iter().find(|(n, _)| *n == name).map(|(_, note)| *note);
        note.or_else(|| known.then_some("yes"))
    };
    let functions = FUNCTIONS.split_whitespace().map(|name| {
        (name, "function", state(name, btc_builtins::find(name).is_some() || SYNTAX.contains(&name)))
    });
    let probes = PROBES.split_whitespace().map(|name| (name, "probe", state(name, btc_providers::find(name).is_some())));
    let config = CONFIG
        .split_whitespace()
        .map(|name| (name, "setting", state(name, SETTINGS.iter().any(|s| s.name == name))));
    functions.chain(probes).chain(config).collect()
}

pub(super) fn table(out: &mut String) {
    out.push_str("\n## bpftrace 0.27, entry by entry\n\n| entry | kind | here |\n|---|---|---|\n");
    for (name, kind, state) in entries() {
        let _ = writeln!(out, "| `{name}` | {kind} | {} |", cell(state.unwrap_or("no")));
    }
}
