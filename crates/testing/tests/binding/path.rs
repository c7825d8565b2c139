//! Ways to fields of the kernel's structs, and what a kernel's types say is there: a reading of its own.

use std::collections::{BTreeSet, HashMap, HashSet};

use btf_rs::{Btf, BtfType, Type};

use crate::machine::Pattern;

/// Typedefs and qualifiers within each other; records without names in each other.
const DEPTH: u32 = 16;
/// Largest struct that is copied whole.
const COPIED: u32 = 512;

/// A step of a path. The first follows a pointer to the root.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    Member(String),
    Index(u32),
    /// The pointer that was found.
    Follow(String),
}

/// A way from a struct or union, with its keyword; without steps the whole of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Path {
    pub root: String,
    pub steps: Vec<Step>,
}

impl Path {
    /// As a script writes it, from an address.
    pub fn text(&self, address: u64) -> String {
        let start = format!("(({} *){address:#x})", self.root);
        if self.steps.is_empty() {
            return format!("*{start}");
        }
        let mut text = start;
        for (n, step) in self.steps.iter().enumerate() {
            text += &match step {
                Step::Member(name) if n == 0 => format!("->{name}"),
                Step::Member(name) => format!(".{name}"),
                Step::Index(n) => format!("[{n}]"),
                Step::Follow(name) => format!("->{name}"),
            };
        }
        text
    }

    fn with(&self, step: Step) -> Path {
        Path { root: self.root.clone(), steps: self.steps.iter().cloned().chain([step]).collect() }
    }
}

/// What is at the end of a path.
#[derive(Clone, Debug, PartialEq)]
pub enum Leaf {
    Number { bits: u32, signed: bool },
    Bool,
    /// To what.
    Pointer(String),
    /// Bytes of characters.
    Text(u32),
    /// Other bytes; where they were characters, they are shown as such.
    Bytes(u32),
    /// Its name and bytes.
    Record(String, u32),
    Other,
}

/// A field.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// Bits from the start of the root to a pointer, from where that points to the next, and so on to the field.
    pub at: Vec<u32>,
    pub leaf: Leaf,
    /// Of a bit field: bits of the type that it is declared with.
    pub unit: Option<u32>,
    /// Of a record without a name: which of its bytes are a field's.
    pub used: Vec<bool>,
}

/// What a program shows.
#[derive(Clone, Debug, PartialEq)]
pub enum Shown {
    Number(i128),
    Bytes(Vec<u8>),
}

impl Found {
    /// What is there in memory.
    pub fn value(&self, root: u64, pattern: Pattern) -> Option<Shown> {
        let mut address = root;
        let (last, links) = self.at.split_last()?;
        for link in links {
            address = pattern.number(address.wrapping_add(u64::from(link / 8)), 8);
        }
        let at = address.wrapping_add(u64::from(last / 8));
        Some(match &self.leaf {
            Leaf::Number { bits, signed } => {
                let bit = |n: u32| u128::from(pattern.byte(at.wrapping_add(u64::from((last % 8 + n) / 8))) >> ((last + n) % 8) & 1);
                let raw = (0..*bits).fold(0u128, |all, n| all | bit(n) << n) as i128;
                Shown::Number(if *signed && raw >> (bits - 1) & 1 == 1 { raw - (1 << bits) } else { raw })
            }
            Leaf::Bool => Shown::Number(i128::from(pattern.byte(at))),
            Leaf::Pointer(_) => Shown::Number(i128::from(pattern.number(at, 8))),
            Leaf::Text(count) | Leaf::Bytes(count) => {
                let all = (0..u64::from(*count)).map(|n| pattern.byte(at.wrapping_add(n)));
                Shown::Bytes(all.take_while(|b| *b != 0).collect())
            }
            Leaf::Record(_, size) => Shown::Bytes((0..u64::from(*size)).map(|n| pattern.byte(at.wrapping_add(n))).collect()),
            Leaf::Other => return None,
        })
    }
}

/// A kernel's structs and unions.
pub struct Structs {
    btf: Btf,
    /// With their keywords; of many with one name the first.
    /// Names that several types have.
    pub shared: HashSet<String>,
    named: HashMap<String, u32>,
    /// See [`Structs::number`].
    marks_signs: bool,
}

/// A member: its name, its bits from the start of the record, its type, its width if it is a bit field.
type Member = (String, u32, u32, Option<u32>);

impl Structs {
    pub fn new(bytes: &[u8]) -> Structs {
        let btf = Btf::from_bytes(bytes).expect("btf-rs reads the types");
        let (mut named, mut shared, mut marks_signs) = (HashMap::new(), HashSet::new(), false);
        for id in 1..=btf.base().type_id_range().1 {
            let Ok(ty) = btf.resolve_type_by_id(id) else { continue };
            match &ty {
                Type::Struct(_) | Type::Union(_) => {
                    let name = tag(&btf, &ty);
                    if !name.ends_with(' ') && *named.entry(name.clone()).or_insert(id) != id {
                        shared.insert(name);
                    }
                }
                Type::Enum(e) => marks_signs |= e.is_signed(),
                _ => {}
            }
        }
        Structs { btf, named, shared, marks_signs }
    }

