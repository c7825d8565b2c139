//! `docs/language.md`, made from the definitions.

pub mod peer;

use std::fmt::Write;

use btc_builtins::{Function, Kind, ParamKind};
use btc_providers::Extent;
use btc_sema::{SETTINGS, SettingKind};

/// The page. `crates/driver/tests/docs.rs` compares it with the committed one.
pub fn language() -> String {
    let mut out = String::from(
        "# The language\n\n\
         btc compiles the bpftrace language, release 0.27. This page is made from the definitions in the source \
         (`BTC_BLESS=1 cargo test -p btc-driver --test docs` writes it); what is not on it is not there yet.\n",
    );
    probes(&mut out);
    functions(&mut out, "Builtin variables", Kind::Variable);
    functions(&mut out, "Functions", Kind::Call);
    functions(&mut out, "Aggregations", Kind::Aggregation);
    settings(&mut out);
    out.push_str(SYNTAX);
    peer::table(&mut out);
    out
}

fn probes(out: &mut String) {
    out.push_str("\n## Probes\n\n| probe | also | written as | | `-p`, `-c` |\n|---|---|---|---|---|\n");
    for p in btc_providers::ALL {
        let aliases: Vec<String> = p.aliases.iter().map(|a| format!("`{a}`")).collect();
        let extent = match p.extent {
            Extent::Tree => "its own and its children's",
            Extent::Process => "its own",
            Extent::All => "all the same",
        };
        let _ = writeln!(out, "| `{}` | {} | `{}` | {} | {extent} |", p.name, aliases.join(" "), p.syntax, cell(p.doc));
    }
}

fn functions(out: &mut String, title: &str, kind: Kind) {
    let _ = write!(out, "\n## {title}\n\n| | |\n|---|---|\n");
    let mut all: Vec<&&Function> = btc_builtins::ALL.iter().filter(|f| f.kind == kind).collect();
    all.sort_by_key(|f| f.name);
    for f in all {
        let danger = if f.is_unsafe { " Needs `--unsafe`." } else { "" };
        let _ = writeln!(out, "| `{}` | {}{danger} |", signature(f), cell(f.doc));
    }
}

fn signature(f: &Function) -> String {
    if f.params.is_empty() && f.kind == Kind::Variable {
        return f.name.to_string();
    }
    let mut text = String::new();
    for (i, p) in f.params.iter().enumerate() {
        let separator = if i > 0 { ", " } else { "" };
        let name = if p.kind == ParamKind::Map { format!("@{}", p.name) } else { p.name.to_string() };
        let rest = if p.kind == ParamKind::Rest { "…" } else { "" };
        text += &if p.optional { format!("[{separator}{name}]") } else { format!("{separator}{name}{rest}") };
    }
    format!("{}({text})", f.name)
}

fn settings(out: &mut String) {
    out.push_str("\n## Settings\n\nIn `config = { name = value }`, or as `BPFTRACE_NAME` in the environment, which wins.\n\n");
    out.push_str("| setting | takes | default | |\n|---|---|---|---|\n");
    for s in SETTINGS {
        let takes = match s.kind {
            SettingKind::Int(0, u64::MAX) => "a number".to_string(),
            SettingKind::Int(least, most) => format!("{least} to {most}"),
            SettingKind::Bool => "true, false".to_string(),
            SettingKind::Text => "a text".to_string(),
            SettingKind::Word(words) => words.join(", "),
        };
        let _ = writeln!(out, "| `{}` | {takes} | `{}` | {} |", s.name, s.default, cell(s.doc));
    }
}

/// Text for a table: one line, no column marks.
fn cell(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}

/// What has no table in the source.
const SYNTAX: &str = "
## One process

