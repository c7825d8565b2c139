//! Stub types for CO-RE relocations: only the members that are asked for, all at offset 0.
//!
//! libbpf matches a stub with the kernel's type by its name up to the last `___`, and a
//! member by its name and kind. When two late constants want the same member in different
//! types, the record gets a second stub under a flavoured name.
//! Requires: valid late constants. Keeps: what libbpf checks before it patches, the local
//! value of each fact, is known ([`Relocation::local`]).

use std::collections::BTreeMap;

use btc_ir::{Fact, Late, Leaf, Module, PathStep, TypeFact};

use crate::ObjectError;
use crate::btf::{Btf, Member, TypeId};

/// How a late constant is relocated: a row of `core_relo`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relocation {
    /// The root's stub.
    pub ty: TypeId,
    /// The way from the root, such as `0:1:2`.
    pub access: String,
    /// `enum bpf_core_relo_kind`
    pub kind: u32,
    /// What the instruction holds before it is patched.
    pub local: i64,
}

/// Type of a stub's member.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Shape {
    Leaf(Leaf),
    /// Stub by number.
    Record(usize),
    /// Element; the length is kept apart, since it may grow.
    Array(Box<Shape>),
}

#[derive(Clone, Debug)]
struct Field {
    name: String,
    shape: Shape,
    /// Least lengths of the nested arrays, outermost first.
    lengths: Vec<u32>,
}

#[derive(Clone, Debug)]
struct Stub {
    record: String,
    union: bool,
    /// Counts the stubs of the same record.
    flavour: usize,
    fields: Vec<Field>,
}

/// Where a field of a late constant went.
struct Path {
    root: usize,
    access: Vec<u32>,
}

#[derive(Default)]
struct Stubs {
    all: Vec<Stub>,
    by_record: BTreeMap<(String, bool), Vec<usize>>,
}

/// Records deeper than this are refused; the kernel's own limit of a path is 64 steps.
const MAX_STEPS: usize = 60;

/// The relocations of all late constants, `None` for those that are bound in other ways.
pub fn build(module: &Module, btf: &mut Btf) -> Result<Vec<Option<Relocation>>, ObjectError> {
    let mut stubs = Stubs::default();
    let mut enums: BTreeMap<String, Vec<(String, i64)>> = BTreeMap::new();
    let mut paths = Vec::with_capacity(module.lates.len());
    for late in module.lates.iter().map(Late::core) {
        let mut path = None;
        match late {
            Late::Field { record, union, path: steps, leaf, .. } => {
                path = Some(stubs.place(record, *union, steps, leaf)?);
            }
            Late::Type { record, union, .. } => {
                path = Some(Path { root: stubs.any(record, *union), access: Vec::new() });
            }
            Late::EnumValue { name, variant, value } | Late::EnumExists { name, variant, value }
                if !name.is_empty() =>
            {
                let variants = enums.entry(name.clone()).or_default();
                if !variants.iter().any(|(v, _)| v == variant) {
                    variants.push((variant.clone(), *value));
                }
            }
            _ => {}
        }
        paths.push(path);
    }
    let emitted = Emitted::new(&stubs, btf)?;
    let enum_ids: BTreeMap<&String, TypeId> =
        enums.iter().map(|(name, variants)| (name, btf.enumeration(name, 4, variants))).collect();
    let mut result = Vec::with_capacity(paths.len());
    for (late, path) in module.lates.iter().map(Late::core).zip(paths) {
        result.push(match (late, path) {
            (Late::Field { leaf, fact, .. }, Some(path)) => Some(emitted.field(&stubs, &path, leaf, *fact)),
            (Late::Type { fact, .. }, Some(path)) => Some(emitted.record(path.root, *fact)),
            (Late::EnumValue { name, variant, .. }, _) if !name.is_empty() => {
                enumerator(name, variant, 11, &enums, &enum_ids)
            }
            (Late::EnumExists { name, variant, .. }, _) if !name.is_empty() => {
                enumerator(name, variant, 10, &enums, &enum_ids)
            }
            _ => None,
        });
    }
    Ok(result)
}

fn enumerator(
    name: &String,
    variant: &str,
    kind: u32,
    enums: &BTreeMap<String, Vec<(String, i64)>>,
    ids: &BTreeMap<&String, TypeId>,
) -> Option<Relocation> {
    let variants = enums.get(name)?;
    let at = variants.iter().position(|(v, _)| v == variant)?;
    let local = if kind == 10 { 1 } else { variants[at].1 };
    Some(Relocation { ty: *ids.get(name)?, access: at.to_string(), kind, local })
}

impl Stubs {
    /// The first stub of a record, made when there is none.
    fn any(&mut self, record: &str, union: bool) -> usize {
        match self.by_record.get(&(record.to_string(), union)).and_then(|l| l.first()) {
            Some(at) => *at,
            None => self.add(record, union),
        }
    }

