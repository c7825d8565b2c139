//! What a script prints, computed from its tree by the rules of the language: nothing of
//! the compiler is used here.

use std::collections::{BTreeMap, HashMap};

use crate::tree::{Cmp, Expr, Holds, Kind, MapInfo, Op, Piece, Script, Stmt};
use crate::value::{Ty, Val, extend, order};

/// Most statements and expressions of a run.
const STEPS: u32 = 200_000;
/// Most lines that a run prints.
const LINES: usize = 400;

/// The run takes too long or prints too much to be of use.
#[derive(Debug)]
pub struct TooMuch;

/// What a script leaves behind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Lines printed, in order.
    pub lines: Vec<String>,
    /// Lines of the maps at the end, sorted.
    pub maps: Vec<String>,
    /// Reads that failed; of a run, those that it told of.
    pub failed_reads: u64,
}

/// How a statement ends.
#[derive(PartialEq)]
enum Flow {
    Next,
    Jump(&'static str),
}

/// Numbers that an aggregation has seen.
#[derive(Clone, Default)]
struct Seen {
    numbers: Vec<u64>,
}

/// What a map holds under a key.
#[derive(Clone)]
enum Held {
    Plain(Val),
    Aggregate(Seen),
}

type Entries = Vec<(Vec<Val>, Held)>;

struct Oracle<'s> {
    script: &'s Script,
    vars: HashMap<&'s str, Val>,
    maps: BTreeMap<&'s str, Entries>,
    lines: Vec<String>,
    failed_reads: u64,
    steps: u32,
}

/// Runs a script.
pub fn run(script: &Script) -> Result<Outcome, TooMuch> {
    let maps = script.maps.iter().map(|m| (m.name.as_str(), Vec::new())).collect();
    let mut oracle = Oracle { script, vars: HashMap::new(), maps, lines: Vec::new(), failed_reads: 0, steps: STEPS };
    for probe in &script.probes {
        let passed = match &probe.predicate {
            Some(e) => oracle.eval(e)?.num() != 0,
            None => true,
        };
        if passed {
            oracle.body(&probe.body)?;
        }
    }
    let mut maps: Vec<String> = script.maps.iter().flat_map(|m| oracle.map_lines(m)).collect();
    maps.sort_unstable();
    Ok(Outcome { lines: oracle.lines, maps, failed_reads: oracle.failed_reads })
}

/// `a op b` over 64 bits; division by zero yields 1.
pub fn compute(op: Op, signed: bool, a: u64, b: u64) -> u64 {
    let (sa, sb) = (a as i64, b as i64);
    match op {
        Op::Add => a.wrapping_add(b),
        Op::Sub => a.wrapping_sub(b),
        Op::Mul => a.wrapping_mul(b),
        Op::Div | Op::Mod if b == 0 => 1,
        Op::Div if signed => sa.wrapping_div(sb) as u64,
        Op::Div => a / b,
        Op::Mod if signed => sa.wrapping_rem(sb) as u64,
        Op::Mod => a % b,
        Op::And => a & b,
        Op::Or => a | b,
        Op::Xor => a ^ b,
        Op::Shl => a.wrapping_shl(b as u32),
        Op::Shr if signed => sa.wrapping_shr(b as u32) as u64,
        Op::Shr => a.wrapping_shr(b as u32),
    }
}

fn compare(op: Cmp, signed: bool, a: u64, b: u64) -> bool {
    let order = order(signed, a, b);
    match op {
        Cmp::Eq => order.is_eq(),
        Cmp::Ne => order.is_ne(),
        Cmp::Lt => order.is_lt(),
        Cmp::Le => order.is_le(),
        Cmp::Gt => order.is_gt(),
        Cmp::Ge => order.is_ge(),
    }
}

/// A value as another type: integers are cut and extended, or cut into array elements.
fn cast(from: &Ty, to: &Ty, value: Val) -> Val {
    if from == to {
        return value;
    }
    match (from, to, &value) {
        (_, Ty::Array(bytes, signed, n), Val::Num(all)) => {
            let bits = u32::from(*bytes) * 8;
            Val::Many((0..*n).map(|i| Val::Num(extend(all >> (i * bits), bits, *signed))).collect())
        }
        (Ty::Array(bytes, ..), _, Val::Many(parts)) => {
            let bits = u32::from(*bytes) * 8;
            let all = parts.iter().enumerate().fold(0, |n, (i, p)| n | extend(p.num(), bits, false) << (i as u32 * bits));
            Val::Num(to.wrap(all))
        }
        (_, _, Val::Num(n)) => Val::Num(to.wrap(*n)),
        _ => value,
    }
}

