//! The text form of a module. [`parse`](crate::parse()) reads it back.
//!
//! Maps, globals, kernel functions and late constants stand first, one on a line, in the
//! order of their ids; functions follow. Spans are not printed.

use std::fmt::{self, Write};

use crate::names::{ARGUMENT_PARTS, BINS, CONDS, FACTS, MAP_KINDS, TYPE_FACTS, USDT_PARTS, WIDTHS, name};
use crate::{
    Callee, Function, FunctionKind, Global, Guard, InstData, Jump, Late, Leaf, Map, Memory, Module, Op, PathStep,
    Section, Shape, Terminator, Typed, Value,
};

/// The text form of a module.
pub fn print(module: &Module) -> String {
    let mut out = String::new();
    if !module.license.is_empty() {
        let _ = writeln!(out, "license {}", Quoted(&module.license));
    }
    if let Some(map) = module.scratch_map {
        let _ = writeln!(out, "scratch_map {map}");
    }
    for (n, map) in module.maps.iter().enumerate() {
        print_map(&mut out, n, map);
    }
    for (n, global) in module.globals.iter().enumerate() {
        print_global(&mut out, n, global);
    }
    for (n, kfunc) in module.kfuncs.iter().enumerate() {
        let _ = writeln!(out, "kfunc{n} = {} args {}", Quoted(&kfunc.name), kfunc.args);
    }
    for (n, late) in module.lates.iter().enumerate() {
        let _ = writeln!(out, "late{n} = {late}");
    }
    for (n, function) in module.functions.iter().enumerate() {
        if !out.is_empty() {
            out.push('\n');
        }
        let _ = write!(out, "fn{n} = {function}");
    }
    out
}

fn print_map(out: &mut String, n: usize, map: &Map) {
    let _ = writeln!(
        out,
        "map{n} = {} {} key {} value {} max {}",
        name(MAP_KINDS, &map.kind),
        Quoted(&map.symbol),
        map.key_size,
        map.value_size,
        map.max_entries
    );
}

fn print_global(out: &mut String, n: usize, global: &Global) {
    let section = match global.section {
        Section::Rodata => "rodata",
        Section::Bss => "bss",
    };
    let _ = write!(out, "global{n} = {section} {} ", Quoted(&global.symbol));
    if global.init.iter().all(|b| *b == 0) {
        let _ = writeln!(out, "zero {}", global.init.len());
        return;
    }
    out.push_str("bytes \"");
    for byte in &global.init {
        let _ = write!(out, "{byte:02x}");
    }
    out.push_str("\"\n");
}

impl fmt::Display for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Quoted(&self.name);
        match &self.kind {
            FunctionKind::Program { section, guard } => {
                write!(f, "program {name} section {}", Quoted(section))?;
                if let Some(Guard { enter, leave, lost }) = guard {
                    write!(f, " guard {enter} {leave} lost {lost}")?;
                }
            }
            FunctionKind::Subprogram => write!(f, "subprogram {name}")?,
            FunctionKind::Global => write!(f, "global {name}")?,
            FunctionKind::Callback => write!(f, "callback {name}")?,
        }
        f.write_str(" {\n")?;
        if self.values != used_values(self) {
            writeln!(f, "  values = {}", self.values)?;
        }
        for (n, size) in self.slots.iter().enumerate() {
            writeln!(f, "  slot{n} = {size}")?;
        }
        for (n, size) in self.scratch.iter().enumerate() {
            writeln!(f, "  scratch{n} = {size}")?;
        }
        for (n, block) in self.blocks.iter().enumerate() {
            writeln!(f, "block{n}{}:", Args(&block.params))?;
            for inst in &block.insts {
                writeln!(f, "  {inst}")?;
            }
            if let Some(terminator) = &block.terminator {
                writeln!(f, "  {terminator}")?;
            }
        }
        f.write_str("}\n")
    }
}

