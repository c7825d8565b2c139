//! Types by name: the script's structs, unions, enums and typedefs, then those of user binaries and the kernel's.
//!
//! What a name means depends on who asks: in a probe of a user binary the binary's own types come before the kernel's,
//! elsewhere behind them.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use btc_abi::Attach;
use btc_diagnostics::{Code, Diagnostic, Diagnostics, Span, did_you_mean};
use btc_hir as hir;
use btc_syntax::ast::{self, CDefinition, RecordKind, TypeExpr, TypeExprKind};
use btc_target::{Constant, FieldInfo, RecordLayout, Target, UserTypes, is_glob};
use btc_types::{EnumType, Origin, RecordType, Space, Type, align_up};

use crate::constant;

/// Types and constants that names stand for.
pub(crate) struct Records<'t> {
    target: &'t Target<'t>,
    records: HashMap<String, Arc<RecordLayout>>,
    enums: HashMap<String, Arc<EnumType>>,
    typedefs: HashMap<String, Type>,
    constants: HashMap<String, Constant>,
    /// User binaries that the script has probes in, in their order.
    binaries: Vec<String>,
    /// Records that were looked into and whose layout goes along with the program.
    used: RefCell<HashMap<RecordType, Option<Arc<RecordLayout>>>>,
}

impl<'t> Records<'t> {
    /// The script's definitions, laid out in the order they stand in.
    pub fn collect(program: &ast::Program, target: &'t Target<'t>, d: &mut Diagnostics) -> Self {
        let mut all = Records {
            target,
            records: HashMap::new(),
            enums: HashMap::new(),
            typedefs: HashMap::new(),
            constants: HashMap::new(),
            binaries: Vec::new(),
            used: RefCell::default(),
        };
        let mut seen: HashMap<&str, Span> = HashMap::new();
        for definition in &program.definitions {
            match definition {
                CDefinition::Record(record) => {
                    let name = record.name.name.as_str();
                    if let Some(first) = seen.insert(name, record.name.span) {
                        let message = format!("`{name}` is defined already");
                        let error = Diagnostic::error(Code::Redefined, record.name.span, message);
                        d.push(error.also(first, "first defined here"));
                        continue;
                    }
                    all.add_record(record, d);
                }
                CDefinition::Enum(e) => all.add_enum(e),
                CDefinition::Typedef(t) => {
                    let ty = all.member(&t.ty, d);
                    all.typedefs.insert(t.name.name.clone(), ty);
                }
            }
        }
        all
    }

    fn add_record(&mut self, record: &ast::CRecord, d: &mut Diagnostics) {
        let union = record.kind == RecordKind::Union;
        let mut layout = LayOut { union, packed: record.packed, ..LayOut::default() };
        // A record may hold pointers to itself: known by name before its fields are.
        let name = record.name.name.clone();
        let ty = |size, align| RecordType { name: name.clone(), union, typedef: false, origin: Origin::Script, size, align };
        let empty = RecordLayout { ty: ty(0, 1), fields: Vec::new() };
        self.records.insert(name.clone(), Arc::new(empty));
        for field in &record.fields {
            let field_ty = self.member(&field.ty, d);
            // An unknown type was told of already.
            if field_ty == Type::Unknown && field.bits.is_some() {
                continue;
            }
            if let Some(error) = misfit(field, &field_ty, layout.bytes()) {
                d.push(error);
                continue;
            }
            match &field.name {
                Some(name) => layout.add(&name.name, field_ty, field.bits),
                None => {
                    let inner = match &field_ty {
                        Type::Record(r) => self.records.get(&r.name).cloned(),
                        _ => None,
                    };
                    layout.add_anonymous(&field_ty, inner.as_deref());
                }
            }
        }
        let (size, align) = layout.finish();
        let done = RecordLayout { ty: ty(size, align), fields: layout.fields };
        self.records.insert(name.clone(), Arc::new(done));
    }

    fn add_enum(&mut self, e: &ast::CEnum) {
        let mut next = 0i64;
        let mut variants = Vec::new();
        for (name, value) in &e.variants {
            let known = |n: &str| {
                variants.iter().find(|(v, _): &&(String, i64)| v == n).map(|(_, v)| *v)
            };
            let value = value.as_ref().and_then(|v| constant::eval(v, &known)).unwrap_or(next);
            variants.push((name.name.clone(), value));
            next = value.wrapping_add(1);
        }
        let signed = variants.iter().any(|(_, v)| *v < 0);
        let wide = variants.iter().any(|(_, v)| i32::try_from(*v).is_err() && u32::try_from(*v).is_err());
        let ty = Arc::new(EnumType {
            name: e.name.name.clone(),
            size: if wide { 8 } else { 4 },
            signed,
            variants: variants.clone(),
            script: true,
        });
        for (name, value) in variants {
            self.constants.insert(name, Constant { ty: ty.clone(), value });
        }
        self.enums.insert(e.name.name.clone(), ty);
    }