impl<'s> Oracle<'s> {
    fn step(&mut self) -> Result<(), TooMuch> {
        self.steps = self.steps.checked_sub(1).ok_or(TooMuch)?;
        Ok(())
    }

    fn info(&self, map: &str) -> &'s MapInfo {
        let script = self.script;
        script.maps.iter().find(|m| m.name == map).unwrap_or_else(|| panic!("{map} is no map of the script"))
    }

    fn numbers(&mut self, e: &'s Expr) -> Result<u64, TooMuch> {
        Ok(self.eval(e)?.num())
    }

    fn all(&mut self, all: &'s [Expr]) -> Result<Vec<Val>, TooMuch> {
        all.iter().map(|e| self.eval(e)).collect()
    }

    fn eval(&mut self, e: &'s Expr) -> Result<Val, TooMuch> {
        self.step()?;
        Ok(match &e.kind {
            Kind::Known(_, value) => value.clone(),
            Kind::Side(text) => panic!("{text} is not for the oracle"),
            Kind::Var(name) => self.vars.get(name.as_str()).cloned().unwrap_or_else(|| e.ty.zero()),
            Kind::Bin(op, signed, a, b) => Val::Num(compute(*op, *signed, self.numbers(a)?, self.numbers(b)?)),
            Kind::Cmp(op, signed, a, b) => {
                Val::Num(u64::from(compare(*op, *signed, self.numbers(a)?, self.numbers(b)?)))
            }
            Kind::Same(equal, a, b) => Val::Num(u64::from((self.eval(a)? == self.eval(b)?) == *equal)),
            Kind::Logic(and, a, b) => {
                let left = self.numbers(a)? != 0;
                Val::Num(u64::from(if left == *and { self.numbers(b)? != 0 } else { left }))
            }
            Kind::Neg(a) => Val::Num(e.ty.wrap(self.numbers(a)?.wrapping_neg())),
            Kind::Invert(a) => Val::Num(e.ty.wrap(!self.numbers(a)?)),
            Kind::Not(a) => Val::Num(u64::from(self.numbers(a)? == 0)),
            Kind::Cast(a) => cast(&a.ty, &e.ty, self.eval(a)?),
            Kind::Choice(c, a, b) => {
                let chosen = if self.numbers(c)? != 0 { a } else { b };
                cast(&chosen.ty, &e.ty, self.eval(chosen)?)
            }
            Kind::Fault(at, _) => {
                self.eval(at)?;
                self.failed_reads += 1;
                e.ty.zero()
            }
            Kind::Parts(parts) => Val::Many(self.all(parts)?),
            Kind::Part(a, n, _) => self.eval(a)?.parts()[*n].clone(),
            Kind::Element(a, i) => {
                let whole = self.eval(a)?;
                let index = self.numbers(i)? as usize;
                match whole {
                    Val::Str(s) => Val::Num(s.as_bytes().get(index).map_or(0, |b| u64::from(*b))),
                    other => other.parts()[index].clone(),
                }
            }
            Kind::Field(var, _, first, bits) => {
                let all = self.vars.get(var.as_str()).map_or(0, Val::num);
                Val::Num(extend(all >> first, *bits, e.ty.is_signed()))
            }
            Kind::Map(name, keys) => {
                let keys = self.all(keys)?;
                self.read(name, &keys)
            }
            Kind::StepVar(name, delta, prefix) => {
                let old = self.vars.get(name.as_str()).map_or(0, Val::num);
                let new = old.wrapping_add(*delta as u64);
                self.vars.insert(name, Val::Num(new));
                Val::Num(if *prefix { new } else { old })
            }
            Kind::StepMap(name, keys, delta, prefix) => {
                let keys = self.all(keys)?;
                let old = self.read(name, &keys).num();
                let new = old.wrapping_add(*delta as u64);
                self.write(name, keys, Val::Num(new));
                Val::Num(if *prefix { new } else { old })
            }
            Kind::Call(name, args) => {
                let args = self.all(args)?;
                call(name, &args)
            }
            Kind::MapCall(name, map, keys) => {
                let keys = self.all(keys)?;
                self.map_call(name, map, &keys)
            }
            Kind::Block(body, value) => {
                self.body(body)?;
                self.eval(value)?
            }
            Kind::Macro(_, inner) => self.eval(inner)?,
        })
    }

    fn entries(&mut self, map: &'s str) -> &mut Entries {
        self.maps.entry(map).or_default()
    }

    fn read(&mut self, map: &'s str, keys: &[Val]) -> Val {
        let info = self.info(map);
        let held = self.entries(map).iter().find(|(k, _)| k == keys).map(|(_, h)| h.clone());
        match (&info.holds, held) {
            (Holds::Plain(_), Some(Held::Plain(value))) => value,
            (Holds::Aggregate(name, signed), Some(Held::Aggregate(seen))) => Val::Num(reduce(name, *signed, &seen)),
            (Holds::Plain(ty), _) => ty.zero(),
            (Holds::Aggregate(..), _) => Val::Num(0),
        }
    }

    fn write(&mut self, map: &'s str, keys: Vec<Val>, value: Val) {
        let entries = self.entries(map);
        match entries.iter_mut().find(|(k, _)| *k == keys) {
            Some((_, held)) => *held = Held::Plain(value),
            None => entries.push((keys, Held::Plain(value))),
        }
    }

    fn map_call(&mut self, name: &str, map: &'s str, keys: &[Val]) -> Val {
        let entries = self.entries(map);
        let at = entries.iter().position(|(k, _)| k == keys);
        if let ("delete", Some(n)) = (name, at) {
            entries.remove(n);
        }
        Val::Num(if name == "len" { entries.len() as u64 } else { u64::from(at.is_some()) })
    }

    fn body(&mut self, body: &'s [Stmt]) -> Result<Flow, TooMuch> {
        for stmt in body {
            let flow = self.stmt(stmt)?;
            if flow != Flow::Next {
                return Ok(flow);
            }
        }
        Ok(Flow::Next)
    }

    /// One round of a loop: `None` goes on, else the loop ends so.
    fn round(&mut self, body: &'s [Stmt]) -> Result<Option<Flow>, TooMuch> {
        Ok(match self.body(body)? {
            Flow::Next | Flow::Jump("continue") => None,
            Flow::Jump("break") => Some(Flow::Next),
            other => Some(other),
        })
    }

    fn stmt(&mut self, stmt: &'s Stmt) -> Result<Flow, TooMuch> {
        self.step()?;
        match stmt {
            Stmt::Set(name, e) => {
                let value = self.eval(e)?;
                self.vars.insert(name, value);
            }
            Stmt::Let(name, _, value, ty) => {
                let value = match value {
                    Some(e) => self.eval(e)?,
                    None => ty.zero(),
                };
                self.vars.insert(name, value);
            }
            Stmt::SetOp(name, op, signed, e, ty) => {
                let old = self.vars.get(name.as_str()).map_or(0, Val::num);
                let new = compute(*op, *signed, old, self.numbers(e)?);
                self.vars.insert(name, Val::Num(ty.wrap(new)));
            }
            Stmt::SetMap(name, keys, e) => {
                let value = self.eval(e)?;
                let keys = self.all(keys)?;
                self.write(name, keys, value);
            }
            Stmt::SetMapOp(name, keys, op, e) => {
                let keys = self.all(keys)?;
                let old = self.read(name, &keys).num();
                let new = compute(*op, true, old, self.numbers(e)?);
                self.write(name, keys, Val::Num(new));
            }
            Stmt::Aggregate(name, keys, e) => {
                let map = self.script.maps.iter().find(|m| m.name == *name);
                // These take their number before the key.
                let (keys, n) = match (map.map(|m| &m.holds), e) {
                    (Some(Holds::Aggregate("hist" | "lhist", _)), Some(e)) => {
                        let n = self.numbers(e)?;
                        (self.all(keys)?, n)
                    }
                    _ => {
                        let keys = self.all(keys)?;
                        (keys, e.as_ref().map_or(Ok(1), |e| self.numbers(e))?)
                    }
                };
                self.aggregate(name, keys, n);
            }
            Stmt::Print(e) => {
                let value = self.eval(e)?;
                self.line(e.ty.show(&value))?;
            }
            Stmt::Printf(pieces, args) => {
                let args = self.all(args)?;
                self.line(format(pieces, &args))?;
            }
            Stmt::If(condition, then, otherwise) | Stmt::Comptime(condition, then, otherwise) => {
                let chosen = if self.numbers(condition)? != 0 { then } else { otherwise };
                return self.body(chosen);
            }
            Stmt::Block(body) => return self.body(body),
            Stmt::For(..) | Stmt::ForMap(..) | Stmt::While(..) | Stmt::Unroll(..) => return self.repeat(stmt),
            Stmt::Jump(word) => return Ok(Flow::Jump(word)),
            Stmt::Discard(e) => {
                self.eval(e)?;
            }
            Stmt::Side(text) => panic!("{text} is not for the oracle"),
        }
        Ok(Flow::Next)
    }

    fn line(&mut self, line: String) -> Result<(), TooMuch> {
        self.lines.push(line);
        if self.lines.len() > LINES { Err(TooMuch) } else { Ok(()) }
    }

    fn repeat(&mut self, stmt: &'s Stmt) -> Result<Flow, TooMuch> {
        match stmt {
            Stmt::For(var, from, to, body) => {
                let (from, to) = (self.numbers(from)? as i64, self.numbers(to)? as i64);
                for n in from..to {
                    self.vars.insert(var, Val::Num(n as u64));
                    if let Some(flow) = self.round(body)? {
                        return Ok(flow);
                    }
                }
            }
            Stmt::ForMap(var, map, body) => {
                for (keys, _) in self.entries(map).clone() {
                    let value = self.read(map, &keys);
                    let key = if keys.len() == 1 { keys[0].clone() } else { Val::Many(keys) };
                    self.vars.insert(var, Val::Many(vec![key, value]));
                    if let Some(flow) = self.round(body)? {
                        return Ok(flow);
                    }
                }
            }
            Stmt::While(var, condition, body) => {
                self.vars.insert(var, Val::Num(0));
                while self.numbers(condition)? != 0 {
                    let n = self.vars[var.as_str()].num();
                    self.vars.insert(var, Val::Num(n + 1));
                    if let Some(flow) = self.round(body)? {
                        return Ok(flow);
                    }
                }
            }
            Stmt::Unroll(n, body) => {
                for _ in 0..*n {
                    if let Some(flow) = self.round(body)? {
                        return Ok(flow);
                    }
                }
            }
            _ => {}
        }
        Ok(Flow::Next)
    }

    fn aggregate(&mut self, map: &'s str, keys: Vec<Val>, n: u64) {
        let entries = self.entries(map);
        match entries.iter_mut().find(|(k, _)| *k == keys) {
            Some((_, Held::Aggregate(seen))) => seen.numbers.push(n),
            _ => entries.push((keys, Held::Aggregate(Seen { numbers: vec![n] }))),
        }
    }

    /// Lines of a map at the end of the run, without bars.
    fn map_lines(&self, map: &MapInfo) -> Vec<String> {
        let mut lines = Vec::new();
        for (keys, held) in &self.maps[map.name.as_str()] {
            // A tuple as the only key is the same as several keys.
            let (keys, types) = match (keys.as_slice(), map.keys.as_slice()) {
                ([Val::Many(parts)], [Ty::Tuple(types)]) => (parts.as_slice(), types.as_slice()),
                both => both,
            };
            let keys: Vec<String> = keys.iter().zip(types).map(|(k, t)| t.show(k)).collect();
            let name = if keys.is_empty() { map.name.clone() } else { format!("{}[{}]", map.name, keys.join(", ")) };
            match (&map.holds, held) {
                (Holds::Plain(ty), Held::Plain(value)) => lines.push(format!("{name}: {}", ty.show(value))),
                (Holds::Aggregate(function @ ("hist" | "lhist"), _), Held::Aggregate(seen)) => {
                    let mut buckets: BTreeMap<String, usize> = BTreeMap::new();
                    for n in &seen.numbers {
                        *buckets.entry(crate::histogram::bucket(function, *n as i64)).or_default() += 1;
                    }
                    lines.extend(buckets.into_iter().map(|(label, count)| format!("{name}: {label} {count}")));
                }
                (Holds::Aggregate("stats", signed), Held::Aggregate(seen)) => {
                    let show = |what| Ty::Int(8, *signed).show(&Val::Num(reduce(what, *signed, seen)));
                    let count = seen.numbers.len();
                    let (average, total) = (show("avg"), show("sum"));
                    lines.push(format!("{name}: {{ .count = {count}, .average = {average}, .total = {total} }}"));
                }
                (Holds::Aggregate(function, signed), Held::Aggregate(seen)) => {
                    let value = Val::Num(reduce(function, *signed, seen));
                    lines.push(format!("{name}: {}", Ty::Int(8, *signed).show(&value)));
                }
                _ => {}
            }
        }
        lines
    }
}

