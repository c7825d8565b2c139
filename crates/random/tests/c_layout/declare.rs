//! Random declarations of C: records, enums, typedefs with attributes, bit fields, nesting, `#pragma pack`.

use std::fmt::Write;

/// Numbers from a seed.
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Dice {
        Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % n
    }

    /// Whether something happens that does in so many of 100 cases.
    fn percent(&mut self, n: u64) -> bool {
        self.below(100) < n
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len() as u64) as usize]
    }
}

/// Declarations, and what to ask of them.
#[derive(Default)]
pub struct Case {
    /// The text, the same in C and in a script.
    pub text: String,
    /// Tags of records with their keyword, such as `struct c7_s`.
    pub records: Vec<String>,
    /// Enumerators.
    pub enumerators: Vec<String>,
    /// Members of the last record that have a value, as paths.
    pub values: Vec<String>,
    /// Members of the last record that have an offset.
    pub offsets: Vec<String>,
    /// Whether the last record has nothing but numbers with a sign or less than 64 bits.
    pub flat: bool,
}

const INTS: &[(&str, u64)] = &[
    ("char", 8), ("signed char", 8), ("unsigned char", 8), ("short", 16), ("unsigned short", 16), ("int", 32),
    ("unsigned int", 32), ("long", 64), ("unsigned long", 64), ("long long", 64), ("unsigned long long", 64),
    ("int", 32), ("unsigned", 32),
];
const LENGTHS: &[&str] = &[
    "3", "2*3", "1<<2", "sizeof(int)", "sizeof(long)/2", "3U - 1U", "(unsigned char)260", "1 ? 3 : 4",
    "-1 < 0U ? 5 : 2", "0x10 >> 2", "010", "~(~0U << 3)", "(2 > 1) + 1", "'c' - 'a'", "7 % 4", "!0 + 1",
];

struct Maker<'d> {
    dice: &'d mut Dice,
    id: u64,
    case: Case,
    enums: Vec<String>,
    typedefs: Vec<String>,
    names: u64,
}

/// The declarations of a seed.
pub fn case(id: u64) -> Case {
    let mut dice = Dice::new(id + 1);
    let mut m = Maker { dice: &mut dice, id, case: Case::default(), enums: Vec::new(), typedefs: Vec::new(), names: 0 };
    m.declarations();
    m.case
}

