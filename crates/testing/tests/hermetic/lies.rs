//! Objects that lie: a manifest that does not fit the rest, or an ELF file that btc would not write. All are refused before
//! libbpf sees them, whoever runs them.

use btc_abi::{Attach, ClockUnit, Encoding, Field, Manifest, MapKind, Patch, PatchValue, RequirementKind};
use btc_driver::elf;
use btc_runtime::{Options, manifest, run};
use btc_testing::Case;

use crate::support::{number, object, section, with};

/// A script with maps of all kinds, a table of stacks, a parameter, records and losses.
const RICH: &str = "\
BEGIN { @n[1, (uint8)2] = 1; @text[\"a\"] = str($2, 8); @c = count(); @h = hist(3); @s[comm] = stats(4); @min = min(5); @v = 6; print(@v); }
kprobe:vfs_read { @stacks[kstack(8)] = count(); @m[tid] = sum(1); if (@m[tid] > $1) { printf(\"%d %s\\n\", pid, comm); } }
";

fn rich() -> Vec<u8> {
    object(&Case::new("rich.bt", RICH.to_string()))
}

/// Whether an object is refused, and in these words.
fn refused(bytes: &[u8], words: &str, what: &str) {
    let error = manifest(bytes).expect_err(what).to_string();
    assert!(error.contains(words), "{what}: {error}");
}

#[test]
fn the_truth_is_let_through() {
    let object = rich();
    let told = manifest(&object).unwrap_or_else(|e| panic!("{e}"));
    assert!(manifest(&with(&object, &told)).is_ok(), "the same manifest in another place");
}

#[test]
fn sizes_and_kinds_of_maps() {
    let object = rich();
    let told = manifest(&object).expect("a manifest");
    for n in 0..told.maps.len() {
        let name = &told.maps[n].name;
        let change = |f: &dyn Fn(&mut btc_abi::Map)| {
            let mut lie = told.clone();
            f(&mut lie.maps[n]);
            with(&object, &lie)
        };
        for size in [4, 16, 4096] {
            refused(&change(&|m| m.value_size += size), "damaged", &format!("{name}: larger values"));
        }
        refused(&change(&|m| m.symbol = "elsewhere".into()), "damaged", &format!("{name}: another symbol"));
        for key in [4096, 64] {
            let long = Encoding::Str { capacity: key, cut_mark: false };
            refused(&change(&|m| m.key = Some(long.clone())), "damaged", &format!("{name}: other keys"));
        }
        let kinds = [MapKind::Hash, MapKind::PerCpuHash, MapKind::PerCpuArray, MapKind::Array, MapKind::LruHash, MapKind::LruPerCpuHash];
        for kind in kinds.into_iter().filter(|kind| *kind != told.maps[n].kind) {
            refused(&change(&|m| m.kind = kind), "damaged", &format!("{name}: {kind:?}"));
        }
    }
}

#[test]
fn stacks_variables_and_programs() {
    let object = rich();
    let told = manifest(&object).expect("a manifest");
    let change = |f: &dyn Fn(&mut Manifest)| {
        let mut lie = told.clone();
        f(&mut lie);
        with(&object, &lie)
    };
    for frames in [1, 7, 9, 4096] {
        refused(&change(&|m| m.stacks[0].frames = frames), "table of stacks", "frames");
    }
    refused(&change(&|m| m.params.iter_mut().for_each(|p| p.text_capacity = 1 << 20)), "variable", "a parameter's text");
    refused(&change(&|m| m.losses.extend(vec![m.losses[0].clone(); 1000])), "variable", "more losses than counters");
    refused(&change(&|m| m.probes[0].program = "elsewhere".into()), "no program", "another program");
}

/// A return probe within a function would put an address of the kernel's over whatever lies on the stack there.
#[test]
fn attach_points_that_no_script_can_have() {
    let object = rich();
    let told = manifest(&object).expect("a manifest");
    let uretprobe = |symbol: &str, offset| Attach::Uprobe {
        path: "/bin/true".into(),
        symbol: symbol.into(),
        offset,
        ret: true,
        demangle: false,
    };
    for (attach, words) in [
        (uretprobe("main", 1), "a uretprobe has no offset"),
        (uretprobe("", 4457), "a uretprobe has no offset"),
        (Attach::Kprobe { module: String::new(), function: "vfs_read".into(), offset: 4, ret: true }, "a kretprobe has no offset"),
        (Attach::Interval { unit: ClockUnit::Nanoseconds, value: 1 }, "too fast"),
        (Attach::Profile { unit: ClockUnit::Hertz, value: 0 }, "a number above 0"),
        (Attach::Watchpoint { address: 8, length: 3, mode: "w".into() }, "1, 2, 4 or 8 bytes"),
        (Attach::Watchpoint { address: 0, length: 8, mode: "w".into() }, "at address 0"),
        (Attach::Tracepoint { category: "../..".into(), event: "x".into() }, "no `/`"),
    ] {
        let mut lie = told.clone();
        lie.probes[1].attach = attach;
        refused(&with(&object, &lie), words, "an attach point");
    }
}

/// A program is loaded as what its section says: a manifest that tells of another kind would be believed by who looks at it.
#[test]
fn sections_are_those_of_the_attach_points() {
    let object = rich();
    let told = manifest(&object).expect("a manifest");
    let kprobe = |function: &str| Attach::Kprobe { module: String::new(), function: function.into(), offset: 0, ret: false };
    for (probe, attach) in [
        (0, kprobe("vfs_read")),
        (0, Attach::Iter { kind: "task".into(), pin: String::new() }),
        (1, Attach::Begin),
        (1, kprobe("vfs_write")),
        (1, Attach::Interval { unit: ClockUnit::Hertz, value: 1 }),
        (1, Attach::Usdt { path: "libc".into(), provider: String::new(), name: "setjmp".into() }),
    ] {
        let mut lie = told.clone();
        lie.probes[probe].attach = attach;
        refused(&with(&object, &lie), "is in the section", "another attach point");
    }
}

/// A number that is put into a call makes it another one.
#[test]
fn patches_of_calls() {
    let object = rich();
    let told = manifest(&object).expect("a manifest");
    let contents = elf::read(&object).expect("an object");
    let mut tried = 0;
    for program in &contents.programs {
        for (n, insn) in program.insns.iter().enumerate().filter(|(_, i)| matches!(i.code & 7, 5 | 6)) {
            let mut lie = told.clone();
            lie.patches.push(Patch { program: program.name.clone(), insn: n as u32, value: PatchValue::ProbeIdentity });
            refused(&with(&object, &lie), "patches a call", &format!("{} {n} {insn:?}", program.name));
            tried += 1;
        }
    }
    assert!(tried > 10, "{tried} calls and jumps");
}

/// What code does is read from the code: a manifest that asks no leave gets none.
#[test]
fn effects_are_those_of_the_code() {
    for action in ["signal(9);", "override(1);"] {
        let object = object(&Case::new("unsafe.bt", format!("// unsafe\nkprobe:vfs_read {{ {action} }}\n")));
        let mut lie = manifest(&object).expect("a manifest");
        let before = lie.requirements.len();
        lie.requirements.retain(|r| r.kind != RequirementKind::Unsafe);
        assert!(lie.requirements.len() < before, "{action}");
        let options = Options { dry_run: true, ..Options::default() };
        let error = run(&with(&object, &lie), &options).expect_err(action).to_string();
        assert!(error.contains("--unsafe"), "{action}: {error}");
    }
}

/// Kinds of maps that libbpf treats in its own way: each number in the types that maps are made of.
#[test]
fn kinds_of_maps_that_btc_does_not_use() {
    let object = rich();
    let types = section(&object, ".BTF");
    let (mut of_kind, mut tried) = (0, 0);
    // Arrays are three words behind a head whose kind is 3.
    for at in types.step_by(4).filter(|at| object[*at..].starts_with(&[0, 0, 0, 3])) {
        let count = at + 16;
        if number(&object, count, 4) > 64 {
            continue;
        }
        let mut lie = object.clone();
        lie[count..count + 4].copy_from_slice(&26u32.to_le_bytes());
        tried += 1;
        of_kind += usize::from(manifest(&lie).is_err_and(|e| e.to_string().contains("of kind 26")));
    }
    assert!(of_kind > 2, "{of_kind} of {tried}");
}

#[test]
fn names_that_are_none() {
    let object = rich();
    let strings = section(&object, ".strtab");
    for bad in [0xff, 0x1b, 0x0a] {
        let mut lie = object.clone();
        let at = strings.clone().find(|at| lie[*at] == b'p' && lie[*at + 1] == b'0').expect("a program's name");
        lie[at] = bad;
        refused(&lie, "damaged", "a name with a byte that is no letter");
    }
}

/// Encodings that would take for ever, or more memory than there is.
#[test]
fn encodings_within_encodings() {
    let object = rich();
    let told = manifest(&object).expect("a manifest");
    let field = |encoding| Field { name: String::new(), offset: 0, encoding };
    let mut nested = Encoding::Bool;
    for _ in 0..60 {
        nested = Encoding::Tuple(vec![field(nested.clone()), field(Encoding::Bool)]);
    }
    let zero = Encoding::Array { element: Box::new(Encoding::Str { capacity: 0, cut_mark: false }), count: u32::MAX, stride: 0 };
    for (encoding, fine) in [(nested, true), (zero, false)] {
        let mut lie = told.clone();
        let record = lie.records.iter().position(|r| !r.fields.is_empty()).expect("a record with fields");
        lie.records[record].fields[0].encoding = encoding;
        // Deep ones may be refused too: what counts is that there is an answer.
        assert!(manifest(&with(&object, &lie)).is_err() || fine);
    }
    let mut lie = told;
    lie.records[0].size = 2 << 20;
    refused(&with(&object, &lie), "damaged", "a record of two megabytes");
}
