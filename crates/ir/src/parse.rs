//! Reads the text form back.
//!
//! Takes exactly what [`print`](crate::print()) writes, besides free white space and `//`
//! comments. Refuses all else with a line number; never panics, and never allocates much
//! more than the text is long (see the limits below). It does not judge the module:
//! that is [`validate`](crate::validate())'s.

use std::fmt;

use btc_diagnostics::Span;

use crate::lex::{Token, lex};
use crate::names::{BINS, CONDS, MAP_KINDS, WIDTHS, named};
use crate::print::used_values;
use crate::{
    Block, BlockData, Callee, FuncId, Function, FunctionKind, Global, GlobalId, Guard, InstData, Jump, Kfunc,
    KfuncId, LateId, Map, MapId, Memory, Module, Op, ScratchId, Section, Slot, Terminator, Value, Width,
};

/// Most values of a function.
const MAX_VALUES: u32 = 1 << 24;
/// Most bytes of all globals.
const MAX_GLOBAL_BYTES: usize = 1 << 26;

/// Why a text is no module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseError {
    /// The line, from 1.
    pub line: u32,
    /// What is wrong there.
    pub message: String,
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.message)
    }
}

impl std::error::Error for ParseError {}

/// The module that `text` describes; all spans are the default one.
pub fn parse(text: &str) -> Result<Module, ParseError> {
    let mut p = Parser { tokens: lex(text)?, at: 0, module: Module::default(), global_bytes: 0 };
    while let Some(Token::Word(word)) = p.peek() {
        p.at += 1;
        p.item(word)?;
    }
    if p.at < p.tokens.len() {
        return p.fail("expected a declaration");
    }
    Ok(p.module)
}

pub(crate) type Result<T, E = ParseError> = std::result::Result<T, E>;

/// The tokens and what was read.
pub(crate) struct Parser<'t> {
    tokens: Vec<(Token<'t>, u32)>,
    at: usize,
    module: Module,
    global_bytes: usize,
}

/// Tokens.
impl<'t> Parser<'t> {
    fn peek(&self) -> Option<Token<'t>> {
        self.tokens.get(self.at).map(|t| t.0.clone())
    }

    pub(crate) fn fail<T>(&self, message: impl Into<String>) -> Result<T> {
        let last = self.tokens.last().map_or(1, |t| t.1);
        let line = self.tokens.get(self.at).map_or(last, |t| t.1);
        Err(ParseError { line, message: message.into() })
    }

    /// An error at the token just read.
    pub(crate) fn fail_back<T>(&mut self, message: impl Into<String>) -> Result<T> {
        self.at = self.at.saturating_sub(1);
        self.fail(message)
    }

    pub(crate) fn word(&mut self) -> Result<&'t str> {
        match self.peek() {
            Some(Token::Word(word)) => {
                self.at += 1;
                Ok(word)
            }
            _ => self.fail("expected a word"),
        }
    }

    pub(crate) fn string(&mut self) -> Result<String> {
        match self.peek() {
            Some(Token::Text(text)) => {
                self.at += 1;
                Ok(text)
            }
            _ => self.fail("expected text in quotation marks"),
        }
    }

    pub(crate) fn eat(&mut self, mark: char) -> bool {
        let found = self.peek() == Some(Token::Mark(mark));
        self.at += usize::from(found);
        found
    }

    pub(crate) fn expect(&mut self, mark: char) -> Result<()> {
        if self.eat(mark) { Ok(()) } else { self.fail(format!("expected `{mark}`")) }
    }

    /// Skips a word if it is the next one.
    pub(crate) fn eat_word(&mut self, word: &str) -> bool {
        let found = self.peek() == Some(Token::Word(word));
        self.at += usize::from(found);
        found
    }

    pub(crate) fn keyword(&mut self, keyword: &str) -> Result<()> {
        if self.word()? == keyword { Ok(()) } else { self.fail_back(format!("expected `{keyword}`")) }
    }

    pub(crate) fn number<T: TryFrom<i128>>(&mut self) -> Result<T> {
        let negative = self.eat('-');
        let Some(Token::Number(n)) = self.peek() else { return self.fail("expected a number") };
        let n = if negative { -i128::from(n) } else { i128::from(n) };
        match T::try_from(n) {
            Ok(n) => {
                self.at += 1;
                Ok(n)
            }
            Err(_) => self.fail(format!("{n} is out of range")),
        }
    }

    /// An id such as `v3`, given its prefix.
    fn id(&mut self, prefix: &str) -> Result<u32> {
        match id_of(self.word()?, prefix) {
            Some(n) => Ok(n),
            None => self.fail_back(format!("expected `{prefix}` and a number")),
        }
    }

    fn value(&mut self) -> Result<Value> {
        let n = self.id("v")?;
        if n < MAX_VALUES { Ok(Value(n)) } else { self.fail_back(format!("more than {MAX_VALUES} values")) }
    }

    fn values(&mut self) -> Result<Vec<Value>> {
        let mut values = Vec::new();
        if self.eat('(') && !self.eat(')') {
            values.push(self.value()?);
            while self.eat(',') {
                values.push(self.value()?);
            }
            self.expect(')')?;
        }
        Ok(values)
    }
}