    /// Takes types from the user binaries that attach points are in.
    pub fn add_binaries<'a>(&mut self, points: impl Iterator<Item = &'a Attach>) {
        for binary in points.filter_map(Attach::binary).filter(|b| !is_glob(b)) {
            if !self.binaries.iter().any(|known| known == binary) {
                self.binaries.push(binary.to_string());
            }
        }
    }

    /// Structs and unions whose layout the program fixes: the script's, and those that [`goes_along`] names.
    pub fn own(&self) -> Vec<hir::Record> {
        let field = |f: &FieldInfo| hir::RecordField {
            step: step(f),
            ty: f.ty.clone(),
        };
        let record = |layout: &Arc<RecordLayout>| hir::Record {
            ty: layout.ty.clone(),
            fields: layout.fields.iter().map(field).collect(),
        };
        let mut used: Vec<Arc<RecordLayout>> = self.used.borrow().values().flatten().cloned().collect();
        used.sort_unstable_by(|a, b| a.ty.name.cmp(&b.ty.name));
        self.records.values().chain(&used).map(record).collect()
    }

    /// The layout of a record type.
    pub fn layout(&self, ty: &RecordType) -> Option<Arc<RecordLayout>> {
        if !goes_along(ty) {
            return self.lay_out(ty);
        }
        if let Some(known) = self.used.borrow().get(ty) {
            return known.clone();
        }
        let layout = self.lay_out(ty);
        self.used.borrow_mut().insert(ty.clone(), layout.clone());
        // Printing it shows the records in it, too.
        for field in layout.iter().flat_map(|l| &l.fields) {
            self.look_into(&field.ty);
        }
        layout
    }

    fn lay_out(&self, ty: &RecordType) -> Option<Arc<RecordLayout>> {
        match &ty.origin {
            Origin::Script => self.records.get(&ty.name).cloned(),
            Origin::Kernel => self.target.btf()?.layout(ty),
            Origin::Binary(binary) => self.target.user_types(binary).ok().flatten()?.layout(ty).map(Arc::new),
        }
    }

    /// Gets the layouts of records that values of a type contain.
    pub fn look_into(&self, ty: &Type) {
        match ty {
            Type::Record(r) if goes_along(r) => drop(self.layout(r)),
            Type::Array { element, .. } => self.look_into(element),
            _ => {}
        }
    }

    /// What user binaries say: the one that a probe is in, or all others.
    fn in_binaries<T>(&self, own: bool, from: From<'_>, ask: impl Fn(&UserTypes) -> Option<T>) -> Option<T> {
        let here = self.binaries.iter().filter(|b| (Some(b.as_str()) == from) == own);
        here.filter_map(|b| self.target.user_types(b).ok().flatten()).find_map(|types| ask(&types))
    }

    /// The enumerator of that name.
    pub fn constant(&self, name: &str) -> Option<Constant> {
        self.constants.get(name).cloned().or_else(|| self.target.btf()?.constant(name))
    }

    /// The script's enumerator of that name; does not open BTF.
    pub fn script_constant(&self, name: &str) -> Option<i64> {
        self.constants.get(name).map(|c| c.value)
    }

    /// The type that a type expression stands for; reports unknown names.
    /// `typeof` is the caller's: it needs the types of expressions.
    pub fn resolve(&self, ty: &TypeExpr, from: From<'_>, d: &mut Diagnostics) -> Type {
        match &ty.kind {
            TypeExprKind::Name(name) => self.named(name, ty, from, d),
            TypeExprKind::Struct(tag) => self.record(tag, false, ty, from, d),
            TypeExprKind::Union(tag) => self.record(tag, true, ty, from, d),
            TypeExprKind::Enum(tag) => self.enumeration(tag, ty, from, d),
            TypeExprKind::Pointer(to) => {
                let inner = self.resolve(to, from, d);
                if inner == Type::Unknown { Type::Unknown } else { pointer_to(inner) }
            }
            TypeExprKind::Array(element, count) => {
                let element = self.resolve(element, from, d);
                if element == Type::Unknown {
                    return Type::Unknown;
                }
                let count = count.unwrap_or(0).min(u64::from(u32::MAX)) as u32;
                Type::Array { element: Box::new(element), count, text: false }
            }
            TypeExprKind::Sized(name, size) => {
                let size = (*size).min(u64::from(btc_target::MAX_STRLEN)) as u32;
                match name.as_str() {
                    "buffer" => Type::Buffer { capacity: size },
                    _ => Type::str(size),
                }
            }
            TypeExprKind::Tuple(parts) => {
                Type::Tuple(parts.iter().map(|p| self.resolve(p, from, d)).collect())
            }
            TypeExprKind::Typeof(_) => Type::Unknown,
        }
    }

    /// The type of a member: a pointer to a struct that nobody defines is fine until it is followed.
    fn member(&self, ty: &TypeExpr, d: &mut Diagnostics) -> Type {
        let TypeExprKind::Pointer(to) = &ty.kind else { return self.resolve(ty, None, d) };
        let opaque = |tag: &str, union| RecordType {
            name: tag.to_string(),
            union,
            origin: Origin::Script,
            typedef: false,
            size: 0,
            align: 1,
        };
        let inner = match &to.kind {
            TypeExprKind::Struct(tag) if self.find(tag, false, None).is_none() => Type::Record(opaque(tag, false)),
            TypeExprKind::Union(tag) if self.find(tag, true, None).is_none() => Type::Record(opaque(tag, true)),
            _ => self.member(to, d),
        };
        if inner == Type::Unknown { Type::Unknown } else { pointer_to(inner) }
    }

    fn named(&self, name: &str, at: &TypeExpr, from: From<'_>, d: &mut Diagnostics) -> Type {
        let known = self
            .typedefs
            .get(name)
            .cloned()
            .or_else(|| btc_types::named(name))
            .or_else(|| self.records.get(name).map(|l| Type::Record(l.ty.clone())))
            .or_else(|| self.enums.get(name).map(|e| Type::Enum(e.clone())))
            .or_else(|| self.in_binaries(true, from, |t| t.named(name)))
            .or_else(|| self.target.btf().and_then(|b| b.named(name)))
            .or_else(|| self.in_binaries(false, from, |t| t.named(name)));
        known.unwrap_or_else(|| self.unknown(name, name, at, d))
    }

    fn record(&self, tag: &str, union: bool, at: &TypeExpr, from: From<'_>, d: &mut Diagnostics) -> Type {
        match self.find(tag, union, from) {
            Some(ty) => Type::Record(ty),
            None => {
                let word = if union { "union" } else { "struct" };
                self.unknown(&format!("{word} {tag}"), tag, at, d)
            }
        }
    }

    /// The struct or union of that name.
    fn find(&self, tag: &str, union: bool, from: From<'_>) -> Option<RecordType> {
        let script = || self.records.get(tag).filter(|l| l.ty.union == union).map(|l| l.ty.clone());
        let kernel = || Some(self.target.btf()?.record(tag, union)?.ty.clone());
        script()
            .or_else(|| self.in_binaries(true, from, |t| t.record(tag, union)))
            .or_else(kernel)
            .or_else(|| self.in_binaries(false, from, |t| t.record(tag, union)))
    }

    fn enumeration(&self, tag: &str, at: &TypeExpr, from: From<'_>, d: &mut Diagnostics) -> Type {
        let script = || self.enums.get(tag).cloned();
        let kernel = || self.target.btf()?.enumeration(tag);
        let known = script()
            .or_else(|| self.in_binaries(true, from, |t| t.enumeration(tag)))
            .or_else(kernel)
            .or_else(|| self.in_binaries(false, from, |t| t.enumeration(tag)));
        match known {
            Some(e) => Type::Enum(e),
            None => self.unknown(&format!("enum {tag}"), tag, at, d),
        }
    }

    fn unknown(&self, shown: &str, name: &str, at: &TypeExpr, d: &mut Diagnostics) -> Type {
        let mut error =
            Diagnostic::error(Code::UnknownType, at.span, format!("there is no type `{shown}`"));
        match self.target.btf() {
            Some(btf) => {
                let kernel = btf.record_names();
                let own = self.records.keys().map(String::as_str);
                let near = did_you_mean(name, own.chain(kernel.iter().map(String::as_str)));
                let tag = shown.strip_suffix(name).unwrap_or_default();
                error = error.help_opt(near.map(|h| h.replacen('`', &format!("`{tag}"), 1)));
            }
            None => {
                error = error.help(
                    "kernel types come from BTF, and none was found: name one with `--btf FILE`, \
                     or define the type in the script",
                );
            }
        }
        d.push(error);
        Type::Unknown
    }
}

