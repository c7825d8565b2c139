//! Types by name: the script's structs, unions, enums and typedefs, then those of user binaries and the kernel's.
//!
//! What a name means depends on who asks: in a probe of a user binary the binary's own types come before the kernel's,
//! elsewhere behind them.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use btc_abi::Attach;
use btc_diagnostics::{Code, Diagnostic, Diagnostics, Span, did_you_mean};
use btc_hir as hir;
use btc_syntax::ast::{self, CDefinition, TypeExpr, TypeExprKind};
use btc_target::{Constant, FieldInfo, RecordLayout, Target, UserTypes, is_glob};
use btc_types::{EnumType, Origin, RecordType, Space, Type};

/// What a `typedef` of the script names.
pub(crate) struct Typedef {
    pub ty: Type,
    /// What C aligns it to.
    pub align: u32,
    /// How it is written: only there `char` is another type than `signed char`.
    pub written: TypeExpr,
}

/// Types and constants that names stand for.
pub(crate) struct Records<'t> {
    target: &'t Target<'t>,
    pub(crate) records: HashMap<String, Arc<RecordLayout>>,
    pub(crate) enums: HashMap<String, Arc<EnumType>>,
    /// The record whose members are being read.
    pub(crate) open: Option<String>,
    /// The tags that the script defines anywhere, and whether they are a union's.
    tags: HashMap<String, bool>,
    pub(crate) typedefs: HashMap<String, Typedef>,
    pub(crate) constants: HashMap<String, Constant>,
    /// User binaries that the script has probes in, in their order.
    binaries: Vec<String>,
    /// Records that were looked into and whose layout goes along with the program.
    used: RefCell<HashMap<RecordType, Option<Arc<RecordLayout>>>>,
    /// Enums and typedefs of the kernel that were asked for, by how C writes them.
    kernel_types: RefCell<BTreeMap<String, hir::KernelType>>,
}

