//! What a run does to the host is told from what the object is.

use btc_abi::{Action, RequirementKind, Segment};
use btc_runtime::{Author, EffectKind, Options, effects, manifest, run};
use btc_testing::Case;

use crate::support::{object, scripts, with};

fn told(object: &[u8]) -> Vec<String> {
    let manifest = manifest(object).expect("a manifest");
    effects(object, &manifest).expect("effects").iter().map(ToString::to_string).collect()
}

#[test]
fn everything_that_acts_is_told() {
    let script = "// unsafe
BEGIN { cat(\"/proc/%d/comm\", pid); }
kprobe:vfs_read { system(\"kill %d %s\", pid, comm); signal(9); }
interval:s:1 { exit(); }
";
    assert_eq!(
        told(&object(&Case::new("effects.bt", script.into()))),
        [
            "calls send_signal (needs --unsafe)",
            "runs the command `kill {uint32} {string[16]}` (needs --unsafe), line 3",
            "reads `/proc/{uint32}/comm`, line 2",
        ]
    );
}

/// An attach point tells what its probe is called, so that a name that lies is seen.
#[test]
fn attach_points_are_as_they_are_named() {
    let mut compared = 0;
    for case in scripts() {
        for probe in &manifest(&object(&case)).expect("a manifest").probes {
            assert_eq!(btc_providers::normal(&probe.attach), probe.name, "{}", case.file);
            compared += 1;
        }
    }
    assert!(compared > 40, "{compared} probes");
}

/// A command needs leave whatever the manifest asks for.
#[test]
fn commands_are_not_run_without_leave() {
    let object = object(&Case::new("command.bt", "// unsafe\nBEGIN { system(\"true\"); }\n".into()));
    let mut lie = manifest(&object).expect("a manifest");
    lie.requirements.retain(|r| r.kind != RequirementKind::Unsafe);
    let error = run(&with(&object, &lie), &Options { dry_run: true, ..Options::default() }).expect_err("a command").to_string();
    assert!(error.contains("system()") && error.contains("--unsafe"), "{error}");
}

/// Maps that take much of the kernel's memory are told, those of everyday are not.
#[test]
fn much_memory_is_told() {
    let of = |n: u32| told(&object(&Case::new("large.bt", format!("let @a = hash({n});\nBEGIN {{ @a[1] = 1; }}\n"))));
    assert!(of(65_536).iter().all(|e| !e.contains("memory")), "{:?}", of(65_536));
    let all = of(20_000_000);
    assert!(all.iter().any(|e| e.starts_with("takes ") && e.contains("GiB of the kernel's memory")), "{all:?}");
}

/// An object that makes a file of what it prints.
#[test]
fn objects_write_below_their_folder_only() {
    let object = object(&Case::new("files.bt", "BEGIN { printf(\"%d%d%d\", 1, 2, 3); }\n".into()));
    let writes = |path: &str, options: Options| {
        let mut lie = manifest(&object).expect("a manifest");
        lie.records[0].action = Action::Packet { path: path.into() };
        let lie = with(&object, &lie);
        assert!(told(&lie).contains(&format!("writes packets into `{path}`, line 1")));
        run(&lie, &Options { dry_run: true, ..options })
    };
    let refused = |path: &str, options: Options| {
        let error = writes(path, options).expect_err(path).to_string();
        assert!(error.contains("--output-dir") && error.contains(path), "{path}: {error}");
    };
    let below = |folder: &str| Options { output_dir: Some(folder.into()), ..Options::default() };
    for path in ["/etc/cron.d/x", "../x", "a/../../x"] {
        refused(path, Options::default());
        refused(path, below("/tmp"));
        refused(path, Options { author: Author::User, ..below("/tmp") });
    }
    for (path, options) in [
        ("x.pcap", Options::default()),
        ("/tmp/x.pcap", below("/tmp")),
        // The user's own script writes where it says.
        ("/var/tmp/x.pcap", Options { author: Author::User, ..Options::default() }),
    ] {
        // Without the right to load programs it is that which is told.
        let error = writes(path, options).err().map(|e| e.to_string()).unwrap_or_default();
        assert!(!error.contains("--output-dir"), "{path}: {error}");
    }
}

/// A number of a field that does not exist has been refused before; the text of any format is told.
#[test]
fn formats_are_told_with_types() {
    let object = object(&Case::new("format.bt", "BEGIN { cat(\"a%sb%dc\", comm, 1); }\n".into()));
    let manifest = manifest(&object).expect("a manifest");
    let is_cat = |a: &Action| matches!(a, Action::Cat(s) if s.iter().any(|s| matches!(s, Segment::Value { .. })));
    assert!(manifest.records.iter().any(|r| is_cat(&r.action)));
    let all = effects(&object, &manifest).expect("effects");
    let reads: Vec<&str> = all.iter().filter(|e| e.kind == EffectKind::Reads).map(|e| e.what.as_str()).collect();
    assert!(matches!(reads.as_slice(), [one] if one.starts_with("a{string[16]}b{") && one.ends_with("}c")), "{reads:?}");
}
