//! Texts and bytes as the functions over them see them: compared and searched in loops
//! that every verifier can follow to their end.

use btc_ir::{BinOp, Builder, Cond, Memory, Op, Value, Width};
use btc_types::{Space, Type};

use crate::definition::Literal;
use crate::{Bytes, Call, Lowering, Source, helpers};

/// Bytes that are read from an address whose text may have any length.
pub(crate) const UNBOUNDED: u32 = btc_target::DEFAULT_MAX_STRLEN;

/// Whether a type can be read as text.
pub(crate) fn is_text(ty: &Type) -> bool {
    match ty {
        Type::Array { element, .. } => element.size() == 1,
        Type::Pointer { to, .. } => to.size() <= 1,
        other => other.is_str() || *other == Type::Unknown,
    }
}

/// The constant text of an argument.
pub(crate) fn literal(call: &Call, n: usize) -> Option<&[u8]> {
    match call.args[n].literal.as_ref()? {
        Literal::Str(text) => Some(text),
        _ => None,
    }
}

/// A text argument; what a pointer points at is read first.
pub(crate) fn text(l: &mut (dyn Lowering<'_> + '_), call: &Call, n: usize) -> Bytes {
    match &call.args[n].ty {
        Type::Pointer { space, .. } => {
            let from = l.value(n);
            let at = l.alloc(UNBOUNDED + 1);
            l.read_str(at, UNBOUNDED + 1, UNBOUNDED + 1, None, from, *space);
            Bytes { at, capacity: UNBOUNDED + 1, terminated: true }
        }
        ty => {
            l.require_bytes(n);
            Bytes { at: l.memory(n), capacity: ty.size().max(1), terminated: ty.is_str() }
        }
    }
}

/// The bytes of an argument of any type, at most `most`; for a pointer those it points at.
pub(crate) fn bytes(l: &mut (dyn Lowering<'_> + '_), call: &Call, n: usize, most: u32) -> Bytes {
    let ty = &call.args[n].ty;
    let size = if ty.is_pointer() { most } else { ty.size().min(most) }.max(1);
    let at = match ty {
        Type::Pointer { space, .. } => {
            let from = l.value(n);
            let at = l.alloc(size);
            l.read(at, size, from, *space);
            at
        }
        _ if ty.is_scalar() => {
            let value = l.value(n);
            let at = l.alloc(8);
            l.b().store(Width::B8, at.base, at.offset, value);
            at
        }
        _ => match own_bytes(l, n) {
            Source::Direct(at) => at,
            Source::Remote(from, space) => {
                let at = l.alloc(size);
                l.read(at, size, from, space);
                at
            }
        },
    };
    Bytes { at, capacity: size, terminated: false }
}

/// Where the bytes of an argument that is no scalar are, whose number its type tells.
fn own_bytes(l: &mut (dyn Lowering<'_> + '_), n: usize) -> Source {
    l.require_bytes(n);
    l.source(n)
}

/// Copies the first `size` bytes of an argument that is no scalar, or that a pointer or an
/// integer tells the address of.
pub(crate) fn copy(l: &mut (dyn Lowering<'_> + '_), call: &Call, n: usize, to: Memory, size: u32) {
    match address(l, call, n) {
        Source::Direct(from) => l.b().copy(to, from, size),
        Source::Remote(from, space) => l.read(to, size, from, space),
    }
}

/// Where the bytes are that an argument holds, points at or is the address of.
pub(crate) fn address(l: &mut (dyn Lowering<'_> + '_), call: &Call, n: usize) -> Source {
    match &call.args[n].ty {
        Type::Pointer { space, .. } => Source::Remote(l.value(n), *space),
        ty if ty.is_scalar() => Source::Remote(l.value(n), Space::Unknown),
        _ => l.source(n),
    }
}

/// A pointer to a place.
pub(crate) fn pointer(l: &mut (dyn Lowering<'_> + '_), at: Memory) -> Value {
    l.b().add_imm(at.base, i64::from(at.offset))
}

/// How the first bytes that differ compare: below, equal to or above 0. At most `most` bytes
/// count, and `limit` where it is given. With `stop` none behind a NUL does, and what differs is 1.
pub(crate) fn compare(
    l: &mut (dyn Lowering<'_> + '_),
    left: Memory,
    right: Memory,
    most: u32,
    limit: Option<Value>,
    stop: bool,
) -> Value {
    let texts = [left, right].map(|at| Bytes { at, capacity: most.max(1), terminated: false });
    let numbers: Vec<Value> = limit.into_iter().collect();
    l.apart("compare", format!("{most} {stop}"), &texts, &numbers, &mut |l, texts, numbers| {
        compare_at(l, texts, most, numbers.first().copied(), stop)
    })
}