/// One more than the largest value that is defined; what `parse` assumes for `values`.
pub(crate) fn used_values(func: &Function) -> u32 {
    let params = func.blocks.iter().flat_map(|b| &b.params);
    let results = func.blocks.iter().flat_map(|b| &b.insts).filter_map(|i| i.result.as_ref());
    params.chain(results).map(|v| v.0.saturating_add(1)).max().unwrap_or(0)
}

impl fmt::Display for InstData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(result) = self.result {
            write!(f, "{result} = ")?;
        }
        fmt::Display::fmt(&self.op, f)
    }
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Op::Const(n) => write!(f, "const {n}"),
            Op::Late(late) => write!(f, "late {late}"),
            Op::Bin(op, a, b) => write!(f, "{} {a}, {b}", name(BINS, op)),
            Op::SignExtend(n, a) => write!(f, "sext.{n} {a}"),
            Op::ZeroExtend(n, a) => write!(f, "zext.{n} {a}"),
            Op::Extend(late, a) => write!(f, "extend {late}, {a}"),
            Op::ByteSwap(n, a) => write!(f, "bswap.{n} {a}"),
            Op::Cmp(cond, a, b) => write!(f, "cmp.{} {a}, {b}", name(CONDS, cond)),
            Op::UMin(a, n) => write!(f, "umin {a}, {n}"),
            Op::Load(w, m) => write!(f, "load.{} {m}", name(WIDTHS, w)),
            Op::LoadLate(w, p, late) => write!(f, "load_late.{} {p}, {late}", name(WIDTHS, w)),
            Op::Store(w, m, v) => write!(f, "store.{} {m}, {v}", name(WIDTHS, w)),
            Op::AtomicAdd(w, m, v) => write!(f, "atomic_add.{} {m}, {v}", name(WIDTHS, w)),
            Op::Clear(m, len) => write!(f, "fill {m}, {len}"),
            Op::Copy { to, from, len } => write!(f, "copy {to}, {from}, {len}"),
            Op::SlotAddr(s) => write!(f, "slot_addr {s}"),
            Op::ScratchAddr(s) => write!(f, "scratch_addr {s}"),
            Op::MapAddr(m) => write!(f, "map_addr {m}"),
            Op::GlobalAddr(g) => write!(f, "global_addr {g}"),
            Op::FuncAddr(id) => write!(f, "func_addr {id}"),
            Op::KfuncAddr(k) => write!(f, "kfunc_addr {k}"),
            Op::Call(callee, args) => {
                match callee {
                    Callee::Helper(n) => write!(f, "call helper{n}")?,
                    Callee::Kfunc(k) => write!(f, "call {k}")?,
                    Callee::Function(id) => write!(f, "call {id}")?,
                }
                f.write_str(if args.is_empty() { "()" } else { "" })?;
                fmt::Display::fmt(&Args(args), f)
            }
        }
    }
}

impl fmt::Display for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.offset {
            0 => write!(f, "{}", self.base),
            n => write!(f, "{}{n:+}", self.base),
        }
    }
}

impl fmt::Display for Terminator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Terminator::Jump(j) => write!(f, "jump {j}"),
            Terminator::Branch { cond, left, right, then, otherwise } => {
                write!(f, "br.{} {left}, {right}, {then}, {otherwise}", name(CONDS, cond))
            }
            Terminator::Return(v) => write!(f, "ret {v}"),
        }
    }
}

impl fmt::Display for Jump {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.block, Args(&self.args))
    }
}

/// Values in parentheses; nothing when there are none.
struct Args<'a>(&'a [Value]);

impl fmt::Display for Args<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, v) in self.0.iter().enumerate() {
            write!(f, "{}{v}", if n == 0 { "(" } else { ", " })?;
        }
        f.write_str(if self.0.is_empty() { "" } else { ")" })
    }
}

