//! Random functions: the generated code in a user-space VM must compute what the IR interpreter does.

use btc_ir::{BinOp, Block, Builder, Callee, Cond, Jump, Op, Slot, Terminator, Value, Width};

use btc_diagnostics::Span;
use btc_ir::{FunctionKind, Module};

use super::{build, eval::eval, execute, text};
use crate::demote::{self, Reads};
use crate::flow::Flow;

/// A small generator of numbers; the same in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }
}

const BINS: [BinOp; 11] = [
    BinOp::Add,
    BinOp::Sub,
    BinOp::Mul,
    BinOp::UDiv,
    BinOp::UMod,
    BinOp::And,
    BinOp::Or,
    BinOp::Xor,
    BinOp::Shl,
    BinOp::LShr,
    BinOp::AShr,
];
const CONDS: [Cond; 10] = [
    Cond::Eq,
    Cond::Ne,
    Cond::ULt,
    Cond::ULe,
    Cond::UGt,
    Cond::UGe,
    Cond::SLt,
    Cond::SLe,
    Cond::SGt,
    Cond::SGe,
];
const WIDTHS: [Width; 4] = [Width::B1, Width::B2, Width::B4, Width::B8];
const NUMBERS: [i64; 10] =
    [0, 1, -1, 7, 63, 0xff, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff, 0x1234_5678_9abc_def0];

fn instruction(b: &mut Builder<'_>, r: &mut Random, values: &mut Vec<Value>, slots: &[Slot]) {
    let any = |r: &mut Random, values: &[Value]| {
        // Mostly recent values, sometimes old ones, so that lives differ in length.
        let recent = values.len().min(6);
        if r.below(3) > 0 { values[values.len() - 1 - r.below(recent)] } else { r.pick(values) }
    };
    let (x, y) = (any(r, values), any(r, values));
    let v = match r.below(14) {
        0 | 1 => b.iconst(r.pick(&NUMBERS)),
        2..=5 => b.bin(r.pick(&BINS), x, y),
        6 => b.bin_imm(r.pick(&BINS), x, r.pick(&NUMBERS)),
        7 => b.cmp(r.pick(&CONDS), x, y),
        8 => {
            let n = r.pick(&[8u8, 16, 32]);
            b.push(if r.below(2) == 0 { Op::SignExtend(n, x) } else { Op::ZeroExtend(n, x) })
        }
        9 => b.push(Op::ByteSwap(r.pick(&[16, 32, 64]), x)),
        10 => b.push(Op::UMin(x, r.pick(&NUMBERS) as u64)),
        11 => {
            // The VM's helpers take five.
            let args: Vec<Value> = (0..5).map(|_| any(r, values)).collect();
            b.call(Callee::Helper(7), &args)
        }
        12 => {
            let slot = b.slot_addr(r.pick(slots));
            let width = r.pick(&WIDTHS);
            let at = 8 * r.below(3) as i32;
            b.store(width, slot, at, x);
            b.load(r.pick(&WIDTHS), slot, 8 * r.below(3) as i32)
        }
        _ => {
            let (a, c) = (b.slot_addr(slots[0]), b.slot_addr(slots[1]));
            let m = |base, offset| btc_ir::Memory { base, offset };
            // No atomics: the VM refuses them.
            if r.below(2) == 0 {
                b.copy(m(a, 4), m(c, 0), 13);
            } else {
                b.clear(c, 3, 9);
            }
            b.load(Width::B8, a, 8)
        }
    };
    values.push(v);
}