/// Who asks for a type: the user binary that a probe is in.
pub(crate) type From<'a> = Option<&'a str>;

/// A pointer to what has a name; records tell where they lie.
pub(crate) fn pointer_to(to: Type) -> Type {
    let space = match &to {
        Type::Record(r) => match r.origin {
            Origin::Kernel => Space::Kernel,
            Origin::Script => Space::Unknown,
            Origin::Binary(_) => Space::User,
        },
        _ => Space::Unknown,
    };
    Type::pointer(to, space)
}

/// Most bytes of a record of the script. None is nearly as large; sizes in bits stay small.
const MAX_RECORD: u32 = 1 << 20;

/// Why a member of that type cannot stand behind `before` bytes of a record.
fn misfit(field: &ast::CField, ty: &Type, before: u32) -> Option<Diagnostic> {
    if before.saturating_add(ty.size()) > MAX_RECORD {
        let message = format!("a record has at most {MAX_RECORD} bytes");
        return Some(Diagnostic::error(Code::TooLarge, field.span, message));
    }
    let bits = field.bits?;
    let most = match ty {
        Type::Int { size, .. } => u32::from(*size) * 8,
        Type::Bool => 8,
        Type::Enum(e) => u32::from(e.size) * 8,
        other => {
            let message = format!("a bit field cannot be of type `{other}`");
            return Some(Diagnostic::error(Code::CDefinition, field.span, message));
        }
    };
    (bits > most).then(|| {
        let message = format!("a bit field of type `{ty}` has at most {most} bits, not {bits}");
        Diagnostic::error(Code::CDefinition, field.span, message)
    })
}