fn compare_at(l: &mut (dyn Lowering<'_> + '_), texts: &[Memory], most: u32, limit: Option<Value>, stop: bool) -> Value {
    let (a, b) = (pointer(l, texts[0]), pointer(l, texts[1]));
    let result = variable(l, 0);
    let round = l.begin_loop(u64::from(most));
    let c = l.b();
    if let Some(limit) = limit {
        let within = c.block(0);
        c.branch(Cond::ULt, round.index, limit, within, round.out);
        c.switch_to(within);
    }
    let bounded = c.push(Op::UMin(round.index, u64::from(most.max(1)) - 1));
    let x = c.bin(BinOp::Add, a, bounded);
    let x = c.load(Width::B1, x, 0);
    let y = c.bin(BinOp::Add, b, bounded);
    let y = c.load(Width::B1, y, 0);
    // One branch for both ends: the verifier remembers at most 8192 that it has yet to follow.
    let mut over = c.bin(BinOp::Xor, x, y);
    if stop {
        let end = is_zero(c, x);
        over = c.bin(BinOp::Or, over, end);
    }
    let differ = c.block(0);
    c.branch_imm(Cond::Eq, over, 0, round.next, differ);
    c.switch_to(differ);
    let outcome = if stop {
        let difference = c.bin(BinOp::Xor, x, y);
        let same = is_zero(c, difference);
        c.bin_imm(BinOp::Xor, same, 1)
    } else {
        c.bin(BinOp::Sub, x, y)
    };
    c.store(Width::B8, result, 0, outcome);
    c.leave(round.out);
    l.end_loop();
    l.b().load(Width::B8, result, 0)
}

/// The address of a variable with a first value.
fn variable(l: &mut (dyn Lowering<'_> + '_), value: i64) -> Value {
    let b = l.b();
    let slot = b.slot(8);
    let at = b.slot_addr(slot);
    let value = b.iconst(value);
    b.store(Width::B8, at, 0, value);
    at
}

/// Where the second argument begins in the first; -1 when it does not.
pub(crate) fn search(l: &mut (dyn Lowering<'_> + '_), call: &Call) -> Value {
    match literal(call, 1).map(<[u8]>::to_vec) {
        Some(needle) => search_constant(l, call, &needle),
        None => search_text(l, call),
    }
}

/// Bytes of a constant that are compared between two branches.
const CHUNK: usize = 8;

fn search_constant(l: &mut (dyn Lowering<'_> + '_), call: &Call, needle: &[u8]) -> Value {
    let haystack = text(l, call, 0);
    let room = haystack.capacity - u32::from(haystack.terminated);
    let Some(last) = room.checked_sub(needle.len() as u32) else { return l.b().iconst(-1) };
    let (&first, rest) = match needle.split_first() {
        Some(parts) => parts,
        None => return l.b().iconst(0),
    };
    l.apart("search", format!("{needle:?}"), &[haystack], &[], &mut |l, texts, _| {
        search_constant_at(l, texts[0], last, first, rest)
    })
}

/// Looks for a constant at the first positions up to `last`.
fn search_constant_at(l: &mut (dyn Lowering<'_> + '_), haystack: Memory, last: u32, first: u8, rest: &[u8]) -> Value {
    let start = pointer(l, haystack);
    let result = variable(l, -1);
    let round = l.begin_loop(u64::from(last) + 1);
    let b = l.b();
    let other = b.block(0);
    let bounded = b.push(Op::UMin(round.index, u64::from(last)));
    let at = b.bin(BinOp::Add, start, bounded);
    let byte = b.load(Width::B1, at, 0);
    let mut more = b.block(0);
    // One branch where the byte is neither: most are.
    let differ = b.bin_imm(BinOp::Xor, byte, i64::from(first));
    let (matches, end) = (is_zero(b, differ), is_zero(b, byte));
    let either = b.bin(BinOp::Or, matches, end);
    b.branch_imm(Cond::Eq, either, 0, round.next, other);
    b.switch_to(other);
    b.branch_imm(Cond::Eq, byte, 0, round.out, more);
    let mut behind = 1;
    for chunk in rest.chunks(CHUNK) {
        b.switch_to(more);
        let mut unlike = b.iconst(0);
        for want in chunk {
            let byte = b.load(Width::B1, at, behind);
            let differ = b.bin_imm(BinOp::Xor, byte, i64::from(*want));
            unlike = b.bin(BinOp::Or, unlike, differ);
            behind += 1;
        }
        more = b.block(0);
        b.branch_imm(Cond::Eq, unlike, 0, more, round.next);
    }
    b.switch_to(more);
    let found = l.opaque(bounded);
    let b = l.b();
    b.store(Width::B8, result, 0, found);
    b.leave(round.out);
    l.end_loop();
    l.b().load(Width::B8, result, 0)
}

/// Comparisons between two branches. The verifier remembers at most 8192 branches that it
/// has yet to follow.
const STRIDE: u64 = 4;

