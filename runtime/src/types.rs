//! Types of the kernel or of a module, as libbpf reads them: numbers of functions, prototypes by name, enums, members.

use std::cell::OnceCell;
use std::collections::HashMap;
use std::ffi::{CStr, CString, c_void};
use std::ops::Range;
use std::ptr::NonNull;

use btc_abi::Shape;
use libbpf_sys as sys;

/// Pointers to pointers deeper than this point at anything.
const MAX_DEPTH: u32 = 8;
/// Fields of a record without a name, those of records in it included.
const MAX_FIELDS: usize = 10_000;

/// Types that libbpf has read; those of a module refer to the kernel's.
pub struct Types {
    raw: NonNull<sys::btf>,
    /// Functions and typedefs by name, as far as they are the module's own: the first of a name counts, as for the kernel.
    named: OnceCell<HashMap<(bool, String), u32>>,
    /// See [`Types::tells_signs`].
    tells_signs: OnceCell<bool>,
}

/// Values of an enum with their names.
pub type Variants = Vec<(i64, String)>;

/// What a function takes and yields.
#[derive(Clone, Debug)]
pub struct Prototype {
    /// Parameters with their names, in order.
    pub params: Vec<(String, Value)>,
    /// The result.
    pub result: Value,
}

/// A value that is passed.
#[derive(Clone, Debug)]
pub struct Value {
    /// What it is; nothing for what no program reads (`void`, floating point).
    pub shape: Option<Shape>,
    /// Size in bytes.
    pub size: u32,
    /// Whether the verifier lets a program load it from a context of arguments.
    pub direct: bool,
}

impl Drop for Types {
    fn drop(&mut self) {
        // SAFETY: it is owned, and not freed yet.
        unsafe { sys::btf__free(self.raw.as_ptr()) };
    }
}

impl Types {
    fn new(raw: *mut sys::btf) -> Option<Types> {
        Some(Types { raw: NonNull::new(raw)?, named: OnceCell::new(), tells_signs: OnceCell::new() })
    }

    /// Those of the running kernel.
    pub fn of_kernel() -> Option<Types> {
        // SAFETY: no preconditions.
        Types::new(unsafe { sys::btf__load_vmlinux_btf() })
    }

    /// Those in bytes, such as another kernel's.
    pub fn parse(bytes: &[u8]) -> Option<Types> {
        let size = u32::try_from(bytes.len()).ok()?;
        // SAFETY: the bytes are as many as is said; libbpf copies them.
        Types::new(unsafe { sys::btf__new(bytes.as_ptr().cast::<c_void>(), size) })
    }

    /// Those of the module that has this number; `self` are the kernel's, and must live longer.
    pub(crate) fn of_module(&self, id: u32) -> Option<Types> {
        // SAFETY: `self` is alive.
        Types::new(unsafe { sys::btf__load_from_kernel_by_id_split(id, self.raw.as_ptr()) })
    }

    /// Those of the module of that name; `self` are the kernel's, and must live longer.
    pub(crate) fn of_module_named(&self, name: &str) -> Option<Types> {
        let name = CString::new(name).ok()?;
        // SAFETY: `self` is alive, and the name ends with NUL.
        Types::new(unsafe { sys::btf__load_module_btf(name.as_ptr(), self.raw.as_ptr()) })
    }

    /// The numbers of their own types: those of a module go on behind the kernel's.
    fn own(&self) -> Range<u32> {
        // SAFETY: the types are alive, and with them the types below.
        unsafe {
            let below = sys::btf__base_btf(self.raw.as_ptr());
            (if below.is_null() { 1 } else { sys::btf__type_cnt(below) })..sys::btf__type_cnt(self.raw.as_ptr())
        }
    }

    fn get(&self, id: u32) -> Option<&sys::btf_type> {
        // SAFETY: the types live as long as `self`; libbpf yields null for numbers that do not exist.
        unsafe { sys::btf__type_by_id(self.raw.as_ptr(), id).as_ref() }
    }

    fn name(&self, offset: u32) -> &str {
        // SAFETY: as above; names end with NUL.
        let name = unsafe {
            let name = sys::btf__name_by_offset(self.raw.as_ptr(), offset);
            if name.is_null() { c"" } else { CStr::from_ptr(name) }
        };
        name.to_str().unwrap_or_default()
    }