/// Lays fields out as C compilers for 64-bit machines do (System V ABI).
#[derive(Default)]
struct LayOut {
    union: bool,
    packed: bool,
    fields: Vec<FieldInfo>,
    /// Bits used so far.
    at: u32,
    /// Bytes of the longest member of a union.
    longest: u32,
    align: u32,
}

/// Whether the layout of a record goes along with the program when it is used: the host cannot be asked for one
/// of a user binary, nor by name for one of the kernel that has none.
fn goes_along(ty: &RecordType) -> bool {
    match ty.origin {
        Origin::Script => false,
        Origin::Kernel => ty.name.starts_with('.'),
        Origin::Binary(_) => true,
    }
}

/// A field as the HIR names it.
pub(crate) fn step(field: &FieldInfo) -> hir::FieldStep {
    hir::FieldStep { name: field.name.clone(), bit_offset: field.bit_offset, bits: field.bits, hidden: field.hidden }
}

impl LayOut {
    fn add(&mut self, name: &str, ty: Type, bits: Option<u32>) {
        // `char` arrays are text.
        let ty = match ty {
            Type::Array { element, count, .. } if *element == Type::int(1, true) && count > 0 => Type::str(count),
            other => other,
        };
        let bit_offset = self.place(&ty, bits);
        self.fields.push(FieldInfo { name: name.to_string(), ty, bit_offset, bits, hidden: false });
    }

    fn add_anonymous(&mut self, ty: &Type, inner: Option<&RecordLayout>) {
        let base = self.place(ty, None);
        for field in inner.map_or(&[][..], |l| &l.fields) {
            self.fields.push(FieldInfo { bit_offset: base + field.bit_offset, ..field.clone() });
        }
    }

    /// Bytes taken so far.
    fn bytes(&self) -> u32 {
        if self.union { 0 } else { self.at.div_ceil(8) }
    }

    /// Room for a member; its first bit.
    fn place(&mut self, ty: &Type, bits: Option<u32>) -> u32 {
        let align = if self.packed { 1 } else { ty.align() };
        let size = ty.size();
        if self.union {
            self.align = self.align.max(align);
            self.longest = self.longest.max(size);
            return 0;
        }
        let at = match bits {
            // A bit field does not cross the bounds of its type; width 0 closes the unit.
            Some(0) => {
                self.at = align_up(self.at, size * 8);
                return self.at;
            }
            Some(width) => {
                let unit = size * 8;
                if !self.packed && self.at / unit != (self.at + width - 1) / unit {
                    align_up(self.at, unit)
                } else {
                    self.at
                }
            }
            None => align_up(self.at.div_ceil(8), align) * 8,
        };
        self.align = self.align.max(align);
        self.at = at + bits.unwrap_or(size * 8);
        at
    }

    fn finish(&self) -> (u32, u32) {
        let align = self.align.max(1);
        let bytes = if self.union { self.longest } else { self.at.div_ceil(8) };
        (align_up(bytes, align), align)
    }
}
