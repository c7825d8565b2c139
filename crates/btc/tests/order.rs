//! The order of actions, on the running kernel: by the script that guests run too.

mod support;

use std::path::Path;
use std::process::Command;

use support::{program, text, unfit};

/// Kinds that a kernel may be built without, or a machine may not have.
const MAY_LACK: &str = "kprobe kretprobe fentry fexit watchpoint iter";

#[test]
fn actions_run_in_the_order_of_the_script_and_begin_before_all() {
    if let Some(reason) = unfit() {
        return println!("skipped: {reason}");
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("order");
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).expect("a folder for what tracers print");
    let ordered = program("kernel/ordered.c", "ordered");
    let output = Command::new("sh")
        .arg(root.join("testdata/guest/order.sh").canonicalize().expect("the script is there"))
        .current_dir(&folder)
        .env("BTC", env!("CARGO_BIN_EXE_btc"))
        .env("ORDERED", &ordered)
        .env("LACKS", MAY_LACK)
        .output()
        .expect("sh runs");
    let table = text(&output.stdout);
    println!("{table}");
    assert!(output.status.success(), "{table}{}", text(&output.stderr));
}