/// The number of an id such as `v3`, in its only spelling.
fn id_of(word: &str, prefix: &str) -> Option<u32> {
    let digits = word.strip_prefix(prefix)?;
    let canonical = digits == "0" || !digits.starts_with('0');
    let n = digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok())??;
    canonical.then_some(n)
}

/// Declarations.
impl Parser<'_> {
    fn item(&mut self, word: &str) -> Result<()> {
        match word {
            "license" => {
                self.module.license = self.string()?;
                return Ok(());
            }
            "scratch_map" => {
                self.module.scratch_map = Some(MapId(self.id("map")?));
                return Ok(());
            }
            _ => {}
        }
        let lengths = [
            ("map", self.module.maps.len()),
            ("global", self.module.globals.len()),
            ("kfunc", self.module.kfuncs.len()),
            ("late", self.module.lates.len()),
            ("fn", self.module.functions.len()),
        ];
        let found = lengths.iter().find_map(|(p, len)| id_of(word, p).map(|n| (*p, n, *len)));
        let Some((kind, n, len)) = found else {
            return self.fail_back(format!("`{word}` begins no declaration"));
        };
        if n as usize != len {
            return self.fail_back(format!("expected `{kind}{len}`, since ids count up"));
        }
        self.expect('=')?;
        match kind {
            "map" => self.map(),
            "global" => self.global(),
            "kfunc" => {
                let name = self.string()?;
                self.keyword("args")?;
                let args = self.number()?;
                self.module.kfuncs.push(Kfunc { name, args });
                Ok(())
            }
            "late" => {
                let late = self.late()?;
                self.module.lates.push(late);
                Ok(())
            }
            _ => self.function(),
        }
    }

    fn map(&mut self) -> Result<()> {
        let Some(kind) = named(MAP_KINDS, self.word()?) else { return self.fail_back("no such kind of map") };
        let symbol = self.string()?;
        self.keyword("key")?;
        let key_size = self.number()?;
        self.keyword("value")?;
        let value_size = self.number()?;
        self.keyword("max")?;
        let max_entries = self.number()?;
        self.module.maps.push(Map { symbol, kind, key_size, value_size, max_entries });
        Ok(())
    }

    fn global(&mut self) -> Result<()> {
        let section = match self.word()? {
            "rodata" => Section::Rodata,
            "bss" => Section::Bss,
            _ => return self.fail_back("expected `rodata` or `bss`"),
        };
        let symbol = self.string()?;
        let init = match self.word()? {
            "zero" => {
                let len: u32 = self.number()?;
                self.global_bytes = self.global_bytes.saturating_add(len as usize);
                if self.global_bytes > MAX_GLOBAL_BYTES {
                    return self.fail_back("globals are too large");
                }
                vec![0; len as usize]
            }
            "bytes" => {
                let text = self.string()?;
                let digits: Option<Vec<u8>> = text.chars().map(|c| c.to_digit(16).map(|d| d as u8)).collect();
                match digits {
                    Some(d) if d.len() % 2 == 0 => d.chunks(2).map(|c| c[0] << 4 | c[1]).collect(),
                    _ => return self.fail_back("expected pairs of hexadecimal digits"),
                }
            }
            _ => return self.fail_back("expected `zero` or `bytes`"),
        };
        self.module.globals.push(Global { symbol, section, init });
        Ok(())
    }

    /// What stands behind the section of a program that has a guard.
    fn guard(&mut self) -> Result<Option<Guard>> {
        if !self.eat_word("guard") {
            return Ok(None);
        }
        let (enter, leave) = (FuncId(self.id("fn")?), FuncId(self.id("fn")?));
        self.keyword("lost")?;
        Ok(Some(Guard { enter, leave, lost: self.number()? }))
    }

    fn function(&mut self) -> Result<()> {
        let kind = self.word()?;
        let name = self.string()?;
        let kind = match kind {
            "program" => {
                self.keyword("section")?;
                let section = self.string()?;
                FunctionKind::Program { section, guard: self.guard()? }
            }
            "subprogram" => FunctionKind::Subprogram,
            "global" => FunctionKind::Global,
            "callback" => FunctionKind::Callback,
            _ => {
                self.at -= 1;
                return self.fail_back("expected `program`, `subprogram`, `global` or `callback`");
            }
        };
        let mut func = Function::new(name, kind, Span::default());
        self.expect('{')?;
        let values = self.objects(&mut func)?;
        while !self.eat('}') {
            let n = func.blocks.len();
            if self.id("block")? as usize != n {
                return self.fail_back(format!("expected `block{n}`, since ids count up"));
            }
            let params = self.values()?;
            self.expect(':')?;
            let mut block = BlockData { params, insts: Vec::new(), terminator: None, span: Span::default() };
            self.block(&mut block)?;
            func.blocks.push(block);
        }
        func.values = values.unwrap_or_else(|| used_values(&func));
        if func.values > MAX_VALUES {
            return self.fail_back(format!("more than {MAX_VALUES} values"));
        }
        self.module.functions.push(func);
        Ok(())
    }

    /// What stands before the blocks; yields the number of values, if given.
    fn objects(&mut self, func: &mut Function) -> Result<Option<u32>> {
        let mut values = None;
        while let Some(Token::Word(word)) = self.peek() {
            let (slot, scratch) = (id_of(word, "slot"), id_of(word, "scratch"));
            if slot.is_none() && scratch.is_none() && word != "values" {
                break;
            }
            self.at += 1;
            self.expect('=')?;
            let n = self.number()?;
            let (sizes, id) = match (slot, scratch) {
                (Some(id), _) => (&mut func.slots, id),
                (_, Some(id)) => (&mut func.scratch, id),
                _ => {
                    values = Some(n);
                    continue;
                }
            };
            if sizes.len() != id as usize {
                return self.fail_back("ids of stack and scratch objects count up");
            }
            sizes.push(n);
        }
        Ok(values)
    }

    fn block(&mut self, block: &mut BlockData) -> Result<()> {
        while let Some(Token::Word(word)) = self.peek() {
            if id_of(word, "block").is_some() {
                break;
            }
            if block.terminator.is_some() {
                return self.fail("the block has ended");
            }
            if let Some(terminator) = self.terminator(word)? {
                block.terminator = Some(terminator);
                continue;
            }
            let mut result = None;
            if id_of(word, "v").is_some() {
                result = Some(self.value()?);
                self.expect('=')?;
            }
            let op = self.op()?;
            if op.has_result() != result.is_some() {
                let has = if result.is_some() { "no result" } else { "a result" };
                return self.fail_back(format!("`{op}` has {has}"));
            }
            block.insts.push(InstData { result, op, span: Span::default() });
        }
        Ok(())
    }

    fn terminator(&mut self, word: &str) -> Result<Option<Terminator>> {
        let cond = word.strip_prefix("br.").map(|c| named(CONDS, c));
        if cond.is_none() && !matches!(word, "jump" | "ret") {
            return Ok(None);
        }
        self.at += 1;
        Ok(Some(match cond {
            Some(Some(cond)) => {
                let (left, right) = self.pair()?;
                self.expect(',')?;
                let then = self.jump()?;
                self.expect(',')?;
                Terminator::Branch { cond, left, right, then, otherwise: self.jump()? }
            }
            Some(None) => return self.fail_back("no such comparison"),
            None if word == "jump" => Terminator::Jump(self.jump()?),
            None => Terminator::Return(self.value()?),
        }))
    }

    fn jump(&mut self) -> Result<Jump> {
        Ok(Jump { block: Block(self.id("block")?), args: self.values()? })
    }
}

