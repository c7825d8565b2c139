//! Makes statements.

use crate::generate::{Generator, Var};
use crate::tree::{Expr, Holds, Kind, MapInfo, Op, Piece, Stmt};
use crate::typing::{OF_LITERALS, binary, cast, choice, compare, divides_signed, expr, flexible, number, signed_result, truth};
use crate::value::{I64, Ty, U64, join};

/// Most variables in scope.
const MOST_VARS: usize = 12;

impl Generator {
    /// Statements in a scope of their own, at least one.
    pub fn statements(&mut self, most: usize) -> Vec<Stmt> {
        let scope = self.vars.len();
        self.depth += 1;
        let mut all = Vec::new();
        for _ in 0..1 + self.random.below(most) {
            self.statement(&mut all);
        }
        self.depth -= 1;
        self.vars.truncate(scope);
        all
    }

    fn inner(&mut self) -> Vec<Stmt> {
        self.statements(3)
    }

    fn statement(&mut self, out: &mut Vec<Stmt>) {
        if let Some(side) = self.side.filter(|_| self.random.one_in(5)) {
            let texts = side.statements();
            let text = *self.random.pick(&texts);
            // A block needs no semicolon, which does no harm.
            return out.push(Stmt::Side(text.to_string()));
        }
        let deep = self.depth > 3;
        match self.random.below(22) {
            0..=3 => self.declare(out),
            4 => self.assign(out),
            5 => self.assign_op(out),
            6 | 7 => {
                let info = self.random.pick(&self.maps).clone();
                out.push(self.assign_map(info));
            }
            8 => self.assign_map_op(out),
            9..=12 => out.push(self.print()),
            13 if !deep => {
                let (condition, then) = (self.condition(2), self.inner());
                let otherwise = if self.random.one_in(2) { self.inner() } else { Vec::new() };
                out.push(Stmt::If(condition, then, otherwise));
            }
            14 if !deep => self.for_range(out),
            15 if !deep => self.for_map(out),
            16 if !deep => {
                let name = self.name("$w");
                let limit = number(self.random.below(5) as i64, false);
                let counter = expr(Kind::Var(name.clone()), I64);
                let condition = compare(crate::tree::Cmp::Lt, counter, limit);
                let condition = self.touched(condition);
                let body = self.repeated(&name, I64);
                out.push(Stmt::While(name, condition, body));
            }
            17 if !deep && self.random.one_in(2) => {
                self.loops += 1;
                let body = self.inner();
                self.loops -= 1;
                out.push(Stmt::Unroll(1 + self.random.below(3) as u64, body));
            }
            18 if !deep => {
                let condition = self.known();
                out.push(Stmt::Comptime(condition, self.inner(), self.inner()));
            }
            19 if !deep && self.random.one_in(2) => out.push(Stmt::Block(self.inner())),
            20 => self.jump(out),
            _ => self.discard(out),
        }
    }

    /// A condition known at compile time.
    fn known(&mut self) -> Expr {
        match self.random.below(3) {
            0 => truth(self.random.one_in(2)),
            1 => {
                let size = expr(Kind::Known("sizeof(struct S)".into(), crate::value::Val::Num(8)), I64);
                compare(crate::tree::Cmp::Eq, size, number(4 + 4 * self.random.below(2) as i64, false))
            }
            _ => compare(crate::tree::Cmp::Lt, number(self.random.below(4) as i64, false), number(2, false)),
        }
    }

    /// A value for a variable or map: texts in it do not grow, for the variable may be read in it.
    fn value(&mut self, ty: &Ty, depth: usize) -> Expr {
        // A value may be within another, by a statement in its midst.
        let joins = std::mem::replace(&mut self.joins, false);
        let e = self.of(ty, depth);
        self.joins = joins;
        e
    }

