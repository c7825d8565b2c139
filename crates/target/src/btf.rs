//! Kernel types from BTF, through btf-rs.

mod names;
mod spell;

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use btc_types::{EnumType, Origin, RecordType, Space, Type};
use btf_rs::{BtfType, Type as Raw};

use names::Names;
pub use spell::{Spelled, Tag};

/// Nesting beyond which a type is taken for broken BTF.
const MAX_DEPTH: u32 = 32;
/// Fields of a record, those of anonymous records in it included.
const MAX_FIELDS: usize = 10_000;
/// Types and members that one compile or listing may look at one by one, and so many more for each type that there is. Types
/// that contain each other without end, or many times, end here.
const MAX_READS: (u64, u64) = (10_000_000, 500);

/// A field of a record; members of anonymous records count as the outer record's.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldInfo {
    /// Its name.
    pub name: String,
    /// Its type; bit fields have the type of their storage.
    pub ty: Type,
    /// Bits from the record's start, on this target.
    pub bit_offset: u32,
    /// Width of a bit field in bits.
    pub bits: Option<u32>,
    /// An earlier member of a union lies over it and is not of its form. Through a typed pointer the verifier
    /// sees that one, and refuses the load or takes its value for something else (kernel: `btf_struct_walk`).
    pub hidden: bool,
}

/// What earlier members of unions around a field are.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Shadow {
    /// There are none.
    None,
    /// Integers that are no shorter: integers can be read through them.
    Integers,
    /// Anything else.
    Other,
}

/// A record with its fields.
#[derive(Clone, Debug, PartialEq)]
pub struct RecordLayout {
    /// The record.
    pub ty: RecordType,
    /// Its fields in order.
    pub fields: Vec<FieldInfo>,
}

impl RecordLayout {
    /// The field of that name.
    pub fn field(&self, name: &str) -> Option<&FieldInfo> {
        self.fields.iter().find(|f| f.name == name)
    }
}

/// A kernel function's parameters and result.
#[derive(Clone, Debug, PartialEq)]
pub struct Prototype {
    /// Names and types.
    pub params: Vec<(String, Type)>,
    /// The result; `Type::None` for none.
    pub returns: Type,
}

/// An enumerator of the kernel.
#[derive(Clone, Debug, PartialEq)]
pub struct Constant {
    /// The enum.
    pub ty: Arc<EnumType>,
    /// Its value on this target.
    pub value: i64,
}

/// A kernel's types.
pub struct Btf {
    raw: btf_rs::Btf,
    /// Types but functions, by name.
    types: Names,
    /// Functions by name. They are most of a kernel's names, and few scripts ask for many.
    funcs: Names,
    /// The first struct (or union) of each tag that was asked for.
    tags: RefCell<HashMap<(String, bool), Option<u32>>>,
    /// Types and members that were read.
    reads: Cell<u64>,
    /// Record layouts by name; anonymous ones by a made-up name `.id`.
    records: RefCell<HashMap<String, Option<Arc<RecordLayout>>>>,
    /// Enumerators by name, built at the first question.
    constants: RefCell<Option<HashMap<String, u32>>>,
    /// Functions by name, built at the first question of a listing.
    functions: RefCell<Option<HashMap<String, u32>>>,
    /// Records whose name begins with `trace_event_raw_`, built at the first question.
    events: RefCell<Option<Arc<Vec<Arc<RecordLayout>>>>>,
    /// Lists of names, each built at the first question.
    names: RefCell<HashMap<String, Rc<[String]>>>,
    /// See [`Btf::tells_signs`].
    tells_signs: OnceCell<bool>,
}

impl Btf {
    /// Types of an opened BTF.
    pub fn new(raw: btf_rs::Btf) -> Self {
        Btf {
            raw,
            types: Names::new(|raw| !matches!(raw, Raw::Func(_))),
            funcs: Names::new(|raw| matches!(raw, Raw::Func(_))),
            tags: RefCell::default(),
            reads: Cell::default(),
            records: RefCell::default(),
            constants: RefCell::default(),
            functions: RefCell::default(),
            events: RefCell::default(),
            names: RefCell::default(),
            tells_signs: OnceCell::new(),
        }
    }

    /// The types as btf-rs has them.
    pub(crate) fn raw(&self) -> &btf_rs::Btf {
        &self.raw
    }

    /// The struct (or union) of that tag, or the record behind a typedef of that name.
    pub fn record(&self, name: &str, union: bool) -> Option<Arc<RecordLayout>> {
        let key = format!("{}{name}", if union { "union " } else { "" });
        if let Some(known) = self.records.borrow().get(&key) {
            return known.clone();
        }
        let layout = self.find_record(name, union).map(Arc::new);
        self.records.borrow_mut().insert(key, layout.clone());
        layout
    }

