//! Single shapes: what is folded, where values go, what is refused.

use btc_ir::{ArgumentPart, BinOp, Cond, Late, Op, Shape, Typed, Width};

use super::{build, execute, text};
use crate::CodegenError;

#[test]
fn immediates_and_displacements_fold() {
    let (_, p) = build(|b| {
        let ctx = b.param(0);
        let near = b.add_imm(ctx, 8);
        let v = b.load(Width::B4, near, 4);
        let w = b.bin_imm(BinOp::Add, v, 5);
        b.store(Width::B4, near, 0, w);
        let seven = b.iconst(7);
        b.store(Width::B8, ctx, 16, seven);
        b.ret(w);
    });
    assert_eq!(
        text(&p),
        "r0 = *(u32 *)(r1 +12)\nr0 += 5\n*(u32 *)(r1 +8) = r0\n*(u64 *)(r1 +16) = 7\nexit"
    );
}

#[test]
fn comparisons_fuse_into_branches() {
    let (_, p) = build(|b| {
        let ctx = b.param(0);
        let v = b.load(Width::B8, ctx, 0);
        let c = b.cmp(Cond::SGt, v, ctx);
        let (yes, no) = (b.block(0), b.block(0));
        b.branch_imm(Cond::Eq, c, 0, yes, no);
        b.switch_to(yes);
        let one = b.iconst(1);
        b.ret(one);
        b.switch_to(no);
        let two = b.iconst(2);
        b.ret(two);
    });
    assert_eq!(
        text(&p),
        "r5 = *(u64 *)(r1 +0)\nif r5 s<= r1 goto +2\nr0 = 2\nexit\nr0 = 1\nexit"
    );
}

#[test]
fn the_context_survives_calls_in_a_kept_register() {
    let (_, p) = build(|b| {
        let ctx = b.param(0);
        let x = b.helper(7, &[]);
        let y = b.load(Width::B8, ctx, 0);
        let z = b.bin(BinOp::Add, x, y);
        b.ret(z);
    });
    assert_eq!(text(&p), "r6 = r1\ncall 7\nr5 = *(u64 *)(r6 +0)\nr0 += r5\nexit");
}

#[test]
fn more_than_ten_live_values_spill() {
    for (calls, n) in [(false, 24), (true, 24), (true, 4), (true, 5)] {
        let (_, p) = build(|b| {
            let ctx = b.param(0);
            let values: Vec<_> = (0..n).map(|i| b.load(Width::B8, ctx, 8 * i)).collect();
            let mut sum = b.iconst(0);
            if calls {
                sum = b.helper(7, &[sum, sum, sum, sum, sum]);
            }
            for (i, v) in values.iter().enumerate() {
                let part = b.bin_imm(BinOp::Mul, *v, i as i64 + 1);
                sum = b.bin(BinOp::Add, sum, part);
            }
            b.ret(sum);
        });
        let inputs: Vec<u64> = (0..n as u64).map(|i| i * i + 3).collect();
        let start = if calls { super::mix(0, 0, 0, 0, 0) } else { 0 };
        let wanted = inputs.iter().zip(1..).fold(start, |s, (v, i)| s.wrapping_add(v * i));
        assert_eq!(execute(&p, &inputs), wanted);
        assert_eq!(p.stack > 0, n > 10 || calls && n > 4, "{}", text(&p));
    }
}

#[test]
fn words_that_are_not_needed_at_once_share_room() {
    let groups = 100;
    let (module, p) = build(|b| {
        let ctx = b.param(0);
        let mut sum = b.iconst(0);
        for group in 0..groups {
            let values: Vec<_> = (0..7).map(|i| b.load(Width::B8, ctx, 8 * ((group + i) % 16))).collect();
            sum = b.helper(7, &[sum, sum, sum, sum, sum]);
            sum = values.iter().fold(sum, |sum, v| b.bin(BinOp::Add, sum, *v));
        }
        b.ret(sum);
    });
    let inputs: Vec<u64> = (0..16u64).map(|i| i * i + 3).collect();
    let group = |sum: u64, n: i32| (0..7).fold(super::mix(sum, sum, sum, sum, sum), |s, i| s.wrapping_add(inputs[((n + i) % 16) as usize]));
    assert_eq!(execute(&p, &inputs), (0..groups).fold(0, group));
    assert!(p.stack > 0 && p.stack <= 64 && module.scratch_map.is_none(), "{} bytes", p.stack);
}

#[test]
fn loops_swap_their_parameters() {
    let (_, p) = build(|b| {
        let ctx = b.param(0);
        let (x, y) = (b.load(Width::B8, ctx, 0), b.load(Width::B8, ctx, 8));
        let zero = b.iconst(0);
        let (head, body, done) = (b.block(3), b.block(0), b.block(0));
        b.jump(head, &[x, y, zero]);
        b.switch_to(head);
        let (a, c, i) = (b.block_param(head, 0), b.block_param(head, 1), b.block_param(head, 2));
        b.branch_imm(Cond::ULt, i, 5, body, done);
        b.switch_to(body);
        let next = b.bin_imm(BinOp::Add, i, 1);
        b.jump(head, &[c, a, next]);
        b.switch_to(done);
        let shifted = b.bin_imm(BinOp::Shl, a, 8);
        let both = b.bin(BinOp::Or, shifted, c);
        b.ret(both);
    });
    assert_eq!(execute(&p, &[1, 2]), 0x201);
}