    fn named(&self) -> &HashMap<(bool, String), u32> {
        self.named.get_or_init(|| {
            let mut all = HashMap::new();
            for (id, ty) in self.own().filter_map(|id| Some((id, self.get(id)?))) {
                if matches!(kind(ty), sys::BTF_KIND_FUNC | sys::BTF_KIND_TYPEDEF) {
                    let name = self.name(ty.name_off).to_string();
                    all.entry((kind(ty) == sys::BTF_KIND_FUNC, name)).or_insert(id);
                }
            }
            all
        })
    }

    /// The number of a function's type.
    pub(crate) fn function_id(&self, name: &str) -> Option<u32> {
        self.named().get(&(true, name.to_string())).copied()
    }

    /// The prototype of a function.
    pub fn function(&self, name: &str) -> Option<Prototype> {
        let id = self.get(self.function_id(name)?)?.type_();
        self.prototype(id)
    }

    /// The prototype of the functions that a typedef's pointer points at.
    pub fn callback(&self, typedef: &str) -> Option<Prototype> {
        let id = *self.named().get(&(false, typedef.to_string()))?;
        let pointer = self.get(self.get(id)?.type_())?;
        self.prototype(pointer.type_())
    }

    fn prototype(&self, id: u32) -> Option<Prototype> {
        let ty = self.get(id).filter(|ty| kind(ty) == sys::BTF_KIND_FUNC_PROTO)?;
        let params: &[sys::btf_param] = rows(ty);
        // What has neither name nor type stands for any number of further ones.
        let params = params.iter().filter(|p| p.name_off != 0 || p.type_ != 0);
        let params = params.map(|p| (self.name(p.name_off).to_string(), self.value(p.type_))).collect();
        Some(Prototype { params, result: self.value(ty.type_()) })
    }

    /// Where a structure has a member, in bytes; those of nameless parts are its own.
    pub(crate) fn offset_of(&self, structure: &CStr, member: &str) -> Option<u32> {
        // SAFETY: the types are alive, and the name ends with NUL.
        let id = unsafe { sys::btf__find_by_name_kind(self.raw.as_ptr(), structure.as_ptr(), sys::BTF_KIND_STRUCT) };
        self.member(u32::try_from(id).ok()?, member, 0).map(|(_, offset)| offset)
    }

    /// Type and offset in bytes of a member.
    fn member(&self, id: u32, member: &str, depth: u32) -> Option<(u32, u32)> {
        let records = [sys::BTF_KIND_STRUCT, sys::BTF_KIND_UNION];
        let (ty, _) = self.strip(id).filter(|(ty, _)| depth < MAX_DEPTH && records.contains(&kind(ty)))?;
        let members: &[sys::btf_member] = rows(ty);
        let has_bit_fields = ty.info >> 31 == 1;
        members.iter().find_map(|m| {
            let bits = if has_bit_fields { m.offset & 0xff_ffff } else { m.offset };
            match self.name(m.name_off) {
                "" => self.member(m.type_, member, depth + 1).map(|(ty, offset)| (ty, bits / 8 + offset)),
                name => (name == member).then_some((m.type_, bits / 8)),
            }
        })
    }

    /// What the fields are that a path leads to, as [`Shape::Pointer`] tells what is pointed at, by their records (`struct
    /// x`, `union x`, `typedef x`): of each own record of that name that has the field.
    pub(crate) fn fields(&self, wanted: &HashMap<&str, Vec<&str>>) -> HashMap<(String, String), Vec<String>> {
        let mut found: HashMap<(String, String), Vec<String>> = HashMap::new();
        for (id, ty) in self.own().filter_map(|id| Some((id, self.get(id)?))) {
            let word = match kind(ty) {
                sys::BTF_KIND_STRUCT => "struct",
                sys::BTF_KIND_UNION => "union",
                sys::BTF_KIND_TYPEDEF => "typedef",
                sys::BTF_KIND_ENUM | sys::BTF_KIND_ENUM64 => "enum",
                _ => continue,
            };
            let record = format!("{word} {}", self.name(ty.name_off));
            for path in wanted.get(record.as_str()).into_iter().flatten() {
                // An empty path is the type itself, a name in braces an enum that has the name.
                let enumerator = path.strip_prefix('{').and_then(|p| p.strip_suffix('}'));
                if path.is_empty() || enumerator.is_some_and(|name| self.enumerator(ty, name).is_some()) {
                    found.entry((record.clone(), path.to_string())).or_default().push(self.pointee(id, 0));
                    continue;
                }
                if word == "enum" {
                    let value = self.enumerator(ty, path);
                    found.entry((record.clone(), path.to_string())).or_default().extend(value);
                    continue;
                }
                let Some(field) = self.field(id, path) else { continue };
                // Characters have a sign in the language, whatever the kernel's build made of `char`.
                let is_character = path.ends_with(']') && self.is_char(field);
                let ty = match self.characters(field) {
                    Some(count) => format!("[{count}]c"),
                    None if is_character => "s1".to_string(),
                    None => self.whole(field, 0),
                };
                found.entry((record.clone(), path.to_string())).or_default().push(ty);
            }
        }
        found
    }