    /// The layout of a record type met in another type.
    pub fn layout(&self, ty: &RecordType) -> Option<Arc<RecordLayout>> {
        self.record(&ty.name, ty.union)
    }

    fn find_record(&self, name: &str, union: bool) -> Option<RecordLayout> {
        if let Some(id) = name.strip_prefix('.') {
            let raw = self.raw.resolve_type_by_id(id.parse().ok()?).ok()?;
            return self.lay_out(name, &raw);
        }
        if let Some((_, raw)) = self.by_tag(name, union) {
            return self.lay_out(name, &raw);
        }
        let (_, typedef) = self.by_name(name).filter(|(_, raw)| matches!(raw, Raw::Typedef(_))).last()?;
        let behind = self.strip(typedef)?;
        let mut layout = matches!(behind, Raw::Struct(_) | Raw::Union(_)).then(|| self.lay_out(name, &behind))??;
        layout.ty.typedef = true;
        Some(layout)
    }

    fn lay_out(&self, name: &str, raw: &Raw) -> Option<RecordLayout> {
        let (record, union) = match raw {
            Raw::Struct(s) => (s, false),
            Raw::Union(u) => (u, true),
            _ => return None,
        };
        let mut fields = Vec::new();
        self.collect(record, union, (0, Shadow::None), &mut (0, MAX_FIELDS), &mut fields);
        let size = record.size() as u32;
        let align = if size.is_multiple_of(8) { 8 } else if size.is_multiple_of(4) { 4 } else { 1 };
        let ty = RecordType { name: name.to_string(), union, typedef: false, origin: Origin::Kernel, size, align };
        Some(RecordLayout { ty, fields })
    }

    /// Adds the members of `record`, which begins so many bits into the outer one, behind such a shadow, that deep in other
    /// records; so many members may still be looked at.
    fn collect(
        &self,
        record: &btf_rs::Struct,
        union: bool,
        (base, outer): (u32, Shadow),
        (depth, left): &mut (u32, usize),
        out: &mut Vec<FieldInfo>,
    ) {
        if *depth > MAX_DEPTH {
            return;
        }
        // Of the members so far, if they are a union's: the size in bytes of the shortest, 0 for one that is no integer.
        let mut shortest = None;
        for member in &record.members {
            let Some(fewer) = left.checked_sub(1) else { return };
            *left = fewer;
            let bit_offset = base.saturating_add(member.bit_offset());
            let name = self.raw.resolve_name(member).unwrap_or_default();
            let Some(id) = member.get_type_id() else { continue };
            let Some(stripped) = self.by_id(id).and_then(|t| self.strip(t)) else { continue };
            let ty = self.type_of(id);
            let size = ty.size();
            let shadow = outer.max(match shortest {
                None => Shadow::None,
                Some(shortest) if size <= shortest => Shadow::Integers,
                Some(_) => Shadow::Other,
            });
            if union {
                let own = if matches!(stripped, Raw::Int(_) | Raw::Enum(_) | Raw::Enum64(_)) { size } else { 0 };
                shortest = Some(shortest.map_or(own, |s: u32| s.min(own)));
            }
            if name.is_empty() {
                let nested = (bit_offset, shadow);
                let mut room = (*depth + 1, *left);
                match &stripped {
                    Raw::Struct(inner) => self.collect(inner, false, nested, &mut room, out),
                    Raw::Union(inner) => self.collect(inner, true, nested, &mut room, out),
                    _ => {}
                }
                *left = room.1;
                continue;
            }
            let bits = member.bitfield_size().filter(|b| *b > 0);
            let hidden = match shadow {
                Shadow::None => false,
                Shadow::Integers => !matches!(ty, Type::Int { .. } | Type::Bool | Type::Enum(_)),
                Shadow::Other => true,
            };
            out.push(FieldInfo { name, ty, bit_offset, bits, hidden });
        }
    }

