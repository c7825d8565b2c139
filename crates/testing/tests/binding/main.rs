//! Objects compiled for one kernel and bound to another, without booting: what their programs would read there is what
//! that kernel's own description says, or there is an error.
//!
//! The runtime binds by libbpf's reading of types; here the right place is worked out by the compiler's (btf-rs), from
//! the position in the prototype or the offset in the `format` file. The quick form does so for a handful of functions
//! and events in `testdata/binding`; `cargo xtask binding-test` for all that differ between two of four kernels.

mod answers;
mod bound;
mod corpus;
mod enums;
mod fields;
mod kernel;
mod machine;
mod path;
mod relocate;
mod right;
mod types;
mod ways;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use btc_driver::{Compilation, Emit, NoFiles, Options, compile};
use btc_runtime::{Argument, arguments};

use kernel::Known;
use right::{Place, right};

/// Probes in one script.
const BATCH: usize = 100;

/// What one comparison of an argument came to.
#[derive(Default, Debug)]
struct Tally {
    equal: u64,
    errors: u64,
    wrong: Vec<String>,
    /// Probes that do not compile, though they should.
    refused: Vec<String>,
    objects: u64,
}

/// A probe that reads all that it can of one function or event.
struct Script {
    probe: String,
    text: String,
}

fn compile_for(kernel: &Known, scripts: &[Script]) -> Result<Vec<u8>, String> {
    let text: String = scripts.iter().map(|s| s.text.as_str()).collect();
    let options = Options { emit: Emit::Object, ..Options::default() };
    let done: Compilation = compile("all.bt", &text, kernel, &mut NoFiles, &options);
    let messages = done.messages(false);
    done.output.ok_or(messages)
}

/// Objects for all scripts; a batch that does not compile is halved until it is known which do not.
fn objects(kernel: &Known, scripts: &[Script], tally: &mut Tally) -> Vec<Vec<u8>> {
    match compile_for(kernel, scripts) {
        Ok(object) => vec![object],
        Err(why) if scripts.len() < 2 => {
            let first = why.lines().take(3).collect::<Vec<_>>().join(" ");
            tally.refused.extend(scripts.iter().map(|s| format!("{}: {}: {first}", kernel.name, s.probe)));
            Vec::new()
        }
        Err(_) => {
            let (one, two) = scripts.split_at(scripts.len() / 2);
            [objects(kernel, one, tally), objects(kernel, two, tally)].concat()
        }
    }
}

/// Compares one argument, as it is bound and as it should be.
fn compare(from: &Known, to: &Known, argument: &Argument, tally: &mut Tally) {
    let (there, here) = (right(to, &argument.of, &argument.name), right(from, &argument.of, &argument.name));
    let what = || format!("{:?} `{}` from {} on {}", argument.of, argument.name, from.name, to.name);
    match (&argument.bound, &there) {
        (Ok(bound), Some(right)) => {
            let place = Place { offset: bound.offset, bits: bound.bits, signed: bound.signed };
            let exact = right.place.is(&place);
            let fits = here.as_ref().is_some_and(|here| right.ty == here.ty || right.fits(here, to));
            if exact && fits {
                tally.equal += 1;
            } else {
                tally.wrong.push(format!("{}: bound to {bound:?}, right is {right:?}, compiled for {here:?}", what()));
            }
        }
        (Ok(bound), None) => tally.wrong.push(format!("{}: bound to {bound:?}, and there is none", what())),
        // What is the same on both must be found.
        (Err(why), Some(right)) if here.as_ref().is_some_and(|here| here == right) => {
            tally.wrong.push(format!("{}: {why}, but it is {right:?} on both", what()));
        }
        (Err(_), _) => tally.errors += 1,
    }
}

/// All pairs of kernels.
fn all(kernels: &[Known]) -> Tally {
    let mut tally = Tally::default();
    for from in kernels {
        let scripts = right::scripts(from, kernels);
        for batch in scripts.chunks(BATCH) {
            for object in objects(from, batch, &mut tally) {
                tally.objects += 1;
                for to in kernels {
                    let bound = arguments(&object, to).expect("the object has a manifest");
                    // Parts of one place are one comparison.
                    let each: BTreeMap<String, Argument> =
                        bound.into_iter().map(|a| (format!("{:?} {} {:?}", a.of, a.name, a.part), a)).collect();
                    each.values().for_each(|argument| compare(from, to, argument, &mut tally));
                }
            }
        }
        println!("{}: {} probes", from.name, scripts.len());
    }
    tally
}