    /// How many characters an array of them has.
    fn characters(&self, id: u32) -> Option<u32> {
        let (ty, _) = self.strip(id).filter(|(ty, _)| kind(ty) == sys::BTF_KIND_ARRAY)?;
        self.is_char(array(ty).type_).then(|| array(ty).nelems)
    }

    /// What a field is: of a record without a name all that is in it, for nothing else tells it from another.
    fn whole(&self, id: u32, depth: u32) -> String {
        match self.strip(id).filter(|_| depth < MAX_DEPTH) {
            Some((ty, "")) if matches!(kind(ty), sys::BTF_KIND_STRUCT | sys::BTF_KIND_UNION) => {
                let mut fields = Vec::new();
                self.layout(ty, 0, depth, &mut fields);
                format!("{{{}}}", fields.join(";"))
            }
            Some((ty, _)) if kind(ty) == sys::BTF_KIND_ARRAY => match self.whole(array(ty).type_, depth + 1) {
                element if element.starts_with('{') => format!("[{}]{element}", array(ty).nelems),
                _ => self.pointee(id, depth),
            },
            _ => self.pointee(id, depth),
        }
    }

    /// The fields of a record from a bit on; those of nameless parts are its own.
    fn layout(&self, ty: &sys::btf_type, from: u32, depth: u32, fields: &mut Vec<String>) {
        let members: &[sys::btf_member] = rows(ty);
        let has_bit_fields = ty.info >> 31 == 1;
        for member in members {
            if fields.len() >= MAX_FIELDS {
                return;
            }
            let (offset, bits) = if has_bit_fields { (member.offset & 0xff_ffff, member.offset >> 24) } else { (member.offset, 0) };
            let at = from.wrapping_add(offset);
            match (self.name(member.name_off), self.strip(member.type_)) {
                ("", Some((part, _))) if matches!(kind(part), sys::BTF_KIND_STRUCT | sys::BTF_KIND_UNION) && depth < MAX_DEPTH => {
                    self.layout(part, at, depth + 1, fields);
                }
                ("", _) => {}
                (name, _) => {
                    let bits = if bits > 0 { format!("/{bits}") } else { String::new() };
                    fields.push(format!("{name}@{at}{bits}:{}", self.whole(member.type_, depth + 1)));
                }
            }
        }
    }

    /// An enumerator's value after `=`, or `~` where libbpf gives it a sign that it has not.
    fn enumerator(&self, ty: &sys::btf_type, name: &str) -> Option<String> {
        let (value, _) = self.variants(ty).into_iter().find(|(_, own)| own == name)?;
        let value = if self.is_signed(ty) { i128::from(value) } else { i128::from(value as u64) };
        let is_narrow = kind(ty) == sys::BTF_KIND_ENUM && value > i128::from(i32::MAX);
        Some(format!("{}{value}", if is_narrow { '~' } else { '=' }))
    }

    fn is_char(&self, id: u32) -> bool {
        self.strip(id).is_some_and(|(ty, _)| kind(ty) == sys::BTF_KIND_INT && self.name(ty.name_off) == "char")
    }

    /// The type of the field that a path such as `a.b[1].c` leads to.
    fn field(&self, record: u32, path: &str) -> Option<u32> {
        let mut id = record;
        for step in path.split(['.', '[']) {
            id = match step.strip_suffix(']') {
                Some(_) => {
                    let (ty, _) = self.strip(id).filter(|(ty, _)| kind(ty) == sys::BTF_KIND_ARRAY)?;
                    array(ty).type_
                }
                None => self.member(id, step, 0)?.0,
            };
        }
        Some(id)
    }