    fn add(&mut self, record: &str, union: bool) -> usize {
        let at = self.all.len();
        let list = self.by_record.entry((record.to_string(), union)).or_default();
        list.push(at);
        let flavour = list.len() - 1;
        self.all.push(Stub { record: record.to_string(), union, flavour, fields: Vec::new() });
        at
    }

    /// Adds the way to a field to stubs that have room for it.
    fn place(&mut self, record: &str, union: bool, steps: &[PathStep], leaf: &Leaf) -> Result<Path, ObjectError> {
        let bad = |what: &str| Err(ObjectError::Invalid(format!("path in `{record}`: {what}")));
        let Some((PathStep::Member { name, record: next }, rest)) = steps.split_first() else {
            return bad("does not begin with a member");
        };
        if steps.len() > MAX_STEPS {
            return bad("too long");
        }
        let depth = rest.iter().take_while(|s| matches!(s, PathStep::Index(_))).count();
        let (indexes, rest) = rest.split_at(depth);
        let indexes: Vec<u32> =
            indexes.iter().map(|s| if let PathStep::Index(n) = s { *n } else { 0 }).collect();
        let mut access = Vec::new();
        let mut shape = Shape::Leaf(leaf.clone());
        if !rest.is_empty() {
            let Some((tag, union)) = next else { return bad("goes on behind a member without a record") };
            let inner = self.place(tag, *union, rest, leaf)?;
            shape = Shape::Record(inner.root);
            access = inner.access;
        }
        indexes.iter().for_each(|_| shape = Shape::Array(Box::new(shape.clone())));
        let lengths: Vec<u32> = indexes.iter().map(|n| n.saturating_add(1)).collect();
        let (root, member) = self.field(record, union, name, shape, &lengths);
        let mut all = vec![member as u32];
        all.extend(indexes);
        all.extend(access);
        Ok(Path { root, access: all })
    }

    /// The stub and the number of a member of this type, added where it is missing.
    fn field(&mut self, record: &str, union: bool, name: &str, shape: Shape, lengths: &[u32]) -> (usize, usize) {
        let list = self.by_record.get(&(record.to_string(), union)).cloned().unwrap_or_default();
        for at in list {
            let fields = &mut self.all[at].fields;
            match fields.iter().position(|f| f.name == name) {
                Some(n) if fields[n].shape == shape => {
                    for (have, want) in fields[n].lengths.iter_mut().zip(lengths) {
                        *have = (*have).max(*want);
                    }
                    return (at, n);
                }
                Some(_) => {}
                None => {
                    fields.push(Field { name: name.into(), shape, lengths: lengths.to_vec() });
                    return (at, fields.len() - 1);
                }
            }
        }
        let at = self.add(record, union);
        self.all[at].fields.push(Field { name: name.into(), shape, lengths: lengths.to_vec() });
        (at, 0)
    }
}

/// Ids and sizes of the stubs in BTF.
struct Emitted {
    ids: Vec<TypeId>,
    sizes: Vec<u32>,
}

impl Emitted {
    /// Writes all stubs. An inner record may have been made before or after the outer
    /// one, so each is written when first needed.
    fn new(stubs: &Stubs, btf: &mut Btf) -> Result<Emitted, ObjectError> {
        let n = stubs.all.len();
        let mut e = Emitted { ids: vec![0; n], sizes: vec![0; n] };
        for at in 0..n {
            e.stub(stubs, at, btf, 0)?;
        }
        Ok(e)
    }

    fn stub(&mut self, stubs: &Stubs, at: usize, btf: &mut Btf, depth: usize) -> Result<TypeId, ObjectError> {
        if self.ids[at] != 0 {
            return Ok(self.ids[at]);
        }
        let stub = &stubs.all[at];
        if depth > MAX_STEPS {
            return Err(ObjectError::Invalid(format!("record `{}` contains itself", stub.record)));
        }
        let mut members = Vec::with_capacity(stub.fields.len());
        let mut size = 0;
        for field in &stub.fields {
            let (ty, bytes) = self.shape(stubs, &field.shape, &field.lengths, btf, depth)?;
            members.push(Member { name: field.name.clone(), ty, offset: 0 });
            size = size.max(bytes);
        }
        let typedef = stub.record.strip_prefix("typedef ");
        let name = typedef.unwrap_or(&stub.record);
        let name = match (stub.flavour, name.contains("___")) {
            (0, _) => name.to_string(),
            (n, false) => format!("{name}___{n}"),
            // libbpf cuts at the last separator, so a flavour gets no second one.
            (n, true) => format!("{name}_{n}"),
        };
        self.ids[at] = match typedef {
            Some(_) => {
                let record = btf.composite("", stub.union, size, &members);
                btf.typedef(&name, record)
            }
            None => btf.composite(&name, stub.union, size, &members),
        };
        self.sizes[at] = size;
        Ok(self.ids[at])
    }