    /// The types of a name but functions, with their ids.
    fn by_name(&self, name: &str) -> impl Iterator<Item = (u32, Raw)> + '_ {
        let ids = self.types.ids(name, &self.raw);
        (0..ids.len()).filter_map(move |n| Some((ids[n], self.by_id(ids[n])?)))
    }

    fn read(&self, id: u32) -> Option<Raw> {
        self.raw.resolve_type_by_id(id).ok()
    }

    fn by_id(&self, id: u32) -> Option<Raw> {
        if self.is_exhausted() {
            return None;
        }
        let raw = self.read(id)?;
        let members = match &raw {
            Raw::Struct(record) | Raw::Union(record) => record.members.len(),
            Raw::Enum(e) => e.members.len(),
            Raw::Enum64(e) => e.members.len(),
            Raw::FuncProto(proto) => proto.parameters.len(),
            _ => 0,
        };
        self.reads.set(self.reads.get() + 1 + members as u64);
        Some(raw)
    }

    /// Whether so much was read that the types must be broken; then all further ones are missing.
    pub fn is_exhausted(&self) -> bool {
        let (_, types) = self.raw.split().unwrap_or(self.raw.base()).type_id_range();
        self.reads.get() >= MAX_READS.0 + MAX_READS.1 * u64::from(types)
    }

    /// The type below typedefs and qualifiers.
    fn strip(&self, mut raw: Raw) -> Option<Raw> {
        for _ in 0..MAX_DEPTH {
            let id = match &raw {
                Raw::Typedef(t) => t.get_type_id(),
                Raw::Const(t) | Raw::Volatile(t) | Raw::Restrict(t) => t.get_type_id(),
                Raw::TypeTag(t) => t.get_type_id(),
                _ => return Some(raw),
            }?;
            raw = self.by_id(id)?;
        }
        None
    }

    /// The language's type for a BTF type.
    pub fn type_of(&self, id: u32) -> Type {
        self.convert(id, 0)
    }

    fn convert(&self, id: u32, depth: u32) -> Type {
        if depth > MAX_DEPTH {
            return Type::None;
        }
        let Some(raw) = self.by_id(id) else { return Type::None };
        match raw {
            Raw::Int(int) if int.is_bool() => Type::Bool,
            Raw::Int(int) => match int.size() {
                size @ (1 | 2 | 4 | 8) => Type::int(size as u8, int.is_signed()),
                size => Type::Array { element: Box::new(Type::UINT64), count: size as u32 / 8, text: false },
            },
            Raw::Ptr(ptr) => {
                let to = ptr.get_type_id().map_or(Type::None, |to| self.pointee(to, depth + 1));
                Type::pointer(to, Space::Kernel)
            }
            Raw::Array(array) => self.array(&array, depth),
            Raw::Struct(_) | Raw::Union(_) => self.record_type(id, &raw),
            Raw::Enum(_) | Raw::Enum64(_) => {
                self.enum_type(&raw).map_or(Type::UINT32, |e| Type::Enum(Arc::new(e)))
            }
            Raw::Typedef(t) => self.typedef(id, &t, depth),
            Raw::Const(t) | Raw::Volatile(t) | Raw::Restrict(t) => {
                t.get_type_id().map_or(Type::None, |id| self.convert(id, depth + 1))
            }
            Raw::TypeTag(t) => t.get_type_id().map_or(Type::None, |id| self.convert(id, depth + 1)),
            _ => Type::None,
        }
    }

    /// A typedef of an untagged record is a record of the typedef's name.
    fn typedef(&self, id: u32, t: &btf_rs::Typedef, depth: u32) -> Type {
        let Some(to) = t.get_type_id() else { return Type::None };
        let inner = self.convert(to, depth + 1);
        match inner {
            Type::Record(mut r) if r.name.starts_with('.') => {
                if let Some(raw) = self.by_id(id)
                    && let Some(name) = raw.as_btf_type().and_then(|t| self.raw.resolve_name(t).ok()) {
                        r.name = name;
                        r.typedef = true;
                    }
                Type::Record(r)
            }
            other => other,
        }
    }

    /// What a pointer points at. Not followed further: records refer to each other. Of several that share a tag it is the first:
    /// the target can be asked for no other one.
    fn pointee(&self, id: u32, depth: u32) -> Type {
        let ty = self.convert(id, depth);
        let Type::Record(r) = &ty else { return ty };
        let id = r.name.strip_prefix('.').and_then(|id| id.parse().ok());
        let tag = id.and_then(|id| self.raw.resolve_name(self.by_id(id)?.as_btf_type()?).ok()).unwrap_or_default();
        match self.by_tag(&tag, r.union) {
            Some((first, raw)) if !tag.is_empty() => self.record_type(first, &raw),
            _ => ty,
        }
    }

    /// The first struct (or union) of a tag.
    fn by_tag(&self, tag: &str, union: bool) -> Option<(u32, Raw)> {
        let key = (tag.to_string(), union);
        let known = self.tags.borrow().get(&key).copied();
        let id = known.unwrap_or_else(|| {
            let is_wanted = |raw: &Raw| if union { matches!(raw, Raw::Union(_)) } else { matches!(raw, Raw::Struct(_)) };
            let found = self.by_name(tag).find(|(_, raw)| is_wanted(raw)).map(|(id, _)| id);
            self.tags.borrow_mut().insert(key, found);
            found
        })?;
        Some((id, self.by_id(id)?))
    }

    /// `char` arrays are text; other bytes are shown as such.
    fn array(&self, array: &btf_rs::Array, depth: u32) -> Type {
        let Some(id) = array.get_type_id() else { return Type::None };
        let count = array.len() as u32;
        let is_char = self
            .by_id(id)
            .and_then(|t| self.strip(t))
            .is_some_and(|t| matches!(&t, Raw::Int(i) if i.size() == 1
                && self.raw.resolve_name(i).is_ok_and(|n| n == "char")));
        if is_char && count > 0 {
            return Type::str(count);
        }
        // Characters are what those of text are, whatever the kernel's build made of `char`.
        let element = if is_char { Type::int(1, true) } else { self.convert(id, depth + 1) };
        let text = matches!(element, Type::Int { size: 1, .. });
        Type::Array { element: Box::new(element), count, text }
    }

    /// A record that others contain. One without a tag, or with a tag that names another, is known by its id.
    fn record_type(&self, id: u32, raw: &Raw) -> Type {
        let (record, union) = match raw {
            Raw::Struct(s) => (s, false),
            Raw::Union(u) => (u, true),
            _ => return Type::None,
        };
        let mut name = self.raw.resolve_name(record).unwrap_or_default();
        if name.is_empty() || self.by_tag(&name, union).is_some_and(|(first, _)| first != id) {
            name = format!(".{id}");
        }
        let size = record.size() as u32;
        let align = if size.is_multiple_of(8) { 8 } else if size.is_multiple_of(4) { 4 } else { 1 };
        Type::Record(RecordType { name, union, typedef: false, origin: Origin::Kernel, size, align })
    }

    fn enum_type(&self, raw: &Raw) -> Option<EnumType> {
        let (name, size, signed, variants) = match raw {
            Raw::Enum(e) => {
                let negative = e.members.iter().any(|m| (m.val() as i32) < 0);
                let signed = e.is_signed() || negative && !self.tells_signs();
                let value = |v: u32| if signed { i64::from(v as i32) } else { i64::from(v) };
                let variants = e
                    .members
                    .iter()
                    .map(|m| (self.raw.resolve_name(m).unwrap_or_default(), value(m.val())))
                    .collect();
                (self.raw.resolve_name(e).unwrap_or_default(), e.size(), signed, variants)
            }
            Raw::Enum64(e) => {
                let variants = e
                    .members
                    .iter()
                    .map(|m| (self.raw.resolve_name(m).unwrap_or_default(), m.val() as i64))
                    .collect();
                (self.raw.resolve_name(e).unwrap_or_default(), e.size(), e.is_signed(), variants)
            }
            _ => return None,
        };
        Some(EnumType { name, size: size.max(1) as u8, signed, variants, script: false })
    }

    /// Whether enums with negative values are marked: pahole does so from 1.24 on. In types that older ones wrote (Linux
    /// 5.10 as distributions build it) no enum is, and what looks like a negative value is one.
    pub(crate) fn tells_signs(&self) -> bool {
        let marked = |id: u32| matches!(self.read(id), Some(Raw::Enum(e)) if e.is_signed());
        let (_, last) = self.raw.split().unwrap_or(self.raw.base()).type_id_range();
        *self.tells_signs.get_or_init(|| (1..=last).any(marked))
    }

    /// The enum of that tag.
    pub fn enumeration(&self, name: &str) -> Option<Arc<EnumType>> {
        self.by_name(name).find_map(|(_, raw)| self.enum_type(&raw)).map(Arc::new)
    }

    /// The enumerator of that name. The first question reads all enums once.
    pub fn constant(&self, name: &str) -> Option<Constant> {
        let id = {
            let mut table = self.constants.borrow_mut();
            let table = table.get_or_insert_with(|| self.index_constants());
            *table.get(name)?
        };
        let ty = self.enum_type(&self.by_id(id)?)?;
        let value = ty.variants.iter().find(|(n, _)| n == name)?.1;
        Some(Constant { ty: Arc::new(ty), value })
    }

    fn index_constants(&self) -> HashMap<String, u32> {
        let mut table = HashMap::new();
        for (id, raw) in self.all() {
            let names: Vec<String> = match &raw {
                Raw::Enum(e) => e.members.iter().filter_map(|m| self.raw.resolve_name(m).ok()).collect(),
                Raw::Enum64(e) => e.members.iter().filter_map(|m| self.raw.resolve_name(m).ok()).collect(),
                _ => continue,
            };
            for name in names {
                table.entry(name).or_insert(id);
            }
        }
        table
    }

    /// Every type with its id, in order; of a module its own.
    fn all(&self) -> impl Iterator<Item = (u32, Raw)> + '_ {
        let (first, last) = self.raw.split().unwrap_or(self.raw.base()).type_id_range();
        (first..=last).filter_map(|id| Some((id, self.read(id)?)))
    }

    /// The named type: a typedef, or a struct, union or enum tag without keyword.
    pub fn named(&self, name: &str) -> Option<Type> {
        let (id, _) = self.by_name(name).find(|(_, raw)| matches!(raw, Raw::Typedef(_) | Raw::Int(_)))?;
        Some(self.type_of(id))
    }

    /// Parameters and result of a kernel function.
    pub fn function(&self, name: &str) -> Option<Prototype> {
        let ids = self.funcs.ids(name, &self.raw);
        let func = ids.iter().find_map(|id| if let Raw::Func(f) = self.by_id(*id)? { Some(f) } else { None })?;
        let Some(Raw::FuncProto(proto)) = self.by_id(func.get_type_id()?) else { return None };
        self.prototype(&proto)
    }

    /// The prototype that a typedef such as `btf_trace_sched_switch` points at.
    pub fn typedef_prototype(&self, name: &str) -> Option<Prototype> {
        let def = self.by_name(name).find_map(|(_, t)| if let Raw::Typedef(d) = t { Some(d) } else { None })?;
        let Some(Raw::Ptr(ptr)) = self.by_id(def.get_type_id()?) else { return None };
        let Some(Raw::FuncProto(proto)) = self.by_id(ptr.get_type_id()?) else { return None };
        self.prototype(&proto)
    }

    fn prototype(&self, proto: &btf_rs::FuncProto) -> Option<Prototype> {
        let params = proto
            .parameters
            .iter()
            .filter(|p| !p.is_variadic())
            .map(|p| {
                let ty = p.get_type_id().map_or(Type::None, |id| self.type_of(id));
                (self.raw.resolve_name(p).unwrap_or_default(), ty)
            })
            .collect();
        Some(Prototype { params, returns: self.type_of(proto.return_type_id()) })
    }

    /// All records named `trace_event_raw_…`. The first question reads all types once.
    pub fn event_records(&self) -> Arc<Vec<Arc<RecordLayout>>> {
        if let Some(known) = self.events.borrow().as_ref() {
            return known.clone();
        }
        // Laid out from where they stand: a look-up by name reads all types again.
        let records = self.all().filter_map(|(_, raw)| {
            let Raw::Struct(record) = &raw else { return None };
            let name = self.raw.resolve_name(record).ok().filter(|n| n.starts_with("trace_event_raw_"))?;
            self.lay_out(&name, &raw)
        });
        let all: Arc<Vec<_>> = Arc::new(records.map(Arc::new).collect());
        *self.events.borrow_mut() = Some(all.clone());
        all
    }

    /// Names of structs and unions, for suggestions.
    pub fn record_names(&self) -> Rc<[String]> {
        self.names("record", |raw| match raw {
            Raw::Struct(s) | Raw::Union(s) => self.raw.resolve_name(s).ok().filter(|n| !n.is_empty()),
            _ => None,
        })
    }

    /// Typedefs whose names begin so, without that beginning, sorted.
    pub fn typedef_names(&self, prefix: &str) -> Rc<[String]> {
        self.names(&format!("typedef {prefix}"), |raw| match raw {
            Raw::Typedef(t) => Some(self.raw.resolve_name(t).ok()?.strip_prefix(prefix)?.to_string()),
            _ => None,
        })
    }

    /// Names of functions with BTF, for suggestions and listings.
    pub fn function_names(&self) -> Rc<[String]> {
        self.names("function", |raw| match raw {
            Raw::Func(f) => self.raw.resolve_name(f).ok(),
            _ => None,
        })
    }

    /// Sorted names of types. The first question of a kind reads all types once.
    fn names(&self, kind: &str, of: impl Fn(&Raw) -> Option<String>) -> Rc<[String]> {
        if let Some(known) = self.names.borrow().get(kind) {
            return known.clone();
        }
        let mut names: Vec<String> = self.all().filter_map(|(_, raw)| of(&raw)).collect();
        names.sort_unstable();
        names.dedup();
        let names: Rc<[String]> = names.into();
        self.names.borrow_mut().insert(kind.to_string(), names.clone());
        names
    }
}