    fn declare(&mut self, out: &mut Vec<Stmt>) {
        if self.vars.len() >= MOST_VARS {
            return out.push(self.print());
        }
        if self.random.one_in(8) {
            return self.declare_of_literals(out);
        }
        let fixed = self.random.one_in(3);
        let ty = if fixed && self.random.one_in(2) { U64 } else { self.value_type(2) };
        let name = self.name("$v");
        let value = self.value(&ty, 2);
        let written = match &ty {
            Ty::Str => "string[1024]".to_string(),
            ty => ty.name(),
        };
        let written = Some(written).filter(|w| !w.is_empty());
        match self.random.below(6) {
            0 => out.push(Stmt::Let(name.clone(), written, Some(value), ty.clone())),
            1 => out.push(Stmt::Let(name.clone(), None, Some(value), ty.clone())),
            2 if written.is_some() => out.push(Stmt::Let(name.clone(), written, None, ty.clone())),
            3 => {
                out.push(Stmt::Let(name.clone(), None, None, ty.clone()));
                out.push(Stmt::Set(name.clone(), value));
            }
            4 if ty.is_int() => {
                // The type is that of the wider value, or of the one that is no literal.
                out.push(Stmt::Set(name.clone(), number(self.random.below(100) as i64, false)));
                out.push(Stmt::Set(name.clone(), value));
            }
            _ => out.push(Stmt::Set(name.clone(), value)),
        }
        self.vars.push(Var { name, ty, fixed });
    }

    /// A variable that only literals are assigned to, none below 0: it takes the sign of what it meets.
    fn declare_of_literals(&mut self, out: &mut Vec<Stmt>) {
        let name = self.name(OF_LITERALS);
        let mut ty = Ty::Int(1, true);
        for most in [100, 100_000].into_iter().take(1 + self.random.below(2)) {
            let value = match self.random.below(3) {
                0 => choice(self.condition(1), number(self.random.below(most) as i64, false), number(7, false)),
                _ => number(self.random.below(most) as i64, false),
            };
            ty = join(&ty, &value.ty);
            out.push(Stmt::Set(name.clone(), value));
        }
        self.vars.push(Var { name, ty, fixed: true });
    }

    fn assign(&mut self, out: &mut Vec<Stmt>) {
        match self.changeable(|_| true) {
            Some(v) => {
                let value = self.value(&v.ty, 2);
                out.push(Stmt::Set(v.name, value));
            }
            None => self.declare(out),
        }
    }

    fn assign_op(&mut self, out: &mut Vec<Stmt>) {
        let Some(v) = self.changeable(|ty| matches!(ty, Ty::Int(8, _))) else { return self.declare(out) };
        let op = *self.random.pick(&[Op::Add, Op::Mul, Op::And, Op::Or, Op::Xor, Op::Shl, Op::Shr, Op::Div, Op::Mod]);
        let value = self.operand(op, &v.ty);
        let left = expr(Kind::Var(v.name.clone()), v.ty.clone());
        let signed = divides_signed(op, signed_result(op, &left, &value), &left, &value);
        out.push(Stmt::SetOp(v.name, op, signed, value, v.ty));
    }

    /// The right side of `op=`, of the variable's own type.
    fn operand(&mut self, op: Op, ty: &Ty) -> Expr {
        match op {
            Op::Shl | Op::Shr => binary(Op::And, self.int(1), number(63, false)),
            _ => match self.of(ty, 1) {
                e if matches!(op, Op::Div | Op::Mod) && e.literal == Some(0) => cast(ty, number(3, false)),
                e => e,
            },
        }
    }

    /// An assignment of a map, plain or of an aggregation.
    pub fn assign_map(&mut self, info: MapInfo) -> Stmt {
        let keys = self.keys_of(&info.keys);
        match info.holds {
            Holds::Plain(ty) => {
                let value = self.value(&ty, 2);
                Stmt::SetMap(info.name, keys, value)
            }
            Holds::Aggregate("count", _) => Stmt::Aggregate(info.name, keys, None),
            Holds::Aggregate(_, signed) => {
                let small = self.random.one_in(2);
                let value = self.int(1);
                let value = if small { binary(Op::Mod, value, number(150, false)) } else { value };
                Stmt::Aggregate(info.name, keys, Some(cast(&Ty::Int(8, signed), value)))
            }
        }
    }

