//! Reads late constants.

use crate::names::{FACTS, TYPE_FACTS, USDT_PARTS, named};
use crate::parse::{Parser, Result};
use crate::{Late, Leaf, PathStep};

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
            "tracepoint_field" => {
                let (category, event) = (self.string()?, self.string()?);
                Late::TracepointField { category, event, field: self.string()? }
            }
            "probe_identity" => Late::ProbeIdentity,
            "syscall_table" => Late::SyscallTable,
            "usdt_argument" => {
                let index = self.number()?;
                let Some(part) = named(USDT_PARTS, self.word()?) else {
                    return self.fail_back("no such part of an argument's place");
                };
                Late::UsdtArgument { index, part }
            }
            word => return self.fail_back(format!("`{word}` is no late constant")),
        })
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
                "enum" => Leaf::Enum { size: self.number()? },
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
