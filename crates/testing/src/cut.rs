//! Cuts a small BTF out of a kernel's: the wished records with the wished fields at their
//! real offsets, functions, enums, and what they need.
//!
//! A record that is met only behind a pointer and is not wished for becomes a forward
//! declaration; one that lies inside another record is kept whole.

use std::collections::{BTreeMap, HashMap, HashSet};

use btc_elf::kind;

const HEADER: u32 = 24;
/// `kind_flag`: in a forward declaration, that it declares a union.
const FLAG: u32 = 1 << 31;

/// What to keep. A line each of `struct NAME`, `struct NAME: FIELD …`, `union …`,
/// `func NAME`, `enum NAME`, `typedef NAME`; empty lines and those with `#` say nothing.
#[derive(Default)]
pub struct Wishes {
    /// Records by name, with the fields to keep; empty for all.
    records: HashMap<String, HashSet<String>>,
    /// Everything else by kind and name.
    others: HashSet<(u32, String)>,
}

impl Wishes {
    /// Wishes from their text; an error names the line that makes no sense.
    pub fn parse(text: &str) -> Result<Wishes, String> {
        let mut wishes = Wishes::default();
        for line in text.lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with('#')) {
            let (head, fields) = line.split_once(':').unwrap_or((line, ""));
            let (what, name) = head.split_once(' ').ok_or(line)?;
            let kind = match what {
                "struct" | "union" => {
                    wishes.records.insert(name.into(), fields.split_whitespace().map(str::to_string).collect());
                    continue;
                }
                "func" => kind::FUNC,
                "enum" => kind::ENUM,
                "typedef" => kind::TYPEDEF,
                _ => return Err(line.to_string()),
            };
            wishes.others.insert((kind, name.to_string()));
        }
        Ok(wishes)
    }
}

/// A type record in words: name offset, info, size or type, then the rest.
struct Raw<'a> {
    words: &'a [u32],
}

impl Raw<'_> {
    fn kind(&self) -> u32 {
        self.words[1] >> 24 & 31
    }

    fn record(&self) -> bool {
        matches!(self.kind(), kind::STRUCT | kind::UNION)
    }

    /// Words that follow the three, by kind: for each of `vlen` items, or once.
    fn rest(kind: u32, vlen: usize) -> usize {
        match kind {
            kind::INT | kind::VAR | kind::DECL_TAG => 1,
            kind::ARRAY => 3,
            kind::STRUCT | kind::UNION | kind::DATASEC | kind::ENUM64 => 3 * vlen,
            kind::ENUM | kind::FUNC_PROTO => 2 * vlen,
            _ => 0,
        }
    }
}

/// The types and strings of a BTF file; type 0 is void.
struct Types<'a> {
    words: &'a [u32],
    starts: Vec<usize>,
    strings: &'a [u8],
}

impl<'a> Types<'a> {
    fn raw(&self, id: u32) -> Raw<'a> {
        let start = self.starts[id as usize - 1];
        let (kind, vlen) = (self.words[start + 1] >> 24 & 31, self.words[start + 1] as usize & 0xffff);
        Raw { words: &self.words[start..start + 3 + Raw::rest(kind, vlen)] }
    }

    fn text(&self, offset: u32) -> &'a str {
        let bytes = &self.strings[offset as usize..];
        let end = bytes.iter().position(|b| *b == 0).unwrap_or(bytes.len());
        std::str::from_utf8(&bytes[..end]).unwrap_or_default()
    }

    fn name(&self, id: u32) -> &'a str {
        self.text(self.raw(id).words[0])
    }

    /// Whether a member is wished for: by its name, or, without one, by a name inside it.
    fn wished(&self, member: &[u32], fields: &HashSet<String>) -> bool {
        let name = self.text(member[0]);
        if !name.is_empty() || member[1] == 0 || !self.raw(member[1]).record() {
            return fields.is_empty() || fields.contains(name);
        }
        let inner = self.raw(member[1]);
        fields.is_empty() || inner.words[3..].chunks(3).any(|m| self.wished(m, fields))
    }
}

/// What becomes of a type.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fate {
    Forward,
    Kept,
}

/// The cut-out of a kernel's BTF, which must be little-endian and well-formed.
pub fn cut(btf: &[u8], wishes: &Wishes) -> Result<Vec<u8>, String> {
    let words: Vec<u32> =
        btf.chunks_exact(4).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
    if words.len() < 6 || words[0] & 0xffff != 0xeb9f {
        return Err("not little-endian BTF".to_string());
    }
    let from = (words[1] + words[2]) as usize / 4;
    let section = &words[from..from + words[3] as usize / 4];
    let mut starts = Vec::new();
    let mut at = 0;
    while at < section.len() {
        starts.push(at);
        at += 3 + Raw::rest(section[at + 1] >> 24 & 31, section[at + 1] as usize & 0xffff);
    }
    let types = Types { words: section, starts, strings: &btf[(words[1] + words[4]) as usize..] };
    let fates = follow(&types, wishes);
    Ok(write(&types, wishes, &fates))
}