    /// The type below typedefs and qualifiers, with the name by which it is known.
    fn strip(&self, mut id: u32) -> Option<(&sys::btf_type, &str)> {
        let mut typedef = "";
        loop {
            let ty = self.get(id).filter(|_| id != 0)?;
            match kind(ty) {
                sys::BTF_KIND_TYPEDEF => typedef = self.name(ty.name_off),
                sys::BTF_KIND_CONST | sys::BTF_KIND_VOLATILE | sys::BTF_KIND_RESTRICT | sys::BTF_KIND_TYPE_TAG => {}
                _ if ty.name_off == 0 => return Some((ty, typedef)),
                _ => return Some((ty, self.name(ty.name_off))),
            }
            id = ty.type_();
        }
    }

    fn value(&self, id: u32) -> Value {
        let Some((ty, name)) = self.strip(id) else { return Value { shape: None, size: 0, direct: false } };
        let size = if kind(ty) == sys::BTF_KIND_PTR { 8 } else { ty.size() };
        let shape = match kind(ty) {
            sys::BTF_KIND_PTR => Some(Shape::Pointer { to: self.pointee(ty.type_(), 0) }),
            sys::BTF_KIND_STRUCT => Some(Shape::Record { name: format!("struct {name}"), size }),
            sys::BTF_KIND_UNION => Some(Shape::Record { name: format!("union {name}"), size }),
            sys::BTF_KIND_INT | sys::BTF_KIND_ENUM | sys::BTF_KIND_ENUM64 if size <= 8 => {
                Some(Shape::Int { size: size as u8, signed: self.is_signed(ty) })
            }
            sys::BTF_KIND_INT => Some(Shape::Record { name: String::new(), size }),
            _ => None,
        };
        let direct = kind(ty) != sys::BTF_KIND_PTR || self.loads_pointer_to(ty.type_());
        Value { shape, size, direct }
    }

    /// Whether the verifier takes a pointer to that type as an argument (kernel: `btf_ctx_access`): one to a struct, one to
    /// `void` itself, and from Linux 5.17 on, which has the helper `get_func_arg` too, one to an integer.
    fn loads_pointer_to(&self, id: u32) -> bool {
        let mut id = id;
        if id == 0 {
            return true;
        }
        loop {
            let Some(ty) = self.get(id) else { return false };
            match kind(ty) {
                sys::BTF_KIND_TYPEDEF
                | sys::BTF_KIND_CONST
                | sys::BTF_KIND_VOLATILE
                | sys::BTF_KIND_RESTRICT
                | sys::BTF_KIND_TYPE_TAG => id = ty.type_(),
                sys::BTF_KIND_STRUCT | sys::BTF_KIND_UNION => return true,
                sys::BTF_KIND_INT => return self.has_helper("BPF_FUNC_get_func_arg"),
                _ => return false,
            }
        }
    }

    /// Whether the kernel has a helper, by the name of its number.
    fn has_helper(&self, number: &str) -> bool {
        // SAFETY: the types are alive, and the name ends with NUL.
        let id = unsafe { sys::btf__find_by_name_kind(self.raw.as_ptr(), c"bpf_func_id".as_ptr(), sys::BTF_KIND_ENUM) };
        let ty = u32::try_from(id).ok().and_then(|id| self.get(id));
        ty.is_some_and(|ty| rows(ty).iter().any(|row: &sys::btf_enum| self.name(row.name_off) == number))
    }

    /// See [`Shape::Pointer`].
    fn pointee(&self, id: u32, depth: u32) -> String {
        let Some((ty, name)) = self.strip(id).filter(|_| depth < MAX_DEPTH) else { return String::new() };
        // A forward declaration tells by its flag that it is a union's.
        let is_union = kind(ty) == sys::BTF_KIND_UNION || kind(ty) == sys::BTF_KIND_FWD && ty.info >> 31 == 1;
        match kind(ty) {
            sys::BTF_KIND_PTR => format!("*{}", self.pointee(ty.type_(), depth + 1)),
            sys::BTF_KIND_STRUCT | sys::BTF_KIND_UNION | sys::BTF_KIND_FWD if !name.is_empty() => {
                format!("{} {name}", if is_union { "union" } else { "struct" })
            }
            sys::BTF_KIND_INT | sys::BTF_KIND_ENUM | sys::BTF_KIND_ENUM64 if ty.size() <= 8 => {
                let mark = if self.is_truth(ty) { 'b' } else if self.is_signed(ty) { 's' } else { 'u' };
                format!("{mark}{}", ty.size())
            }
            // The language takes a number of more bits for words.
            sys::BTF_KIND_INT => format!("[{}]u8", ty.size() / 8),
            sys::BTF_KIND_ARRAY => {
                let array = array(ty);
                // Of bytes the language does not tell the sign: they may be text.
                let element = match self.pointee(array.type_, depth + 1) {
                    byte if matches!(byte.as_str(), "s1" | "u1" | "b1") => "1".to_string(),
                    other => other,
                };
                format!("[{}]{element}", array.nelems)
            }
            _ => String::new(),
        }
    }

