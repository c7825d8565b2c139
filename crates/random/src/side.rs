//! Probes that fire for others, and what their programs see: inputs that only the kernel knows.

use crate::value::Ty;

/// A kind of probe with its inputs.
#[derive(Clone, Copy, Debug)]
pub struct Side {
    /// Where it attaches.
    pub place: &'static str,
    /// Integers of this probe, beside those that all have.
    own: &'static [&'static str],
    /// Texts of this probe.
    texts: &'static [&'static str],
    /// Whether it has a user stack to look at, and the names of user symbols.
    user: bool,
}

/// Probes that this kernel loads.
pub const SIDES: &[Side] = &[
    Side {
        place: "tracepoint:syscalls:sys_enter_openat",
        own: &["args.dfd", "args.flags", "args.mode"],
        texts: &["str(args.filename)", "str(args.filename, 20)"],
        user: true,
    },
    Side {
        place: "tracepoint:syscalls:sys_enter_getppid,tracepoint:syscalls:sys_exit_getppid",
        own: &[],
        texts: &[],
        user: true,
    },
    Side {
        place: "tracepoint:sched:sched_switch",
        own: &["args.prev_pid", "args.next_prio", "args.prev_state"],
        texts: &["args.prev_comm", "args.next_comm"],
        user: false,
    },
    Side {
        place: "rawtracepoint:sched_process_exec",
        own: &["args.old_pid", "args.p.pid", "args.p.mm.total_vm", "args.bprm.argc", "arg1"],
        texts: &["str(args.bprm.filename)", "args.p.comm"],
        user: false,
    },
    Side {
        place: "rawtracepoint:sys_enter",
        own: &["args.id", "arg1"],
        texts: &[],
        user: false,
    },
    Side { place: "profile:hz:99", own: &[], texts: &[], user: true },
    Side { place: "interval:s:1", own: &[], texts: &[], user: false },
    Side { place: "software:page-faults:100", own: &[], texts: &[], user: true },
    Side {
        place: "uprobe:/lib/x86_64-linux-gnu/libc.so.6:malloc",
        own: &["arg0", "arg1", "reg(\"sp\")"],
        texts: &["str(arg0)", "str(uptr(arg1), 30)"],
        user: true,
    },
    Side {
        place: "uretprobe:/lib/x86_64-linux-gnu/libc.so.6:strdup",
        own: &["retval"],
        texts: &["str(retval)"],
        user: true,
    },
];

/// Integers that every probe has.
const COMMON: &[&str] = &[
    "pid", "tid", "uid", "gid", "cpu", "nsecs", "elapsed", "rand", "cgroup", "ncpus", "jiffies", "numaid", "ppid",
    "curtask.pid", "curtask.mm.total_vm", "curtask.real_parent.tgid", "nsecs(monotonic)", "leader_tid",
    "kaddr(\"_text\")", "getopt(\"depth\", 3)", "$1", "$#",
    "curtask.files.fdt.max_fds", "sizeof(struct task_struct)", "curtask.prio",
];

/// Texts that every probe has.
const COMMON_TEXTS: &[&str] =
    &["comm", "pcomm", "leader_comm", "getopt(\"word\", \"w\")", "str($2)", "curtask.comm", "curtask.real_parent.comm"];

/// Statements that show what integers and texts do not.
const STATEMENTS: &[&str] = &[
    "print(kstack)",
    "print(kstack(3))",
    "@stacks[kstack(perf, 4)] = count()",
    "print(ksym(kaddr(\"_text\")))",
    "printf(\"%s %s\\n\", comm, kstack(2))",
    "@by[comm, pid] = count()",
    "@start[tid] = nsecs",
    "@start[tid] = nsecs; if (has_key(@start, tid)) { @us = hist((nsecs - @start[tid]) / 1000); delete(@start, tid); }",
    "print(strftime(\"%H:%M:%S\", nsecs))",
    "time(\"%H\\n\")",
    "print(cgroup_path(cgroup))",
    "print(buf(comm, 4))",
    "print(ntop(2, rand))",
    "print(strerror(2))",
    "print(username)",
    "print((comm, pid, nsecs > 5))",
    "print(curtask.se.avg)",
    "$task = curtask; while ($task.pid > 1) { $task = $task.real_parent; @depth++; }",
    "@ts = tseries(rand, 1s, 5)",
    "printf(\"%r %rx\\n\", buf(comm, 16), buf(comm))",
    "cat(\"/proc/%d/cmdline\", pid)",
    "print(memcmp(comm, pcomm, 16))",
    "if (comm == \"btc\" || pid == 1) { return; }",
    "errorf(\"%d\\n\", pid)",
    "print(strerror(-retval))",
    "exit(3)",
];

/// Statements of probes with a user process.
const USER_STATEMENTS: &[&str] = &[
    "print(ustack)",
    "@ustacks[ustack(5), comm] = count()",
    "print(usym(5))",
    "print((probe, 1))",
    "@at[probe] = count()",
    "@both[kstack(3), ustack(perf, 3)] = sum(1)",
];

impl Side {
    /// All integers.
    pub fn integers(&self) -> Vec<&'static str> {
        COMMON.iter().chain(self.own).copied().collect()
    }

    /// All texts.
    pub fn texts(&self) -> Vec<&'static str> {
        COMMON_TEXTS.iter().chain(self.texts).copied().collect()
    }

    /// All statements.
    pub fn statements(&self) -> Vec<&'static str> {
        let wrong = |s: &str| s.contains("retval") && !self.own.contains(&"retval");
        let user: &[&str] = if self.user { USER_STATEMENTS } else { &[] };
        STATEMENTS.iter().chain(user).copied().filter(|s| !wrong(s)).collect()
    }
}

/// The type that a side input is cast to.
pub const CAST: Ty = Ty::Int(8, true);
