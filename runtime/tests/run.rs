//! Whole runs: hand-written objects through the running kernel. Nothing is attached
//! to anything: all programs are run by the tracer itself.

mod support;

use std::process::Command;

use btc_abi::{
    Action, Attach, Conversion, Encoding, Field, FormatSpec, Manifest, Missing, Place, Probe, ProbeIdentity, Record,
    Segment, Source,
};
use btc_runtime::{Format, Options, Outcome, run};

fn place() -> Place {
    Place { file: 0, line: 1, column: 1, end_line: 1, end_column: 6 }
}

fn probe(name: &str, program: &str, attach: Attach) -> Probe {
    let (missing, identity) = (Missing::Error, ProbeIdentity::Static);
    let table = String::new();
    Probe { name: name.into(), program: program.into(), attach, missing, identity, place: place(), clause: 0, table }
}

fn record(action: Action) -> Record {
    let encoding = Encoding::Int { size: 8, signed: true };
    Record { action, size: 16, fields: vec![Field { name: String::new(), offset: 8, encoding }], place: place() }
}

/// Record 0 prints `n = …`, 1 prints the value, 2 ends the run.
fn manifest(probes: Vec<Probe>) -> Manifest {
    let spec = FormatSpec { conversion: Conversion::Signed, size: 8, ..FormatSpec::default() };
    let segments = vec![
        Segment::Text(b"n = ".to_vec()),
        Segment::Value { field: 0, spec },
        Segment::Text(b"\n".to_vec()),
    ];
    Manifest {
        compiler: "test".into(),
        sources: vec![Source { name: "x.bt".into(), ..Source::default() }],
        records: vec![record(Action::Printf(segments)), record(Action::PrintValue), record(Action::Exit)],
        probes,
        ..Manifest::default()
    }
}

/// Runs an object with its output in a file; `None` where BPF may not be used.
fn play(name: &str, object: &[u8], mut options: Options) -> Option<(Outcome, String)> {
    let file = std::env::temp_dir().join(format!("btc-run-{}-{name}", std::process::id()));
    options.output = Some(file.clone());
    options.quiet = true;
    let outcome = run(object, &options);
    let text = std::fs::read_to_string(&file).unwrap_or_default();
    let _ = std::fs::remove_file(&file);
    match outcome {
        Ok(outcome) => Some((outcome, text)),
        Err(error) if error.to_string().contains("not permitted") => {
            eprintln!("skipped: {error}");
            None
        }
        Err(error) => panic!("{error}\n{}", error.details().unwrap_or_default()),
    }
}

fn begin_end() -> Vec<Probe> {
    vec![probe("begin", "first", Attach::Begin), probe("end", "last", Attach::End)]
}

#[test]
fn begin_and_end_run_and_print() {
    let object = support::object(&manifest(begin_end()), &[("first", &[(0, 42), (1, -7)]), ("last", &[(0, 1)])]);
    let Some((outcome, text)) = play("plain", &object, Options::default()) else { return };
    assert_eq!(outcome.exit_code, 0);
    assert_eq!(text, "n = 42\n-7\nn = 1\n\n\n");
}

#[test]
fn nothing_prints_between_exit_and_end() {
    let programs: &[(&str, &[(u32, i32)])] = &[("first", &[(0, 1), (2, 5), (0, 2)]), ("last", &[(0, 3)])];
    let object = support::object(&manifest(begin_end()), programs);
    let Some((outcome, text)) = play("exit", &object, Options::default()) else { return };
    assert_eq!(outcome.exit_code, 5);
    assert_eq!(text, "n = 1\nn = 3\n\n\n");
}

#[test]
fn json_lines() {
    let object = support::object(&manifest(begin_end()), &[("first", &[(0, 42)]), ("last", &[(1, 1)])]);
    let options = Options { format: Format::Json, ..Options::default() };
    let Some((_, text)) = play("json", &object, options) else { return };
    assert_eq!(
        text,
        "{\"type\": \"printf\", \"data\": \"n = 42\\n\"}\n{\"type\": \"value\", \"data\": 1}\n"
    );
}

#[test]
fn the_end_of_the_child_ends_the_run() {
    let object = support::object(&manifest(begin_end()), &[("first", &[(0, 1)]), ("last", &[(0, 2)])]);
    let options = Options { child: Some("sleep 0.05".into()), ..Options::default() };
    let start = std::time::Instant::now();
    let Some((outcome, text)) = play("child", &object, options) else { return };
    assert_eq!((outcome.exit_code, text.as_str()), (0, "n = 1\nn = 2\n\n\n"));
    assert!(start.elapsed() >= std::time::Duration::from_millis(50));
}