impl<'t> Records<'t> {
    /// The script's definitions, laid out in the order they stand in.
    pub fn collect(program: &ast::Program, target: &'t Target<'t>, d: &mut Diagnostics) -> Self {
        let mut all = Records {
            target,
            records: HashMap::new(),
            enums: HashMap::new(),
            open: None,
            tags: HashMap::new(),
            typedefs: HashMap::new(),
            constants: HashMap::new(),
            binaries: Vec::new(),
            used: RefCell::default(),
            kernel_types: RefCell::default(),
        };
        let tags = program.definitions.iter().filter_map(|definition| match definition {
            CDefinition::Record(record) => Some((record.name.name.clone(), record.kind == ast::RecordKind::Union)),
            _ => None,
        });
        all.tags = tags.collect();
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
                CDefinition::Enum(e) => all.add_enum(e, d),
                CDefinition::Typedef(t) => {
                    let ty = all.typedef(&t.ty, d);
                    let align = all.typedef_align(t, &ty, d);
                    all.typedefs.insert(t.name.name.clone(), Typedef { ty, align, written: t.ty.clone() });
                }
            }
        }
        all.complete();
        all
    }

    /// Gives pointers the records that they point at as those were defined in the end: while a record's members are read it
    /// is not known yet itself, and others may only be declared.
    fn complete(&mut self) {
        let whole: HashMap<String, RecordType> = self.records.iter().map(|(name, l)| (name.clone(), l.ty.clone())).collect();
        for layout in self.records.values_mut() {
            for field in &mut Arc::make_mut(layout).fields {
                complete(&mut field.ty, &whole);
                void_where_undefined(&mut field.ty, &whole);
            }
        }
        self.typedefs.values_mut().for_each(|typedef| void_where_undefined(&mut typedef.ty, &whole));
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

    /// A record whose layout goes along and that contains itself, or too many others: its type is broken.
    pub fn endless(&self) -> Option<RecordType> {
        let used = self.used.borrow();
        let mut sizes = HashMap::new();
        used.keys().find(|ty| fields_within(ty, &used, &mut sizes, 0).is_none()).cloned()
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

    /// Types of the kernel that the script names, but for structs and unions, which are bound where they are used.
    pub fn kernel_types(&self) -> Vec<hir::KernelType> {
        self.kernel_types.borrow().values().cloned().collect()
    }

    /// Notes a type of the kernel; one that is only a value's counts for scripts that ask for more than values.
    fn note_kernel_type(&self, name: String, enumerator: Option<&str>, ty: &Type, span: Span) {
        let by_value = enumerator.is_some();
        let enumerator = enumerator.filter(|_| name == "enum ").unwrap_or_default().to_string();
        let known = hir::KernelType { name: name.clone(), enumerator: enumerator.clone(), ty: ty.clone(), by_value, span };
        let mut all = self.kernel_types.borrow_mut();
        let entry = all.entry(name + &enumerator).or_insert(known);
        entry.by_value &= by_value;
    }

    /// The enumerator of that name.
    pub fn constant(&self, name: &str, span: Span) -> Option<Constant> {
        self.constants.get(name).cloned().or_else(|| {
            let constant = self.target.btf()?.constant(name)?;
            let ty = Type::Enum(constant.ty.clone());
            self.note_kernel_type(format!("enum {}", constant.ty.name), Some(name), &ty, span);
            Some(constant)
        })
    }

    /// The script's enumerator of that name; does not open BTF.
    pub fn script_constant(&self, name: &str) -> Option<i64> {
        self.constants.get(name).map(|c| c.value)
    }

    /// The type that a type expression stands for; reports unknown names.
    /// `typeof` is the caller's: it needs the types of expressions.
    pub fn resolve(&self, ty: &TypeExpr, from: From<'_>, d: &mut Diagnostics) -> Type {
        let made = self.any_type(ty, from, d);
        bounded(made, ty.span, d)
    }

    fn any_type(&self, ty: &TypeExpr, from: From<'_>, d: &mut Diagnostics) -> Type {
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
                self.array(element, count.as_deref(), d)
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
    pub(crate) fn member(&self, ty: &TypeExpr, d: &mut Diagnostics) -> Type {
        let made = self.any_member(ty, d);
        bounded(made, ty.span, d)
    }

    fn any_member(&self, ty: &TypeExpr, d: &mut Diagnostics) -> Type {
        match &ty.kind {
            TypeExprKind::Pointer(to) => {
                let inner = match &to.kind {
                    TypeExprKind::Struct(tag) if self.find(tag, false, None).is_none() => opaque(tag, false),
                    TypeExprKind::Union(tag) if self.find(tag, true, None).is_none() => opaque(tag, true),
                    _ => self.member(to, d),
                };
                if inner == Type::Unknown { Type::Unknown } else { pointer_to(inner) }
            }
            TypeExprKind::Array(element, count) => {
                let element = self.member(element, d);
                self.array(element, count.as_deref(), d)
            }
            _ => self.resolve(ty, None, d),
        }
    }

    /// What a `typedef` names: a struct may be defined behind it.
    pub(crate) fn typedef(&self, ty: &TypeExpr, d: &mut Diagnostics) -> Type {
        let is_later = |tag: &String, union| !self.records.contains_key(tag) && self.tags.get(tag) == Some(&union);
        match &ty.kind {
            TypeExprKind::Struct(tag) if is_later(tag, false) => opaque(tag, false),
            TypeExprKind::Union(tag) if is_later(tag, true) => opaque(tag, true),
            _ => self.member(ty, d),
        }
    }

    fn array(&self, element: Type, count: Option<&ast::Expr>, d: &mut Diagnostics) -> Type {
        if element == Type::Unknown {
            return Type::Unknown;
        }
        match self.length(count, d) {
            Some(count) => Type::Array { element: Box::new(element), count, text: false },
            None => Type::Unknown,
        }
    }

    fn named(&self, name: &str, at: &TypeExpr, from: From<'_>, d: &mut Diagnostics) -> Type {
        let known = self
            .typedefs
            .get(name)
            .map(|t| t.ty.clone())
            .or_else(|| btc_types::named(name))
            .or_else(|| self.records.get(name).map(|l| Type::Record(l.ty.clone())))
            .or_else(|| self.enums.get(name).map(|e| Type::Enum(e.clone())))
            .or_else(|| self.in_binaries(true, from, |t| t.named(name)))
            .or_else(|| {
                let ty = self.target.btf()?.named(name)?;
                self.note_kernel_type(format!("typedef {name}"), None, &ty, at.span);
                Some(ty)
            })
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
        let kernel = || {
            let known = self.target.btf()?.enumeration(tag)?;
            self.note_kernel_type(format!("enum {tag}"), None, &Type::Enum(known.clone()), at.span);
            Some(known)
        };
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

/// A record of the script that is only declared so far.
fn opaque(tag: &str, union: bool) -> Type {
    Type::Record(RecordType { name: tag.to_string(), union, origin: Origin::Script, typedef: false, size: 0, align: 1 })
}

/// Puts the records that the script defines where a type names them. One of the kernel's that has the tag of a later
/// definition is that one.
pub(crate) fn complete(ty: &mut Type, whole: &HashMap<String, RecordType>) {
    match ty {
        Type::Record(r) => {
            let own = whole.get(&r.name).filter(|own| own.union == r.union && !r.typedef);
            if let Some(own) = own {
                *r = own.clone();
            }
        }
        Type::Pointer { to, space } => {
            let was_kernel = matches!(&**to, Type::Record(r) if r.is_kernel());
            complete(to, whole);
            if was_kernel && !matches!(&**to, Type::Record(r) if r.is_kernel()) {
                *space = Space::Unknown;
            }
        }
        Type::Array { element, .. } => complete(element, whole),
        _ => {}
    }
}

/// What nobody defines is as good as `void`.
fn void_where_undefined(ty: &mut Type, whole: &HashMap<String, RecordType>) {
    match ty {
        Type::Record(r) if r.origin == Origin::Script && !whole.contains_key(&r.name) => *ty = Type::None,
        Type::Pointer { to, .. } => void_where_undefined(to, whole),
        Type::Array { element, .. } => void_where_undefined(element, whole),
        _ => {}
    }
}

/// A type that all phases can walk; any other one is told, and not known then.
pub(crate) fn bounded(ty: Type, span: Span, d: &mut Diagnostics) -> Type {
    match ty.check_parts() {
        Ok(()) => ty,
        Err(message) => {
            d.push(Diagnostic::error(Code::TooLarge, span, message).help("name a smaller type, or a pointer to it"));
            Type::Unknown
        }
    }
}

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

/// Whether the layout of a record goes along with the program when it is used: the host cannot be asked for one
/// of a user binary, nor by name for one of the kernel that has none.
fn goes_along(ty: &RecordType) -> bool {
    match ty.origin {
        Origin::Script => false,
        Origin::Kernel => ty.name.starts_with('.'),
        Origin::Binary(_) => true,
    }
}

/// Records in records, and fields of one with those of the records in it.
const MAX_NESTING: usize = 32;
const MAX_FIELDS: usize = 10_000;

/// Fields of a record with those of the records in it; `None` of one without end.
fn fields_within(
    ty: &RecordType,
    used: &HashMap<RecordType, Option<Arc<RecordLayout>>>,
    known: &mut HashMap<RecordType, Option<usize>>,
    depth: usize,
) -> Option<usize> {
    if let Some(fields) = known.get(ty) {
        return *fields;
    }
    // One that is met again before it is counted contains itself.
    known.insert(ty.clone(), None);
    let mut fields = 0;
    for field in used.get(ty).and_then(Option::as_ref).iter().flat_map(|layout| &layout.fields) {
        let mut inner = &field.ty;
        while let Type::Array { element, .. } = inner {
            inner = element;
        }
        fields += match inner {
            Type::Record(r) if depth < MAX_NESTING => fields_within(r, used, known, depth + 1)?,
            Type::Record(_) => return None,
            _ => 1,
        };
    }
    let fields = Some(fields + 1).filter(|n| *n <= MAX_FIELDS);
    known.insert(ty.clone(), fields);
    fields
}

/// A field as the HIR names it.
pub(crate) fn step(field: &FieldInfo) -> hir::FieldStep {
    hir::FieldStep { name: field.name.clone(), bit_offset: field.bit_offset, bits: field.bits, hidden: field.hidden }
}