With `-p PID` an event counts when a thread of that process was running, all its threads alike; with `-c COMMAND` also when a process that
descends from the command was (the table of probes says for which kinds). A process is looked for through 32 generations; one whose parent
has ended belongs to init and no longer to the command. bpftrace compares for `-p` only, and attaches timers, counters and
watchpoints to the first thread; a script that wants the whole system beside a command starts the command by itself. The process is the
one that `pid` shows, so in a pid namespace it is one that the tracer sees; there a command's children do not count. What an interrupt does
is done in the thread that it found running: `kprobe`, `tracepoint` and the like see the process there as `pid` does. At a switch of tasks
that is the one that leaves the CPU, at a wakeup the one that wakes another: a script about those runs without `-p` and `-c`, and filters by
the arguments of the event.

| probes | how |
|---|---|
| `kprobe`, `kretprobe`, `fentry`, `fexit`, `tracepoint`, `rawtracepoint` | fire for all; the program leaves where another process runs |
| `profile` | fires on all CPUs; counts where the process runs when the timer fires |
| `software`, `hardware` | counted in each thread for itself, those that start later too, also of a command's children: so many events of one thread are a sample |
| `watchpoint` | set on all CPUs; the program leaves where another process has touched the same address |
| `uprobe`, `uretprobe`, `usdt` | with `-p` placed in that process only; the program leaves where another one fires |
| `interval`, `iter`, `self`, `begin`, `end`, `test`, `bench` | have no process of their own and fire as ever |

A command's events count from its `execve` on.
An object behaves the same: the number of the process is written into it when it is loaded. Loaded by another loader it counts all.

## Everything else

Variables `$x` and `let $x: type = value`; maps `@`, `@x`, `@x[key]`, `@x[a, b]`, `let @x = hash(n)` (also lruhash, percpuhash,
percpulruhash); integers of 8 to 64 bits, booleans, texts, arrays, pointers, tuples, records, enums, structs and unions of the
kernel (by BTF) and of the script; all of C's operators; `if`, `for` over ranges and maps, `while`, `unroll`, `break`, `continue`,
`return`; block expressions; casts; `sizeof`, `offsetof`, `typeof`; macros; `import`; `#define`, `#if`; positional parameters.

Structs, unions, enums and typedefs of the script are C's, laid out as gcc and clang do on 64-bit machines: bit fields of all kinds,
`packed`, `aligned`, `_Alignas`, `#pragma pack`, `__int128`, flexible arrays. Lengths, widths, alignments and enumerators are constants of C with C's
types (`~0U`, `sizeof(T)`, `'x'`, casts, `?:`, enumerators of the script). What is not known there is an error: an attribute or pragma that may change a
layout, an undefined name, an enumerator or a size of the kernel, which may differ where the script runs. A number with a suffix of C (`1U`, `1UL`)
makes a constant expression C's, in a macro and elsewhere, with casts, enumerators of the script, `sizeof` and truth values in it: `~0U` is
4294967295; without one it is the language's, as in bpftrace: `~0` is
18446744073709551615.

A literal takes the sign of the numbers that share its place: variable, map, key or part of a tuple. Where a `uint64` shares it with numbers that
may be negative, all are kept as `int64`, with a warning at the `uint64`. An index that lies beyond an array or text reads as 0 and counts as a
failed read; a pointer's index goes anywhere. A read at an address where nothing is yields 0 and counts as a failed read too, but for a number in a
struct of the kernel: from Linux 6.2 on the kernel itself puts 0 there, without a word, as in bpftrace. The difference of two pointers is counted
in what both point at, as in C, and in bytes where one points at bytes or at nothing known. `&place` is a pointer into the memory that the place is in.

The arguments of `tracepoint:syscalls:sys_enter_*` have the types that the system call is declared with: `args.fd` is what the kernel takes for the
descriptor, whatever the caller has left in the upper half of the register. bpftrace shows the register. Under a wildcard that holds for what all
matches declare alike. `retval` of `kretprobe` and `uretprobe` is the register: of a result of less than 8 bytes what stands above it
is anything, so cast it: `(int32)retval`.

