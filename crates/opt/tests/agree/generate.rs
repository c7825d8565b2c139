//! Makes random valid modules whose run neither traps nor depends on addresses.

use btc_ir::{
    BinOp, Builder, Callee, Cond, Fact, FunctionKind, Jump, Late, Leaf, MapId, Memory, Module, Op, PathStep,
    Slot, Terminator, Value, Width,
};

/// Number of 8-byte fields of the context.
pub const FIELDS: usize = 4;

/// A small generator of numbers; the same in every run.
pub struct Random(pub u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `n`.
    pub fn below(&mut self, n: usize) -> usize {
        (self.next() % n.max(1) as u64) as usize
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
const NUMBERS: [i64; 16] =
    [0, 0, 1, 1, 2, -1, 3, 8, 63, 64, 0xff, 0x100, 0x8000_0000, 0xffff_ffff, i64::MIN, i64::MAX];
/// Helpers without arguments; the last ones differ from call to call.
const HELPERS: [u32; 8] = [8, 14, 15, 35, 80, 158, 5, 7];

/// What programs use.
const DATA: &str = r#"
license "GPL"
map0 = hash "map0" key 8 value 8 max 64
map1 = array "map1" key 4 value 8 max 64
map2 = ringbuf "map2" key 0 value 0 max 4096
global0 = bss "g" zero 16
kfunc0 = "k" args 2
"#;

struct Generator<'m, 'r> {
    b: Builder<'m>,
    r: &'r mut Random,
    /// Values that dominate the place.
    values: Vec<Value>,
    variables: Vec<Slot>,
    buffer: Slot,
    key: Slot,
    fuel: usize,
}

/// A module with one program, made from `seed`.
pub fn module(seed: u64) -> Module {
    let mut module = btc_ir::parse(DATA).expect("the text is right");
    let mut r = Random(seed);
    let kind = FunctionKind::Program { section: "kprobe/x".into(), guard: None };
    let mut b = Builder::new(&mut module, "p", kind, 1, Default::default());
    let variables: Vec<Slot> = (0..1 + r.below(4)).map(|_| b.slot(8)).collect();
    let (buffer, key) = (b.slot(32), b.slot(8));
    let first = b.iconst(7);
    for slot in &variables {
        let address = b.slot_addr(*slot);
        b.store(Width::B8, address, 0, first);
    }
    let address = b.slot_addr(buffer);
    b.clear(address, 0, 32);
    let fuel = 5 + r.below(60);
    let mut g = Generator { b, r: &mut r, values: vec![first], variables, buffer, key, fuel };
    g.body(0);
    let result = g.any();
    g.b.ret(result);
    let function = g.b.finish();
    module.add_function(function);
    module
}

/// The late constant of the context's field `n`, whose offset is `8 * n`.
fn field(n: usize) -> Late {
    let path = vec![PathStep::Member { name: format!("f{n}"), record: None }];
    let leaf = Leaf::Int { size: 8, signed: false };
    Late::Field { record: "context".into(), union: false, path, leaf, fact: Fact::ByteOffset }
}

impl Generator<'_, '_> {
    fn any(&mut self) -> Value {
        let recent = self.values.len().min(5);
        if self.r.below(4) > 0 {
            self.values[self.values.len() - 1 - self.r.below(recent)]
        } else {
            self.r.pick(&self.values)
        }
    }

    fn body(&mut self, depth: usize) {
        let outer = self.values.len();
        for _ in 0..1 + self.r.below(12) {
            if self.fuel == 0 {
                break;
            }
            self.fuel -= 1;
            match self.r.below(12) {
                0 | 1 if depth < 4 => self.branch(depth),
                2 if depth < 3 => self.repeat(depth),
                3..=5 => self.effect(),
                _ => {
                    let v = self.pure();
                    self.values.push(v);
                }
            }
        }
        if depth > 0 {
            self.values.truncate(outer);
        }
    }

    fn constant(&mut self) -> Value {
        let n = self.r.pick(&NUMBERS);
        self.b.iconst(n)
    }

    fn pure(&mut self) -> Value {
        let (x, y) = (self.any(), self.any());
        let ctx = self.b.param(0);
        match self.r.below(16) {
            0 => self.constant(),
            1..=3 => {
                let op = self.r.pick(&BINS);
                self.b.bin(op, x, y)
            }
            4..=6 => {
                let (op, n) = (self.r.pick(&BINS), self.constant());
                let (a, b) = if self.r.below(4) == 0 { (n, x) } else { (x, n) };
                self.b.bin(op, a, b)
            }
            7 => {
                let (cond, y) = (self.r.pick(&CONDS), if self.r.below(2) == 0 { self.constant() } else { y });
                self.b.cmp(cond, x, y)
            }
            8 => {
                let bits = self.r.pick(&[8u8, 16, 32]);
                self.b.push(if self.r.below(2) == 0 {
                    Op::SignExtend(bits, x)
                } else {
                    Op::ZeroExtend(bits, x)
                })
            }
            9 => {
                let bits = self.r.pick(&[16, 32, 64]);
                self.b.push(Op::ByteSwap(bits, x))
            }
            10 => {
                let n = self.r.pick(&NUMBERS) as u32;
                self.b.push(Op::UMin(x, u64::from(n)))
            }
            11 => {
                let n = self.r.below(FIELDS);
                self.b.load_late(Width::B8, ctx, field(n))
            }
            12 => {
                let (width, n) = (self.r.pick(&WIDTHS), self.r.below(FIELDS) as i32);
                self.b.load(width, ctx, 8 * n)
            }
            13 => {
                let helper = self.r.pick(&HELPERS);
                self.b.helper(helper, &[])
            }
            14 => {
                let slot = self.r.pick(&self.variables);
                let address = self.b.slot_addr(slot);
                self.b.load(Width::B8, address, 0)
            }
            _ => {
                let (width, offset) = (self.r.pick(&WIDTHS), self.r.pick(&[0, 8, 16]));
                let address = self.b.slot_addr(self.buffer);
                self.b.load(width, address, offset)
            }
        }
    }

    fn effect(&mut self) {
        let v = self.any();
        let buffer = self.b.slot_addr(self.buffer);
        match self.r.below(16) {
            10..=12 => {
                // A round trip through memory, with or without something between.
                let offset = self.r.pick(&[0, 8, 16]);
                self.b.store(Width::B8, buffer, offset, v);
                if self.r.below(2) == 0 {
                    self.effect();
                }
                let again = self.b.slot_addr(self.buffer);
                let loaded = self.b.load(Width::B8, again, offset);
                self.values.push(loaded);
            }
            13 => {
                let (width, n) = (self.r.pick(&[Width::B4, Width::B8]), self.r.pick(&[0, 8, 16]));
                self.b.push(Op::AtomicAdd(width, Memory { base: buffer, offset: n }, v));
            }
            14 => self.b.clear(buffer, 4, 9),
            15 => {
                let len = self.b.iconst(16);
                self.b.helper(16, &[buffer, len]);
            }
            0..=3 => {
                let slot = self.r.pick(&self.variables);
                let address = self.b.slot_addr(slot);
                self.b.store(Width::B8, address, 0, v);
            }
            4 => {
                let (width, offset) = (self.r.pick(&WIDTHS), self.r.pick(&[0, 4, 8, 16]));
                self.b.store(width, buffer, offset, v);
            }
            5 => {
                let from = Memory { base: buffer, offset: 0 };
                self.b.copy(Memory { base: buffer, offset: 16 }, from, 12);
            }
            6 => {
                let global = self.b.global_addr(btc_ir::GlobalId(0));
                self.b.push(Op::AtomicAdd(Width::B8, Memory { base: global, offset: 8 }, v));
            }
            7 => {
                let (map, len, flags) = (self.b.map_addr(MapId(2)), self.b.iconst(32), self.b.iconst(0));
                self.b.helper(130, &[map, buffer, len, flags]);
            }
            8 => self.update(v, buffer),
            _ => self.kfunc(v),
        }
    }

    /// Updates a map, then adds to the element when it is there.
    fn update(&mut self, v: Value, buffer: Value) {
        let map = MapId(self.r.below(2) as u32);
        let key = self.b.bin_imm(BinOp::And, v, 7);
        let address = self.b.slot_addr(self.key);
        self.b.store(Width::B8, address, 0, key);
        // Sometimes by arithmetic, so that the passes cannot know all that points there.
        let at = self.b.bin(BinOp::And, v, address);
        let zero = self.b.bin(BinOp::Xor, at, at);
        let key = if self.r.below(4) == 0 { self.b.bin(BinOp::Add, address, zero) } else { address };
        let (map, flags) = (self.b.map_addr(map), self.b.iconst(0));
        self.b.helper(2, &[map, key, buffer, flags]);
        let map_again = self.b.map_addr(MapId(0));
        let found = self.b.helper(1, &[map_again, key]);
        let (then, join) = (self.b.block(0), self.b.block(0));
        self.b.branch_imm(Cond::Ne, found, 0, then, join);
        self.b.switch_to(then);
        let old = self.b.load(Width::B8, found, 0);
        let new = self.b.bin(BinOp::Add, old, v);
        self.b.store(Width::B8, found, 0, new);
        self.b.jump(join, &[]);
        self.b.switch_to(join);
    }

    /// Calls a kernel function under its guard; the value goes to a variable.
    fn kfunc(&mut self, v: Value) {
        let id = self.b.module.kfunc("k", 2);
        let address = self.b.push(Op::KfuncAddr(id));
        let (then, join) = (self.b.block(0), self.b.block(0));
        self.b.branch_imm(Cond::Ne, address, 0, then, join);
        self.b.switch_to(then);
        let sum = self.b.call(Callee::Kfunc(id), &[v, v]);
        let slot = self.r.pick(&self.variables);
        let variable = self.b.slot_addr(slot);
        self.b.store(Width::B8, variable, 0, sum);
        self.b.jump(join, &[]);
        self.b.switch_to(join);
    }

    /// An `if`, with or without a value, on a number or on a comparison's result.
    fn branch(&mut self, depth: usize) {
        let (x, y) = (self.any(), if self.r.below(2) == 0 { self.constant() } else { self.any() });
        let mut cond = self.r.pick(&CONDS);
        let (mut left, mut right) = (x, y);
        if self.r.below(2) == 0 {
            left = self.b.cmp(cond, x, y);
            let n = self.r.below(2) as i64;
            right = self.b.iconst(n);
            cond = self.r.pick(&CONDS);
        }
        let (then, otherwise, join) = (self.b.block(0), self.b.block(0), self.b.block(1));
        self.b.branch(cond, left, right, then, otherwise);
        for block in [then, otherwise] {
            self.b.switch_to(block);
            if self.r.below(3) > 0 {
                self.body(depth + 1);
            }
            let v = if self.r.below(2) == 0 { self.constant() } else { self.any() };
            if self.r.below(12) == 0 {
                self.b.ret(v);
            }
            self.b.jump(join, &[v]);
        }
        self.b.switch_to(join);
        let v = self.b.block_param(join, 0);
        self.values.push(v);
    }

    /// A loop of a few turns with two values carried.
    fn repeat(&mut self, depth: usize) {
        let (zero, start) = (self.b.iconst(0), self.any());
        let (head, body, end) = (self.b.block(2), self.b.block(0), self.b.block(0));
        self.b.jump(head, &[zero, start]);
        self.b.switch_to(head);
        let (n, carried) = (self.b.block_param(head, 0), self.b.block_param(head, 1));
        let turns = self.r.below(5) as i64;
        self.b.branch_imm(Cond::ULt, n, turns, body, end);
        self.b.switch_to(body);
        let outer = self.values.len();
        self.values.extend([n, carried]);
        self.body(depth + 1);
        let next = self.b.bin_imm(BinOp::Add, n, 1);
        let passed = if self.r.below(2) == 0 { carried } else { self.any() };
        let jump = Jump { block: head, args: vec![next, passed] };
        if self.r.below(3) == 0 {
            let (x, y) = (self.any(), self.any());
            let at = self.b.current();
            let leave = Jump { block: end, args: Vec::new() };
            let cond = self.r.pick(&CONDS);
            let end = Terminator::Branch { cond, left: x, right: y, then: jump, otherwise: leave };
            self.b.func.blocks[at.index()].terminator.get_or_insert(end);
        } else {
            self.b.jump(head, &jump.args);
        }
        self.values.truncate(outer);
        self.values.push(carried);
        self.b.switch_to(end);
    }
}
