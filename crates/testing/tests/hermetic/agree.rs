//! Random well-typed scripts leave the same maps and records with and without the
//! optimiser, and when stack objects share their places, in the IR's interpreter.
//! `BTC_CASES` sets how many (300).

use btc_driver::Emit;
use btc_ir::interp::run;
use btc_ir::machine::Machine;
use btc_ir::memory::{RegionKind, Trap};
use btc_ir::{FuncId, FunctionKind, MapId, Module, parse, validate};
use btc_testing::Case;

use crate::support::{Random, compile_to};

/// Writes one script.
struct Writer {
    random: Random,
    out: String,
    /// Variables in scope, all integers.
    vars: Vec<String>,
    /// Names given so far.
    named: usize,
    depth: u32,
}

impl Writer {
    fn script(seed: u64) -> String {
        let mut w = Writer { random: Random::new(seed), out: String::new(), vars: Vec::new(), named: 0, depth: 0 };
        w.out.push_str("BEGIN {\n  @m[0] = (int64)1;\n");
        for n in 0..3 {
            let value = w.number();
            w.vars.push(format!("$v{n}"));
            w.out.push_str(&format!("  $v{n} = (int64){value};\n"));
        }
        w.named = 3;
        w.block(8);
        for n in 0..3 {
            w.out.push_str(&format!("  @end[{n}] = (int64)$v{n};\n"));
        }
        w.out.push_str("  printf(\"%d %d\\n\", $v0, $v1);\n}\n");
        w.out
    }

    fn number(&mut self) -> String {
        const ODD: [&str; 8] = ["0", "1", "-1", "255", "256", "4294967296", "-2147483648", "9223372036854775807"];
        if self.random.below(4) == 0 {
            ODD[self.random.below(8) as usize].to_string()
        } else {
            self.random.below(100).to_string()
        }
    }

    /// An integer expression.
    fn int(&mut self, depth: u32) -> String {
        if depth == 0 {
            return match self.random.below(3) {
                // Cast, for operations on bare literals are folded, or refused.
                0 => format!("(int64){}", self.number()),
                _ => self.vars[self.random.below(self.vars.len() as u64) as usize].clone(),
            };
        }
        let a = self.int(depth - 1);
        match self.random.below(13) {
            0 => format!("(int64)(uint8){a}"),
            1 => format!("(int64)(int16){a}"),
            2 => format!("({a} {} {})", if self.random.below(2) == 0 { "/" } else { "%" }, 1 + self.random.below(9)),
            3 => format!("({a} {} {})", if self.random.below(2) == 0 { "<<" } else { ">>" }, self.random.below(64)),
            4 => {
                let (condition, b) = (self.condition(), self.int(depth - 1));
                format!("(int64)({condition} ? {a} : {b})")
            }
            5 => format!("({a}, {}).{}", self.int(depth - 1), self.random.below(2)),
            6 => format!("(int64)pid + {a}"),
            7 => format!("(int64)@m[{a}]"),
            n => {
                let op = ["+", "-", "*", "&", "|", "^"][(n % 6) as usize];
                format!("({a} {op} {})", self.int(depth - 1))
            }
        }
    }

    fn condition(&mut self) -> String {
        let op = ["==", "!=", "<", ">", "<=", ">="][self.random.below(6) as usize];
        let simple = format!("({} {op} {})", self.int(1), self.int(1));
        match self.random.below(5) {
            0 => format!("({simple} && {} != 3)", self.int(0)),
            1 => format!("({simple} || comm == \"comm\")"),
            2 => format!("!{simple}"),
            _ => simple,
        }
    }

    fn block(&mut self, statements: u64) {
        let scope = self.vars.len();
        self.depth += 1;
        for _ in 0..1 + self.random.below(statements) {
            self.statement();
        }
        self.depth -= 1;
        self.vars.truncate(scope);
    }

    /// A variable that is not a loop's own.
    fn target(&mut self) -> String {
        format!("$v{}", self.random.below(3))
    }