A parameter `$1` is the number that its text would be in a script, with a sign before it: `0x1f`, `1e3`, `5ms`, `1_000`, also `0b101`; an empty one
is 0. Where the script runs at once it is that literal in all respects: `~$1` is a `uint64` for 5, and `$1 + 1` beyond 2^64 an error. An object, which
does not know it, takes an `int64` and refuses other numbers. Any other text is a string where the script runs at once, and `$1 + n` is what is left
of it behind `n` bytes.

So does what comes of literals in an operation: with `$i = 260`, `$address > $i` compares without a sign, and `$address ^ $i` is a `uint64`. A
parameter does so beside a `uint64`. Any other number with a sign makes sums and comparisons signed; comparing such a one with a `uint64`
warns. What a `uint64` takes part in is divided without a sign, as in C, and that warns too where the other has one. What is stepped by `--`
has a sign from then on, as every difference.

Operands are evaluated once, from left to right; what stands before `$i++` has the value from before it. An assignment to a map evaluates its
value before its key, an aggregation its key before its arguments, but for `hist()` and `lhist()`, as bpftrace does.

No aggregation loses what several CPUs give it at the same moment, and `@x++`, `@x--` and `@x += n` lose nothing either. The value of `@x++` as
an expression may be one that another CPU sees too; `@x = @x + 1`, `*=` and the like are not one step, as in bpftrace. On a kernel that preempts
programs of uprobes (`CONFIG_PREEMPT`), an event that finds another one's program unfinished on its CPU is missed before Linux 6.15, and told.

A loop goes round as often as it says, up to 8388608 times. Before Linux 6.4 it ends earlier, the earlier the longer its body is and the
more loops are around it; so does a search in a text. Each such end is told when the script ends. Two such loops in one another may be
too much for those kernels, which is told before anything runs. Loops over maps need Linux 5.13. What the verifier of a newer kernel finds too
long is loaded as on an older one.

Positional parameters count where a constant is wanted (`unroll($1)`, `lhist(x, 0, $1, 10)`, `kstack($1)`) and in probes (`interval:s:$1`,
`uprobe:$1:main`). There an object has those that `btc compile script.bt PARAM …` was given, and refuses to run with others; everywhere else it takes
what it is run with, or these again when it is run with none.

`#include <…>` of a header that is not installed is no error: types come from BTF, and constants of the kernel's interface to programs (`AF_INET`,
`EAGAIN`, `S_IFMT`, `ETH_P_IP`, `CLONE_NEWPID`, …) that it would define are known to btc once it is named. Where the header is there, its
constants win.

### What processes may say

Names of processes, symbols and files, and what is in memory, are chosen by whoever runs there. On a terminal their control characters are shown
as `\\x1b`, as `%r` shows bytes, but for ends of lines and tabs; in names of symbols these too. So are those of a file that `cat()` prints. What the
script itself says, and what a command of `system()` prints, goes out as it is. `--raw` shows everything as it is; in files and pipes it always is.
Errors and warnings that are not the script's never hold control characters. JSON escapes them, as it must. Bytes that are no UTF-8 are U+FFFD there; in
a key of a map the replaced bytes stand behind it in hexadecimal, and `00` behind a U+FFFD that the key itself has, so that keys that differ stay two.
Several rows of a map whose keys are shown alike, as of two addresses in one function, have `#2`, `#3` and so on behind the name in JSON.

A value in a command of `system()` is one word to the shell, or a piece of one, whatever is in it: what is not made of letters, digits and
`_./:@%+,=-` alone is quoted, as the quotes that the format has opened there want it. bpftrace 0.27 puts it there as it is, so that a process
named `$(reboot)` is obeyed. Numbers and the format itself are never quoted; a text of the script counts as a value, so what is to be syntax belongs in
the format. In `$(…)`, backquotes, `${…}`, behind `<<`, in a comment, and in a command that another shell reads again (`eval`, `sh`,
`bash`, `ssh`, `su`, `env`, …) a value that would need quotes keeps the command from being run, which is told. A value may still begin with `-`.

### Libraries by name