    fn strip(&self, mut id: u32) -> Option<(u32, Type)> {
        for _ in 0..DEPTH {
            let ty = self.btf.resolve_type_by_id(id).ok()?;
            id = match &ty {
                Type::Typedef(t) => t.get_type_id()?,
                Type::Const(t) | Type::Volatile(t) | Type::Restrict(t) => t.get_type_id()?,
                Type::TypeTag(t) => t.get_type_id()?,
                _ => return Some((id, ty)),
            };
        }
        None
    }

    fn members(&self, id: u32, base: u32, depth: u32, all: &mut Vec<Member>) {
        let Some((_, Type::Struct(record) | Type::Union(record))) = self.strip(id) else { return };
        for member in record.members.iter().filter(|_| depth < DEPTH) {
            let (at, Some(ty)) = (base + member.bit_offset(), member.get_type_id()) else { continue };
            let name = self.btf.resolve_name(member).unwrap_or_default();
            if name.is_empty() {
                self.members(ty, at, depth + 1, all);
            } else {
                all.push((name, at, ty, member.bitfield_size().filter(|b| *b > 0)));
            }
        }
    }

    fn size(&self, id: u32) -> u32 {
        match self.strip(id) {
            Some((_, Type::Int(i))) => i.size() as u32,
            Some((_, Type::Enum(e))) => e.size() as u32,
            Some((_, Type::Enum64(_) | Type::Ptr(_))) => 8,
            Some((_, Type::Struct(s) | Type::Union(s))) => s.size() as u32,
            Some((_, Type::Array(a))) => a.get_type_id().map_or(0, |id| self.size(id)) * a.len() as u32,
            _ => 0,
        }
    }

    /// Enums with negative values have a sign. Kernels whose enums are marked mark them all; in those of older ones the
    /// values tell.
    fn leaf(&self, id: u32, bits: Option<u32>) -> Leaf {
        let Some((own, ty)) = self.strip(id) else { return Leaf::Other };
        let size = self.size(own);
        let number = |signed| Leaf::Number { bits: bits.unwrap_or(size * 8), signed };
        match &ty {
            Type::Int(i) if i.is_bool() && bits.is_none() => Leaf::Bool,
            Type::Int(_) if size > 8 => Leaf::Other,
            Type::Int(i) => number(i.is_signed()),
            Type::Enum(e) if self.marks_signs => number(e.is_signed()),
            Type::Enum(e) => number(e.members.iter().any(|m| (m.val() as i32) < 0)),
            Type::Enum64(e) => number(e.is_signed()),
            Type::Ptr(p) => {
                let to = p.get_type_id().and_then(|id| self.strip(id));
                Leaf::Pointer(to.map_or(String::new(), |(_, ty)| tag(&self.btf, &ty)))
            }
            Type::Array(a) if a.len() > 0 && self.is_char(a.get_type_id()) => Leaf::Text(a.len() as u32),
            Type::Array(a) if a.len() > 0 && a.get_type_id().is_some_and(|id| self.size(id) == 1) => Leaf::Bytes(a.len() as u32),
            Type::Struct(_) | Type::Union(_) => Leaf::Record(tag(&self.btf, &ty), size),
            _ => Leaf::Other,
        }
    }

    fn is_char(&self, id: Option<u32>) -> bool {
        let element = id.and_then(|id| self.strip(id));
        matches!(element, Some((_, Type::Int(i))) if i.size() == 1 && self.btf.resolve_name(&i).is_ok_and(|n| n == "char"))
    }

    /// What a path leads to.
    pub fn find(&self, path: &Path) -> Option<Found> {
        self.look(path).map(|(found, _)| found)
    }

    /// Whether a path goes by a pointer to what this kernel only declares there: a script cannot write it.
    pub fn is_declared(&self, path: &Path) -> bool {
        self.look(path).is_some_and(|(_, declared)| declared)
    }

    fn look(&self, path: &Path) -> Option<(Found, bool)> {
        let mut declared = false;
        let mut id = *self.named.get(&path.root)?;
        let (mut at, mut bits, mut of_text) = (vec![0u32], None, false);
        for step in &path.steps {
            of_text = false;
            let own = self.strip(id)?;
            match step {
                Step::Follow(name) => {
                    let Type::Ptr(p) = own.1 else { return None };
                    // What is only declared here may be described elsewhere.
                    let to = self.strip(p.get_type_id()?)?;
                    let to = match &to.1 {
                        Type::Struct(_) | Type::Union(_) => to.0,
                        Type::Fwd(_) => {
                            declared = true;
                            *self.named.get(&tag(&self.btf, &to.1))?
                        }
                        _ => return None,
                    };
                    at.push(0);
                    (id, bits) = self.step(to, name, at.last_mut()?)?;
                }
                Step::Member(name) => (id, bits) = self.step(own.0, name, at.last_mut()?)?,
                Step::Index(n) => {
                    let Type::Array(array) = own.1 else { return None };
                    // One without length goes on as far as its memory.
                    if *n as usize >= array.len() && array.len() > 0 {
                        return None;
                    }
                    of_text = self.is_char(array.get_type_id());
                    id = array.get_type_id()?;
                    *at.last_mut()? += n * self.size(id) * 8;
                }
            }
        }
        // As bpftrace has it, an element of text has a sign, whatever the kernel was built with.
        let leaf = if of_text { Leaf::Number { bits: 8, signed: true } } else { self.leaf(id, bits) };
        let mut used = Vec::new();
        if let Leaf::Record(name, size) = &leaf
            && name.ends_with(' ')
        {
            used = vec![false; *size as usize];
            self.mark(id, 0, 0, &mut used);
        }
        let unit = bits.map(|_| self.size(id) * 8);
        Some((Found { at, leaf, unit, used }, declared))
    }

