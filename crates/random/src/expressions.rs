//! Makes expressions.

use crate::generate::{Generator, Var};
use crate::side::CAST;
use crate::tree::{Cmp, Expr, Holds, Kind, Op, Stmt};
use crate::typing::{
    binary, cast, choice, compare, expr, folds, invert, negate, number, signed_result, text, truth, unfolded,
};
use crate::value::{ENUM, I64, Ty, U64, Val};

/// Numbers at the edges of types.
const EDGES: [i64; 20] = [
    0, 1, -1, 2, 7, 127, -128, 128, 255, 256, 32767, -32768, 65535, 65536, 2147483647, -2147483648, 4294967295,
    4294967296, i64::MAX, -9223372036854775807,
];

/// Texts of many lengths; those above 64 bytes are kept in another way.
const TEXTS: [&str; 12] = [
    "", "a", "ab", "b", "hello", "hello world", "two  spaces", "comm", "0123456789abcde",
    "a text of forty characters, more or less",
    "a text of exactly sixty-three characters, the most in one place",
    "a text that is longer than what fits in one place, which is sixty-four bytes with the NUL at its end",
];

/// Fields of the structs, as in the head of scripts: text, first bit, bits, bytes of the type, sign.
const FIELDS: [(&str, &str, u32, u32, u8, bool); 12] = [
    ("S", "a", 0, 8, 1, false),
    ("S", "b", 16, 16, 2, true),
    ("S", "u.w", 32, 32, 4, false),
    ("S", "u.h[0]", 32, 16, 2, false),
    ("S", "u.h[1]", 48, 16, 2, false),
    ("S", "u.i.p", 32, 8, 1, false),
    ("S", "u.i.q", 40, 8, 1, true),
    ("B", "c", 0, 5, 4, false),
    ("B", "d", 5, 7, 4, true),
    ("B", "e", 12, 20, 4, false),
    ("B", "f[0]", 32, 8, 1, false),
    ("B", "f[3]", 56, 8, 1, false),
];

const ARITHMETIC: [Op; 10] =
    [Op::Add, Op::Sub, Op::Mul, Op::Div, Op::Mod, Op::And, Op::Or, Op::Xor, Op::Shl, Op::Shr];

const COMPARISONS: [Cmp; 6] = [Cmp::Eq, Cmp::Ne, Cmp::Lt, Cmp::Le, Cmp::Gt, Cmp::Ge];

fn boxed(e: Expr) -> Box<Expr> {
    Box::new(e)
}

/// Keys in keys, of which each may hold three: the parser takes 200 brackets in one another.
const DEEPEST_KEYS: usize = 16;

impl Generator {
    /// A variable that passes.
    fn var(&mut self, wanted: impl Fn(&Var) -> bool) -> Option<Var> {
        let found: Vec<Var> = self.vars.iter().filter(|v| wanted(v)).cloned().collect();
        (!found.is_empty()).then(|| self.random.pick(&found).clone())
    }

    /// A variable whose value may be changed here.
    pub fn changeable(&mut self, wanted: impl Fn(&Ty) -> bool) -> Option<Var> {
        if self.pure { None } else { self.var(|v| !v.fixed && wanted(&v.ty)) }
    }

    /// A variable that an effect may change.
    pub fn effect_var(&mut self) -> Option<Var> {
        self.var(|v| !v.fixed)
    }

    /// The number of a map that passes.
    pub fn map_of(&mut self, wanted: impl Fn(&Holds, usize) -> bool) -> Option<usize> {
        let found: Vec<usize> =
            (0..self.maps.len()).filter(|n| wanted(&self.maps[*n].holds, self.maps[*n].keys.len())).collect();
        (!found.is_empty()).then(|| *self.random.pick(&found))
    }

    /// Keys of a map.
    pub fn keys(&mut self, map: usize) -> Vec<Expr> {
        let types = self.maps[map].keys.clone();
        self.keys_of(&types)
    }

    /// Keys of these types.
    pub fn keys_of(&mut self, types: &[Ty]) -> Vec<Expr> {
        let joins = std::mem::replace(&mut self.joins, false);
        self.keyed += 1;
        let depth = usize::from(self.keyed < DEEPEST_KEYS);
        let keys = types.iter().map(|ty| self.of(ty, depth)).collect();
        self.keyed -= 1;
        self.joins = joins;
        keys
    }

    /// Now and then `{ statement; e }`: something changes, or is printed, where the expression stands.
    pub fn touched(&mut self, e: Expr) -> Expr {
        if self.pure || self.depth == 0 || !self.random.one_in(12) {
            return e;
        }
        self.pure = true;
        let stmt = self.effect();
        self.pure = false;
        let ty = e.ty.clone();
        expr(Kind::Block(vec![stmt], boxed(e)), ty)
    }