/// An aggregation as a number.
fn reduce(function: &str, signed: bool, seen: &Seen) -> u64 {
    let numbers = seen.numbers.iter().copied();
    let total = seen.numbers.iter().fold(0u64, |n, m| n.wrapping_add(*m));
    match function {
        "min" => numbers.min_by(|a, b| order(signed, *a, *b)).unwrap_or(0),
        "max" => numbers.max_by(|a, b| order(signed, *a, *b)).unwrap_or(0),
        "avg" => compute(Op::Div, signed, total, numbers.count() as u64),
        "count" => numbers.count() as u64,
        _ => total,
    }
}

fn call(name: &str, args: &[Val]) -> Val {
    let text = |n: usize| args[n].text();
    match name {
        "strlen" => Val::Num(text(0).len() as u64),
        "str_concat" => Val::Str(format!("{}{}", text(0), text(1))),
        "strcontains" => Val::Num(u64::from(text(0).contains(text(1)))),
        "strstr" => Val::Num(text(0).find(text(1)).map_or(-1i64 as u64, |n| n as u64)),
        "strncmp" => {
            let n = args[2].num() as usize;
            let cut = |s: &str| s.bytes().take(n).collect::<Vec<u8>>();
            Val::Num(u64::from(cut(text(0)) != cut(text(1))))
        }
        "bswap" => Val::Num(args[0].num().swap_bytes()),
        _ => panic!("the oracle does not know {name}()"),
    }
}