`uprobe:libc:malloc` is the library that the process of `-p` has mapped, or that the loader of the program of `-c` will map. Where there is
none, or it has no such library, it is found in `LD_LIBRARY_PATH`, in the loader's cache (`ld.so.cache`), then in the usual folders, and is
of the process's class and machine, else of btc's own: on a machine with 32-bit libraries, too, the 64-bit one.

A name means one function. Of a library's versions of it, that is the one that programs are linked with today; of several functions, the one that
is not `static`, else the first, which is told, with the addresses of others. A function that the loader only asks which one to call (an ifunc, as
`strlen` of glibc is) is called once by each program: that is told, too. A pattern means all that match. A typed probe of the kernel
(`fentry`) on a name that several functions have sees one of them, which is told at the end; a `kprobe` there is refused.

Attach points of one name are one: `probe` is the same in a static probe at several places, and in several probes of the script.

### The end of a run

After Ctrl-C (or SIGTERM, SIGHUP) what has arrived already is still handled for half a second; a `system()` that runs longer is ended. What
then still waits is dropped, which is told, but for some 10,000 lines that only have to be printed. END runs in any case, and takes the time that it takes; a second Ctrl-C ends btc at once. A run that
stands still after the first (nobody reads its output or its errors, a file that never opens) is ended within two seconds, which is told, with code 1;
one that has not begun ends by the signal. Symbols that are not known by then get a second in all; other addresses are shown as numbers, which is told.

### Functions and types of user binaries

Where the binary of a `uprobe` has debug information (DWARF 2 to 5) when the script is compiled, `args.name` are the parameters
of the function, and all probes can use the binary's structs, unions, enums and typedefs; in a probe of the binary they come before
the kernel's of the same name, elsewhere behind them. Debug information is looked for in the file, then in the folders of
`--debuginfo` and in `/usr/lib/debug` under the build id, then by the file's debug link. **Layouts and registers are those of
the binary that was compiled against:** an object that reads them belongs to that build of the binary, and so to its machine.

Parameters are read where the function begins: integers, truth values, enums and pointers, in registers and on the stack. Structs and
floating-point numbers that are passed by value cannot be read; where the others then are is counted with them (x86-64, arm64).
What the psABI leaves open, or the debug information does not tell, is an error, and so are the parameters behind it. C++ objects
that are copied or destroyed by functions of their own go by address; Rust functions follow the convention of C as long as all is
numbers and thin pointers; of Go, Swift, D and Zig nothing is known.
Enums are numbers, as in bpftrace: `(enum color)args.c` prints as a name. Unlike bpftrace's, parameters on the stack are there, and members of
anonymous structs and unions are found.
Split debug information (`.dwo`), sections compressed with zstd, and names that several debug files share (`dwz`) are not read.

`uprobe:path@file.c:line[:column]` is where a statement of the line begins: the lowest address in each unit that was compiled from that
file; what included files put into it does not count. A file that is only part of units (a header, a module of a Rust crate) is found in
these. The file is the end of a path, in whole parts, or all of it. The host's own
binary is asked, when the script or object runs: there the debug information must be.

### `dw_ustack`

The object holds the unwinder and two empty maps; whoever runs it, `btc-run` too, makes the tables of the processes that `-p`, `-c` and
`--dwarf-pid` name and fills the maps. A child of `-c` is held at its program's first instruction until its tables are there. What the
processes map later, and the processes that they fork, are followed within some 20 ms (bpftrace: what is mapped at the start). A stack of
any other process is empty, which is counted and told at the end. On other machines than x86-64 frame pointers are followed, with a warning.

Addresses of callers are those that they return to, as in `ustack`; bpftrace's are one less. A stack ends early, without a word, where no
table tells its caller: code of a JIT, assembler code without `.cfi` directives, functions that keep their frame in another register
than `rsp` and `rbp`, which a compiler may do where it aligns the stack. Signal handlers lead on to the code that was interrupted.
The setting `unstable_dw_ustack` is obeyed as documented; bpftrace 0.27.1 says nothing whatever it is.
";
