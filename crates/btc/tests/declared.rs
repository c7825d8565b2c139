//! Arguments of system calls have the types that they are declared with: what callers leave above an `int` in a register is no part of it.

mod support;

use support::{btc, program, text, unfit};

#[test]
fn arguments_of_system_calls_have_their_types() {
    if let Some(reason) = unfit() {
        return println!("skipped: {reason}");
    }
    let path = program("kernel/halves_of_words.c", "halves_of_words").display().to_string();
    let script = "
        t:syscalls:sys_enter_lseek /pid == cpid && args.fd == 1000/ { @fd[args.fd] = count(); @whence[args.whence] = count(); @offset[args.offset] = count(); }
        t:syscalls:sys_enter_lseek /pid == cpid && args.offset < 0/ { @less = count(); }
        t:syscalls:sys_enter_kill /pid == cpid/ { print((args.pid, args.sig, args.pid < 0)); print(args); }
        t:syscalls:sys_enter_fchmodat /pid == cpid && args.dfd == -100/ { printf(\"%d %o %lx\\n\", args.dfd, args.mode, args.mode); }
        t:syscalls:sys_enter_k?ll /pid == cpid/ { print((\"pattern\", args.pid)); }
        t:syscalls:sys_enter_fchmod* /pid == cpid/ { @mode[args.mode] = count(); }";
    let object = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("declared.o").display().to_string();
    let compiled = btc(&["compile", "-e", script, "-o", &object]);
    assert!(compiled.status.success(), "{}", text(&compiled.stderr));
    for run in [["-e", script], ["run", &object]] {
        let output = btc(&[&run[..], &["-q", "-c", &path][..]].concat());
        let (printed, said) = (text(&output.stdout), text(&output.stderr));
        for line in [
            "@fd[1000]: 11",
            "@whence[0]: 11",
            "@offset[7]: 10",
            "@offset[-3]: 1",
            "@less: 1",
            "(-2147483647, 0, true)",
            "-100 644 1a4",
            "(pattern, -2147483647)",
            "@mode[420]: 1",
        ] {
            assert!(printed.lines().any(|l| l == line), "`{line}` is missing\n{printed}{said}");
        }
        assert!(printed.contains(".pid = -2147483647"), "{printed}{said}");
    }
}
