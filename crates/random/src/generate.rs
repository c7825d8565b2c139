//! Makes scripts: the head, the maps and the probes.

use crate::numbers::Random;
use crate::side::Side;
use crate::tree::{Expr, Holds, MapInfo, Probe, Script};
use crate::value::{I64, Ty};

/// A variable in scope.
#[derive(Clone, Debug)]
pub struct Var {
    /// Its name.
    pub name: String,
    /// Its type, whatever is assigned.
    pub ty: Ty,
    /// Whether nothing may assign it.
    pub fixed: bool,
}

/// Makes one script.
pub struct Generator {
    /// The source of all choices.
    pub random: Random,
    /// Variables in scope.
    pub vars: Vec<Var>,
    /// Maps of the script.
    pub maps: Vec<MapInfo>,
    /// What the probe has besides the script.
    pub side: Option<Side>,
    /// Blocks around the place.
    pub depth: usize,
    /// Loops around the place, in this probe.
    pub loops: usize,
    /// Whether expressions must not change anything.
    pub pure: bool,
    /// Whether texts may be joined: not where a variable could be joined to itself.
    pub joins: bool,
    /// Keys of maps around the place.
    pub keyed: usize,
    /// Names given so far.
    named: usize,
}

/// Structs, the enum and macros of every script. `S` and `B` have 8 bytes, as the variables
/// that are seen through them.
const HEAD: &str = "\
enum Color { RED, GREEN = 5, BLUE };
struct In { unsigned char p; signed char q; };
union Half { unsigned int w; unsigned short h[2]; struct In i; };
struct S { unsigned char a; short b; union Half u; };
struct B { unsigned int c:5; int d:7; unsigned int e:20; unsigned char f[4]; };
struct T { char name[8]; long n; short h; };
";

const MACROS: &str = "\
macro add_up(a, b) { a + b }
macro twice(x) { x * 2 }
macro pick(c, a, b) { c ? a : b }
macro bump($v, n) { $v += n; $v }
macro answer() { 42 }
";

impl Generator {
    /// A generator whose scripts have no side inputs, or those of a probe.
    pub fn new(seed: u64, side: Option<Side>) -> Generator {
        Generator {
            random: Random::new(seed),
            vars: Vec::new(),
            maps: Vec::new(),
            side,
            depth: 0,
            loops: 0,
            pure: false,
            joins: true,
            keyed: 0,
            named: 0,
        }
    }

    /// A name that nothing else has.
    pub fn name(&mut self, letter: &str) -> String {
        self.named += 1;
        format!("{letter}{}", self.named)
    }

    /// The script.
    pub fn script(mut self) -> Script {
        let mut head = HEAD.to_string();
        if self.random.one_in(6) {
            head.push_str("config = { max_strlen = 64 }\n");
        }
        head.push_str(MACROS);
        for _ in 0..1 + self.random.below(5) {
            let line = self.map();
            head.push_str(&line);
        }
        let mut probes = Vec::new();
        match &self.side {
            Some(side) => {
                let place = side.place.to_string();
                probes.push(self.probe(&place));
            }
            None => {
                for _ in 0..1 + self.random.below(2) {
                    probes.push(self.probe("BEGIN"));
                }
                if self.random.one_in(4) {
                    probes.push(self.probe("END"));
                }
            }
        }
        self.use_all_maps(&mut probes);
        Script { head, maps: self.maps, probes }
    }

    fn probe(&mut self, place: &str) -> Probe {
        self.vars.clear();
        let predicate: Option<Expr> = self.random.one_in(5).then(|| self.condition(2));
        let count = 2 + self.random.below(10);
        let body = self.statements(count);
        Probe { place: place.to_string(), predicate, body }
    }

    /// A map that is only read has no type: each is assigned at least once.
    fn use_all_maps(&mut self, probes: &mut [Probe]) {
        self.vars.clear();
        let maps = std::mem::take(&mut self.maps);
        for map in &maps {
            // With no map to read, so that its type does not come from itself.
            let stmt = self.assign_map(map.clone());
            probes[0].body.insert(0, stmt);
        }
        self.maps = maps;
    }

    /// A new map, and its declaration where it has one.
    fn map(&mut self) -> String {
        let count = if self.random.one_in(3) { 0 } else { 1 + self.random.below(3) };
        let keys: Vec<Ty> = (0..count).map(|_| self.key_type()).collect();
        let holds = if self.random.one_in(3) {
            let function = *self.random.pick(&["count", "sum", "min", "max", "avg", "stats", "hist", "lhist"]);
            let signed = matches!(function, "hist" | "lhist") || self.random.one_in(2);
            Holds::Aggregate(function, signed && function != "count")
        } else {
            Holds::Plain(self.value_type(2))
        };
        let name = match holds {
            Holds::Aggregate(function, _) => self.name(&format!("@{function}_")),
            Holds::Plain(_) => self.name("@m"),
        };
        let kinds: &[&str] = match holds {
            Holds::Aggregate(..) => &["hash", "percpuhash"],
            Holds::Plain(_) => &["hash", "lruhash"],
        };
        let declared = !keys.is_empty() && self.random.one_in(4);
        let line = if declared { format!("let {name} = {}(4096);\n", self.random.pick(kinds)) } else { String::new() };
        self.maps.push(MapInfo { name, keys, holds });
        line
    }

    /// An integer type.
    pub fn int_type(&mut self) -> Ty {
        Ty::Int(*self.random.pick(&[1, 2, 4, 8, 8]), self.random.one_in(2))
    }

    fn key_type(&mut self) -> Ty {
        match self.random.below(8) {
            0 | 1 => Ty::Str,
            2 => Ty::Bool,
            3 => Ty::Tuple(vec![self.int_type(), Ty::Str]),
            4 => Ty::Enum,
            _ => self.int_type(),
        }
    }

    /// A type that variables and maps may have.
    pub fn value_type(&mut self, depth: usize) -> Ty {
        match self.random.below(14) {
            0 | 1 => Ty::Str,
            2 => Ty::Bool,
            3 if depth > 0 => {
                let count = 2 + self.random.below(2);
                Ty::Tuple((0..count).map(|_| self.value_type(depth - 1)).collect())
            }
            4 if depth > 0 => {
                let names = ["x", "y", "z"];
                let count = 1 + self.random.below(3);
                Ty::Record(names[..count].iter().map(|n| (n.to_string(), self.value_type(depth - 1))).collect())
            }
            5 if depth > 0 => {
                let bytes = *self.random.pick(&[1, 2, 4]);
                Ty::Array(bytes, self.random.one_in(2), 8 / u32::from(bytes))
            }
            6 => Ty::Enum,
            7..=9 => I64,
            _ => self.int_type(),
        }
    }
}
