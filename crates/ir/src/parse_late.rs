//! Reads late constants.

use crate::names::{ARGUMENT_PARTS, FACTS, TYPE_FACTS, USDT_PARTS, named};
use crate::parse::{Parser, Result};
use crate::{Late, Leaf, PathStep, Shape, Typed};

/// Deepest nesting of arrays.
const MAX_DEPTH: usize = 64;

impl Parser<'_> {
    /// What stands behind `late0 =`.
    pub(crate) fn late(&mut self) -> Result<Late> {
        Ok(match self.word()? {
            "field" => self.field()?,
            "type" => {
                let Some(fact) = named(TYPE_FACTS, self.word()?) else {
                    return self.fail_back("no such fact about a type");
                };
                let (record, union) = self.record()?;
                Late::Type { record, union, fact }
            }
            "enum_value" => {
                Late::EnumValue { name: self.string()?, variant: self.string()?, value: self.number()? }
            }
            "enum_exists" => {
                Late::EnumExists { name: self.string()?, variant: self.string()?, value: self.number()? }
            }
            "kernel_symbol" => Late::KernelSymbol(self.string()?),
            "kernel_version" => Late::KernelVersion,
            "probe_identity" => Late::ProbeIdentity,
            "syscall_table" => Late::SyscallTable,
            "usdt_argument" => {
                let index = self.number()?;
                let Some(part) = named(USDT_PARTS, self.word()?) else {
                    return self.fail_back("no such part of an argument's place");
                };
                Late::UsdtArgument { index, part }
            }
            "argument" => self.argument()?,
            word => return self.fail_back(format!("`{word}` is no late constant")),
        })
    }

    fn argument(&mut self) -> Result<Late> {
        let name = self.string()?;
        self.keyword("of")?;
        let of = match self.word()? {
            "function" => Typed::Function { module: self.string()?, function: self.string()? },
            "raw_tracepoint" => Typed::RawTracepoint { event: self.string()? },
            "tracepoint" => Typed::Tracepoint { category: self.string()?, event: self.string()? },
            _ => return self.fail_back("nothing that has arguments"),
        };
        self.keyword("as")?;
        let shape = match self.word()? {
            "pointer" => Shape::Pointer { to: self.string()? },
            "record" => Shape::Record { name: self.string()?, size: self.number()? },
            "field" => {
                let spelling = self.string()?;
                let signed = self.word()? == "signed";
                Shape::Field { spelling, size: self.number()?, signed }
            }
            sign @ ("signed" | "unsigned") => Shape::Int { signed: sign == "signed", size: self.number()? },
            _ => return self.fail_back("no such shape of an argument"),
        };
        let Some(part) = named(ARGUMENT_PARTS, self.word()?) else {
            return self.fail_back("no such part of an argument's place");
        };
        let core = if self.eat_word("core") { Some(Box::new(self.late()?)) } else { None };
        Ok(Late::Argument { of, name, shape, part, core })
    }

    fn record(&mut self) -> Result<(String, bool)> {
        let union = match self.word()? {
            "struct" => false,
            "union" => true,
            _ => return self.fail_back("expected `struct` or `union`"),
        };
        Ok((self.string()?, union))
    }

    fn field(&mut self) -> Result<Late> {
        let Some(fact) = named(FACTS, self.word()?) else {
            return self.fail_back("no such fact about a field");
        };
        let (record, union) = self.record()?;
        let mut path = Vec::new();
        loop {
            if self.eat('.') {
                let name = self.string()?;
                let record = if self.eat(':') { Some(self.record()?) } else { None };
                path.push(PathStep::Member { name, record });
            } else if self.eat('[') {
                path.push(PathStep::Index(self.number()?));
                self.expect(']')?;
            } else {
                break;
            }
        }
        self.keyword("as")?;
        Ok(Late::Field { record, union, path, leaf: self.leaf()?, fact })
    }

    fn leaf(&mut self) -> Result<Leaf> {
        let mut depth = 0;
        let mut leaf = loop {
            break match self.word()? {
                "array" if depth < MAX_DEPTH => {
                    depth += 1;
                    continue;
                }
                "signed" => Leaf::Int { size: self.number()?, signed: true },
                "unsigned" => Leaf::Int { size: self.number()?, signed: false },
                "pointer" => Leaf::Pointer,
                "enum" => {
                    let signed = self.eat_word("signed");
                    Leaf::Enum { size: self.number()?, signed }
                }
                "struct" => Leaf::Record(false),
                "union" => Leaf::Record(true),
                "float" => Leaf::Float(self.number()?),
                _ => return self.fail_back("no such type of a field"),
            };
        };
        for _ in 0..depth {
            leaf = Leaf::Array(Box::new(leaf));
        }
        Ok(leaf)
    }
}
