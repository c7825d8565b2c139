//! The command writes the same object wherever it runs, and the runtime survives damaged ones.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

const SCRIPT: &str = "\
kprobe:vfs_read / comm == \"cat\" / { @start[tid] = nsecs; @names[comm, pid] = count(); }
kretprobe:vfs_read / @start[tid] / {
  @usecs = hist((nsecs - @start[tid]) / 1000);
  printf(\"%s %d %s\\n\", comm, retval, strftime(\"%H:%M\", nsecs));
}
tracepoint:syscalls:sys_enter_openat { @[kstack, str(args.filename)] = count(); }
kprobe:vfs_open { print(str(((struct path *)arg0)->dentry->d_name.name)); }
interval:s:1 { print(@usecs); clear(@usecs); if ($1 > 3) { exit(); } }
";

/// A folder that goes when the test ends.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("btc-test-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        Folder(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Compiles [`SCRIPT`] in a folder, for the kernel of the tests.
fn compile(folder: &Path) -> Vec<u8> {
    let btf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/target/vmlinux.btf");
    std::fs::write(folder.join("script.bt"), SCRIPT).expect("the script can be written");
    let mut command = Command::new(env!("CARGO_BIN_EXE_btc"));
    command.current_dir(folder).args(["compile", "script.bt", "-o", "out.o", "--btf"]).arg(btf);
    // The environment may set limits, which are part of the object.
    for (name, _) in std::env::vars().filter(|(n, _)| n.starts_with("BPFTRACE_")) {
        command.env_remove(name);
    }
    let output = command.output().expect("btc can be started");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    std::fs::read(folder.join("out.o")).expect("the object was written")
}

#[test]
fn the_same_object_in_every_folder() {
    let (one, two) = (Folder::new("one"), Folder::new("two-with-a-longer-name"));
    let (first, second) = (compile(&one.0), compile(&two.0));
    assert!(first == second, "two compiles of one script differ");
    let folder = one.0.display().to_string();
    assert!(!first.windows(folder.len()).any(|w| w == folder.as_bytes()), "the object tells its folder");
}

/// The runtime reads objects of strangers: any bytes give a manifest or an error, in no time.
#[cfg(feature = "run")]
#[test]
fn damaged_objects_end_well() {
    let folder = Folder::new("damaged");
    let whole = compile(&folder.0);
    assert!(btc_runtime::manifest(&whole).is_ok());
    let look = |bytes: &[u8], what: &str, n: u64| {
        let begin = Instant::now();
        let _ = btc_runtime::manifest(bytes);
        assert!(begin.elapsed() < Duration::from_secs(5), "{what} {n} takes too long");
    };
    for end in 0..whole.len() {
        look(&whole[..end], "cut", end as u64);
    }
    let cases = std::env::var("BTC_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(10_000);
    for seed in 0..cases {
        look(&mutated(&whole, seed), "mutation", seed);
    }
}

/// One to four bytes changed, half of them in the manifest, where most checks are.
#[cfg(feature = "run")]
fn mutated(whole: &[u8], seed: u64) -> Vec<u8> {
    let mut state = seed;
    let mut below = |limit: usize| {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut n = (state ^ state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        n = (n ^ n >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((n ^ n >> 31) % limit as u64) as usize
    };
    let mut bytes = whole.to_vec();
    let manifest = whole.windows(4).rposition(|w| w == b"btc ").unwrap_or(0);
    for _ in 0..1 + below(4) {
        let at = match below(2) {
            0 => below(bytes.len()),
            _ => (manifest + below(1500)).min(bytes.len() - 1),
        };
        bytes[at] = match below(3) {
            0 => bytes[at] ^ 1 << below(8),
            1 => [0, 1, 0x7f, 0x80, 0xfe, 0xff][below(6)],
            _ => below(256) as u8,
        };
    }
    bytes
}
