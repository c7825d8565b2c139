//! Types and functions of user binaries, from their debug information, in the shape that kernel types have.
//!
//! Their layout is that of the file that was compiled against. The file is not trusted: what it says of sizes must
//! fit, and records that contain too much are refused.

mod classes;
mod classify;
mod passing;
mod shape;
mod spell;

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use btc_dwarf::{DebugInfo, Error, Type as Raw, TypeId, Wanted};
use btc_types::{EnumType, Origin, RecordType, Space, Type};

use crate::{FieldInfo, RecordLayout, Sections};

pub use passing::Place;

/// Nesting beyond which a type is taken for broken.
const MAX_DEPTH: u32 = 32;
/// Most values that a record may contain, those of records in it included.
const MAX_PARTS: u32 = 4096;
/// Most bytes of a type.
const MAX_BYTES: u64 = 1 << 20;

/// A parameter of a user function.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    /// Its name.
    pub name: String,
    /// Its type.
    pub ty: Type,
    /// Its type as C spells it.
    pub spelling: String,
    /// Where it is when the function is entered; `None` where scripts cannot read it.
    pub place: Option<Place>,
}

/// What the debug information of a user binary says.
pub struct UserTypes {
    info: DebugInfo,
    /// The binary as probes name it.
    binary: Arc<str>,
    /// Values in records; `None` for those that contain too much, or themselves.
    parts: RefCell<HashMap<TypeId, Option<u32>>>,
    /// How records are copied, and how they are aligned.
    ways: RefCell<HashMap<TypeId, classes::Ways>>,
    alignments: RefCell<HashMap<TypeId, shape::Alignment>>,
}

impl UserTypes {
    /// Takes the sections of a binary.
    pub fn new(binary: &str, sections: Sections) -> Result<UserTypes, String> {
        let info = DebugInfo::new(sections).map_err(|e| format!("`{binary}`: {e}"))?;
        let (parts, ways, alignments) = Default::default();
        Ok(UserTypes { info, binary: binary.into(), parts, ways, alignments })
    }

    fn told<T>(&self, result: Result<T, Error>) -> Result<T, String> {
        result.map_err(|e| format!("`{}`: {e}", self.binary))
    }

    /// Parameters of the function that the symbol table calls so; `None` where nothing is known of it.
    pub fn parameters(&self, symbol: &str) -> Result<Option<Vec<Parameter>>, String> {
        self.told(self.read_parameters(symbol))
    }

    fn read_parameters(&self, symbol: &str) -> Result<Option<Vec<Parameter>>, Error> {
        let Some(function) = self.info.function(symbol)? else { return Ok(None) };
        let mut places = passing::Places::new(self, &function)?;
        let mut all: Vec<Parameter> = Vec::new();
        let mut names = HashSet::new();
        for (number, (name, id)) in function.parameters.into_iter().enumerate() {
            let place = places.next(id)?;
            let ty = self.convert(id, 0)?;
            // Those of a pack have no name, or all the same.
            let name = if name.is_empty() || names.contains(&name) { format!("{name}_{number}") } else { name };
            let is_new = names.insert(name.clone());
            let place = place.filter(|_| ty.is_scalar() && is_new);
            all.push(Parameter { name, ty, spelling: self.spelled(id, 0)?, place });
        }
        Ok(Some(all))
    }

    /// The struct (or union) of that tag.
    pub fn record(&self, name: &str, union: bool) -> Option<RecordType> {
        let wanted = if union { Wanted::Union } else { Wanted::Struct };
        let id = self.info.find(wanted, name).ok()??;
        self.record_type(id, &self.info.type_at(id).ok()?).ok()
    }

    /// The enum of that tag.
    pub fn enumeration(&self, name: &str) -> Option<Arc<EnumType>> {
        let id = self.info.find(Wanted::Enum, name).ok()??;
        match self.info.type_at(id).ok()? {
            Raw::Enum { size: size @ (1 | 2 | 4 | 8), signed, variants, .. } => {
                Some(Arc::new(EnumType { name: name.to_string(), size: size as u8, signed, variants, script: true }))
            }
            _ => None,
        }
    }

    /// The type of a variable outside of functions.
    pub fn variable(&self, name: &str) -> Option<Type> {
        let ty = self.info.variable(name).ok()??;
        self.convert(Some(ty), 0).ok()
    }

