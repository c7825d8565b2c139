//! Scripts that are much for the verifier: loops in loops, numbers that are added up in some rounds and then used as
//! bounds, copies of long bodies, walks over tasks, and more values than the stack holds.
//!
//! They are only loaded. Whatever the checker takes of them, the kernel must take.

use std::fmt::Write;

use crate::numbers::Random;

/// Deepest nesting of statements.
const DEEP: usize = 3;
/// Variables that the script has from the start.
const VARS: [&str; 6] = ["$a", "$b", "$c", "$d", "$e", "$f"];

/// The script of a seed.
pub fn script(seed: u64) -> String {
    let mut g = Heavy { random: Random::new(seed ^ 0x6865_6176_7921), names: 0, counters: Vec::new(), budget: 14 };
    let probe = *g.random.pick(&["begin", "interval:s:1", "tracepoint:syscalls:sys_enter_openat", "rawtracepoint:sys_enter"]);
    let mut text = format!("{probe} {{\n$p = curtask;\n");
    for var in VARS {
        let start = *g.random.pick(&["0", "0", "pid", "@small[1]", "nsecs", "-5"]);
        let _ = writeln!(text, "{var} = (int64)({start});");
    }
    text += &g.block(0, 4);
    if g.random.one_in(3) {
        text += &g.many();
    }
    text += &g.sink();
    let shown: Vec<String> = VARS.iter().map(ToString::to_string).collect();
    let _ = writeln!(text, "printf(\"%d %d %d %d %d %d\\n\", {});", shown.join(", "));
    text + "@small[1] = 1; @flag[2] = 100; @wide[3] = (uint64)1;\n}\n"
}

struct Heavy {
    random: Random,
    names: usize,
    /// Counters of the loops around, which the body may read.
    counters: Vec<String>,
    /// Statements to come.
    budget: usize,
}

impl Heavy {
    fn name(&mut self) -> String {
        self.names += 1;
        format!("$x{}", self.names)
    }

    fn block(&mut self, depth: usize, most: usize) -> String {
        (0..1 + self.random.below(most)).map(|_| self.statement(depth)).collect()
    }

    fn statement(&mut self, depth: usize) -> String {
        let deep = depth >= DEEP || self.budget == 0;
        self.budget = self.budget.saturating_sub(1);
        match self.random.below(if deep { 6 } else { 13 }) {
            0 | 1 => format!("{} += {};\n", self.var(), self.value()),
            2 => format!("if ({}) {{ {}++; }} else {{ {} += {}; }}\n", self.condition(), self.var(), self.var(), self.value()),
            3 => self.sink(),
            4 if !self.counters.is_empty() => {
                format!("if ({}) {{ {}; }}\n", self.condition(), self.random.pick(&["break", "continue"]))
            }
            4 | 5 => format!("{} = {} ? {} : {};\n", self.var(), self.condition(), self.value(), self.var()),
            6 | 7 => self.range(depth),
            8 => self.walk(depth),
            9 => self.map_loop(depth),
            10 => {
                let count = 2 + self.random.below(12);
                self.counters.push("3".into());
                let body = self.block(depth + 1, 2);
                self.counters.pop();
                format!("unroll({count}) {{\n{body}}}\n")
            }
            11 => self.counted(depth),
            _ => {
                let condition = self.condition();
                let (then, otherwise) = (self.block(depth + 1, 3), self.block(depth + 1, 2));
                format!("if ({condition}) {{\n{then}}} else {{\n{otherwise}}}\n")
            }
        }
    }