#[test]
fn a_missing_command_is_refused_before_anything_runs() {
    let object = support::object(&manifest(begin_end()), &[("first", &[(0, 1)]), ("last", &[])]);
    let options = Options { child: Some("./no-such-program".into()), ..Options::default() };
    assert!(run(&object, &options).unwrap_err().to_string().contains("no-such-program"));
}

#[test]
fn the_policy_for_missing_probes_is_obeyed() {
    let with = |missing| {
        let mut probes = begin_end();
        let attach = Attach::Uprobe {
            path: "/no/such/binary".into(),
            symbol: "main".into(),
            offset: 0,
            ret: false,
            demangle: false,
        };
        probes.push(Probe { missing, ..probe("uprobe:/no/such/binary:main", "gone", attach) });
        support::object(&manifest(probes), &[("first", &[(0, 1)]), ("last", &[]), ("gone", &[])])
    };
    let error = run(&with(Missing::Error), &Options::default()).unwrap_err().to_string();
    assert!(error.contains("x.bt:1:1-6") && error.contains("/no/such/binary"), "{error}");
    let Some((_, text)) = play("ignore", &with(Missing::Ignore), Options::default()) else { return };
    assert_eq!(text, "n = 1\n\n\n");
}

#[test]
fn of_a_list_a_wildcard_may_match_nothing() {
    let with = |clause| {
        let attach = Attach::Tracepoint { category: "no_such*".into(), event: "*".into() };
        let mut probes = begin_end();
        probes.push(Probe { clause, ..probe("tracepoint:no_such*:*", "gone", attach) });
        support::object(&manifest(probes), &[("first", &[(0, 1)]), ("last", &[]), ("gone", &[])])
    };
    // In a list of its own nothing takes its place.
    let error = run(&with(2), &Options::default()).unwrap_err().to_string();
    assert!(error.contains("no_such*"), "{error}");
    let Some((_, text)) = play("beside", &with(0), Options::default()) else { return };
    assert_eq!(text, "n = 1\n\n\n");
}

#[test]
fn a_dry_run_prints_nothing() {
    let object = support::object(&manifest(begin_end()), &[("first", &[(0, 1)]), ("last", &[])]);
    let options = Options { dry_run: true, ..Options::default() };
    let Some((outcome, text)) = play("dry", &object, options) else { return };
    assert_eq!((outcome.exit_code, text.as_str()), (0, ""));
}

#[test]
fn a_damaged_object_is_an_error() {
    let object = support::object(&manifest(begin_end()), &[("first", &[(0, 1)]), ("last", &[])]);
    let mut seed = 88_172_645_463_325_252u64;
    for _ in 0..2000 {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        let mut bytes = object.clone();
        let at = (seed >> 8) as usize % bytes.len();
        bytes[at] ^= seed as u8;
        // Whatever comes of it, it comes as a result.
        let _ = btc_runtime::manifest(&bytes);
        let _ = btc_runtime::manifest(&bytes[..at]);
    }
}

#[test]
fn a_closed_pipe_ends_the_run_quietly() {
    let records: Vec<(u32, i32)> = (0..100).map(|i| (0, i)).collect();
    let object = support::object(&manifest(begin_end()), &[("first", &records), ("last", &[])]);
    let file = std::env::temp_dir().join(format!("btc-run-{}-pipe.o", std::process::id()));
    std::fs::write(&file, object).unwrap();
    let program = env!("CARGO_BIN_EXE_btc-run");
    let command = format!("{program} -B none {} | head -1; true", file.display());
    let output = Command::new("sh").args(["-c", &command]).output().unwrap();
    let _ = std::fs::remove_file(&file);
    let errors = String::from_utf8_lossy(&output.stderr);
    if errors.contains("not permitted") {
        eprintln!("skipped: {errors}");
        return;
    }
    assert_eq!(String::from_utf8_lossy(&output.stdout), "n = 0\n");
    assert_eq!(errors, "Attached 2 probes\n");
}

/// The small loader tells what it is asked for on standard output, and reads what has an end.
#[test]
fn the_loader_helps() {
    let run = |args: &[&str]| Command::new(env!("CARGO_BIN_EXE_btc-run")).args(args).output().expect("it starts");
    for (args, words) in [(["--help"], "usage: btc-run"), (["-h"], "usage: btc-run"), (["--version"], concat!("btc-run ", env!("CARGO_PKG_VERSION")))] {
        let output = run(&args);
        assert!(output.status.success() && String::from_utf8_lossy(&output.stdout).starts_with(words), "{args:?}: {output:?}");
    }
    for (args, words) in [
        (&["--info", "/dev/zero"][..], "`/dev/zero` is a device, and not a file"),
        (&["--info"], "no object given"),
        (&["--nope", "x.o"], "unknown option --nope"),
    ] {
        let output = run(args);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && output.stdout.is_empty() && said.contains(words) && said.lines().count() == 1, "{args:?}: {said}");
    }
}