    /// Calls `found` with the tag and the variants of each of their own enums.
    pub(crate) fn enums(&self, mut found: impl FnMut(&str, &dyn Fn() -> Variants)) {
        for ty in self.own().filter_map(|id| self.get(id)) {
            if matches!(kind(ty), sys::BTF_KIND_ENUM | sys::BTF_KIND_ENUM64) {
                found(self.name(ty.name_off), &|| self.variants(ty));
            }
        }
    }

    fn variants(&self, ty: &sys::btf_type) -> Variants {
        let signed = self.is_signed(ty);
        if kind(ty) == sys::BTF_KIND_ENUM64 {
            let value = |row: &sys::btf_enum64| (u64::from(row.val_hi32) << 32 | u64::from(row.val_lo32)) as i64;
            return rows(ty).iter().map(|row| (value(row), self.name(row.name_off).to_string())).collect();
        }
        let value = |row: &sys::btf_enum| if signed { i64::from(row.val) } else { i64::from(row.val as u32) };
        rows(ty).iter().map(|row| (value(row), self.name(row.name_off).to_string())).collect()
    }

    /// Whether a number or an enum has negative values.
    fn is_truth(&self, ty: &sys::btf_type) -> bool {
        encoding(ty) & sys::BTF_INT_BOOL != 0
    }

    fn is_signed(&self, ty: &sys::btf_type) -> bool {
        match kind(ty) {
            sys::BTF_KIND_INT => encoding(ty) & sys::BTF_INT_SIGNED != 0,
            sys::BTF_KIND_ENUM if ty.info >> 31 == 0 => {
                rows(ty).iter().any(|row: &sys::btf_enum| row.val < 0) && !self.tells_signs()
            }
            _ => ty.info >> 31 == 1,
        }
    }

    /// Whether enums with negative values are marked: pahole does so from 1.24 on. In types that older ones wrote (Linux
    /// 5.10 as distributions build it) no enum is, and what looks like a negative value is one.
    fn tells_signs(&self) -> bool {
        let marked = |ty: &sys::btf_type| kind(ty) == sys::BTF_KIND_ENUM && ty.info >> 31 == 1;
        *self.tells_signs.get_or_init(|| (1..self.own().end).filter_map(|id| self.get(id)).any(marked))
    }
}

/// The rows behind a type, of which it tells the number: `T` is the form of its kind's.
fn rows<T>(ty: &sys::btf_type) -> &[T] {
    // SAFETY: libbpf has checked that so many of them follow; all are made of 32-bit words, as the type is.
    unsafe { std::slice::from_raw_parts(std::ptr::from_ref(ty).add(1).cast::<T>(), (ty.info & 0xffff) as usize) }
}

/// What a type of the kind array is one of.
fn array(ty: &sys::btf_type) -> &sys::btf_array {
    // SAFETY: it stands behind the type; libbpf has checked that.
    unsafe { &*std::ptr::from_ref(ty).add(1).cast::<sys::btf_array>() }
}

/// What an integer is, as `BTF_INT_ENCODING` tells; 0 of what is none.
fn encoding(ty: &sys::btf_type) -> u32 {
    if kind(ty) != sys::BTF_KIND_INT {
        return 0;
    }
    // SAFETY: what an integer is stands behind it; libbpf has checked that.
    unsafe { *std::ptr::from_ref(ty).add(1).cast::<u32>() >> 24 }
}

fn kind(ty: &sys::btf_type) -> u32 {
    ty.info >> 24 & 0x1f
}

/// The two meanings of one member (kernel: `struct btf_type`).
trait Meaning {
    fn size(&self) -> u32;
    fn type_(&self) -> u32;
}

impl Meaning for sys::btf_type {
    fn size(&self) -> u32 {
        // SAFETY: both members are `u32`.
        unsafe { self.__bindgen_anon_1.size }
    }

    fn type_(&self) -> u32 {
        // SAFETY: both members are `u32`.
        unsafe { self.__bindgen_anon_1.type_ }
    }
}