    fn var(&mut self) -> &'static str {
        VARS[self.random.below(VARS.len())]
    }

    fn counter(&mut self) -> String {
        if self.counters.is_empty() { "2".into() } else { self.random.pick(&self.counters).clone() }
    }

    fn value(&mut self) -> String {
        let counter = self.counter();
        match self.random.below(8) {
            0 | 1 => format!("@small[{counter}]"),
            2 => format!("@flag[{counter}]"),
            3 => counter,
            4 => "$p->pid".into(),
            5 => format!("(int64)@wide[{counter}]"),
            6 => format!("({} & 7)", self.var()),
            _ => self.random.below(50).to_string(),
        }
    }

    fn condition(&mut self) -> String {
        let (value, number) = (self.value(), self.random.below(200));
        match self.random.below(6) {
            0 => value,
            1 => format!("{} > {number}", self.var()),
            2 => format!("{} > {}", self.var(), self.var()),
            3 => format!("{value} == {number} || {} < {number}", self.var()),
            4 => "$p->comm == \"bash\"".into(),
            _ => format!("(($p->flags >> ({} & 31)) & 1) == 1", self.counter()),
        }
    }

    /// Uses a number where the verifier must know its range, or learns it.
    fn sink(&mut self) -> String {
        let (var, n) = (self.var(), self.random.below(1 << 20));
        match self.random.below(12) {
            0 => format!("@h = hist({var});\n"),
            1 => format!("@l = lhist({var}, 0, 100, 5);\n"),
            2 => format!("printf(\"%s\", str(kptr(0xffff888000000000), {var}));\n"),
            3 => format!("printf(\"%r\", buf(kptr(0xffff888000000000), {var}));\n"),
            4 => format!("print(1 << {var});\n"),
            5 => format!("@k[{var}, comm] = count();\n"),
            6 => format!("if ({var} > {n}) {{ @s = sum({var}); }}\n"),
            7 => format!("for ({} : 0..{var}) {{ @z = count(); }}\n", self.name()),
            8 => format!("@n[comm] = max({var} / ({} | 1));\n", self.var()),
            9 => format!("@t = stats({var} % 10);\n"),
            10 => format!("if (strncmp(comm, str(kptr(0xffff888000000000), {var}), 5) == 0) {{ @m++; }}\n"),
            _ => format!("@r[{var}] = ({var}, {var} + 1, comm);\n"),
        }
    }

    fn range(&mut self, depth: usize) -> String {
        let name = self.name();
        let end = match self.random.below(4) {
            0 => self.var().to_string(),
            1 => (100 + self.random.below(2000)).to_string(),
            _ => (1 + self.random.below(70)).to_string(),
        };
        self.counters.push(name.clone());
        let body = self.block(depth + 1, 3);
        self.counters.pop();
        format!("for ({name} : 0..{end}) {{\n{body}}}\n")
    }

    fn counted(&mut self, depth: usize) -> String {
        let (name, end) = (self.name(), 1 + self.random.below(60));
        self.counters.push(name.clone());
        let body = self.block(depth + 1, 3);
        self.counters.pop();
        let first = self.random.one_in(2);
        let (front, back) = if first { (format!("{name}++;\n"), String::new()) } else { (String::new(), format!("{name}++;\n")) };
        format!("{name} = 0;\nwhile ({name} < {end}) {{\n{front}{body}{back}}}\n")
    }

    fn walk(&mut self, depth: usize) -> String {
        let (name, end) = (self.name(), 1 + self.random.below(60));
        self.counters.push(name.clone());
        let body = self.block(depth + 1, 3);
        self.counters.pop();
        let way = self.random.pick(&["real_parent", "parent", "group_leader"]);
        format!("{name} = 0;\nwhile ($p->pid > 0 && {name} < {end}) {{\n$p = $p->{way};\n{body}{name}++;\n}}\n")
    }

    fn map_loop(&mut self, depth: usize) -> String {
        let name = self.name();
        let map = *self.random.pick(&["@small", "@flag"]);
        self.counters.push(format!("{name}.1"));
        let body = self.block(depth + 1, 2);
        self.counters.pop();
        format!("for ({name} : {map}) {{\n{body}}}\n")
    }

    /// More values than the stack holds.
    fn many(&mut self) -> String {
        let count = 20 + self.random.below(100);
        let names: Vec<String> = (0..count).map(|n| format!("$m{n}")).collect();
        let mut text: String = names.iter().map(|n| format!("{n} = {} + (int64)nsecs;\n", self.value())).collect();
        if self.random.one_in(2) {
            for name in &names {
                let _ = writeln!(text, "if ({}) {{ {name} = {}; }}", self.condition(), self.value());
            }
        }
        let _ = writeln!(text, "printf(\"{}\\n\", {});", "%d ".repeat(count), names.join(", "));
        text
    }
}