    /// The named type: a typedef, or a tag as C++ writes it without keyword.
    pub fn named(&self, name: &str) -> Option<Type> {
        let kinds = [Wanted::Typedef, Wanted::Struct, Wanted::Union, Wanted::Enum];
        let id = kinds.into_iter().find_map(|wanted| self.info.find(wanted, name).ok()?)?;
        self.convert(Some(id), 0).ok().filter(|ty| *ty != Type::None)
    }

    /// The layout of a record of this binary.
    pub fn layout(&self, ty: &RecordType) -> Option<RecordLayout> {
        let id = self.id_of(ty)?;
        self.weigh(id, 0)?;
        let mut fields = Vec::new();
        self.collect(id, 0, 0, u64::from(ty.size) * 8, &mut fields).ok()?;
        Some(RecordLayout { ty: ty.clone(), fields })
    }

    /// Records without a tag are known by their place, in decimal behind a dot.
    fn id_of(&self, ty: &RecordType) -> Option<TypeId> {
        if let Some(place) = ty.name.strip_prefix('.') {
            return Some(TypeId(place.parse().ok()?));
        }
        let found = self.info.find(if ty.union { Wanted::Union } else { Wanted::Struct }, &ty.name).ok()?;
        if !ty.typedef {
            return found;
        }
        let (_, id) = self.strip(Some(self.info.find(Wanted::Typedef, &ty.name).ok()??), 0).ok()?;
        id
    }

    /// How many values a record contains.
    fn weigh(&self, id: TypeId, depth: u32) -> Option<u32> {
        if let Some(known) = self.parts.borrow().get(&id) {
            return *known;
        }
        // Until its parts are known it may not be part of itself.
        self.parts.borrow_mut().insert(id, None);
        let mut sum = 1u32;
        for member in self.info.members(id).ok()? {
            sum = sum.checked_add(self.weight(member.ty, depth + 1)?).filter(|n| *n <= MAX_PARTS)?;
        }
        self.parts.borrow_mut().insert(id, Some(sum));
        Some(sum)
    }

    fn weight(&self, ty: Option<TypeId>, depth: u32) -> Option<u32> {
        if depth > MAX_DEPTH {
            return None;
        }
        match self.strip(ty, 0).ok()? {
            (Some(Raw::Record { size: Some(_), .. }), Some(id)) => self.weigh(id, depth + 1),
            (Some(Raw::Array { element, .. }), _) => self.weight(element, depth + 1),
            _ => Some(1),
        }
    }

    /// Adds the members of a record that begins `base` bits into the outer one, which has `room` bits.
    fn collect(&self, id: TypeId, base: u64, depth: u32, room: u64, out: &mut Vec<FieldInfo>) -> Result<(), Error> {
        for member in self.info.members(id)? {
            let at = base.saturating_add(member.bit_offset);
            let Some(name) = member.name else {
                if let (Some(Raw::Record { .. }), Some(inner)) = self.strip(member.ty, 0)?
                    && depth < MAX_DEPTH
                {
                    self.collect(inner, at, depth + 1, room, out)?;
                }
                continue;
            };
            let ty = self.convert(member.ty, 0)?;
            let bits = member.bits.filter(|b| *b > 0);
            let end = at.saturating_add(bits.unwrap_or(u64::from(ty.size()) * 8));
            let most = u64::from(ty.size()) * 8;
            if end > room || bits.is_some_and(|b| b > most) {
                return Err(Error(format!("its debug information is broken: `{name}` lies outside of its record")));
            }
            out.push(FieldInfo { name, ty, bit_offset: at as u32, bits: bits.map(|b| b as u32), hidden: false });
        }
        Ok(())
    }

    /// The type below typedefs and qualifiers, with its place; nothing for `void`.
    fn strip(&self, mut id: Option<TypeId>, depth: u32) -> Result<(Option<Raw>, Option<TypeId>), Error> {
        for _ in depth..MAX_DEPTH {
            let Some(at) = id else { return Ok((None, None)) };
            match self.info.type_at(at)? {
                Raw::Typedef { to, .. } | Raw::Qualified { to, .. } => id = to,
                other => return Ok((Some(other), Some(at))),
            }
        }
        Err(too_deep())
    }

