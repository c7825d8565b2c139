//! What a script needs and the machine lacks: one error that names the line, before anything runs. Never a 0.

mod support;

use support::{btc, program, text, unfit};

/// What is said of a script that cannot run here: one error.
fn refused(script: &str) -> String {
    let output = btc(&["-e", script]);
    let (printed, messages) = (text(&output.stdout), text(&output.stderr));
    assert_eq!((output.status.code(), printed.as_str()), (Some(1), ""), "{script}\n{messages}");
    assert_eq!(messages.matches("ERROR").count(), 1, "{script}\n{messages}");
    messages
}

#[test]
fn arguments_beyond_the_registers_are_on_the_stack() {
    if let Some(reason) = unfit() {
        return println!("skipped: {reason}");
    }
    let path = program("run/beyond.c", "beyond").display().to_string();
    for script in [
        format!(r#"uprobe:{path}:many {{ printf("%d %d %d %d %d %d\n", arg0, arg5, arg6, arg7, arg8, arg9); }}"#),
        format!(r#"uprobe:{path}:man* {{ printf("%d %d %d %d %d %d\n", arg0, arg5, arg6, arg7, arg8, arg9); }}"#),
    ] {
        let output = btc(&["-q", "-c", &path, "-e", &script]);
        assert_eq!(text(&output.stdout).trim(), "1 6 -7 8 9 10", "{}", text(&output.stderr));
    }
    for place in [format!("{path}:many+4"), format!("{path}:0x1000"), format!("{path}@beyond.c:13")] {
        let messages = text(&btc(&["-e", &format!("uprobe:{place} {{ print(arg6); }}")]).stderr);
        assert!(messages.contains("`arg6` may be in memory"), "{messages}");
    }
    for probe in ["kprobe:vfs_read+4", "kprobe:0xffffffff81000000"] {
        let messages = text(&btc(&["--unsafe", "-e", &format!("{probe} {{ print(arg9); }}")]).stderr);
        assert!(messages.contains("`arg9` may be in memory"), "{messages}");
    }
}

#[test]
fn unknown_names_are_errors() {
    if let Some(reason) = unfit() {
        return println!("skipped: {reason}");
    }
    for (script, name) in [
        (r#"begin { print(1); print(kaddr("no_such_symbol")); }"#, "`no_such_symbol`"),
        (r#"begin { print(1); print(percpu_kaddr("no_such_symbol")); }"#, "`no_such_symbol`"),
        (r#"begin { print(1); print(percpu_kaddr("no_such_symbol", 0)); }"#, "`no_such_symbol`"),
        (r#"begin { for ($i : 0..3) { print(kaddr("no_such_symbol")); } }"#, "`no_such_symbol`"),
        (r#"begin { print(1); print(cgroupid("/no/such/folder")); }"#, "`/no/such/folder`"),
        (r#"begin { print(1); print(cgroupid("/proc")); }"#, "`/proc`"),
    ] {
        let messages = refused(script);
        assert!(messages.contains(name) && messages.contains(":1:"), "{messages}");
    }
    // Who asks before is answered.
    let script = r#"begin { if (kfunc_exist("no_such_symbol")) { print(kaddr("no_such_symbol")); } else { print(7); } exit(); }"#;
    let output = btc(&["-q", "-e", script]);
    assert_eq!(text(&output.stdout).trim(), "7", "{}", text(&output.stderr));
}

#[test]
fn registers_of_other_machines_are_errors() {
    if let Some(reason) = unfit() {
        return println!("skipped: {reason}");
    }
    let other = if cfg!(target_arch = "x86_64") { "r29" } else { "di" };
    let path = program("run/beyond.c", "beyond_registers").display().to_string();
    for probe in [format!("uprobe:{path}:many"), "profile:hz:9".to_string()] {
        let messages = refused(&format!("{probe} {{ print(reg(\"{other}\")); }}"));
        assert!(messages.contains(&format!("no register `{other}`")) && messages.contains(":1:"), "{messages}");
        assert!(messages.contains(std::env::consts::ARCH), "{messages}");
    }
}

#[test]
fn arguments_that_a_static_probe_has_not_are_errors() {
    if let Some(reason) = unfit() {
        return println!("skipped: {reason}");
    }
    let path = program("kernel/static_probes.c", "static_probes_lacking").display().to_string();
    let messages = refused(&format!("usdt:{path}:demo:all {{ print(arg9); }}"));
    assert!(messages.contains("`arg9`") && messages.contains("demo:all") && messages.contains(":1:"), "{messages}");
}