fn check(folder: PathBuf, least: u64, all: fn(&[Known]) -> Tally) {
    let kernels = kernel::read(&folder);
    assert!(kernels.len() >= 4, "four kernels in {}", folder.display());
    let tally = all(&kernels);
    println!(
        "{} kernels, {} objects, {} comparisons: {} equal, {} are one error, {} wrong; {} probes do not compile",
        kernels.len(),
        tally.objects,
        tally.equal + tally.errors + tally.wrong.len() as u64,
        tally.equal,
        tally.errors,
        tally.wrong.len(),
        tally.refused.len()
    );
    let some = |list: &[String]| list.iter().take(40).cloned().collect::<Vec<_>>().join("\n");
    assert!(tally.wrong.is_empty(), "{}\n{}", some(&tally.wrong), some(&tally.refused));
    assert!(tally.refused.is_empty(), "{}", some(&tally.refused));
    assert!(tally.equal >= least && tally.errors > 0, "too few comparisons");
}

/// Of the four kernels, cut down to what moved.
#[test]
fn moved_arguments() {
    check(btc_testing::testdata("binding"), 100, all);
}

/// Of the four kernels, cut down to some that moved, grew, changed or went.
#[test]
fn moved_fields() {
    check(btc_testing::testdata("binding"), 500, fields::all);
}

/// Of the four kernels, whole: `BTC_BINDING` is the folder with `NAME.btf` and `NAME.formats`.
#[test]
#[ignore = "cargo xtask binding-test"]
fn everything_that_differs() {
    check(std::env::var_os("BTC_BINDING").expect("BTC_BINDING").into(), 10_000, all);
}

/// Of the four kernels, whole.
#[test]
#[ignore = "cargo xtask binding-test"]
fn all_fields_that_differ() {
    check(std::env::var_os("BTC_BINDING").expect("BTC_BINDING").into(), 10_000, fields::all);
}

fn check_scripts(folder: &Path, scripts: &[PathBuf], least: usize) {
    let report = corpus::all(&kernel::read(folder), scripts);
    println!("{report}");
    assert!(report.wrong.is_empty(), "{}", report.wrong.join("\n"));
    assert!(report.equal >= least && report.errors > 0, "too few comparisons");
}

/// This project's scripts, of the four kernels, cut down.
#[test]
fn some_scripts() {
    check_scripts(&btc_testing::testdata("binding"), &["guest", "language", "object", "run"].map(btc_testing::testdata), 500);
}

/// Scripts that people wrote, of the four kernels, whole: `tools` beside the kernels holds bpftrace's.
#[test]
#[ignore = "cargo xtask binding-test"]
fn corpus_of_scripts() {
    let folder = PathBuf::from(std::env::var_os("BTC_BINDING").expect("BTC_BINDING"));
    check_scripts(&folder, &[folder.join("tools"), btc_testing::testdata("")], 100_000);
}

/// Constants and names of enums, of the four kernels, cut down.
#[test]
fn some_enums() {
    check(btc_testing::testdata("binding"), 10, enums::constants);
    check(btc_testing::testdata("binding"), 10, enums::names);
}

/// Sizes of types that scripts name, of the four kernels, whole.
#[test]
#[ignore = "cargo xtask binding-test"]
fn all_types_that_differ() {
    check(std::env::var_os("BTC_BINDING").expect("BTC_BINDING").into(), 10, types::all);
}

/// Sizes of types that scripts name, of the four kernels, cut down.
#[test]
fn some_types() {
    check(btc_testing::testdata("binding"), 5, types::all);
}

/// Numbers of constants, of the four kernels, whole.
#[test]
#[ignore = "cargo xtask binding-test"]
fn all_constants_that_differ() {
    check(std::env::var_os("BTC_BINDING").expect("BTC_BINDING").into(), 10_000, enums::constants);
}

/// Names of values, of the four kernels, whole.
#[test]
#[ignore = "cargo xtask binding-test"]
fn all_names_that_differ() {
    check(std::env::var_os("BTC_BINDING").expect("BTC_BINDING").into(), 10_000, enums::names);
}