    /// A read that fails, at an address that may have effects.
    fn fault(&mut self, field: &'static str, ty: Ty) -> Expr {
        let at = cast(&I64, self.int(1));
        expr(Kind::Fault(boxed(at), field), ty)
    }

    fn literal(&mut self) -> Expr {
        let hexadecimal = self.random.one_in(6);
        let n = match self.random.below(3) {
            0 => *self.random.pick(&EDGES),
            1 => self.random.below(300) as i64 - 150,
            _ => self.random.below(10) as i64,
        };
        number(n, hexadecimal)
    }

    /// An integer from outside, where there are any.
    fn outside(&mut self) -> Option<Expr> {
        let names = self.side?.integers();
        let name = *self.random.pick(&names);
        Some(expr(Kind::Cast(boxed(expr(Kind::Side(name.into()), CAST))), CAST))
    }

    fn int_atom(&mut self) -> Expr {
        if self.side.is_some()
            && self.random.one_in(2)
            && let Some(e) = self.outside()
        {
            return e;
        }
        match self.random.below(4) {
            0 => self.literal(),
            1 => self.element_of_var(),
            _ => match self.var(|v| v.ty.is_int()) {
                Some(v) => expr(Kind::Var(v.name), v.ty),
                None => self.literal(),
            },
        }
    }

    /// A field, part or element of a variable.
    fn element_of_var(&mut self) -> Expr {
        let wanted = |v: &Var| {
            matches!(v.ty, Ty::Array(..) | Ty::Tuple(_) | Ty::Record(_)) || (v.fixed && v.ty == U64)
        };
        let Some(v) = self.var(wanted) else { return self.literal() };
        let base = expr(Kind::Var(v.name.clone()), v.ty.clone());
        match &v.ty {
            Ty::Array(bytes, signed, n) => {
                let index = if self.random.one_in(2) {
                    number(self.random.below(*n as usize) as i64, false)
                } else {
                    binary(Op::And, self.int(0), number(i64::from(*n) - 1, false))
                };
                expr(Kind::Element(boxed(base), boxed(index)), Ty::Int(*bytes, *signed))
            }
            Ty::Tuple(types) => self.part(base, &types.clone()),
            Ty::Record(types) => {
                let n = self.random.below(types.len());
                let (name, ty) = types[n].clone();
                self.number_of(expr(Kind::Part(boxed(base), n, format!(".{name}")), ty))
            }
            _ => {
                let (record, path, first, bits, bytes, signed) = *self.random.pick(&FIELDS);
                let text = format!("((struct {record} *)&{}).{path}", v.name);
                expr(Kind::Field(v.name, text, first, bits), Ty::Int(bytes, signed))
            }
        }
    }

    fn part(&mut self, base: Expr, types: &[Ty]) -> Expr {
        let n = self.random.below(types.len());
        let how = if self.random.one_in(4) { format!("[{n}]") } else { format!(".{n}") };
        self.number_of(expr(Kind::Part(boxed(base), n, how), types[n].clone()))
    }

    /// An integer made of whatever it is.
    fn number_of(&mut self, e: Expr) -> Expr {
        match e.ty.clone() {
            Ty::Int(..) => e,
            Ty::Bool | Ty::Enum => cast(&I64, e),
            Ty::Str => cast(&I64, expr(Kind::Call("strlen", vec![e]), I64)),
            Ty::Tuple(types) => self.part(e, &types),
            Ty::Record(types) => {
                let (name, ty) = types[0].clone();
                self.number_of(expr(Kind::Part(boxed(e), 0, format!(".{name}")), ty))
            }
            Ty::Array(bytes, signed, _) => {
                expr(Kind::Element(boxed(e), boxed(number(1, false))), Ty::Int(bytes, signed))
            }
        }
    }

    /// An integer of any type.
    pub fn int(&mut self, depth: usize) -> Expr {
        let e = if depth == 0 { self.int_atom() } else { self.compound(depth) };
        self.touched(e)
    }