fn search_text(l: &mut (dyn Lowering<'_> + '_), call: &Call) -> Value {
    let (haystack, needle) = (text(l, call, 0), text(l, call, 1));
    l.apart("search", String::new(), &[haystack, needle], &[], &mut |l, texts, _| {
        search_text_at(l, Bytes { at: texts[0], ..haystack }, Bytes { at: texts[1], ..needle })
    })
}

/// One loop over both positions, for the verifier would follow a loop within a loop product
/// times. The positions are numbers it knows nothing of but the bounds that masks give, and
/// a step takes no branch whether the bytes match or not, so each costs it the same.
fn search_text_at(l: &mut (dyn Lowering<'_> + '_), haystack: Bytes, needle: Bytes) -> Value {
    // A needle that is longer than what is left differs where that ends.
    let each = u64::from(needle.capacity.min(haystack.capacity)) + 1;
    let most = u64::from(haystack.capacity) * each;
    let (haystack, needle) = (copied(l, &haystack), copied(l, &needle));
    let (i, j, result) = (variable(l, 0), variable(l, 0), variable(l, -1));
    for at in [i, j] {
        let zero = l.b().iconst(0);
        let zero = l.opaque(zero);
        l.b().store(Width::B8, at, 0, zero);
    }
    let round = l.begin_loop(most.div_ceil(STRIDE));
    let b = l.b();
    let mut at = (b.load(Width::B8, i, 0), b.load(Width::B8, j, 0));
    let mut stop = b.iconst(0);
    for _ in 0..STRIDE {
        (at, stop) = search_step(b, &haystack, &needle, at);
    }
    b.store(Width::B8, i, 0, at.0);
    b.store(Width::B8, j, 0, at.1);
    let (ended, found) = (b.block(0), b.block(0));
    b.branch_imm(Cond::Ne, stop, 0, ended, round.next);
    b.switch_to(ended);
    let want = masked(b, &needle, at.1);
    b.branch_imm(Cond::Eq, want, 0, found, round.out);
    b.switch_to(found);
    b.store(Width::B8, result, 0, at.0);
    b.leave(round.out);
    l.end_loop();
    l.b().load(Width::B8, result, 0)
}

/// A text in memory whose size is a power of two.
struct Masked {
    start: Value,
    mask: i64,
}

/// Copies a text so that masked positions are within it.
fn copied(l: &mut (dyn Lowering<'_> + '_), from: &Bytes) -> Masked {
    let room = from.room();
    let size = room.next_power_of_two().max(8);
    let to = l.alloc(size);
    let (start, from) = (pointer(l, to), pointer(l, from.at));
    let b = l.b();
    let room = b.iconst(i64::from(room));
    // Before Linux 5.12 the stack is read at a variable place only where all of it is written.
    if size <= 64 {
        b.clear(to.base, to.offset, size);
    }
    b.helper(helpers::PROBE_READ_KERNEL_STR, &[start, room, from]);
    Masked { start, mask: i64::from(size) - 1 }
}

/// The byte of a text at a position.
fn masked(b: &mut Builder<'_>, text: &Masked, at: Value) -> Value {
    let at = b.bin_imm(BinOp::And, at, text.mask);
    let at = b.bin(BinOp::Add, text.start, at);
    b.load(Width::B1, at, 0)
}

/// 1 when a byte is 0, else 0.
fn is_zero(b: &mut Builder<'_>, byte: Value) -> Value {
    let below = b.add_imm(byte, -1);
    b.bin_imm(BinOp::LShr, below, 63)
}

/// Compares the bytes at `i + j` of the haystack and `j` of the needle: the next positions,
/// and whether one of the texts ends here, so that they stay.
fn search_step(
    b: &mut Builder<'_>,
    haystack: &Masked,
    needle: &Masked,
    (i, j): (Value, Value),
) -> ((Value, Value), Value) {
    let want = masked(b, needle, j);
    let at = b.bin(BinOp::Add, i, j);
    let have = masked(b, haystack, at);
    let (end, out) = (is_zero(b, want), is_zero(b, have));
    let stop = b.bin(BinOp::Or, end, out);
    let differ = b.bin(BinOp::Xor, have, want);
    let matches = is_zero(b, differ);
    let go = b.bin_imm(BinOp::Xor, stop, 1);
    let longer = b.add_imm(j, 1);
    let longer = b.bin(BinOp::Mul, longer, matches);
    let longer = b.bin(BinOp::Mul, longer, go);
    let kept = b.bin(BinOp::Mul, j, stop);
    let j = b.bin(BinOp::Add, longer, kept);
    let moved = b.bin_imm(BinOp::Xor, matches, 1);
    let moved = b.bin(BinOp::And, moved, go);
    let i = b.bin(BinOp::Add, i, moved);
    ((i, j), stop)
}
