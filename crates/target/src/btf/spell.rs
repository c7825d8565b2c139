//! Kernel types as C spells them, for listings: declarations, and whole definitions with the
//! gaps that the compiler would not leave by itself.

use std::collections::HashMap;
use std::fmt::Write;

use btf_rs::{BtfType, Struct, Type as Raw};

use super::{Btf, MAX_DEPTH};

/// What a definition defines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tag {
    /// `struct`
    Struct,
    /// `union`
    Union,
    /// `enum`
    Enum,
}

impl Tag {
    /// The tag that C spells so.
    pub fn named(word: &str) -> Option<Tag> {
        [Tag::Struct, Tag::Union, Tag::Enum].into_iter().find(|t| t.word() == word)
    }

    /// As C spells it.
    pub fn word(self) -> &'static str {
        match self {
            Tag::Struct => "struct",
            Tag::Union => "union",
            Tag::Enum => "enum",
        }
    }

    fn is_of(self, raw: &Raw) -> bool {
        match self {
            Tag::Struct => matches!(raw, Raw::Struct(_)),
            Tag::Union => matches!(raw, Raw::Union(_)),
            Tag::Enum => matches!(raw, Raw::Enum(_) | Raw::Enum64(_)),
        }
    }
}

/// Types that fill gaps, with their bits, the largest first.
const FILLERS: [(&str, u64); 4] = [("long", 64), ("int", 32), ("short", 16), ("char", 8)];

/// Longest gap between members that is spelled, in bits: some pages, to which the kernel aligns members.
const MOST_OF_GAP: u64 = 8 * (16 << 10);

/// A parameter or member: its type as C spells it without a name, and its name.
pub type Spelled = (String, String);

impl Btf {
    /// All named types of a kind with their numbers, by name; of several with one name the first.
    pub fn tags(&self, tag: Tag) -> Vec<(String, u32)> {
        let of = self.all().filter(|(_, raw)| tag.is_of(raw));
        let mut names: Vec<_> = of.map(|(id, raw)| (self.name(&raw), id)).filter(|(n, _)| !n.is_empty()).collect();
        names.sort_unstable();
        names.dedup_by(|a, b| a.0 == b.0);
        names
    }

    /// The definition of a struct, union or enum as C.
    pub fn definition(&self, id: u32) -> Option<String> {
        Some(self.body(&self.by_id(id)?, 0))
    }

    /// Parameters of a kernel function, and its result's type.
    pub fn spelled_function(&self, name: &str) -> Option<(Vec<Spelled>, String)> {
        let id = {
            let mut table = self.functions.borrow_mut();
            *table.get_or_insert_with(|| self.index_functions()).get(name)?
        };
        let Some(Raw::Func(func)) = self.by_id(id) else { return None };
        let Some(Raw::FuncProto(proto)) = self.by_id(func.get_type_id()?) else { return None };
        let params = proto.parameters.iter().filter(|p| !p.is_variadic()).map(|p| {
            (self.declaration(p.get_type_id().unwrap_or(0), ""), self.raw.resolve_name(p).unwrap_or_default())
        });
        Some((params.collect(), self.declaration(proto.return_type_id(), "")))
    }

    /// Members of a struct, those of anonymous records in it included.
    pub fn spelled_members(&self, name: &str) -> Vec<Spelled> {
        let mut all = Vec::new();
        for (_, raw) in self.by_name(name) {
            if let Raw::Struct(record) = raw {
                self.spell_members(&record, 0, &mut all);
                break;
            }
        }
        all
    }

    fn spell_members(&self, record: &Struct, depth: u32, all: &mut Vec<Spelled>) {
        for member in &record.members {
            let name = self.raw.resolve_name(member).unwrap_or_default();
            let Some(id) = member.get_type_id() else { continue };
            match self.by_id(id) {
                Some(Raw::Struct(inner) | Raw::Union(inner)) if name.is_empty() && depth < MAX_DEPTH => {
                    self.spell_members(&inner, depth + 1, all);
                }
                _ => all.push((self.declaration(id, ""), name)),
            }
        }
    }