    /// Type and size of a member.
    fn shape(
        &mut self,
        stubs: &Stubs,
        shape: &Shape,
        lengths: &[u32],
        btf: &mut Btf,
        depth: usize,
    ) -> Result<(TypeId, u32), ObjectError> {
        Ok(match shape {
            Shape::Leaf(leaf) => leaf_type(leaf, btf),
            Shape::Record(at) => (self.stub(stubs, *at, btf, depth + 1)?, self.sizes[*at]),
            Shape::Array(element) => {
                let (length, rest) = lengths.split_first().unwrap_or((&1, &[]));
                let (ty, size) = self.shape(stubs, element, rest, btf, depth)?;
                let int = btf.int("int", 4, true);
                let bytes = size.checked_mul(*length).filter(|n| *n < 1 << 28);
                let bytes = bytes.ok_or_else(|| ObjectError::Invalid("array index too large".into()))?;
                (btf.array(ty, int, *length), bytes)
            }
        })
    }

    fn field(&self, stubs: &Stubs, path: &Path, leaf: &Leaf, fact: Fact) -> Relocation {
        let size = i64::from(leaf_size(leaf));
        let (kind, local) = match fact {
            Fact::ByteOffset => (0, i64::from(self.offset(stubs, path))),
            Fact::ByteSize => (1, size),
            Fact::Exists => (2, 1),
            Fact::Signed => (3, i64::from(matches!(leaf, Leaf::Int { signed: true, .. }))),
            Fact::LeftShift => (4, 64 - 8 * size.min(8)),
            Fact::RightShift => (5, 64 - 8 * size.min(8)),
        };
        let access: Vec<String> =
            std::iter::once(0).chain(path.access.iter().copied()).map(|n| n.to_string()).collect();
        Relocation { ty: self.ids[path.root], access: access.join(":"), kind, local }
    }

    /// Offset of a field in its stub: members lie at 0, only elements have distance.
    fn offset(&self, stubs: &Stubs, path: &Path) -> u32 {
        let mut offset = 0u32;
        let mut steps = path.access.iter();
        let mut stub = Some(path.root);
        while let (Some(at), Some(member)) = (stub, steps.next()) {
            let Some(field) = stubs.all[at].fields.get(*member as usize) else { break };
            let mut shape = &field.shape;
            let mut lengths: &[u32] = &field.lengths;
            while let Shape::Array(element) = shape {
                shape = element;
                lengths = lengths.get(1..).unwrap_or(&[]);
                let size = self.shape_size(shape, lengths);
                offset = offset.saturating_add(steps.next().map_or(0, |n| n.saturating_mul(size)));
            }
            stub = if let Shape::Record(at) = shape { Some(*at) } else { None };
        }
        offset
    }

    fn shape_size(&self, shape: &Shape, lengths: &[u32]) -> u32 {
        match shape {
            Shape::Leaf(leaf) => leaf_size(leaf),
            Shape::Record(at) => self.sizes[*at],
            Shape::Array(element) => {
                let (length, rest) = lengths.split_first().unwrap_or((&1, &[]));
                length.saturating_mul(self.shape_size(element, rest))
            }
        }
    }

    fn record(&self, root: usize, fact: TypeFact) -> Relocation {
        let (kind, local) = match fact {
            TypeFact::TargetId => (7, 0),
            TypeFact::Exists => (8, 1),
            TypeFact::Size => (9, i64::from(self.sizes[root])),
        };
        Relocation { ty: self.ids[root], access: "0".into(), kind, local }
    }
}

fn leaf_size(leaf: &Leaf) -> u32 {
    match leaf {
        Leaf::Int { size, .. } | Leaf::Enum { size, .. } | Leaf::Float(size) => u32::from(*size),
        Leaf::Pointer => 8,
        Leaf::Record(_) => 0,
        Leaf::Array(element) => leaf_size(element),
    }
}

/// Type and size of a leaf.
fn leaf_type(leaf: &Leaf, btf: &mut Btf) -> (TypeId, u32) {
    let size = leaf_size(leaf);
    let id = match leaf {
        Leaf::Int { signed, .. } => {
            let name = format!("{}{}", if *signed { 's' } else { 'u' }, size * 8);
            btf.int(&name, size, *signed)
        }
        Leaf::Pointer => btf.pointer(0),
        Leaf::Enum { size, .. } => btf.enumeration("", u32::from(*size), &[("btc_none".into(), 0)]),
        Leaf::Float(size) => btf.float("float", u32::from(*size)),
        Leaf::Record(union) => btf.composite("", *union, 0, &[]),
        Leaf::Array(element) => {
            let (ty, _) = leaf_type(element, btf);
            let int = btf.int("int", 4, true);
            btf.array(ty, int, 1)
        }
    };
    (id, size)
}