/// A line of `printf`.
pub fn format(pieces: &[Piece], args: &[Val]) -> String {
    let (mut out, mut args) = (String::new(), args.iter());
    for piece in pieces {
        match piece {
            Piece::Text(text) => out.push_str(text),
            Piece::Conversion { flags, width, length, letter } => {
                let value = args.next().unwrap_or(&Val::Num(0));
                out.push_str(&conversion(flags, *width, length, *letter, value));
            }
        }
    }
    out
}

fn conversion(flags: &str, width: usize, length: &str, letter: char, value: &Val) -> String {
    let bytes = match length {
        "hh" => 1,
        "h" => 2,
        "" => 4,
        _ => 8,
    };
    let signed = Ty::Int(bytes, true).wrap(value.num()) as i64;
    let unsigned = Ty::Int(bytes, false).wrap(value.num());
    let alternate = flags.contains('#') && unsigned != 0;
    let (sign, digits) = match letter {
        's' => (String::new(), value.text().to_string()),
        'c' => (String::new(), (value.num() as u8 as char).to_string()),
        'u' => (String::new(), unsigned.to_string()),
        'x' => (if alternate { "0x" } else { "" }.to_string(), format!("{unsigned:x}")),
        'X' => (if alternate { "0X" } else { "" }.to_string(), format!("{unsigned:X}")),
        'o' => (if alternate { "0" } else { "" }.to_string(), format!("{unsigned:o}")),
        _ if signed < 0 => ("-".to_string(), signed.unsigned_abs().to_string()),
        _ => (if flags.contains('+') { "+" } else { "" }.to_string(), signed.to_string()),
    };
    let room = width.saturating_sub(sign.len() + digits.len());
    if flags.contains('-') {
        format!("{sign}{digits}{}", " ".repeat(room))
    } else if flags.contains('0') && !matches!(letter, 's' | 'c') {
        format!("{sign}{}{digits}", "0".repeat(room))
    } else {
        format!("{}{sign}{digits}", " ".repeat(room))
    }
}