    /// Marks the bytes that fields take of a type that begins at byte `at`.
    fn mark(&self, id: u32, at: u32, depth: u32, used: &mut [bool]) {
        let Some((own, ty)) = self.strip(id).filter(|_| depth < DEPTH) else { return };
        match ty {
            Type::Struct(_) | Type::Union(_) => {
                let mut members = Vec::new();
                self.members(own, 0, 0, &mut members);
                for (_, bits, ty, width) in members {
                    match width {
                        Some(width) => (bits / 8..(bits + width).div_ceil(8)).for_each(|n| used[(at + n) as usize] = true),
                        None => self.mark(ty, at + bits / 8, depth + 1, used),
                    }
                }
            }
            Type::Array(array) => {
                let Some(element) = array.get_type_id() else { return };
                (0..array.len() as u32).for_each(|n| self.mark(element, at + n * self.size(element), depth + 1, used));
            }
            _ => (0..self.size(own)).for_each(|n| used[(at + n) as usize] = true),
        }
    }

    fn step(&self, record: u32, name: &str, at: &mut u32) -> Option<(u32, Option<u32>)> {
        let mut members = Vec::new();
        self.members(record, 0, 0, &mut members);
        let (_, bit, id, bits) = members.into_iter().find(|m| m.0 == name)?;
        *at += bit;
        Some((id, bits))
    }

    /// Paths to all members of all structs and unions, and some way into what these are.
    pub fn paths(&self) -> BTreeSet<Path> {
        let mut all = BTreeSet::new();
        for (name, id) in &self.named {
            let root = Path { root: name.clone(), steps: Vec::new() };
            let mut members = Vec::new();
            self.members(*id, 0, 0, &mut members);
            for (name, _, ty, bits) in members.iter().filter(|m| is_plain(&m.0)) {
                self.within(&root.with(Step::Member(name.clone())), *ty, *bits, 2, &mut all);
            }
            if (1..=COPIED).contains(&self.size(*id)) {
                all.insert(root);
            }
        }
        all
    }

    fn within(&self, path: &Path, id: u32, bits: Option<u32>, depth: u32, all: &mut BTreeSet<Path>) {
        if self.leaf(id, bits) != Leaf::Other {
            all.insert(path.clone());
        }
        match self.strip(id) {
            Some((own, Type::Struct(_) | Type::Union(_))) if depth > 0 => {
                for (name, _, ty, bits) in self.some_members(own) {
                    self.within(&path.with(Step::Member(name)), ty, bits, depth - 1, all);
                }
            }
            Some((_, Type::Ptr(p))) if depth > 0 => {
                let Some((own, Type::Struct(_) | Type::Union(_))) = p.get_type_id().and_then(|id| self.strip(id)) else { return };
                for (name, _, ty, bits) in self.some_members(own).into_iter().take(2) {
                    self.within(&path.with(Step::Follow(name)), ty, bits, 0, all);
                }
            }
            Some((_, Type::Array(array))) => {
                let Some(element) = array.get_type_id() else { return };
                for n in BTreeSet::from([0, array.len().saturating_sub(1)]).into_iter().filter(|n| *n < array.len()) {
                    self.within(&path.with(Step::Index(n as u32)), element, None, depth.saturating_sub(1), all);
                }
            }
            _ => {}
        }
    }

    /// All members of a record without a name, which is told of nowhere else, and some of others.
    fn some_members(&self, id: u32) -> Vec<Member> {
        let mut members = Vec::new();
        self.members(id, 0, 0, &mut members);
        members.retain(|m| is_plain(&m.0));
        let anonymous = self.btf.resolve_type_by_id(id).is_ok_and(|ty| tag(&self.btf, &ty).ends_with(' '));
        members.truncate(if anonymous { 12 } else { 2 });
        members
    }
}

/// Keyword and name; of what is no struct or union, what it is.
fn tag(btf: &Btf, ty: &Type) -> String {
    let name = ty.as_btf_type().and_then(|t| btf.resolve_name(t).ok()).unwrap_or_default();
    match ty {
        Type::Struct(_) => format!("struct {name}"),
        Type::Union(_) => format!("union {name}"),
        Type::Fwd(f) => format!("{} {name}", if f.is_union() { "union" } else { "struct" }),
        other => other.name().to_string(),
    }
}

/// Whether a script can write a name.
fn is_plain(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
}