    fn compound(&mut self, depth: usize) -> Expr {
        match self.random.below(21) {
            20 if self.random.one_in(2) => self.fault("n", I64),
            20 => self.fault("h", Ty::Int(2, true)),
            0 | 1 => {
                let ty = self.int_type();
                let inner = self.int(depth - 1);
                cast(&ty, inner)
            }
            2 => match self.int(depth - 1) {
                e if e.literal.is_some() => e,
                e => negate(e),
            },
            3 => match self.int(depth - 1) {
                e if e.literal.is_some() => e,
                e => invert(e),
            },
            4 => choice(self.condition(depth - 1), self.typed(depth - 1), self.typed(depth - 1)),
            5 => self.step(depth),
            6 | 7 => self.map_number(),
            8 => self.call_number(depth),
            9 => self.macro_call(depth),
            10 => self.block(depth),
            11 => {
                let parts = vec![self.int(depth - 1), self.text(0), self.condition(0)];
                let types: Vec<Ty> = parts.iter().map(|p| p.ty.clone()).collect();
                self.part(expr(Kind::Parts(parts), Ty::Tuple(types.clone())), &types)
            }
            12 => {
                let (op, left) = (*self.random.pick(&ARITHMETIC[..3]), self.condition(depth - 1));
                let right = if self.random.one_in(2) { self.condition(depth - 1) } else { self.int(depth - 1) };
                match binary(op, left, right) {
                    e if e.ty == Ty::Bool => cast(&I64, e),
                    e => e,
                }
            }
            _ => self.arithmetic(depth),
        }
    }

    fn arithmetic(&mut self, depth: usize) -> Expr {
        let op = *self.random.pick(&ARITHMETIC);
        let left = self.int(depth - 1);
        let right = match op {
            Op::Shl | Op::Shr => match self.random.below(2) {
                0 => number(self.random.below(64) as i64, false),
                _ => binary(Op::And, self.int(depth - 1), number(63, false)),
            },
            Op::Div | Op::Mod if self.random.one_in(2) => number(1 + self.random.below(9) as i64, false),
            _ => self.int(depth - 1),
        };
        // A literal zero is an error, and the least number by -1 has no quotient in C.
        match (op, right.literal) {
            (Op::Div | Op::Mod, Some(0)) => binary(Op::Add, left, right),
            _ => binary(op, left, right),
        }
    }

    /// An integer that is no bare literal, whose type nothing else decides.
    fn typed(&mut self, depth: usize) -> Expr {
        let e = self.int(depth);
        if e.literal.is_some() { cast(&self.int_type(), e) } else { e }
    }

    fn step(&mut self, depth: usize) -> Expr {
        let delta = if self.random.one_in(2) { 1 } else { -1 };
        let prefix = self.random.one_in(2);
        if self.random.one_in(3)
            && !self.pure
            && let Some(n) = self.map_of(|h, _| *h == Holds::Plain(I64))
        {
            let (name, keys) = (self.maps[n].name.clone(), self.keys(n));
            return expr(Kind::StepMap(name, keys, delta, prefix), I64);
        }
        // What is stepped down becomes a number with a sign.
        match self.changeable(|ty| matches!(ty, Ty::Int(8, signed) if *signed || delta > 0)) {
            Some(v) => expr(Kind::StepVar(v.name, delta, prefix), v.ty),
            None => self.int(depth - 1),
        }
    }

    /// An integer that a map holds, or something about the map.
    fn map_number(&mut self) -> Expr {
        if self.random.one_in(5)
            && let Some(n) = self.map_of(|_, keys| keys > 0)
        {
            return cast(&I64, expr(Kind::MapCall("len", self.maps[n].name.clone(), vec![]), I64));
        }
        let readable = |h: &Holds, _| match h {
            Holds::Plain(ty) => ty.is_int(),
            Holds::Aggregate(name, _) => !matches!(*name, "stats" | "hist" | "lhist"),
        };
        let Some(n) = self.map_of(readable) else { return self.literal() };
        let (info, keys) = (self.maps[n].clone(), self.keys(n));
        match info.holds {
            Holds::Plain(ty) => expr(Kind::Map(info.name, keys), ty),
            Holds::Aggregate(_, signed) => cast(&I64, expr(Kind::Map(info.name, keys), Ty::Int(8, signed))),
        }
    }

    fn call_number(&mut self, depth: usize) -> Expr {
        let d = depth - 1;
        let e = match self.random.below(5) {
            0 => expr(Kind::Call("strlen", vec![self.text(d)]), I64),
            1 => expr(Kind::Call("strstr", vec![self.text(d), self.text(d)]), I64),
            2 => {
                let e = cast(&U64, self.int(d));
                expr(Kind::Call("bswap", vec![e]), U64)
            }
            3 => match self.random.below(3) {
                0 => expr(Kind::Known("$1".into(), Val::Num(0)), I64),
                1 => expr(Kind::Known("getopt(\"n\", 7)".into(), Val::Num(7)), I64),
                _ => expr(Kind::Known("sizeof(struct S)".into(), Val::Num(8)), I64),
            },
            _ => {
                let s = *self.random.pick(&TEXTS[1..]);
                let index = number(self.random.below(s.len()) as i64, false);
                return expr(Kind::Element(boxed(text(s)), boxed(index)), Ty::Int(1, true));
            }
        };
        cast(&I64, e)
    }

