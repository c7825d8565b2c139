//! Objects made from IR through codegen, as the driver does it.

use btc_abi::MapKind;
use btc_diagnostics::{FileId, Span};
use btc_ir::{
    BinOp, Builder, Callee, Cond, Fact, FunctionKind, Global, Late, Leaf, Map, MapId, Memory, Module, Op,
    PathStep, Section, Width,
};

use crate::{Input, SourceText, write};

const SOURCE: &str = "rawtracepoint:sys_enter {\n  @tgid[comm] = count();\n}\n";

/// A field of one step.
pub fn field(record: &str, member: &str, leaf: Leaf, fact: Fact) -> Late {
    let path = vec![PathStep::Member { name: member.into(), record: None }];
    Late::Field { record: record.into(), union: false, path, leaf, fact }
}

fn at(start: usize, end: usize) -> Span {
    Span::new(FileId(0), start, end)
}

fn map(module: &mut Module, symbol: &str, kind: Option<MapKind>, sizes: (u32, u32), entries: u32) -> MapId {
    let (key_size, value_size) = sizes;
    module.add_map(Map { symbol: symbol.into(), kind, key_size, value_size, max_entries: entries })
}

const INT: Leaf = Leaf::Int { size: 4, signed: true };

/// A raw tracepoint that reads `current->tgid` twice, counts in a map and sends a record.
pub fn sample() -> Module {
    let mut m = Module { license: "GPL".into(), ..Module::default() };
    let counts = map(&mut m, "counts", Some(MapKind::Hash), (16, 8), 128);
    let events = map(&mut m, "btc_events", None, (0, 0), 4096);
    let scratch = map(&mut m, "btc_scratch", Some(MapKind::PerCpuArray), (4, 0), 1);
    m.scratch_map = Some(scratch);
    let result = m.add_global(Global { symbol: "result".into(), section: Section::Bss, init: vec![0; 8] });
    let lost = m.add_global(Global { symbol: "lost".into(), section: Section::Bss, init: vec![0; 24] });
    let limit = m.add_global(Global {
        symbol: "limit".into(),
        section: Section::Rodata,
        init: 64u64.to_le_bytes().to_vec(),
    });
    let adder = adder(&mut m);
    let kind = FunctionKind::Program { section: "raw_tp/sys_enter".into(), guard: None };
    let mut b = Builder::new(&mut m, "on_sys_enter", kind, 1, at(0, 26));
    let ctx = b.param(0);
    b.span = at(28, 40);
    let task = b.helper(35, &[]);
    let slot = b.slot(8);
    let dst = b.slot_addr(slot);
    b.clear(dst, 0, 8);
    let off = b.late(field("task_struct", "tgid", INT, Fact::ByteOffset));
    let from = b.bin(BinOp::Add, task, off);
    let size = b.late(field("task_struct", "tgid", INT, Fact::ByteSize));
    b.helper(113, &[dst, size, from]);
    let tgid = b.load(Width::B8, dst, 0);
    let left = b.late(field("task_struct", "tgid", INT, Fact::LeftShift));
    let right = b.late(field("task_struct", "tgid", INT, Fact::RightShift));
    let high = b.bin(BinOp::Shl, tgid, left);
    let tgid = b.bin(BinOp::AShr, high, right);
    let out = b.global_addr(result);
    b.store(Width::B8, out, 0, tgid);
    b.span = at(30, 45);
    let id = b.helper(14, &[]);
    let id = b.bin_imm(BinOp::LShr, id, 32);
    let same = b.call(Callee::Function(adder), &[tgid, id]);
    let (record, end) = (b.block(0), b.block(0));
    b.branch_imm(Cond::Eq, same, 0, record, end);
    b.switch_to(end);
    let one = b.iconst(1);
    b.ret(one);
    b.switch_to(record);
    count(&mut b, counts, limit);
    let big = b.scratch(2000);
    let big = b.push(Op::ScratchAddr(big));
    b.clear(big, 0, 2000);
    let args = b.load(Width::B8, ctx, 8);
    b.store(Width::B8, big, 8, args);
    send(&mut b, events, big);
    let losses = b.global_addr(lost);
    let one = b.iconst(1);
    b.push(Op::AtomicAdd(Width::B8, Memory { base: losses, offset: 8 }, one));
    b.ret(one);
    let f = b.finish();
    m.add_function(f);
    m
}

/// `a - b`, as a subprogram.
fn adder(m: &mut Module) -> btc_ir::FuncId {
    let mut b = Builder::new(m, "difference", FunctionKind::Subprogram, 2, at(28, 30));
    let (x, y) = (b.param(0), b.param(1));
    let sum = b.bin(BinOp::Sub, x, y);
    b.ret(sum);
    let f = b.finish();
    m.add_function(f)
}

/// Counts by command name, in place, with one insertion on a miss.
fn count(b: &mut Builder<'_>, counts: MapId, limit: btc_ir::GlobalId) {
    let key = b.slot(16);
    let key = b.slot_addr(key);
    b.clear(key, 0, 16);
    let size = b.iconst(16);
    b.helper(16, &[key, size]);
    let map = b.map_addr(counts);
    let value = b.helper(1, &[map, key]);
    let (hit, miss, done) = (b.block(0), b.block(0), b.block(0));
    b.branch_imm(Cond::Ne, value, 0, hit, miss);
    b.switch_to(hit);
    let one = b.iconst(1);
    b.push(Op::AtomicAdd(Width::B8, Memory { base: value, offset: 0 }, one));
    b.jump(done, &[]);
    b.switch_to(miss);
    let fresh = b.slot(8);
    let fresh = b.slot_addr(fresh);
    let limit = b.global_addr(limit);
    let limit = b.load(Width::B8, limit, 0);
    b.store(Width::B8, fresh, 0, limit);
    let flags = b.iconst(1);
    let map = b.map_addr(counts);
    b.helper(2, &[map, key, fresh, flags]);
    b.jump(done, &[]);
    b.switch_to(done);
}

/// Sends a part of `from` as a record of 64 bytes.
fn send(b: &mut Builder<'_>, events: MapId, from: btc_ir::Value) {
    let ring = b.map_addr(events);
    let (size, zero) = (b.iconst(64), b.iconst(0));
    let record = b.helper(131, &[ring, size, zero]);
    let (full, some) = (b.block(0), b.block(0));
    b.branch_imm(Cond::Eq, record, 0, full, some);
    b.switch_to(some);
    b.copy(Memory { base: record, offset: 0 }, Memory { base: from, offset: 8 }, 64);
    b.helper(132, &[record, zero]);
    b.jump(full, &[]);
    b.switch_to(full);
}

/// Compiles and writes a module.
pub fn object(module: &mut Module) -> Vec<u8> {
    let programs = btc_codegen::compile(module).unwrap_or_else(|e| panic!("{e}"));
    let sources = [SourceText { name: "sample.bt", text: SOURCE, is_shown: true }];
    let input = Input { module, programs: &programs, manifest: b"manifest", sources: &sources };
    let bytes = write(&input).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(Ok(&bytes), write(&input).as_ref(), "not deterministic");
    bytes
}

#[test]
fn a_sample_is_written() {
    let bytes = object(&mut sample());
    assert!(bytes.len() < 6000, "{}", bytes.len());
}

mod kernel_shapes;
mod reading;