    /// The language's type for a type.
    fn convert(&self, id: Option<TypeId>, depth: u32) -> Result<Type, Error> {
        let Some(id) = id else { return Ok(Type::None) };
        if depth > MAX_DEPTH {
            return Err(too_deep());
        }
        Ok(match self.info.type_at(id)? {
            // As bpftrace has them: numbers.
            Raw::Bool { .. } => Type::int(1, false),
            Raw::Int { size: size @ (1 | 2 | 4 | 8), signed, .. } => Type::int(size as u8, signed),
            Raw::Int { size, .. } | Raw::Other { size, .. } if size > 0 => {
                Type::Array { element: Box::new(Type::int(1, false)), count: bytes(size, 1)?, text: false }
            }
            Raw::Int { .. } | Raw::Other { .. } => Type::None,
            Raw::Pointer(to) => Type::pointer(self.convert(to, depth + 1)?, Space::User),
            Raw::Array { element, counts, .. } => self.array(element, &counts, depth)?,
            raw @ Raw::Record { .. } => Type::Record(self.record_type(id, &raw)?),
            Raw::Enum { size: size @ (1 | 2 | 4 | 8), signed, .. } => Type::int(size as u8, signed),
            Raw::Enum { .. } => return Err(Error("its debug information is broken: an enum of odd size".into())),
            Raw::Qualified { to, .. } => self.convert(to, depth + 1)?,
            Raw::Typedef { name, to } => match self.convert(to, depth + 1)? {
                // A typedef of an untagged record is a record of the typedef's name.
                Type::Record(r) if r.name.starts_with('.') => Type::Record(RecordType { name, typedef: true, ..r }),
                other => other,
            },
        })
    }

    /// As bpftrace has them: arrays of `char` are strings, and those of `signed char` and `unsigned char` print like strings;
    /// where the element's type has a name of its own, such as `uint8_t`, they hold numbers.
    fn array(&self, element: Option<TypeId>, counts: &[u64], depth: u32) -> Result<Type, Error> {
        let named = self.unqualified(element)?;
        if let ([count @ 1..=MAX_BYTES], Some(Raw::Int { is_char: true, .. })) = (counts, &named) {
            return Ok(Type::str(*count as u32));
        }
        let mut text = matches!(named, Some(Raw::Int { size: 1, .. }));
        let mut ty = self.convert(element, depth + 1)?;
        for count in counts.iter().rev() {
            bytes(*count, u64::from(ty.size()))?;
            ty = Type::Array { element: Box::new(ty), count: bytes(*count, 1)?, text };
            text = false;
        }
        Ok(ty)
    }

    /// The type below qualifiers; nothing for `void`.
    fn unqualified(&self, mut id: Option<TypeId>) -> Result<Option<Raw>, Error> {
        for _ in 0..MAX_DEPTH {
            let Some(at) = id else { return Ok(None) };
            match self.info.type_at(at)? {
                Raw::Qualified { to, .. } => id = to,
                other => return Ok(Some(other)),
            }
        }
        Err(too_deep())
    }

    fn record_type(&self, id: TypeId, raw: &Raw) -> Result<RecordType, Error> {
        let Raw::Record { name, union, size, .. } = raw else { return Err(too_deep()) };
        let mut size = *size;
        if let (None, Some(name)) = (size, name) {
            // Declared here; another unit may define it.
            let wanted = if *union { Wanted::Union } else { Wanted::Struct };
            let whole = self.info.find(wanted, name)?.map(|id| self.info.type_at(id)).transpose()?;
            if let Some(Raw::Record { size: known, .. }) = whole {
                size = known;
            }
        }
        let size = bytes(size.unwrap_or(0), 1)?;
        let align = if size.is_multiple_of(8) { 8 } else if size.is_multiple_of(4) { 4 } else { 1 };
        let name = name.clone().unwrap_or_else(|| format!(".{}", id.0));
        let origin = Origin::Binary(self.binary.clone());
        Ok(RecordType { name, union: *union, typedef: false, origin, size, align })
    }
}

fn too_deep() -> Error {
    Error("its debug information is broken: a type that goes on and on".into())
}

/// `count` times `each` bytes, if that is a size that types have.
fn bytes(count: u64, each: u64) -> Result<u32, Error> {
    match count.checked_mul(each) {
        Some(n @ 0..=MAX_BYTES) => Ok(n as u32),
        _ => Err(Error(format!("it has a type of more than {MAX_BYTES} bytes"))),
    }
}