    fn macro_call(&mut self, depth: usize) -> Expr {
        let d = depth - 1;
        let call = |text: String, inner: Expr| {
            let ty = inner.ty.clone();
            let literal = inner.literal;
            Expr { kind: Kind::Macro(text, boxed(inner)), ty, literal }
        };
        match self.random.below(5) {
            0 => {
                let (a, b) = (self.int(d), self.int(d));
                let a = unfolded(a, &b);
                call(format!("add_up({a}, {b})"), binary(Op::Add, a, b))
            }
            1 => {
                let two = number(2, false);
                let a = unfolded(self.int(d), &two);
                call(format!("twice({a})"), binary(Op::Mul, a, two))
            }
            2 => {
                let (c, a, b) = (self.condition(d), self.typed(d), self.typed(d));
                let c = if folds(&c) { cast(&Ty::Bool, c) } else { c };
                call(format!("pick({c}, {a}, {b})"), choice(c, a, b))
            }
            3 => match self.changeable(|ty| *ty == I64) {
                Some(v) => {
                    let n = cast(&I64, self.int(0));
                    let var = expr(Kind::Var(v.name.clone()), I64);
                    let signed = signed_result(Op::Add, &var, &n);
                    let text = format!("bump({}, {n})", v.name);
                    let body = vec![Stmt::SetOp(v.name, Op::Add, signed, n, I64)];
                    call(text, expr(Kind::Block(body, boxed(var)), I64))
                }
                None => self.literal(),
            },
            _ => {
                let inner = number(42, false);
                call(if self.random.one_in(2) { "answer" } else { "answer()" }.into(), inner)
            }
        }
    }

    /// `{ let $b = e; $b … }`
    fn block(&mut self, depth: usize) -> Expr {
        let value = self.int(depth - 1);
        let value = cast(&I64, value);
        let name = self.name("$b");
        let stmt = Stmt::Let(name.clone(), None, Some(value), I64);
        self.vars.push(Var { name, ty: I64, fixed: false });
        let result = self.int(depth - 1);
        self.vars.pop();
        let ty = result.ty.clone();
        expr(Kind::Block(vec![stmt], boxed(result)), ty)
    }

    /// An expression of a type.
    pub fn of(&mut self, ty: &Ty, depth: usize) -> Expr {
        let e = self.untouched(ty, depth);
        self.touched(e)
    }

    fn untouched(&mut self, ty: &Ty, depth: usize) -> Expr {
        if self.random.one_in(4)
            && let Some(v) = self.var(|v| v.ty == *ty)
        {
            return expr(Kind::Var(v.name), v.ty);
        }
        if self.random.one_in(5)
            && let Some(n) = self.map_of(|h, _| *h == Holds::Plain(ty.clone()))
        {
            let (name, keys) = (self.maps[n].name.clone(), self.keys(n));
            return expr(Kind::Map(name, keys), ty.clone());
        }
        if depth > 0 && self.random.one_in(10) {
            let c = self.condition(depth - 1);
            return choice(c, self.of(ty, depth - 1), self.of(ty, depth - 1));
        }
        match ty {
            Ty::Int(..) => {
                let e = self.int(depth);
                cast(ty, e)
            }
            Ty::Bool => self.condition(depth),
            Ty::Str => self.text(depth),
            Ty::Enum => {
                let (name, value) = *self.random.pick(&ENUM);
                let how = if self.random.one_in(2) { name.to_string() } else { format!("((enum Color){value})") };
                expr(Kind::Known(how, Val::Num(value as u64)), Ty::Enum)
            }
            Ty::Tuple(types) => {
                let parts = types.iter().map(|t| self.of(t, depth.saturating_sub(1))).collect();
                expr(Kind::Parts(parts), ty.clone())
            }
            Ty::Record(types) => {
                let parts = types.iter().map(|(_, t)| self.of(t, depth.saturating_sub(1))).collect();
                expr(Kind::Parts(parts), ty.clone())
            }
            Ty::Array(..) => {
                let whole = Ty::Int(8, self.random.one_in(2));
                let inner = self.of(&whole, depth);
                cast(ty, inner)
            }
        }
    }

