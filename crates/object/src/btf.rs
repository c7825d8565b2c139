//! `.BTF`: type records and strings, as the kernel's `Documentation/bpf/btf.rst` says.
//!
//! Keeps: equal strings and equal unnamed types are stored once; ids are given in order.

use std::collections::HashMap;

pub use btc_elf::{MAGIC, kind, linkage};

/// Id of a type; 0 is `void`.
pub type TypeId = u32;

/// A member of a struct or union, at offset 0.
#[derive(Clone, Debug)]
pub struct Member {
    /// Its name.
    pub name: String,
    /// Its type.
    pub ty: TypeId,
    /// Offset in bytes.
    pub offset: u32,
}

/// A variable in a data section.
#[derive(Clone, Copy, Debug)]
pub struct SectionEntry {
    /// The VAR or FUNC.
    pub ty: TypeId,
    /// Offset in bytes.
    pub offset: u32,
    /// Size in bytes.
    pub size: u32,
}

/// Builds the section.
#[derive(Default)]
pub struct Btf {
    types: Vec<u8>,
    count: u32,
    strings: Vec<u8>,
    offsets: HashMap<String, u32>,
    /// Records that may be shared, by their bytes.
    shared: HashMap<Vec<u8>, TypeId>,
}

impl Btf {
    /// An empty section.
    pub fn new() -> Btf {
        Btf { strings: vec![0], ..Btf::default() }
    }

    /// Offset of a string; a NUL ends it.
    pub fn string(&mut self, text: &str) -> u32 {
        let text = text.split('\0').next().unwrap_or("");
        if text.is_empty() {
            return 0;
        }
        if let Some(at) = self.offsets.get(text) {
            return *at;
        }
        let at = self.strings.len() as u32;
        self.strings.extend(text.as_bytes());
        self.strings.push(0);
        self.offsets.insert(text.to_string(), at);
        at
    }

    fn record(&mut self, name: &str, kind: u32, vlen: usize, size_or_type: u32, rest: &[u32]) -> Vec<u8> {
        let name = self.string(name);
        let info = (kind << 24) | (vlen as u32 & 0xffff);
        [name, info, size_or_type].iter().chain(rest).flat_map(|n| n.to_le_bytes()).collect()
    }

    fn add(&mut self, record: Vec<u8>) -> TypeId {
        self.types.extend(record);
        self.count += 1;
        self.count
    }

    fn add_shared(&mut self, record: Vec<u8>) -> TypeId {
        if let Some(id) = self.shared.get(&record) {
            return *id;
        }
        let id = self.add(record.clone());
        self.shared.insert(record, id);
        id
    }

    /// An integer of `size` bytes.
    pub fn int(&mut self, name: &str, size: u32, signed: bool) -> TypeId {
        let bits = (u32::from(signed) << 24) | (size * 8);
        let r = self.record(name, kind::INT, 0, size, &[bits]);
        self.add_shared(r)
    }

    /// A floating-point number of `size` bytes.
    pub fn float(&mut self, name: &str, size: u32) -> TypeId {
        let r = self.record(name, kind::FLOAT, 0, size, &[]);
        self.add_shared(r)
    }

    /// A pointer.
    pub fn pointer(&mut self, to: TypeId) -> TypeId {
        let r = self.record("", kind::PTR, 0, to, &[]);
        self.add_shared(r)
    }

    /// `typedef`
    pub fn typedef(&mut self, name: &str, of: TypeId) -> TypeId {
        let r = self.record(name, kind::TYPEDEF, 0, of, &[]);
        self.add(r)
    }

    /// `const`
    pub fn constant(&mut self, of: TypeId) -> TypeId {
        let r = self.record("", kind::CONST, 0, of, &[]);
        self.add_shared(r)
    }

    /// An array of `count` elements, indexed by `index`.
    pub fn array(&mut self, element: TypeId, index: TypeId, count: u32) -> TypeId {
        let r = self.record("", kind::ARRAY, 0, 0, &[element, index, count]);
        self.add_shared(r)
    }

    /// A struct or union of `size` bytes.
    pub fn composite(&mut self, name: &str, union: bool, size: u32, members: &[Member]) -> TypeId {
        let mut rest = Vec::with_capacity(members.len() * 3);
        for m in members {
            rest.extend([self.string(&m.name), m.ty, m.offset * 8]);
        }
        let kind = if union { kind::UNION } else { kind::STRUCT };
        let r = self.record(name, kind, members.len(), size, &rest);
        if name.is_empty() { self.add_shared(r) } else { self.add(r) }
    }

    /// An enum of 4 bytes, or of 8 when a value or `size` wants it.
    pub fn enumeration(&mut self, name: &str, size: u32, variants: &[(String, i64)]) -> TypeId {
        // libbpf gives those of the narrow kind a sign.
        let narrow = |v: i64| i32::try_from(v).is_ok();
        let wide = size == 8 || variants.iter().any(|(_, v)| !narrow(*v));
        let mut rest = Vec::new();
        for (variant, value) in variants {
            rest.extend([self.string(variant), *value as u32]);
            if wide {
                rest.push((*value >> 32) as u32);
            }
        }
        let (kind, size) = if wide { (kind::ENUM64, 8) } else { (kind::ENUM, size) };
        let r = self.record(name, kind, variants.len(), size, &rest);
        if name.is_empty() { self.add_shared(r) } else { self.add(r) }
    }

    /// A function's signature; parameters get made-up names.
    pub fn prototype(&mut self, ret: TypeId, params: &[TypeId]) -> TypeId {
        let mut rest = Vec::new();
        for (n, ty) in params.iter().enumerate() {
            rest.extend([self.string(&format!("a{n}")), *ty]);
        }
        let r = self.record("", kind::FUNC_PROTO, params.len(), ret, &rest);
        self.add_shared(r)
    }

    /// A function. Its linkage stands where others have their number of members.
    pub fn function(&mut self, name: &str, prototype: TypeId, linkage: u32) -> TypeId {
        let r = self.record(name, kind::FUNC, linkage as usize, prototype, &[]);
        self.add(r)
    }

    /// A variable.
    pub fn variable(&mut self, name: &str, ty: TypeId, linkage: u32) -> TypeId {
        let r = self.record(name, kind::VAR, 0, ty, &[linkage]);
        self.add(r)
    }

    /// A data section of `size` bytes.
    pub fn section(&mut self, name: &str, size: u32, entries: &[SectionEntry]) -> TypeId {
        let rest: Vec<u32> = entries.iter().flat_map(|e| [e.ty, e.offset, e.size]).collect();
        let r = self.record(name, kind::DATASEC, entries.len(), size, &rest);
        self.add(r)
    }

    /// The bytes of the section.
    pub fn finish(self) -> Vec<u8> {
        let mut out = Vec::with_capacity(24 + self.types.len() + self.strings.len());
        out.extend(MAGIC.to_le_bytes());
        out.extend([1, 0]); // version, flags
        let types = self.types.len() as u32;
        for n in [24, 0, types, types, self.strings.len() as u32] {
            out.extend(n.to_le_bytes());
        }
        out.extend(self.types);
        out.extend(self.strings);
        out
    }
}