    /// A statement that changes a variable or a map, or prints: for blocks in expressions.
    pub fn effect(&mut self) -> Stmt {
        let var = self.effect_var();
        match (self.random.below(5), var, self.maps.is_empty()) {
            (0, Some(v), _) if matches!(v.ty, Ty::Int(8, _)) => {
                Stmt::Discard(expr(Kind::StepVar(v.name, 1, self.random.one_in(2)), v.ty))
            }
            (0..=2, Some(v), _) => {
                let value = self.value(&v.ty, 0);
                Stmt::Set(v.name, value)
            }
            (0..=3, _, false) => {
                let info = self.random.pick(&self.maps).clone();
                self.assign_map(info)
            }
            _ => Stmt::Print(number(self.random.below(100) as i64, false)),
        }
    }

    fn assign_map_op(&mut self, out: &mut Vec<Stmt>) {
        let Some(n) = self.map_of(|h, _| *h == Holds::Plain(I64)) else { return self.declare(out) };
        let op = *self.random.pick(&[Op::Add, Op::Sub, Op::Mul, Op::And, Op::Or, Op::Xor, Op::Div]);
        let (name, keys) = (self.maps[n].name.clone(), self.keys(n));
        let value = self.operand(op, &I64);
        out.push(Stmt::SetMapOp(name, keys, op, value));
    }

    fn print(&mut self) -> Stmt {
        match self.random.below(4) {
            0 => self.printf(),
            1 => shown(self.int(3)),
            2 => {
                let ty = self.value_type(2);
                shown(self.of(&ty, 2))
            }
            _ => match self.random.below(3) {
                0 => shown(self.condition(3)),
                1 => shown(self.text(2)),
                _ => shown(self.int(2)),
            },
        }
    }

    fn printf(&mut self) -> Stmt {
        let (mut pieces, mut args) = (vec![Piece::Text("|".into())], Vec::new());
        for _ in 0..self.random.below(4) {
            let letter = *self.random.pick(&['d', 'u', 'x', 'X', 'o', 's', 's', 'd', 'c']);
            let (flags, length): (&[&str], &[&str]) = match letter {
                'd' => (&["", "-", "0", "+"], &["", "h", "hh", "l", "ll"]),
                'u' => (&["", "-", "0"], &["", "h", "hh", "l", "ll"]),
                'x' | 'X' | 'o' => (&["", "-", "0", "#"], &["", "h", "hh", "l", "ll"]),
                _ => (&["", "-"], &[""]),
            };
            let (flags, length) = (*self.random.pick(flags), *self.random.pick(length));
            let width = if flags.is_empty() && self.random.one_in(2) { 0 } else { 1 + self.random.below(20) };
            pieces.push(Piece::Conversion { flags, width, length, letter });
            pieces.push(Piece::Text("|".into()));
            args.push(match letter {
                's' => self.text(2),
                'c' => binary(Op::Add, binary(Op::And, self.int(1), number(15, false)), number(65, false)),
                _ if self.random.one_in(8) => self.condition(1),
                _ => self.int(2),
            });
        }
        Stmt::Printf(pieces, args)
    }

    /// The body of a loop whose counter nothing assigns.
    fn repeated(&mut self, counter: &str, ty: Ty) -> Vec<Stmt> {
        self.vars.push(Var { name: counter.to_string(), ty, fixed: true });
        self.loops += 1;
        let body = self.inner();
        self.loops -= 1;
        self.vars.pop();
        body
    }