    fn index_functions(&self) -> HashMap<String, u32> {
        let functions = self.all().filter(|(_, raw)| matches!(raw, Raw::Func(_)));
        functions.map(|(id, raw)| (self.name(&raw), id)).collect()
    }

    fn name(&self, raw: &Raw) -> String {
        raw.as_btf_type().and_then(|t| self.raw.resolve_name(t).ok()).unwrap_or_default()
    }

    /// The declaration of `declarator` (a name, or nothing) with a type.
    pub fn declaration(&self, id: u32, declarator: &str) -> String {
        self.declare(id, declarator.to_string(), 0, 0)
    }

    /// C declarations are written from the inside out: each step wraps the declarator until a
    /// type with a name is met.
    fn declare(&self, id: u32, inner: String, level: usize, depth: u32) -> String {
        if id == 0 || depth > MAX_DEPTH {
            return join("void", &inner);
        }
        let Some(raw) = self.by_id(id) else { return join("void", &inner) };
        let next = |t: Option<u32>, inner| self.declare(t.unwrap_or(0), inner, level, depth + 1);
        match &raw {
            Raw::Ptr(ptr) => {
                let to = ptr.get_type_id().and_then(|id| self.by_id(id));
                // A function that returns a pointer.
                let gap = if inner.starts_with('(') { " " } else { "" };
                let inner = format!("*{gap}{inner}");
                match to {
                    Some(Raw::FuncProto(_) | Raw::Array(_)) => next(ptr.get_type_id(), format!("({inner})")),
                    _ => next(ptr.get_type_id(), inner),
                }
            }
            Raw::Array(array) => next(array.get_type_id(), format!("{inner}[{}]", array.len())),
            Raw::FuncProto(proto) => {
                let params: Vec<String> = proto
                    .parameters
                    .iter()
                    .map(|p| match p.is_variadic() {
                        true => "...".to_string(),
                        false => {
                            let name = self.raw.resolve_name(p).unwrap_or_default();
                            self.declare(p.get_type_id().unwrap_or(0), name, level, depth + 1)
                        }
                    })
                    .collect();
                let params = if params.is_empty() { "void".to_string() } else { params.join(", ") };
                next(Some(proto.return_type_id()), format!("{inner}({params})"))
            }
            Raw::Const(t) => self.qualified("const", t.get_type_id(), inner, level, depth),
            Raw::Volatile(t) => self.qualified("volatile", t.get_type_id(), inner, level, depth),
            Raw::Restrict(t) => self.qualified("restrict", t.get_type_id(), inner, level, depth),
            Raw::TypeTag(t) => next(t.get_type_id(), inner),
            // One that contains itself has no end.
            Raw::Struct(_) | Raw::Union(_) if level > MAX_DEPTH as usize => join("struct", &inner),
            Raw::Struct(_) | Raw::Union(_) | Raw::Enum(_) | Raw::Enum64(_) if self.name(&raw).is_empty() => {
                join(&self.body(&raw, level), &inner)
            }
            Raw::Struct(_) => join(&format!("struct {}", self.name(&raw)), &inner),
            Raw::Union(_) => join(&format!("union {}", self.name(&raw)), &inner),
            Raw::Enum(_) | Raw::Enum64(_) => join(&format!("enum {}", self.name(&raw)), &inner),
            Raw::Fwd(f) if f.is_union() => join(&format!("union {}", self.name(&raw)), &inner),
            Raw::Fwd(_) => join(&format!("struct {}", self.name(&raw)), &inner),
            _ => join(&self.name(&raw), &inner),
        }
    }