/// A function of some blocks with parameters; backward jumps count a budget down.
fn function(b: &mut Builder<'_>, r: &mut Random) {
    let slots = [b.slot(24), b.slot(24)];
    for s in slots {
        let base = b.slot_addr(s);
        b.clear(base, 0, 24);
    }
    let input = b.param(0);
    let mut values: Vec<Value> = (0..6).map(|n| b.load(Width::B8, input, 8 * n)).collect();
    for _ in 0..r.below(30) {
        instruction(b, r, &mut values, &slots);
    }
    let params = 1 + r.below(5);
    let blocks: Vec<Block> = (0..1 + r.below(5)).map(|_| b.block(params as u32 + 1)).collect();
    let done = b.block(1);
    let budget = b.iconst(8);
    let args = |r: &mut Random, values: &[Value], budget: Value| {
        let mut args: Vec<Value> = (0..params).map(|_| r.pick(values)).collect();
        args.push(budget);
        args
    };
    let first = args(r, &values, budget);
    b.jump(blocks[0], &first);
    let common = values;
    for &block in &blocks {
        b.switch_to(block);
        let mut values = common.clone();
        values.extend((0..params).map(|n| b.block_param(block, n)));
        for _ in 0..r.below(12) {
            instruction(b, r, &mut values, &slots);
        }
        let budget = b.block_param(block, params);
        let left = b.bin_imm(BinOp::Sub, budget, 1);
        let go = b.block(0);
        b.branch_imm(Cond::SGt, left, 0, go, go);
        b.switch_to(go);
        let stop = b.block(0);
        let on = b.block(0);
        b.branch_imm(Cond::SGt, left, 0, on, stop);
        b.switch_to(stop);
        let v = r.pick(&values);
        b.jump(done, &[v]);
        b.switch_to(on);
        let jump = |r: &mut Random| Jump { block: r.pick(&blocks), args: args(r, &values, left) };
        let (then, otherwise) = (jump(r), jump(r));
        let (cond, x, y) = (r.pick(&CONDS), r.pick(&values), r.pick(&values));
        let end = Terminator::Branch { cond, left: x, right: y, then, otherwise };
        let at = b.current().index();
        b.func.blocks[at].terminator = Some(end);
    }
    b.switch_to(done);
    let mut sum = b.block_param(done, 0);
    for v in common.iter().take(12) {
        sum = b.bin(BinOp::Xor, sum, *v);
    }
    for s in slots {
        let base = b.slot_addr(s);
        for n in 0..3 {
            let word = b.load(Width::B8, base, 8 * n);
            sum = b.bin(BinOp::Add, sum, word);
        }
    }
    b.ret(sum);
}

#[test]
fn random_functions_agree() {
    for seed in 0..1500 {
        let mut r = Random(seed);
        let (module, program) = build(|b| function(b, &mut r));
        let inputs: Vec<u64> = (0..6).map(|_| if r.below(2) == 0 { r.next() } else { r.next() % 100 }).collect();
        let wanted = eval(&module, &inputs);
        let got = execute(&program, &inputs);
        assert_eq!(Ok(got), wanted, "seed {seed}:\n{:#?}\n{}", module.functions[0].blocks, text(&program));
    }
}

/// Values that are kept in scratch memory are what they were, all of them, read seldom or often.
#[test]
fn random_functions_agree_in_scratch_memory() {
    for seed in 0..600 {
        let mut r = Random(seed);
        let mut module = Module::default();
        let mut b = Builder::new(&mut module, "test", FunctionKind::Program { section: "raw_tp".into(), guard: None }, 1, Span::default());
        function(&mut b, &mut r);
        let func = b.finish();
        module.add_function(func);
        let inputs: Vec<u64> = (0..6).map(|_| r.next() % 100).collect();
        let wanted = eval(&module, &inputs);
        let fixed = Flow::new(&module.functions[0], &module).must_know();
        let made = |f: &btc_ir::Function| -> Vec<Value> {
            let insts = f.blocks.iter().flat_map(|b| b.insts.iter().filter_map(|i| i.result));
            f.blocks[1..].iter().flat_map(|b| b.params.clone()).chain(insts).collect()
        };
        let mut values = made(&module.functions[0]);
        values.retain(|v| !fixed[v.index()]);
        assert!(!values.is_empty());
        module.need_scratch();
        let reads = if seed % 2 == 0 { Reads::OnceABlock } else { Reads::AtEachUse };
        demote::run(&mut module.functions[0], &values, reads);
        // These functions have bounds that lowering never makes.
        let wrong: Vec<_> = btc_ir::validate(&module).into_iter().filter(|e| !e.message.contains("over 32 bits")).collect();
        assert_eq!(wrong, [], "seed {seed}");
        assert_eq!(eval(&module, &inputs), wanted, "seed {seed}");
        let program = crate::compile(&mut module).unwrap_or_else(|e| panic!("seed {seed}: {e}")).remove(0);
        assert_eq!(Ok(execute(&program, &inputs)), wanted, "seed {seed}:\n{}", text(&program));
    }
}