impl Maker<'_> {
    fn name(&mut self, kind: &str) -> String {
        self.names += 1;
        format!("{kind}{}", self.names)
    }

    /// A name that no other case has.
    fn global(&mut self, kind: &str) -> String {
        let name = self.name(kind);
        format!("c{}_{name}", self.id)
    }

    fn declarations(&mut self) {
        for _ in 0..self.dice.below(3) {
            self.enumeration();
        }
        if self.dice.percent(30) {
            let name = self.global("t");
            let (ty, bits) = self.dice.pick(INTS);
            let align = self.dice.pick(&[8, 16, 32]).max(bits / 8);
            let _ = writeln!(self.case.text, "typedef {ty} {name} __attribute__((aligned({align})));");
            self.typedefs.push(name);
        }
        let pragma = self.dice.percent(25);
        if pragma {
            let n = self.dice.pick(&[1, 2, 4, 8, 16]);
            let form = if self.dice.percent(50) { format!("pack(push, {n})") } else { format!("pack(push)\n#pragma pack({n})") };
            let _ = writeln!(self.case.text, "#pragma {form}");
        }
        let records = 1 + self.dice.below(3);
        for n in 0..records {
            if pragma && n + 1 == records && self.dice.percent(30) {
                self.case.text.push_str("#pragma pack(pop)\n#pragma pack(push, 8)\n");
            }
            self.case.values.clear();
            self.case.offsets.clear();
            self.case.flat = true;
            let keyword = if self.dice.percent(20) { "union" } else { "struct" };
            let tag = self.global("r");
            let body = self.record(keyword, Some(&tag), 0, "");
            let _ = writeln!(self.case.text, "{body};");
            self.case.records.push(format!("{keyword} {tag}"));
        }
        if pragma {
            self.case.text.push_str("#pragma pack(pop)\n");
        }
    }

    fn enumeration(&mut self) {
        let (tag, packed) = (self.global("e"), self.dice.percent(30));
        let mut values = Vec::new();
        if self.dice.percent(10) {
            let name = self.global("E");
            values.push(format!("{name} = ~0UL - 1, {name}M"));
            self.case.enumerators.extend([format!("{name}M"), name]);
        }
        // A type holds these and no negative ones.
        let count = if values.is_empty() { 1 + self.dice.below(4) } else { 0 };
        for _ in 0..count {
            let name = self.global("E");
            let value = match self.dice.below(10) {
                0 => " = -1".to_string(),
                1 => " = 4294967295".to_string(),
                2 => " = 0xffffffff".to_string(),
                3 => " = 1L << 40".to_string(),
                // What follows the largest `unsigned int` is another number to each compiler.
                4 if values.last().is_none_or(|v: &String| !v.contains("0xffffffff") && !v.contains("(long)")) => String::new(),
                // No type holds -1 and the largest `unsigned long`.
                _ if count > 1 => format!(" = (long){}", self.constant(2)),
                _ => format!(" = {}", self.constant(2)),
            };
            values.push(format!("{name}{value}"));
            self.case.enumerators.push(name);
        }
        let attribute = if packed { " __attribute__((packed))" } else { "" };
        let values = values.join(", ");
        let _ = match self.dice.percent(50) {
            true => writeln!(self.case.text, "enum{attribute} {tag} {{ {values} }};"),
            false => writeln!(self.case.text, "enum {tag} {{ {values} }}{attribute};"),
        };
        self.enums.push(format!("enum {tag}"));
    }

    /// A constant expression that C defines.
    fn constant(&mut self, depth: u64) -> String {
        if depth == 0 || self.dice.percent(20) {
            let n = self.dice.below(20);
            return match self.dice.below(9) {
                0 => format!("{n}U"),
                1 => format!("{n}L"),
                2 => format!("{n:#x}"),
                3 => format!("{n}ul"),
                4 => "'x'".to_string(),
                5 => self.dice.pick(&["sizeof(short)", "sizeof(unsigned int)", "sizeof(char)"]).to_string(),
                6 => format!("({})-{n}", self.dice.pick(&["char", "unsigned char", "unsigned short", "unsigned", "long"])),
                _ => n.to_string(),
            };
        }
        let (a, b) = (self.constant(depth - 1), self.constant(depth - 1));
        let small = 1 + self.dice.below(7);
        match self.dice.below(14) {
            0 => format!("(~{a})"),
            1 => format!("(!{a})"),
            2 => format!("({a} / {small})"),
            3 => format!("({a} % {small})"),
            4 => format!("({a} ? {b} : {a})"),
            5 => format!("((unsigned){a} << {small})"),
            6 => format!("({a} >> {small})"),
            9 => format!("({a} * {small})"),
            n => format!("({a} {} {b})", ["+", "-", "", "&", "|", "^", "<"][n as usize - 7]),
        }
    }

    /// Attributes of a member or a record; none mostly.
    fn attributes(&mut self, most: u64) -> String {
        let n = 1 << self.dice.below(5);
        match self.dice.below(most) {
            0 => " __attribute__((packed))".to_string(),
            1 => format!(" __attribute__((aligned({n})))"),
            2 => format!(" __attribute__((packed, __aligned__({n})))"),
            3 => " __attribute__((packed)) __attribute__((aligned(2), unused))".to_string(),
            4 => " __attribute__((aligned))".to_string(),
            _ => String::new(),
        }
    }

    fn record(&mut self, keyword: &str, tag: Option<&str>, depth: u64, path: &str) -> String {
        let (before, behind) = match self.dice.percent(50) {
            true => (self.attributes(12), String::new()),
            false => (String::new(), self.attributes(12)),
        };
        let mut body = String::new();
        for _ in 0..1 + self.dice.below(7 - 2 * depth) {
            self.member(&mut body, keyword == "union", depth, path);
        }
        // A record of fields without names alone is not C.
        let first = self.name("m");
        self.value(path, &first, true);
        let ty = self.dice.pick(&["char", "short", "int"]);
        let _ = write!(body, "{ty} {first}; ");
        if depth == 0 && keyword == "struct" && self.dice.percent(8) {
            self.case.flat = false;
            body.push_str("long flex[]; ");
        }
        let tag = tag.map(|t| format!(" {t}")).unwrap_or_default();
        format!("{keyword}{before}{tag} {{ {body}}}{behind}")
    }

    fn value(&mut self, path: &str, name: &str, whole: bool) {
        self.case.values.push(format!("{path}{name}"));
        if whole && path.is_empty() {
            self.case.offsets.push(name.to_string());
        }
    }

    fn member(&mut self, out: &mut String, union: bool, depth: u64, path: &str) {
        let name = self.name("m");
        let _ = match self.dice.below(20) {
            0..=7 => return self.bit_field(out, &name, path),
            8 if depth < 2 => {
                let keyword = self.dice.pick(&["struct", "union"]);
                let body = self.record(keyword, None, depth + 1, path);
                self.case.flat = false;
                write!(out, "{body}; ")
            }
            9 if depth < 2 => {
                let keyword = self.dice.pick(&["struct", "union"]);
                self.case.flat = false;
                let body = self.record(keyword, None, depth + 1, &format!("{path}{name}."));
                let attributes = self.attributes(15);
                write!(out, "{body} {name}{attributes}; ")
            }
            10 => {
                let (ty, _) = self.dice.pick(INTS);
                let length = self.dice.pick(LENGTHS);
                self.case.flat = false;
                if ty != "char" {
                    self.value(path, &format!("{name}[1]"), false);
                }
                let attributes = self.attributes(20);
                write!(out, "{ty} {name}[{length}]{attributes}; ")
            }
            11 => {
                self.case.flat = false;
                self.value(path, &name, true);
                let attributes = self.attributes(15);
                write!(out, "void *{name}{attributes}; ")
            }
            12 if !self.enums.is_empty() => {
                self.case.flat = false;
                let ty = self.enums[self.dice.below(self.enums.len() as u64) as usize].clone();
                self.value(path, &name, true);
                write!(out, "{ty} {name}; ")
            }
            13 if !self.case.records.is_empty() => {
                self.case.flat = false;
                let ty = self.case.records[self.dice.below(self.case.records.len() as u64) as usize].clone();
                if ty.starts_with("struct") && union {
                    return;
                }
                let attributes = self.attributes(10);
                write!(out, "{ty} {name}{attributes}; ")
            }
            14 => {
                self.case.flat = false;
                let ty = self.dice.pick(&["__int128", "unsigned __int128"]);
                let attributes = self.attributes(10);
                write!(out, "{ty} {name}{attributes}; ")
            }
            15 if !self.typedefs.is_empty() => {
                self.case.flat = false;
                self.value(path, &name, true);
                write!(out, "{} {name}; ", self.typedefs[0])
            }
            16 => {
                self.value(path, &name, true);
                let how = self.dice.pick(&["_Alignas(16)", "_Alignas(long)", "__attribute__((aligned(8)))"]);
                let ty = self.dice.pick(&["char", "unsigned short", "int", "long"]);
                write!(out, "{how} {ty} {name}; ")
            }
            _ => {
                let (ty, bits) = self.dice.pick(INTS);
                self.case.flat &= bits < 64;
                self.value(path, &name, true);
                let attributes = self.attributes(12);
                write!(out, "{ty} {name}{attributes}; ")
            }
        };
    }

    fn bit_field(&mut self, out: &mut String, name: &str, path: &str) {
        let (mut ty, mut bits) = self.dice.pick(INTS);
        let enums = self.enums.clone();
        if self.dice.percent(10) {
            (ty, bits) = ("_Bool", 1);
        } else if !enums.is_empty() && self.dice.percent(10) {
            // Every enum has a bit to spare; a width of its own may cut values, which is the script's affair.
            (ty, bits) = (&enums[0], 1);
        }
        let width = 1 + self.dice.below(bits);
        self.case.flat &= width < 64;
        let attributes = self.attributes(15);
        let _ = match self.dice.below(12) {
            0 => write!(out, "{ty} :0; "),
            1 => write!(out, "{ty} :{width}{attributes}; "),
            2 if width > 1 => {
                self.value(path, name, false);
                write!(out, "{ty} {name}:{} + 1{attributes}; ", width - 1)
            }
            _ => {
                self.value(path, name, false);
                write!(out, "{ty} {name}:{width}{attributes}; ")
            }
        };
    }
}
