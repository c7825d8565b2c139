//! What `read` sees in written objects, and that broken ones are refused without panic.

use btc_bpf::Insn;
use btc_ir::{BinOp, Fact, FunctionKind, Late, Leaf, Module, PathStep, TypeFact};

use super::{INT, at, field, object, sample};
use btc_elf::{Contents, read};
use crate::self_check;

fn contents(bytes: &[u8]) -> Contents {
    read(bytes).unwrap_or_else(|e| panic!("{e}"))
}

/// A program that adds the given late constants up.
fn adding(lates: Vec<Late>) -> Module {
    let mut m = Module { license: "GPL".into(), ..Module::default() };
    let kind = FunctionKind::Program { section: "raw_tp".into(), guard: None };
    let mut b = btc_ir::Builder::new(&mut m, "adding", kind, 1, at(0, 9));
    let mut sum = b.iconst(0);
    for late in lates {
        let v = b.late(late);
        sum = b.bin(BinOp::Add, sum, v);
    }
    b.ret(sum);
    let f = b.finish();
    m.add_function(f);
    m
}

#[test]
fn reading_gives_back_what_was_written() {
    let mut m = sample();
    let c = contents(&object(&mut m));
    assert_eq!(c.manifest.as_deref(), Some(b"manifest".as_slice()));
    let names: Vec<_> = c.programs.iter().map(|p| (p.name.as_str(), p.global)).collect();
    assert_eq!(names, [("difference", false), ("on_sys_enter", true)]);
    let entry = &c.programs[1];
    assert_eq!(entry.insns.last(), Some(&Insn::exit()));
    let symbols: Vec<_> = entry.relocations.iter().map(|r| (r.symbol.as_str(), r.kind)).collect();
    assert!(symbols.contains(&("difference", 10)) && symbols.contains(&("counts", 1)), "{symbols:?}");
    assert!(c.lines.iter().any(|l| l.file == "sample.bt" && l.line == 2 && l.text == "  @tgid[comm] = count();"));
    let core: Vec<_> = c.core.iter().map(|r| (r.root.as_str(), r.access.as_str(), r.kind)).collect();
    assert_eq!(core, [0, 1, 4, 5].map(|k| ("task_struct", "0:0", k)));
    assert_eq!(m.maps[2].value_size, 2000);
}

#[test]
fn conflicting_members_get_flavours() {
    let wide = Leaf::Int { size: 8, signed: false };
    let m = &mut adding(vec![
        field("sock", "sk_mark", INT, Fact::ByteOffset),
        field("sock", "sk_mark", wide.clone(), Fact::ByteOffset),
        field("sock", "sk_prot", Leaf::Pointer, Fact::Exists),
        field("pt_regs___x86", "di", wide, Fact::ByteOffset),
        field("pt_regs___x86", "di", INT, Fact::ByteSize),
    ]);
    let c = contents(&object(m));
    let core: Vec<_> = c.core.iter().map(|r| format!("{} {} {}", r.root, r.access, r.kind)).collect();
    assert_eq!(
        core,
        ["sock 0:0 0", "sock___1 0:0 0", "sock 0:1 2", "pt_regs___x86 0:0 0", "pt_regs___x86_1 0:0 1"]
    );
}

#[test]
fn paths_go_through_records_and_arrays() {
    let member = |name: &str, record: Option<&str>| PathStep::Member {
        name: name.into(),
        record: record.map(|r| (r.into(), false)),
    };
    let late = |path| Late::Field {
        record: "task_struct".into(),
        union: false,
        path,
        leaf: Leaf::Int { size: 8, signed: false },
        fact: Fact::ByteOffset,
    };
    let m = &mut adding(vec![
        late(vec![member("a", Some("inner")), member("b", None), PathStep::Index(3)]),
        late(vec![member("list", Some("inner")), PathStep::Index(2), member("b", None), PathStep::Index(1)]),
        late(vec![member("grid", None), PathStep::Index(1), PathStep::Index(2)]),
        Late::Type { record: "inner".into(), union: false, fact: TypeFact::Size },
        Late::EnumValue { name: "bpf_func_id".into(), variant: "BPF_FUNC_loop".into(), value: 181 },
        Late::EnumExists { name: "bpf_func_id".into(), variant: "BPF_FUNC_strncmp".into(), value: 182 },
    ]);
    let c = contents(&object(m));
    let access: Vec<_> = c.core.iter().map(|r| r.access.as_str()).collect();
    assert_eq!(access, ["0:0:0:3", "0:1:2:0:1", "0:2:1:2", "0", "0", "1"]);
    let imms: Vec<i32> = c.programs[0].insns.iter().map(|i| i.imm).filter(|n| *n != 0).collect();
    // b[4] makes `inner` 32 bytes; grid[2][3] has rows of 24.
    assert_eq!(imms, [24, 2 * 32 + 8, 24 + 16, 32, 181, 1]);
}

#[test]
fn faults_are_found() {
    let bytes = object(&mut sample());
    assert_eq!(self_check(&bytes), [] as [&str; 0]);
    // The symbol of a map called otherwise than its BTF variable. The name stands in the
    // table of symbol names first, or in BTF first; either breaks the pair.
    let needle = b"\0counts\0";
    let at = bytes.windows(needle.len()).position(|w| w == needle).unwrap_or(0);
    let mut broken = bytes.clone();
    broken[at + 1] = b'x';
    let faults = self_check(&broken);
    assert!(faults.iter().any(|f| f.contains("ounts") && f.contains("no symbol")), "{faults:?}");
}

#[test]
fn hostile_bytes_are_refused() {
    let bytes = object(&mut sample());
    for len in 0..bytes.len() {
        let _ = self_check(&bytes[..len]);
    }
    let mut state = 1u64;
    for _ in 0..20_000 {
        let mut broken = bytes.clone();
        for _ in 0..3 {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            let at = (state >> 33) as usize % broken.len();
            broken[at] = (state >> 20) as u8;
        }
        let _ = self_check(&broken);
    }
}

#[test]
fn unnamed_enums_keep_the_value_of_the_build() {
    let m = &mut adding(vec![Late::EnumValue { name: String::new(), variant: "X".into(), value: 7 }]);
    let c = contents(&object(m));
    assert!(c.core.is_empty());
    assert!(c.programs[0].insns.iter().any(|i| i.imm == 7));
}

#[test]
fn wide_enumerators_fit() {
    let value = 1i64 << 40;
    let m = &mut adding(vec![Late::EnumValue { name: "big".into(), variant: "X".into(), value }]);
    let c = contents(&object(m));
    assert!(c.types.iter().any(|t| t.kind == crate::btf::kind::ENUM64 && t.name == "big"));
    assert!(c.programs[0].insns.iter().any(Insn::is_wide));
}

/// libbpf takes what stands in the narrow kind of enum for a number with a sign, and refuses an instruction that holds
/// another.
#[test]
fn enumerators_of_32_bits_without_a_sign_are_wide() {
    for (value, wanted) in [(0xffff_ffff, crate::btf::kind::ENUM64), (-1, crate::btf::kind::ENUM), (i64::from(i32::MAX), crate::btf::kind::ENUM)] {
        let m = &mut adding(vec![Late::EnumValue { name: "e".into(), variant: "X".into(), value }]);
        let c = contents(&object(m));
        assert!(c.types.iter().any(|t| t.kind == wanted && t.name == "e"), "{value}");
    }
}