#[test]
fn large_copies_become_loops() {
    let (_, p) = build(|b| {
        let ctx = b.param(0);
        b.clear(ctx, 4096, 8);
        let m = |offset| btc_ir::Memory { base: ctx, offset };
        b.copy(m(4096), m(3000), 1096);
        let v = b.load(Width::B8, ctx, 3008);
        let w = b.load(Width::B8, ctx, 4096 + 1088);
        let both = b.bin(BinOp::Add, v, w);
        b.ret(both);
    });
    assert!(p.insns.len() < 100, "{}", p.insns.len());
    let mut inputs = vec![7; 700];
    inputs[511] = 5;
    assert_eq!(execute(&p, &inputs), 12);
}

#[test]
fn large_fills_become_calls() {
    let (_, p) = build(|b| {
        let ctx = b.param(0);
        b.clear(ctx, 8, 3001);
        b.clear(ctx, 0, 8);
        let zero = b.iconst(0);
        b.ret(zero);
    });
    assert_eq!(
        text(&p),
        "r6 = r1\nr1 = r6\nr1 += 8\nr2 = 3001\nr3 = -1\ncall 112\n*(u64 *)(r6 +0) = 0\nr0 = 0\nexit"
    );
}

#[test]
fn late_constants_fold_when_used_once() {
    let late = |n: &str| Late::Argument {
        of: Typed::Tracepoint { category: "a".into(), event: "b".into() },
        name: n.into(),
        shape: Shape::Field { spelling: "u64".into(), size: 8, signed: false },
        part: ArgumentPart::Offset,
        core: None,
    };
    let (_, p) = build(|b| {
        let ctx = b.param(0);
        let x = b.late(late("x"));
        let v = b.bin(BinOp::Add, ctx, x);
        let w = b.load_late(Width::B2, ctx, late("y"));
        let y = b.late(late("y"));
        let s = b.bin(BinOp::Add, v, w);
        let s = b.bin(BinOp::Mul, s, y);
        let s = b.bin(BinOp::Sub, s, y);
        b.ret(s);
    });
    let late: Vec<_> = p.references.iter().map(|r| r.insn).collect();
    assert_eq!(late.len(), 3, "{}", text(&p));
    assert!(p.references.windows(2).all(|w| w[0].insn < w[1].insn));
}

#[test]
fn the_stack_has_an_end() {
    let mut module = btc_ir::Module::default();
    let kind = btc_ir::FunctionKind::Callback;
    let mut b = btc_ir::Builder::new(&mut module, "big", kind, 0, Default::default());
    let slot = b.slot(520);
    let at = b.slot_addr(slot);
    // What a callback is handed must be on the stack; all else goes to scratch memory.
    let r = b.helper(164, &[at]);
    b.ret(r);
    let f = b.finish();
    module.add_function(f);
    let wanted = CodegenError::TooLarge { function: "big".into(), needed: 520, limit: 512 };
    assert_eq!(crate::compile(&mut module), Err(wanted));
}

#[test]
fn bounds_are_established_where_they_are_used() {
    let (_, p) = build(|b| {
        let ctx = b.param(0);
        let n = b.load(Width::B8, ctx, 0);
        let n = b.push(Op::UMin(n, 100));
        let r = b.helper(7, &[ctx, n]);
        let sum = b.bin(BinOp::Sub, r, n);
        b.push(Op::AtomicAdd(Width::B8, btc_ir::Memory { base: sum, offset: 0 }, n));
        b.ret(sum);
    });
    assert_eq!(
        text(&p),
        "r6 = *(u64 *)(r1 +0)\nif r6 <= 100 goto +1\nr6 = 100\nr2 = r6\ncall 7\nr0 -= r6\n\
         lock *(u64 *)(r0 +0) += r6\nexit"
    );
}

#[test]
fn bounds_are_established_again_after_reloads() {
    let (_, p) = build(|b| {
        let ctx = b.param(0);
        let bounded: Vec<_> = (0..9)
            .map(|n| {
                let v = b.load(Width::B8, ctx, 8 * n);
                b.push(Op::UMin(v, 100))
            })
            .collect();
        let mut sum = b.helper(7, &[ctx, ctx, ctx, ctx, ctx]);
        for v in &bounded {
            sum = b.helper(7, &[sum, *v, *v, sum, sum]);
        }
        b.ret(sum);
    });
    let text = text(&p);
    let lines: Vec<&str> = text.lines().collect();
    let reloads = lines.iter().enumerate().filter(|(_, l)| l.contains("= *(u64 *)(r10 "));
    let mut count = 0;
    for (n, line) in reloads {
        let register = line.split(' ').next().unwrap_or("");
        assert_eq!(lines[n + 1], format!("if {register} <= 100 goto +1"), "{text}");
        count += 1;
    }
    assert!(count >= 4, "{text}");
}