    /// A truth value.
    pub fn condition(&mut self, depth: usize) -> Expr {
        if depth == 0 {
            return match (self.random.below(3), self.var(|v| v.ty == Ty::Bool)) {
                (0, _) => truth(self.random.one_in(2)),
                (1, Some(v)) => expr(Kind::Var(v.name), Ty::Bool),
                _ => compare(*self.random.pick(&COMPARISONS), self.int(0), self.int(0)),
            };
        }
        let (d, pure) = (depth - 1, self.pure);
        match self.random.below(14) {
            0 | 1 => expr(Kind::Logic(self.random.one_in(2), boxed(self.condition(d)), boxed(self.condition(d))), Ty::Bool),
            2 => expr(Kind::Not(boxed(self.condition(d))), Ty::Bool),
            3 | 4 => expr(Kind::Same(self.random.one_in(2), boxed(self.text(d)), boxed(self.text(d))), Ty::Bool),
            5 => expr(Kind::Call("strcontains", vec![self.text(d), self.text(d)]), Ty::Bool),
            6 => {
                let n = number(self.random.below(12) as i64, false);
                let e = expr(Kind::Call("strncmp", vec![self.text(d), self.text(d), n]), I64);
                compare(if self.random.one_in(2) { Cmp::Eq } else { Cmp::Ne }, e, number(0, false))
            }
            7 => match self.map_of(|_, keys| keys > 0 || !pure) {
                Some(n) => {
                    let (name, keys) = (self.maps[n].name.clone(), self.keys(n));
                    let asks = pure || !keys.is_empty() && self.random.one_in(2);
                    let call = if asks { "has_key" } else { "delete" };
                    expr(Kind::MapCall(call, name, keys), Ty::Bool)
                }
                None => truth(true),
            },
            8 => {
                let ty = match self.random.below(3) {
                    0 => Ty::Array(2, false, 4),
                    _ => Ty::Tuple(vec![self.int_type(), Ty::Str, Ty::Bool]),
                };
                expr(Kind::Same(self.random.one_in(2), boxed(self.of(&ty, d)), boxed(self.of(&ty, d))), Ty::Bool)
            }
            9 => {
                let (a, b) = (self.of(&Ty::Enum, d), self.of(&Ty::Enum, d));
                compare(if self.random.one_in(2) { Cmp::Eq } else { Cmp::Ne }, a, b)
            }
            10 => cast(&Ty::Bool, self.int(d)),
            11 => {
                let op = *self.random.pick(&[Op::And, Op::Or, Op::Xor, Op::Mul, Op::Shr]);
                match binary(op, self.condition(d), self.condition(d)) {
                    e if e.ty == Ty::Bool => e,
                    e => cast(&Ty::Bool, e),
                }
            }
            _ => compare(*self.random.pick(&COMPARISONS), self.int(d), self.int(d)),
        }
    }

    /// A string.
    pub fn text(&mut self, depth: usize) -> Expr {
        let e = self.string(depth);
        self.touched(e)
    }

    fn string(&mut self, depth: usize) -> Expr {
        if depth > 0 && self.random.one_in(10) {
            return self.fault("name", Ty::Str);
        }
        if let Some(side) = self.side.filter(|_| self.random.one_in(3)) {
            let names = side.texts();
            return expr(Kind::Side(self.random.pick(&names).to_string()), Ty::Str);
        }
        match self.random.below(if depth == 0 { 6 } else { 9 }) {
            0 | 1 => match self.var(|v| v.ty == Ty::Str) {
                Some(v) => expr(Kind::Var(v.name), Ty::Str),
                None => text(self.random.pick::<&str>(&TEXTS)),
            },
            2 if self.random.one_in(3) => expr(Kind::Known("str($2)".into(), Val::Str(String::new())), Ty::Str),
            2 if self.random.one_in(3) => {
                expr(Kind::Known("getopt(\"s\", \"word\")".into(), Val::Str("word".into())), Ty::Str)
            }
            6 => match self.map_of(|h, _| *h == Holds::Plain(Ty::Str)) {
                Some(n) => {
                    let (name, keys) = (self.maps[n].name.clone(), self.keys(n));
                    expr(Kind::Map(name, keys), Ty::Str)
                }
                None => text(self.random.pick::<&str>(&TEXTS)),
            },
            7 if self.joins => {
                expr(Kind::Call("str_concat", vec![self.text(depth - 1), self.text(depth - 1)]), Ty::Str)
            }
            8 => choice(self.condition(depth - 1), self.text(depth - 1), self.text(depth - 1)),
            _ => text(self.random.pick::<&str>(&TEXTS)),
        }
    }
}
