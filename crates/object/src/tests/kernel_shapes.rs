//! Objects with everything that kernels are particular about.

use btc_ir::{
    BinOp, Builder, Callee, Cond, Fact, FunctionKind, Global, Late, Leaf, Memory, Module, Op, PathStep,
    Section, TypeFact, Width,
};

use super::{INT, at, field, map, object};

fn program<'m>(m: &'m mut Module, name: &str, section: &str) -> Builder<'m> {
    Builder::new(m, name, FunctionKind::Program { section: section.into(), guard: None }, 1, at(0, 20))
}

fn result(m: &mut Module) -> btc_ir::GlobalId {
    m.add_global(Global { symbol: "result".into(), section: Section::Bss, init: vec![0; 64] })
}

/// `if cond != 0 { then }`
fn when(b: &mut Builder<'_>, cond: btc_ir::Value, then: impl FnOnce(&mut Builder<'_>)) {
    let (yes, done) = (b.block(0), b.block(0));
    b.branch_imm(Cond::Ne, cond, 0, yes, done);
    b.switch_to(yes);
    then(b);
    b.jump(done, &[]);
    b.switch_to(done);
}

#[test]
fn kernel_functions_are_guarded() {
    let mut m = Module { license: "GPL".into(), ..Module::default() };
    let out = result(&mut m);
    let cast = m.kfunc("bpf_rdonly_cast", 2);
    let mut b = program(&mut m, "casting", "raw_tp");
    let task = b.helper(35, &[]);
    let known = b.push(Op::KfuncAddr(cast));
    let out = b.global_addr(out);
    when(&mut b, known, |b| {
        let id = b.late(Late::Type { record: "task_struct".into(), union: false, fact: TypeFact::TargetId });
        let task = b.call(Callee::Kfunc(cast), &[task, id]);
        let leaf = Leaf::Int { size: 4, signed: true };
        let tgid = b.load_late(Width::B4, task, field("task_struct", "tgid", leaf, Fact::ByteOffset));
        b.store(Width::B8, out, 0, tgid);
    });
    let version = b.late(Late::KernelVersion);
    b.store(Width::B8, out, 8, version);
    let address = b.late(Late::KernelSymbol("jiffies".into()));
    b.store(Width::B8, out, 16, address);
    let nowhere = b.late(Late::KernelSymbol("btc_no_such_symbol".into()));
    b.store(Width::B8, out, 24, nowhere);
    let exists = b.late(Late::EnumExists {
        name: "bpf_func_id".into(),
        variant: "BPF_FUNC_get_current_task_btf".into(),
        value: 158,
    });
    when(&mut b, exists, |b| {
        let task = b.helper(158, &[]);
        let tgid = b.load_late(Width::B4, task, field("task_struct", "tgid", INT, Fact::ByteOffset));
        b.store(Width::B8, out, 32, tgid);
    });
    let missing = b.late(field("task_struct", "btc_no_such_field", INT, Fact::Exists));
    when(&mut b, missing, |b| {
        let off = b.late(field("task_struct", "btc_no_such_field", INT, Fact::ByteOffset));
        b.store(Width::B8, out, 40, off);
    });
    let zero = b.iconst(0);
    b.ret(zero);
    let f = b.finish();
    m.add_function(f);
    object(&mut m);
}

#[test]
fn callbacks_are_given_to_helpers() {
    let mut m = Module { license: "GPL".into(), ..Module::default() };
    let out = result(&mut m);
    let mut b = Builder::new(&mut m, "each", FunctionKind::Callback, 2, at(28, 30));
    let (index, data) = (b.param(0), b.param(1));
    let sum = b.load(Width::B8, data, 0);
    let sum = b.bin(BinOp::Add, sum, index);
    b.store(Width::B8, data, 0, sum);
    let zero = b.iconst(0);
    b.ret(zero);
    let f = b.finish();
    let each = m.add_function(f);
    let mut b = program(&mut m, "looping", "raw_tp");
    let slot = b.slot(8);
    let data = b.slot_addr(slot);
    b.clear(data, 0, 8);
    let (turns, zero) = (b.iconst(10), b.iconst(0));
    let callback = b.push(Op::FuncAddr(each));
    b.helper(181, &[turns, callback, data, zero]);
    let sum = b.load(Width::B8, data, 0);
    let out = b.global_addr(out);
    b.store(Width::B8, out, 0, sum);
    b.ret(zero);
    let f = b.finish();
    m.add_function(f);
    object(&mut m);
}

/// Bounds that must hold across calls, spilled pointers, and registers of two architectures.
#[test]
fn bounds_and_spills_pass_the_verifier() {
    let mut m = Module { license: "GPL".into(), ..Module::default() };
    let out = result(&mut m);
    let values = map(&mut m, "values", Some(btc_abi::MapKind::Array), (4, 4096), 1);
    let mut b = program(&mut m, "spilling", "kprobe/vfs_read");
    let ctx = b.param(0);
    let step = |name: &str| PathStep::Member { name: name.into(), record: None };
    let regs = |record: &str, path: Vec<PathStep>, fact| Late::Field {
        record: record.into(),
        union: false,
        path,
        leaf: Leaf::Int { size: 8, signed: false },
        fact,
    };
    let merged = b.block(1);
    let (x86, other, arm, none) = (b.block(0), b.block(0), b.block(0), b.block(0));
    let is_x86 = b.late(regs("pt_regs___x86", vec![step("si")], Fact::Exists));
    b.branch_imm(Cond::Ne, is_x86, 0, x86, other);
    b.switch_to(x86);
    let arg = b.load_late(Width::B8, ctx, regs("pt_regs___x86", vec![step("si")], Fact::ByteOffset));
    b.jump(merged, &[arg]);
    b.switch_to(other);
    let path = vec![step("regs"), PathStep::Index(1)];
    let is_arm = b.late(regs("pt_regs___arm64", path.clone(), Fact::Exists));
    b.branch_imm(Cond::Ne, is_arm, 0, arm, none);
    b.switch_to(arm);
    let arg = b.load_late(Width::B8, ctx, regs("pt_regs___arm64", path, Fact::ByteOffset));
    b.jump(merged, &[arg]);
    b.switch_to(none);
    let zero = b.iconst(0);
    b.jump(merged, &[zero]);
    b.switch_to(merged);
    let arg = b.block_param(merged, 0);
    let key = b.slot(8);
    let key = b.slot_addr(key);
    b.clear(key, 0, 8);
    let pointers: Vec<_> = (0..6)
        .map(|_| {
            let map = b.map_addr(values);
            let p = b.helper(1, &[map, key]);
            let (some, none) = (b.block(0), b.block(0));
            b.branch_imm(Cond::Ne, p, 0, some, none);
            b.switch_to(none);
            let zero = b.iconst(0);
            b.ret(zero);
            b.switch_to(some);
            p
        })
        .collect();
    let n = b.load(Width::B8, pointers[0], 0);
    let n = b.push(Op::UMin(n, 1000));
    for p in &pointers {
        let end = b.bin(BinOp::Add, *p, n);
        b.helper(113, &[end, n, arg]);
        let t = b.helper(5, &[]);
        b.store(Width::B8, *p, 8, t);
    }
    let c = b.load(Width::B8, pointers[5], 16);
    b.copy(Memory { base: pointers[4], offset: 4 }, Memory { base: pointers[5], offset: 2048 }, 2000);
    let out = b.global_addr(out);
    b.store(Width::B8, out, 0, c);
    b.store(Width::B8, out, 8, ctx);
    let zero = b.iconst(0);
    b.ret(zero);
    let f = b.finish();
    m.add_function(f);
    object(&mut m);
}
