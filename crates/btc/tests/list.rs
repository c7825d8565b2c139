//! What `btc list` prints of a kernel that is given by its BTF, of scripts and of objects.

use std::path::Path;
use std::process::Command;

/// Standard output of `btc list` with these arguments, for the kernel of the tests.
fn list(args: &[&str]) -> String {
    let btf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/target/vmlinux.btf");
    let mut command = Command::new(env!("CARGO_BIN_EXE_btc"));
    let output = command.arg("list").arg("--btf").arg(btf).args(args).output().expect("btc runs");
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("listings are text")
}

#[test]
fn definitions_are_c() {
    assert_eq!(
        list(&["-v", "struct list_head"]),
        "vmlinux: struct list_head {\n\tstruct list_head *next;\n\tstruct list_head *prev;\n};\n\n"
    );
    assert_eq!(list(&["struct list_hea*"]), "struct list_head\n");
    assert_eq!(list(&["struct no_such_struct"]), "");
}

#[test]
fn patterns_name_a_kind_or_none() {
    assert_eq!(list(&["kprobe:vfs_read,fr:vfs_read"]), "kprobe:vfs_read\nfexit:vmlinux:vfs_read\n");
    assert_eq!(list(&["vfs_read"]), "fentry:vmlinux:vfs_read\nkprobe:vfs_read\n");
    assert_eq!(list(&["t:sched:sched_switc*"]), "tracepoint:sched:sched_switch\n");
    assert_eq!(list(&["i:*"]), "interval:hz:\ninterval:ms:\ninterval:s:\ninterval:us:\n");
    assert_eq!(list(&["*minor-faults*"]), "software:minor-faults:\n");
    assert_eq!(list(&["nothing:*"]), "");
}

#[test]
fn arguments_are_told_on_demand() {
    assert_eq!(
        list(&["-v", "kprobe:vfs_read,kr:vfs_read"]),
        "kprobe:vfs_read\n    struct file * arg0\n    char * arg1\n    size_t arg2\n    loff_t * arg3\n\
         kretprobe:vfs_read\n    ssize_t retval\n"
    );
    assert!(list(&["-v", "fentry:vfs_read"]).contains("\n    struct file * file\n    char * buf\n"));
    assert!(list(&["-v", "t:sched:sched_switch"]).contains("\n    char prev_comm[16]\n"));
}

#[test]
fn a_script_lists_what_it_attaches_to() {
    let script = "BEGIN { } k:vfs_rea[d] { no_such_function(); } t:sched:sched_switc* { } interval:s:1 { } s:cs:10 { }";
    let wanted = "kprobe:vfs_read\ntracepoint:sched:sched_switch\ninterval:s:1\nsoftware:context-switches:10\n";
    assert_eq!(list(&["-e", script]), wanted);
    let folder = std::env::temp_dir().join(format!("btc-list-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder can be made");
    let file = folder.join("script.bt");
    std::fs::write(&file, script.replace("no_such_function();", "")).expect("a file can be written");
    let (script, object) = (file.display().to_string(), folder.join("script.o").display().to_string());
    assert_eq!(list(&[&script]), wanted);
    let btf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/target/vmlinux.btf");
    let mut compile = Command::new(env!("CARGO_BIN_EXE_btc"));
    let done = compile.args(["compile", &script, "-o", &object, "--btf"]).arg(btf).output().expect("btc runs");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    assert_eq!(list(&[&object]), wanted);
    let _ = std::fs::remove_dir_all(&folder);
}