impl fmt::Display for Late {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Late::Field { record, union, path, leaf, fact } => {
                write!(f, "field {} {} {}", name(FACTS, fact), record_word(*union), Quoted(record))?;
                for step in path {
                    match step {
                        PathStep::Member { name, record } => {
                            write!(f, " . {}", Quoted(name))?;
                            if let Some((tag, union)) = record {
                                write!(f, " : {} {}", record_word(*union), Quoted(tag))?;
                            }
                        }
                        PathStep::Index(n) => write!(f, " [{n}]")?,
                    }
                }
                write!(f, " as {leaf}")
            }
            Late::Type { record, union, fact } => {
                write!(f, "type {} {} {}", name(TYPE_FACTS, fact), record_word(*union), Quoted(record))
            }
            Late::EnumValue { name, variant, value } => {
                write!(f, "enum_value {} {} {value}", Quoted(name), Quoted(variant))
            }
            Late::EnumExists { name, variant, value } => {
                write!(f, "enum_exists {} {} {value}", Quoted(name), Quoted(variant))
            }
            Late::KernelSymbol(name) => write!(f, "kernel_symbol {}", Quoted(name)),
            Late::KernelVersion => f.write_str("kernel_version"),
            Late::ProbeIdentity => f.write_str("probe_identity"),
            Late::SyscallTable => f.write_str("syscall_table"),
            Late::UsdtArgument { index, part } => write!(f, "usdt_argument {index} {}", name(USDT_PARTS, part)),
            Late::Argument { of, name: argument, shape, part, core } => {
                write!(f, "argument {} of ", Quoted(argument))?;
                typed(of, f)?;
                f.write_str(" as ")?;
                shaped(shape, f)?;
                write!(f, " {}", name(ARGUMENT_PARTS, part))?;
                core.as_ref().map_or(Ok(()), |core| write!(f, " core {core}"))
            }
        }
    }
}

fn record_word(union: bool) -> &'static str {
    if union { "union" } else { "struct" }
}

impl fmt::Display for Leaf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Leaf::Int { size, signed: true } => write!(f, "signed {size}"),
            Leaf::Int { size, signed: false } => write!(f, "unsigned {size}"),
            Leaf::Pointer => f.write_str("pointer"),
            Leaf::Enum { size, signed: true } => write!(f, "enum signed {size}"),
            Leaf::Enum { size, signed: false } => write!(f, "enum {size}"),
            Leaf::Record(union) => f.write_str(record_word(*union)),
            Leaf::Array(element) => write!(f, "array {element}"),
            Leaf::Float(size) => write!(f, "float {size}"),
        }
    }
}

/// Text between quotation marks.
struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        for c in self.0.chars() {
            match c {
                '"' => f.write_str("\\\"")?,
                '\\' => f.write_str("\\\\")?,
                '\n' => f.write_str("\\n")?,
                c if c.is_control() => write!(f, "\\u{{{:x}}}", c as u32)?,
                c => f.write_char(c)?,
            }
        }
        f.write_char('"')
    }
}

/// What an argument is one of.
fn typed(of: &Typed, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match of {
        Typed::Function { module, function } => write!(f, "function {} {}", Quoted(module), Quoted(function)),
        Typed::RawTracepoint { event } => write!(f, "raw_tracepoint {}", Quoted(event)),
        Typed::Tracepoint { category, event } => write!(f, "tracepoint {} {}", Quoted(category), Quoted(event)),
    }
}

fn shaped(shape: &Shape, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let sign = |signed: bool| if signed { "signed" } else { "unsigned" };
    match shape {
        Shape::Int { size, signed } => write!(f, "{} {size}", sign(*signed)),
        Shape::Pointer { to } => write!(f, "pointer {}", Quoted(to)),
        Shape::Record { name, size } => write!(f, "record {} {size}", Quoted(name)),
        Shape::Field { spelling, size, signed } => write!(f, "field {} {} {size}", Quoted(spelling), sign(*signed)),
    }
}
