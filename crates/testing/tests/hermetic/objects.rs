//! Objects are the same at every compile, and reading damaged ones ends well.

use std::time::{Duration, Instant};

use btc_driver::{Emit, elf};
use btc_testing::Case;

use crate::support::{Random, compile_to, object, scripts};

/// Mutations of each object. `BTC_CASES` sets another number.
const MUTATIONS: u64 = 10_000;

/// A script that uses most of what an object can hold.
const RICH: &str = "\
kprobe:vfs_read / comm == \"cat\" / { @start[tid] = nsecs; @names[comm, pid] = count(); }
kretprobe:vfs_read / @start[tid] / {
  @usecs = hist((nsecs - @start[tid]) / 1000);
  printf(\"%s %d %s\\n\", comm, retval, strftime(\"%H:%M\", nsecs));
  delete(@start, tid);
}
tracepoint:sched:sched_switch { @[kstack, args.next_comm] = count(); }
kprobe:vfs_open { print(str(((struct path *)arg0)->dentry->d_name.name)); }
interval:s:1 { print(@usecs); clear(@usecs); if ($1 > 3) { exit(); } }
";

fn rich() -> Vec<u8> {
    object(&Case::new("rich.bt", RICH.to_string()))
}

/// All scripts of the object and code generator tests, compiled twice.
#[test]
fn the_same_script_gives_the_same_bytes() {
    for case in scripts() {
        assert!(object(&case) == object(&case), "{}: two compiles differ", case.file);
    }
}

/// The folder of a script is not in its object.
#[test]
fn the_folder_does_not_matter() {
    let here = object(&Case::new("/home/one/rich.bt", RICH.to_string()));
    let there = object(&Case::new("/srv/other/folder/rich.bt", RICH.to_string()));
    assert!(here == there, "the object depends on where its script lies");
}

#[test]
fn damaged_objects_are_refused_or_read() {
    let whole = rich();
    assert!(elf::read(&whole).is_ok());
    let look = |bytes: &[u8], what: &dyn Fn() -> String| {
        let begin = Instant::now();
        if let Some(manifest) = elf::read(bytes).ok().and_then(|c| c.manifest) {
            let _ = btc_abi::wire::decode(&manifest);
        }
        // Generous for a busy machine; a run that hangs takes for ever.
        assert!(begin.elapsed() < Duration::from_secs(5), "{} takes too long", what());
    };
    for end in 0..whole.len() {
        look(&whole[..end], &|| format!("cut after {end} bytes"));
    }
    let cases = std::env::var("BTC_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(MUTATIONS);
    for seed in 0..cases {
        look(&mutated(&whole, seed), &|| format!("mutation {seed}"));
    }
}

/// A few bytes changed: flipped, set to odd values, or a run copied elsewhere.
fn mutated(whole: &[u8], seed: u64) -> Vec<u8> {
    const ODD: [u8; 6] = [0, 1, 0x7f, 0x80, 0xfe, 0xff];
    let mut random = Random::new(seed);
    let mut bytes = whole.to_vec();
    for _ in 0..1 + random.below(4) {
        let at = random.below(bytes.len() as u64) as usize;
        match random.below(3) {
            0 => bytes[at] ^= 1 << random.below(8),
            1 => bytes[at] = ODD[random.below(6) as usize],
            _ => {
                let (from, len) = (random.below(bytes.len() as u64) as usize, 1 + random.below(32) as usize);
                let len = len.min(bytes.len() - from.max(at));
                bytes.copy_within(from..from + len, at);
            }
        }
    }
    bytes
}

/// The texts of the stages between are the same at every compile too.
#[test]
fn stages_are_stable() {
    for emit in [Emit::Hir, Emit::RawIr, Emit::Ir, Emit::Asm] {
        let case = Case::new("rich.bt", RICH.to_string());
        assert_eq!(compile_to(&case, emit).output, compile_to(&case, emit).output, "{emit:?}");
    }
}
