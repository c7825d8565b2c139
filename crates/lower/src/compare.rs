//! Comparisons.

use btc_builtins::Bytes;
use btc_hir::{self as hir, CompareKind, ExprKind, Logic};
use btc_ir::{BinOp, Block, Cond, Memory, Op, Value, Width};
use btc_types::PADDED_TEXT;
use btc_types::Type;

use crate::expr::cond;
use crate::function::FnLower;
use crate::loops::Rounds;
use crate::place::{accesses, matching_parts, part_offset, width_of};

impl FnLower<'_, '_, '_> {
    pub fn compare(&mut self, op: Logic, kind: CompareKind, left: &hir::Expr, right: &hir::Expr) -> Value {
        if let CompareKind::Scalar { signed } = kind {
            let (left, right) = (self.scalar(left), self.scalar(right));
            return self.b.cmp(cond(op, signed), left, right);
        }
        let (differ, done) = (self.b.block(0), self.b.block(1));
        match (&left.kind, &right.kind) {
            (_, ExprKind::Str(text)) => self.equal_literal(left, text, differ),
            (ExprKind::Str(text), _) => self.equal_literal(right, text, differ),
            _ => {
                let (a, b) = (self.direct(left), self.direct(right));
                self.equal(a, &left.ty, b, &right.ty, differ);
            }
        }
        let equal = self.b.iconst(i64::from(op == Logic::Eq));
        self.b.jump(done, &[equal]);
        self.b.switch_to(differ);
        let unequal = self.b.iconst(i64::from(op == Logic::Ne));
        self.b.jump(done, &[unequal]);
        self.b.switch_to(done);
        self.b.block_param(done, 0)
    }

    /// Goes to `differ` unless a text is the literal: wide loads against constants.
    fn equal_literal(&mut self, e: &hir::Expr, text: &[u8], differ: Block) {
        let capacity = e.ty.size() as usize;
        if text.len() + 1 > capacity {
            self.effect(e);
            self.b.jump(differ, &[]);
            let unreachable = self.b.block(0);
            return self.b.switch_to(unreachable);
        }
        let mut bytes = text.to_vec();
        bytes.push(0);
        let m = match &e.kind {
            ExprKind::Call { .. } => {
                let m = self.alloc(e.ty.size().max(8));
                if self.call_compared(e, m, &bytes, differ) {
                    return;
                }
                m
            }
            _ => self.direct(e),
        };
        // A padded text is compared up to a whole word: behind its NUL stand zeros.
        if e.ty.size() <= PADDED_TEXT {
            bytes.resize(bytes.len().next_multiple_of(8).min(capacity), 0);
        }
        self.equal_constant(m, &bytes, differ);
    }

    /// Goes to `differ` unless memory holds these bytes: wide loads against constants.
    pub fn equal_constant(&mut self, m: Memory, bytes: &[u8], differ: Block) {
        for (width, at) in accesses([m.offset], bytes.len() as u32) {
            let size = width.bytes() as usize;
            let mut word = [0u8; 8];
            word[..size].copy_from_slice(&bytes[at as usize..at as usize + size]);
            let want = self.b.iconst(i64::from_le_bytes(word));
            let have = self.b.load(width, m.base, m.offset + at as i32);
            let same = self.b.block(0);
            self.b.branch(Cond::Eq, have, want, same, differ);
            self.b.switch_to(same);
        }
    }

    /// Goes to `differ` unless two values in memory are equal.
    fn equal(&mut self, a: Memory, a_ty: &Type, b: Memory, b_ty: &Type, differ: Block) {
        match (a_ty, b_ty) {
            (Type::Str { capacity: p, .. }, Type::Str { capacity: q, .. }) => {
                self.equal_texts(a, *p, b, *q, differ);
            }
            (Type::Tuple(_), Type::Tuple(_)) | (Type::Named(_), Type::Named(_)) => {
                for (i, (x, other)) in matching_parts(a_ty, b_ty).into_iter().enumerate() {
                    let Some((j, y)) = other else { continue };
                    self.equal(part(a, a_ty, i), x, part(b, b_ty, j), y, differ);
                }
            }
            _ if a_ty.is_scalar() => {
                let x = self.b.load(width_of(a_ty), a.base, a.offset);
                let x = self.extend(x, a_ty);
                let y = self.b.load(width_of(b_ty), b.base, b.offset);
                let y = self.extend(y, b_ty);
                let same = self.b.block(0);
                self.b.branch(Cond::Eq, x, y, same, differ);
                self.b.switch_to(same);
            }
            _ => self.equal_bytes(a, b, a_ty.size().min(b_ty.size()), differ),
        }
    }

    fn equal_bytes(&mut self, a: Memory, b: Memory, size: u32, differ: Block) {
        for (width, at) in accesses([a.offset, b.offset], size) {
            let x = self.b.load(width, a.base, a.offset + at as i32);
            let y = self.b.load(width, b.base, b.offset + at as i32);
            let same = self.b.block(0);
            self.b.branch(Cond::Eq, x, y, same, differ);
            self.b.switch_to(same);
        }
    }

    /// Short texts are padded with zeros, so whole words tell. Long ones are compared word by
    /// word up to the first NUL.
    fn equal_texts(&mut self, a: Memory, p: u32, b: Memory, q: u32, differ: Block) {
        let shorter = p.min(q);
        if p <= PADDED_TEXT && q <= PADDED_TEXT {
            return self.equal_bytes(a, b, shorter, differ);
        }
        // On the stack a word must be aligned.
        let width = [Width::B8, Width::B4, Width::B2, Width::B1]
            .into_iter()
            .find(|w| [a.offset, b.offset].iter().all(|at| at % w.bytes() as i32 == 0))
            .unwrap_or(Width::B1);
        let size = i64::from(width.bytes());
        let words = i64::from(shorter) / size;
        let texts = [a, b].map(|at| Bytes { at, capacity: shorter, terminated: false });
        let found = self.apart("equal", format!("{words} {size}"), &texts, &[], |f, texts, _| {
            f.equal_words(texts[0], texts[1], words, width)
        });
        let (open, rest, same) = (self.b.block(0), self.b.block(0), self.b.block(0));
        self.b.branch_imm(Cond::Eq, found, SAME, same, open);
        self.b.switch_to(open);
        self.b.branch_imm(Cond::Eq, found, OTHER, differ, rest);
        self.b.switch_to(rest);
        let (a, b) = (self.pointer(a), self.pointer(b));
        for at in words * size..i64::from(shorter) {
            let at = self.b.iconst(at);
            let (x, y) = (self.load_at(a, at, Width::B1), self.load_at(b, at, Width::B1));
            let (alike, next) = (self.b.block(0), self.b.block(0));
            self.b.branch(Cond::Eq, x, y, alike, differ);
            self.b.switch_to(alike);
            self.b.branch_imm(Cond::Eq, x, 0, same, next);
            self.b.switch_to(next);
        }
        self.b.jump(same, &[]);
        self.b.switch_to(same);
    }

    /// Compares so many words of two texts: [`SAME`] or [`OTHER`] where they end, else 0.
    fn equal_words(&mut self, a: Memory, b: Memory, words: i64, width: Width) -> Value {
        let size = i64::from(width.bytes());
        let unused = 64 - 8 * size as u32;
        let (a, b, zero) = (self.pointer(a), self.pointer(b), self.b.iconst(0));
        let result = self.b.slot(8);
        let result = self.b.slot_addr(result);
        self.b.store(Width::B8, result, 0, zero);
        let round = self.begin_loop(Rounds::Search(words));
        let at = self.b.bin_imm(BinOp::Mul, round.index, size);
        let bounded = self.b.push(Op::UMin(at, (words as u64).saturating_sub(1) * size as u64));
        let (x, y) = (self.load_at(a, bounded, width), self.load_at(b, bounded, width));
        let unlike = self.b.bin(BinOp::Xor, x, y);
        // The lowest bit that is set marks the first byte of `x` that is 0.
        let less = self.b.bin_imm(BinOp::Sub, x, LOW_BITS >> unused);
        let not = self.b.bin_imm(BinOp::Xor, x, -1);
        let nul = self.b.bin(BinOp::And, less, not);
        let nul = self.b.bin_imm(BinOp::And, nul, (HIGH_BITS as u64 >> unused) as i64);
        let any = self.b.bin(BinOp::Or, unlike, nul);
        let test = self.b.block(0);
        self.b.branch_imm(Cond::Eq, any, 0, round.next, test);
        self.b.switch_to(test);
        // All bits up to that byte; all there are when none is 0.
        let negative = self.b.bin(BinOp::Sub, zero, nul);
        let lowest = self.b.bin(BinOp::And, nul, negative);
        let mask = self.b.bin_imm(BinOp::Shl, lowest, 1);
        let mask = self.b.add_imm(mask, -1);
        let unlike = self.b.bin(BinOp::And, unlike, mask);
        let (alike, other) = (self.b.block(0), self.b.block(0));
        self.b.branch_imm(Cond::Eq, unlike, 0, alike, other);
        for (block, found) in [(alike, SAME), (other, OTHER)] {
            self.b.switch_to(block);
            let found = self.b.iconst(found);
            self.b.store(Width::B8, result, 0, found);
            self.b.leave(round.out);
        }
        self.end_loop(&round);
        self.b.load(Width::B8, result, 0)
    }

    fn load_at(&mut self, base: Value, offset: Value, width: Width) -> Value {
        let at = self.b.bin(BinOp::Add, base, offset);
        self.b.load(width, at, 0)
    }
}

/// What was found that ends a comparison.
const SAME: i64 = 1;
const OTHER: i64 = 2;

/// The lowest bit of each byte.
const LOW_BITS: i64 = 0x0101_0101_0101_0101;
/// The highest bit of each byte.
const HIGH_BITS: i64 = 0x8080_8080_8080_8080_u64 as i64;

fn part(m: Memory, ty: &Type, index: usize) -> Memory {
    Memory { base: m.base, offset: m.offset + part_offset(ty, index) as i32 }
}