/// Fates of all types that the wishes lead to.
fn follow(types: &Types<'_>, wishes: &Wishes) -> BTreeMap<u32, Fate> {
    let mut fates = BTreeMap::new();
    let mut seen = HashSet::new();
    let mut first = HashSet::new();
    // Types to look at, and whether their size matters where they were met.
    let mut todo: Vec<(u32, bool)> = Vec::new();
    for id in 1..=types.starts.len() as u32 {
        let (kind, name) = (types.raw(id).kind(), types.name(id));
        let kind = if kind == kind::ENUM64 { kind::ENUM } else { kind };
        let wished = match kind {
            kind::STRUCT | kind::UNION => wishes.records.contains_key(name),
            _ => wishes.others.contains(&(kind, name.to_string())),
        };
        if wished && first.insert((kind, name)) {
            todo.push((id, true));
        }
    }
    while let Some((id, by_value)) = todo.pop() {
        if id == 0 || !seen.insert((id, by_value)) {
            continue;
        }
        let raw = types.raw(id);
        let name = types.name(id);
        if raw.record() && !by_value && !name.is_empty() && !wishes.records.contains_key(name) {
            fates.entry(id).or_insert(Fate::Forward);
            continue;
        }
        fates.insert(id, Fate::Kept);
        match raw.kind() {
            kind::STRUCT | kind::UNION => {
                let none = HashSet::new();
                let fields = wishes.records.get(name).unwrap_or(&none);
                let members = raw.words[3..].chunks(3).filter(|m| types.wished(m, fields));
                todo.extend(members.map(|m| (m[1], true)));
            }
            kind::PTR => todo.push((raw.words[2], false)),
            kind::ARRAY => todo.extend([(raw.words[3], by_value), (raw.words[4], true)]),
            kind::FUNC => todo.push((raw.words[2], true)),
            kind::FUNC_PROTO => {
                todo.push((raw.words[2], false));
                todo.extend(raw.words[3..].chunks(2).map(|p| (p[1], false)));
            }
            kind::TYPEDEF | kind::VOLATILE | kind::CONST | kind::RESTRICT | kind::TYPE_TAG => {
                todo.push((raw.words[2], by_value));
            }
            _ => {}
        }
    }
    fates
}

/// Strings of the cut-out, each once.
struct Strings {
    bytes: Vec<u8>,
    known: HashMap<String, u32>,
}

impl Strings {
    fn add(&mut self, text: &str) -> u32 {
        if let Some(offset) = self.known.get(text) {
            return *offset;
        }
        let offset = self.bytes.len() as u32;
        self.bytes.extend_from_slice(text.as_bytes());
        self.bytes.push(0);
        self.known.insert(text.to_string(), offset);
        offset
    }
}

/// The kept types with new numbers, in their old order.
fn write(types: &Types<'_>, wishes: &Wishes, fates: &BTreeMap<u32, Fate>) -> Vec<u8> {
    let ids: HashMap<u32, u32> = fates.keys().zip(1..).map(|(old, new)| (*old, new)).collect();
    let id = |old: u32| ids.get(&old).copied().unwrap_or(0);
    let mut strings = Strings { bytes: vec![0], known: HashMap::from([(String::new(), 0)]) };
    let mut words: Vec<u32> = Vec::new();
    for (old, fate) in fates {
        let raw = types.raw(*old);
        let name = strings.add(types.name(*old));
        if *fate == Fate::Forward {
            let flag = if raw.kind() == kind::UNION { FLAG } else { 0 };
            words.extend([name, kind::FWD << 24 | flag, 0]);
            continue;
        }
        let (info, third, rest) = (raw.words[1], raw.words[2], &raw.words[3..]);
        match raw.kind() {
            kind::STRUCT | kind::UNION => {
                let none = HashSet::new();
                let fields = wishes.records.get(types.name(*old)).unwrap_or(&none);
                let kept: Vec<&[u32]> = rest.chunks(3).filter(|m| types.wished(m, fields)).collect();
                words.extend([name, info & !0xffff | kept.len() as u32, third]);
                for m in kept {
                    words.extend([strings.add(types.text(m[0])), id(m[1]), m[2]]);
                }
            }
            kind::ARRAY => words.extend([name, info, third, id(rest[0]), id(rest[1]), rest[2]]),
            kind::ENUM | kind::ENUM64 | kind::FUNC_PROTO => {
                let prototype = raw.kind() == kind::FUNC_PROTO;
                words.extend([name, info, if prototype { id(third) } else { third }]);
                for item in rest.chunks(if raw.kind() == kind::ENUM64 { 3 } else { 2 }) {
                    words.push(strings.add(types.text(item[0])));
                    words.push(if prototype { id(item[1]) } else { item[1] });
                    words.extend(&item[2..]);
                }
            }
            kind::INT | kind::FLOAT | kind::FWD => {
                words.extend([name, info, third]);
                words.extend(rest);
            }
            _ => words.extend([name, info, id(third)]),
        }
    }
    let (type_size, string_size) = (4 * words.len() as u32, strings.bytes.len() as u32);
    let header = [0x0001_eb9f, HEADER, 0, type_size, type_size, string_size];
    let mut out: Vec<u8> = header.iter().chain(&words).flat_map(|w| w.to_le_bytes()).collect();
    out.extend(strings.bytes);
    out
}