/// Operations.
impl Parser<'_> {
    fn pair(&mut self) -> Result<(Value, Value)> {
        let a = self.value()?;
        self.expect(',')?;
        Ok((a, self.value()?))
    }

    fn memory(&mut self) -> Result<Memory> {
        let base = self.value()?;
        let offset = match self.peek() {
            Some(Token::Mark('-')) => self.number()?,
            _ if self.eat('+') => self.number()?,
            _ => 0,
        };
        Ok(Memory { base, offset })
    }

    fn then_number<T: TryFrom<i128>>(&mut self) -> Result<T> {
        self.expect(',')?;
        self.number()
    }

    fn op(&mut self) -> Result<Op> {
        let word = self.word()?;
        if let Some(op) = named(BINS, word) {
            let (a, b) = self.pair()?;
            return Ok(Op::Bin(op, a, b));
        }
        if let Some((head, tail)) = word.split_once('.') {
            return self.suffixed(head, tail);
        }
        Ok(match word {
            "const" => Op::Const(self.number()?),
            "late" => Op::Late(LateId(self.id("late")?)),
            "extend" => {
                let late = LateId(self.id("late")?);
                self.expect(',')?;
                Op::Extend(late, self.value()?)
            }
            "umin" => Op::UMin(self.value()?, self.then_number()?),
            "fill" => Op::Clear(self.memory()?, self.then_number()?),
            "copy" => {
                let to = self.memory()?;
                self.expect(',')?;
                Op::Copy { to, from: self.memory()?, len: self.then_number()? }
            }
            "slot_addr" => Op::SlotAddr(Slot(self.id("slot")?)),
            "scratch_addr" => Op::ScratchAddr(ScratchId(self.id("scratch")?)),
            "map_addr" => Op::MapAddr(MapId(self.id("map")?)),
            "global_addr" => Op::GlobalAddr(GlobalId(self.id("global")?)),
            "func_addr" => Op::FuncAddr(FuncId(self.id("fn")?)),
            "kfunc_addr" => Op::KfuncAddr(KfuncId(self.id("kfunc")?)),
            "call" => self.call()?,
            _ => return self.fail_back(format!("`{word}` is no operation")),
        })
    }

    fn suffixed(&mut self, head: &str, tail: &str) -> Result<Op> {
        let width: Option<Width> = named(WIDTHS, tail);
        let bits: Option<u8> = id_of(tail, "").and_then(|n| u8::try_from(n).ok());
        Ok(match (head, bits, width) {
            ("cmp", ..) => {
                let Some(cond) = named(CONDS, tail) else { return self.fail_back("no such comparison") };
                let (a, b) = self.pair()?;
                Op::Cmp(cond, a, b)
            }
            ("sext", Some(n), _) => Op::SignExtend(n, self.value()?),
            ("zext", Some(n), _) => Op::ZeroExtend(n, self.value()?),
            ("bswap", Some(n), _) => Op::ByteSwap(n, self.value()?),
            ("load", _, Some(w)) => Op::Load(w, self.memory()?),
            ("load_late", _, Some(w)) => {
                let base = self.value()?;
                self.expect(',')?;
                Op::LoadLate(w, base, LateId(self.id("late")?))
            }
            ("store" | "atomic_add", _, Some(w)) => {
                let memory = self.memory()?;
                self.expect(',')?;
                let value = self.value()?;
                if head == "store" { Op::Store(w, memory, value) } else { Op::AtomicAdd(w, memory, value) }
            }
            _ => return self.fail_back(format!("`{head}.{tail}` is no operation")),
        })
    }

    fn call(&mut self) -> Result<Op> {
        let word = self.word()?;
        let callee = if let Some(n) = id_of(word, "helper") {
            Callee::Helper(n)
        } else if let Some(n) = id_of(word, "kfunc") {
            Callee::Kfunc(KfuncId(n))
        } else if let Some(n) = id_of(word, "fn") {
            Callee::Function(FuncId(n))
        } else {
            return self.fail_back("expected a helper, a kfunc or a function");
        };
        if self.peek() != Some(Token::Mark('(')) {
            return self.fail("expected `(`");
        }
        Ok(Op::Call(callee, self.values()?))
    }
}