    /// A qualifier of a pointer stands behind the star, others before the type.
    fn qualified(&self, word: &str, id: Option<u32>, inner: String, level: usize, depth: u32) -> String {
        let id = id.unwrap_or(0);
        if matches!(self.by_id(id), Some(Raw::Ptr(_))) && id != 0 {
            let gap = if inner.is_empty() { "" } else { " " };
            return self.declare(id, format!(" {word}{gap}{inner}"), level, depth + 1);
        }
        let rest = self.declare(id, inner, level, depth + 1);
        // An array of constants is constant twice in the kernel's types.
        if rest.strip_prefix(word).is_some_and(|r| r.starts_with(' ')) { rest } else { format!("{word} {rest}") }
    }

    /// `struct name { … }` with what is behind the brace.
    fn body(&self, raw: &Raw, level: usize) -> String {
        let word = match raw {
            Raw::Struct(_) => "struct",
            Raw::Union(_) => "union",
            _ => "enum",
        };
        let mut out = join(word, &self.name(raw));
        match raw {
            Raw::Struct(record) => self.members(record, true, level, &mut out),
            Raw::Union(record) => self.members(record, false, level, &mut out),
            _ => self.enumerators(raw, level, &mut out),
        }
        out
    }

    fn enumerators(&self, raw: &Raw, level: usize, out: &mut String) {
        let Some(values) = self.enum_type(raw) else { return };
        let indent = "\t".repeat(level);
        out.push_str(" {\n");
        for (name, value) in &values.variants {
            let _ = match (raw, values.signed) {
                (Raw::Enum64(_), true) => writeln!(out, "{indent}\t{name} = {value}LL,"),
                (Raw::Enum64(_), false) => writeln!(out, "{indent}\t{name} = {}ULL,", *value as u64),
                _ => writeln!(out, "{indent}\t{name} = {value},"),
            };
        }
        let _ = write!(out, "{indent}}}");
        if matches!(raw, Raw::Enum(e) if e.size() == 1) {
            out.push_str(" __attribute__((mode(byte)))");
        }
    }

    fn members(&self, record: &Struct, is_struct: bool, level: usize, out: &mut String) {
        let packed = is_struct && self.is_packed(record);
        let indent = "\t".repeat(level + 1);
        let before = out.len();
        let (mut end, mut in_bits) = (0, false);
        for member in &record.members {
            let name = self.raw.resolve_name(member).unwrap_or_default();
            let id = member.get_type_id().unwrap_or(0);
            let bits = member.bitfield_size().filter(|b| *b > 0);
            let align = if packed { 1 } else { self.align(id, 0) };
            if is_struct {
                gap(out, &indent, (end, member.bit_offset()), align, in_bits && bits.is_some());
            }
            let _ = write!(out, "\n{indent}{}", self.declare(id, name, level + 1, 0));
            if let Some(bits) = bits {
                let _ = write!(out, ": {bits}");
            }
            out.push(';');
            end = member.bit_offset().saturating_add(bits.unwrap_or_else(|| self.size(id, 0).saturating_mul(8)));
            in_bits = bits.is_some();
        }
        if is_struct {
            let align = if packed { 1 } else { self.align_of_record(record, true, 0) };
            gap(out, &indent, (end, (record.size() as u32).saturating_mul(8)), align, false);
        }
        let text = out.split_off(before);
        // Nothing inside, nothing between the braces.
        let _ = match text.is_empty() {
            true => write!(out, " {{}}"),
            false => write!(out, " {{{text}\n{}}}", &indent[1..]),
        };
        if packed {
            out.push_str(" __attribute__((packed))");
        }
    }

    /// Whether a record lies in memory as no compiler lays it out without being told.
    fn is_packed(&self, record: &Struct) -> bool {
        let strict = record.members.iter().map(|m| self.align(m.get_type_id().unwrap_or(0), 0)).max();
        self.align_of_record(record, true, 0) < strict.unwrap_or(1)
    }

    fn align_of_record(&self, record: &Struct, is_struct: bool, depth: u32) -> u32 {
        let mut strict = 1;
        for member in &record.members {
            let align = self.align(member.get_type_id().unwrap_or(0), depth + 1);
            let whole = member.bitfield_size().is_none_or(|b| b == 0);
            if whole && !member.bit_offset().is_multiple_of(8 * align) {
                return 1;
            }
            strict = strict.max(align);
        }
        if is_struct && !(record.size() as u32).is_multiple_of(strict) { 1 } else { strict }
    }