    fn statement(&mut self) {
        let pad = "  ".repeat(self.depth as usize);
        let deep = self.depth > 3;
        match self.random.below(12) {
            0 if !deep => {
                let condition = self.condition();
                self.out.push_str(&format!("{pad}if {condition} {{\n"));
                self.block(3);
                self.out.push_str(&format!("{pad}}} else {{\n"));
                self.block(3);
                self.out.push_str(&format!("{pad}}}\n"));
            }
            1 if !deep => {
                let (name, end) = (format!("$i{}", self.named), self.random.below(5));
                self.named += 1;
                self.out.push_str(&format!("{pad}for ({name} : 0..{end}) {{\n"));
                self.vars.push(name);
                self.block(3);
                self.vars.pop();
                self.out.push_str(&format!("{pad}}}\n"));
            }
            2 if !deep => {
                let (name, end) = (format!("$w{}", self.named), self.random.below(5));
                self.named += 1;
                self.out.push_str(&format!("{pad}$w{0} = 0;\n{pad}while ({name} < {end}) {{\n{pad}  {name}++;\n", self.named - 1));
                self.block(3);
                if self.random.below(3) == 0 {
                    let word = if self.random.below(2) == 0 { "break" } else { "continue" };
                    let condition = self.condition();
                    self.out.push_str(&format!("{pad}  if {condition} {{ {word}; }}\n"));
                }
                self.out.push_str(&format!("{pad}}}\n"));
            }
            3 => {
                let (key, value) = (self.int(0), self.int(1));
                self.out.push_str(&format!("{pad}@m[{key}] = (int64)({value});\n"));
            }
            4 => {
                let (key, value) = (self.int(1), self.int(1));
                self.out.push_str(&format!("{pad}@t[(int64){key}, comm] = (int64)({value});\n"));
            }
            5 => {
                let value = self.int(1);
                self.out.push_str(&format!("{pad}@total = sum({value}); @n = count(); @h = hist({value});\n"));
            }
            6 => {
                let key = self.int(0);
                self.out.push_str(&format!("{pad}delete(@m, {key});\n"));
            }
            7 => {
                let name = self.target();
                let op = ["+=", "-=", "*=", "|=", "^="][self.random.below(5) as usize];
                let value = self.int(1);
                self.out.push_str(&format!("{pad}{name} {op} {value};\n"));
            }
            _ => {
                let (name, value) = (self.target(), self.int(2));
                self.out.push_str(&format!("{pad}{name} = (int64)({value});\n"));
            }
        }
    }
}

/// All that a run leaves behind; `None` when it takes too long to compare.
type Seen = (Result<u64, Trap>, Vec<Vec<(Vec<u8>, Vec<u8>)>>, Vec<Vec<u8>>);

fn observe(module: &Module) -> Seen {
    let mut machine = Machine::default();
    let ctx = machine.memory.add(RegionKind::ReadOnly, vec![0; 256]);
    let program = module.functions.iter().position(|f| matches!(f.kind, FunctionKind::Program { .. })).expect("a program");
    let result = run(module, FuncId(program as u32), &[ctx], &mut machine, 2_000_000);
    let maps = (0..module.maps.len()).map(|n| machine.map(MapId(n as u32))).collect();
    (result, maps, machine.records.clone())
}

fn shared(mut module: Module) -> Module {
    for function in module.functions.iter_mut().filter(|f| btc_codegen::share::worth(f)) {
        btc_codegen::share::run(function);
    }
    assert_eq!(validate(&module), []);
    module
}

fn module(case: &Case, emit: Emit) -> Module {
    let compilation = compile_to(case, emit);
    let messages = compilation.messages(false);
    let text = compilation.output.unwrap_or_else(|| panic!("{}\n{messages}", case.text));
    let text = String::from_utf8(text).expect("IR is text");
    let module = parse(&text).unwrap_or_else(|e| panic!("{e}\n{}\n{text}", case.text));
    assert_eq!(validate(&module), [], "{}", case.text);
    module
}

#[test]
fn optimiser_keeps_what_scripts_do() {
    let cases = std::env::var("BTC_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(300);
    let mut compared = 0;
    for seed in 0..cases {
        let case = Case::new("generated.bt", Writer::script(seed));
        let before = module(&case, Emit::RawIr);
        let after = module(&case, Emit::Ir);
        let (raw, optimised) = (observe(&before), observe(&after));
        if raw.0 == Err(Trap::Steps) || optimised.0 == Err(Trap::Steps) {
            continue;
        }
        assert!(raw.0.is_ok(), "seed {seed}: {:?}\n{}", raw.0, case.text);
        assert_eq!(raw, optimised, "seed {seed}\n{}", case.text);
        for module in [before, after] {
            assert_eq!(raw, observe(&shared(module)), "seed {seed}, shared stack\n{}", case.text);
        }
        compared += 1;
    }
    assert!(compared * 10 >= cases * 9, "only {compared} of {cases} scripts came to an end");
}