    fn for_range(&mut self, out: &mut Vec<Stmt>) {
        let start = self.random.below(7) as i64 - 3;
        let end = start + self.random.below(6) as i64 - 1;
        let (from, mut to) = (number(start, false), number(end, false));
        if self.random.one_in(3) {
            // A bound that the compiler does not know.
            to = binary(Op::And, self.int(1), number(7, false));
        }
        // Between literals the counter is of literals, and beside one, what the other bound is.
        let literals = start >= 0 && flexible(&to);
        let name = self.name(if literals { OF_LITERALS } else { "$i" });
        let ty = if start >= 0 && to.ty == U64 { U64 } else { I64 };
        let body = self.repeated(&name, ty);
        out.push(Stmt::For(name, from, to, body));
    }

    /// Maps have no order: the body may do only what gives the same in any.
    fn for_map(&mut self, out: &mut Vec<Stmt>) {
        let simple = |h: &Holds, keys| match h {
            Holds::Plain(_) => keys > 0,
            Holds::Aggregate(name, _) => keys > 0 && matches!(*name, "count" | "sum"),
        };
        let Some(n) = self.map_of(simple) else { return self.assign(out) };
        let target = self.changeable(|ty| *ty == I64);
        let info = self.maps[n].clone();
        let key = if info.keys.len() == 1 { info.keys[0].clone() } else { Ty::Tuple(info.keys.clone()) };
        let value = match &info.holds {
            Holds::Plain(ty) => ty.clone(),
            Holds::Aggregate(_, signed) => Ty::Int(8, *signed),
        };
        let name = self.name("$kv");
        let element = Var { name: name.clone(), ty: Ty::Tuple(vec![key, value]), fixed: true };
        // Only the element is seen, no map and nothing that the body changes.
        let vars = std::mem::replace(&mut self.vars, vec![element]);
        let maps = std::mem::take(&mut self.maps);
        let pure = std::mem::replace(&mut self.pure, true);
        let number = cast(&I64, self.int(2));
        let condition = self.condition(2);
        (self.vars, self.maps, self.pure) = (vars, maps, pure);
        let stmt = match (target, self.map_of(|h, keys| keys == 0 && matches!(h, Holds::Aggregate(_, true)))) {
            (Some(v), _) => {
                let left = expr(Kind::Var(v.name.clone()), I64);
                let signed = signed_result(Op::Add, &left, &number);
                Stmt::SetOp(v.name, Op::Add, signed, number, I64)
            }
            (None, Some(n)) => Stmt::Aggregate(self.maps[n].name.clone(), vec![], Some(number)),
            (None, None) => return self.assign(out),
        };
        let body = if self.random.one_in(3) { vec![Stmt::If(condition, vec![stmt], vec![])] } else { vec![stmt] };
        out.push(Stmt::ForMap(name, info.name, body));
    }

    fn jump(&mut self, out: &mut Vec<Stmt>) {
        let word = if self.loops > 0 { *self.random.pick(&["break", "continue", "return"]) } else { "return" };
        let condition = self.condition(2);
        out.push(Stmt::If(condition, vec![Stmt::Jump(word)], vec![]));
    }

    fn discard(&mut self, out: &mut Vec<Stmt>) {
        let e = match (self.random.below(3), self.map_of(|_, _| true)) {
            (0, Some(n)) => {
                let keys = self.keys(n);
                expr(Kind::MapCall("delete", self.maps[n].name.clone(), keys), Ty::Bool)
            }
            (1, _) => match self.changeable(|ty| matches!(ty, Ty::Int(8, _))) {
                Some(v) => expr(Kind::StepVar(v.name, 1, self.random.one_in(2)), v.ty),
                None => self.int(2),
            },
            _ => self.int(2),
        };
        out.push(Stmt::Discard(e));
    }
}

/// `print(e)`. A map alone would be printed as it is when the record arrives.
fn shown(e: Expr) -> Stmt {
    match &e.kind {
        Kind::Map(_, keys) if keys.is_empty() => {
            let (one, ty) = (number(1, false), e.ty.clone());
            let ty = Ty::Tuple(vec![ty, one.ty.clone()]);
            Stmt::Print(expr(Kind::Parts(vec![e, one]), ty))
        }
        _ => Stmt::Print(e),
    }
}