    /// Alignment of a type in bytes.
    fn align(&self, id: u32, depth: u32) -> u32 {
        if depth > MAX_DEPTH {
            return 1;
        }
        let behind = |id: Option<u32>| self.align(id.unwrap_or(0), depth + 1);
        match self.by_id(id) {
            Some(Raw::Struct(s)) => self.align_of_record(&s, true, depth),
            Some(Raw::Union(u)) => self.align_of_record(&u, false, depth),
            Some(Raw::Array(a)) => behind(a.get_type_id()),
            Some(Raw::Typedef(t)) => behind(t.get_type_id()),
            Some(Raw::Const(t) | Raw::Volatile(t) | Raw::Restrict(t)) => behind(t.get_type_id()),
            Some(Raw::TypeTag(t)) => behind(t.get_type_id()),
            _ => self.size(id, depth).clamp(1, 8),
        }
    }

    /// Size of a type in bytes.
    fn size(&self, id: u32, depth: u32) -> u32 {
        if depth > MAX_DEPTH {
            return 0;
        }
        let behind = |id: Option<u32>| self.size(id.unwrap_or(0), depth + 1);
        match self.by_id(id) {
            Some(Raw::Int(t)) => t.size() as u32,
            Some(Raw::Float(t)) => t.size() as u32,
            Some(Raw::Ptr(_)) => 8,
            Some(Raw::Struct(s) | Raw::Union(s)) => s.size() as u32,
            Some(Raw::Enum(e)) => e.size() as u32,
            Some(Raw::Enum64(e)) => e.size() as u32,
            Some(Raw::Array(a)) => behind(a.get_type_id()).saturating_mul(a.len() as u32),
            Some(Raw::Typedef(t)) => behind(t.get_type_id()),
            Some(Raw::Const(t) | Raw::Volatile(t) | Raw::Restrict(t)) => behind(t.get_type_id()),
            Some(Raw::TypeTag(t)) => behind(t.get_type_id()),
            _ => 0,
        }
    }
}

/// A type and what follows it.
fn join(base: &str, declarator: &str) -> String {
    match declarator {
        "" => base.to_string(),
        _ => format!("{base} {declarator}"),
    }
}

/// Unnamed bit fields for the bits between two members that alignment alone would not leave. What no compiler leaves is a
/// remark: the numbers may be anybody's.
fn gap(out: &mut String, indent: &str, (at, end): (u32, u32), align: u32, in_bits: bool) {
    let (mut at, end) = (u64::from(at), u64::from(end));
    if at >= end {
        return;
    }
    if end - at > MOST_OF_GAP {
        let _ = write!(out, "\n{indent}/* {} bytes */", (end - at) / 8);
        return;
    }
    let fits = |(_, bits): &&(&str, u64)| at.next_multiple_of(*bits) <= end;
    let (filler, width) = *FILLERS.iter().find(fits).unwrap_or(&FILLERS[3]);
    let aligned = at.next_multiple_of(width);
    if aligned > at && aligned <= end {
        let natural = at.next_multiple_of(u64::from(align.max(1)) * 8) == aligned;
        let needed = if aligned == end { !natural } else { end - aligned <= aligned - at };
        if in_bits || needed {
            // Of width 0: the next member begins at the type's next boundary.
            let bits = if in_bits { aligned - at } else { 0 };
            let _ = write!(out, "\n{indent}{filler}: {bits};");
        }
        at = aligned;
    }
    while at < end {
        let bits = (end - at).min(width);
        // The smallest type that holds what is left shows its size best.
        let (name, _) = FILLERS.iter().rev().find(|(_, b)| *b >= bits).unwrap_or(&FILLERS[0]);
        let _ = write!(out, "\n{indent}{name}: {bits};");
        at += bits;
    }
}
