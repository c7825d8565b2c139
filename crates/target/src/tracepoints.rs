//! Tracepoints: their fields, and the kernel struct that holds a record of theirs.
//!
//! The struct is named after the event's class, which BTF does not link to the
//! event: mostly it has the event's name, else the shipped table may know it, else
//! it is found by comparing fields.

mod shipped;

use btc_types::{Space, Type};

use crate::btf::{Btf, FieldInfo, Prototype, RecordLayout};
use crate::decl::{self, Dynamic};

use shipped::Entry;
pub use shipped::shipped_names;

/// A field of a tracepoint's record.
#[derive(Clone, Debug, PartialEq)]
pub struct TracepointField {
    /// Its name.
    pub name: String,
    /// Its type as the `format` file spells it, such as `const char *`.
    pub spelling: String,
    /// Its type; smaller than the field where that holds an argument of a system call. A field that lies elsewhere in the record (`__data_loc`) has the
    /// type of what lies there: text for `char`, else an array of unknown length.
    pub ty: Type,
    /// Bytes from the record's start, on this target.
    pub offset: u32,
    /// Size in bytes, on this target.
    pub size: u32,
    /// Its sign, on this target.
    pub signed: bool,
    /// Whether the record holds its place rather than itself: `Some(true)` counts
    /// from the field's end (`__rel_loc`).
    pub dynamic: Option<bool>,
}

/// A tracepoint.
#[derive(Clone, Debug, PartialEq)]
pub struct Tracepoint {
    /// Its category, such as `sched`.
    pub category: String,
    /// Its event, such as `sched_switch`.
    pub event: String,
    /// Its own fields, the common ones left out.
    pub fields: Vec<TracepointField>,
    /// The kernel struct of its records, such as `trace_event_raw_sched_switch`; `None` when
    /// it cannot be told, and offsets must be patched from the `format` file.
    pub record: Option<String>,
}

impl Tracepoint {
    /// A tracepoint from its `format` file.
    pub fn parse(category: &str, event: &str, format: &str, btf: Option<&Btf>) -> Self {
        let syscall = category == "syscalls" || category == "raw_syscalls";
        let space = if category == "syscalls" { Space::User } else { Space::Kernel };
        let mut fields: Vec<TracepointField> =
            format.lines().filter_map(|line| field(line, space, btf)).collect();
        if category == "syscalls" {
            fields.iter_mut().for_each(|field| declare(field, btf));
        }
        let record = if syscall {
            let class = if event.starts_with("sys_enter") { "sys_enter" } else { "sys_exit" };
            Some(format!("trace_event_raw_{class}"))
        } else {
            btf.and_then(|b| find_record(b, event, Entry::of(category, event).as_ref(), &fields))
        };
        Tracepoint { category: category.to_string(), event: event.to_string(), fields, record }
    }

    /// A tracepoint of a target without `format` files: the target's types tell the fields, if they have the event's class, else
    /// the shipped table does. Fields of system calls are in no types.
    pub fn without_format(category: &str, event: &str, btf: Option<&Btf>) -> Option<Self> {
        let entry = Entry::of(category, event);
        let known = entry.as_ref().map(|e| e.tracepoint(category, event, btf));
        let Some(btf) = btf.filter(|_| category != "syscalls") else { return known };
        // One that the table does not know is there if the types say so.
        let exists = || known.is_some() || btf.typedef_prototype(&format!("btf_trace_{event}")).is_some();
        let named = named_record(btf, event, entry.as_ref()).filter(|_| exists());
        let record = named.or_else(|| known.as_ref()?.record.clone());
        let Some(record) = record else { return known };
        let layout = btf.record(&record, false)?;
        let spelled = btf.spelled_members(&record);
        let lines = layout.fields.iter().zip(&spelled).filter_map(|(held, (ty, _))| line(btf, held, ty, entry.as_ref()));
        let fields = lines.filter_map(|line| field(&line, Space::Kernel, Some(btf))).collect();
        Some(Tracepoint { category: category.to_string(), event: event.to_string(), fields, record: Some(record) })
    }

    /// The field of that name.
    pub fn field(&self, name: &str) -> Option<&TracepointField> {
        self.fields.iter().find(|f| f.name == name)
    }
}

/// A line such as `field:int fd; offset:16; size:8; signed:0;`; common fields are left out.
fn field(line: &str, space: Space, btf: Option<&Btf>) -> Option<TracepointField> {
    let mut parts = line.trim().strip_prefix("field:")?.split(';');
    let declaration = decl::split(parts.next()?)?;
    if declaration.name.starts_with("common_") {
        return None;
    }
    let (mut offset, mut size, mut signed) = (0, 0, false);
    for part in parts {
        match part.trim().split_once(':') {
            Some(("offset", n)) => offset = n.parse().ok()?,
            Some(("size", n)) => size = n.parse().ok()?,
            Some(("signed", n)) => signed = n == "1",
            _ => {}
        }
    }
    let is_char = declaration.ty.trim_start_matches("const ").trim() == "char";
    // Linux 5.10 has `[sizeof(struct sockaddr_in6)]`, and names of constants.
    let counted = || size / decl::size_of(&declaration.ty, btf).max(1);
    let count = declaration.count.map(|count| count.unwrap_or_else(counted));
    let element_size = size / count.unwrap_or(1).max(1);
    let element = decl::type_of(&declaration.ty, element_size, signed, space, btf);
    let (ty, dynamic) = match (declaration.dynamic, count) {
        (Dynamic::No, None) => (element, None),
        (Dynamic::No, Some(count)) if is_char => (Type::str(count), None),
        (Dynamic::No, Some(count)) => (Type::Array { element: Box::new(element), count, text: false }, None),
        (kind, _) => {
            let ty = if is_char {
                Type::pointer(Type::int(1, true), Space::Kernel)
            } else {
                let base = decl::type_of(&declaration.ty, 0, signed, space, btf);
                Type::pointer(base, Space::Kernel)
            };
            (ty, Some(kind == Dynamic::FromField))
        }
    };
    let spelling = match (declaration.dynamic, count) {
        (Dynamic::No, Some(count)) => format!("{}[{count}]", declaration.ty),
        (Dynamic::No, None) => declaration.ty.clone(),
        (Dynamic::FromStart, _) => format!("__data_loc {}[]", declaration.ty),
        (Dynamic::FromField, _) => format!("__rel_loc {}[]", declaration.ty),
    };
    Some(TracepointField { name: declaration.name, spelling, ty, offset, size, signed, dynamic })
}

/// Gives an argument of a system call the type that it is declared with. Its field is a register whole, of which the caller has set
/// no more than the bits of that type: what stands above them is what happens to be there.
fn declare(field: &mut TracepointField, btf: Option<&Btf>) {
    if field.dynamic.is_none() && field.size == 8 {
        field.ty = decl::number(&field.spelling, btf).unwrap_or_else(|| field.ty.clone());
    }
}

/// The struct of an event's records, by what it is called: as the event, or as one of the classes that the shipped table tells.
fn named_record(btf: &Btf, event: &str, entry: Option<&Entry>) -> Option<String> {
    let classes = entry.map_or(&[][..], |e| &e.classes);
    let class = || classes.iter().find(|class| is_of(btf, event, class)).map(|class| format!("trace_event_raw_{class}"));
    own_record(btf, event).or_else(class)
}

/// The struct of an event's records: the one so called, if it has the fields; else the one whose fields have the same names
/// at the same offsets. With formats and BTF of different kernels offsets may differ: then one that alone has the names.
fn find_record(btf: &Btf, event: &str, entry: Option<&Entry>, fields: &[TracepointField]) -> Option<String> {
    let named = named_record(btf, event, entry);
    if let Some(record) = named.filter(|r| btf.record(r, false).is_some_and(|l| has_fields(&l, fields, false))) {
        return Some(record);
    }
    let all = btf.event_records();
    // Members besides the header `ent` and the trailing `__data` are as many as the fields.
    let same_size = |l: &RecordLayout| l.fields.iter().filter(|f| !is_frame(&f.name)).count() == fields.len();
    let candidates: Vec<_> = all.iter().filter(|l| same_size(l) && has_fields(l, fields, false)).collect();
    let exact = candidates.iter().find(|l| has_fields(l, fields, true));
    let only = (candidates.len() == 1).then(|| &candidates[0]);
    exact.or(only).map(|l| l.ty.name.clone())
}

/// The struct that has the event's own name, if there is one.
fn own_record(btf: &Btf, event: &str) -> Option<String> {
    let own = format!("trace_event_raw_{event}");
    btf.record(&own, false).map(|_| own)
}

/// Whether an event can be of a class: both take the same, as far as the types tell (from Linux 5.15 on).
fn is_of(btf: &Btf, event: &str, class: &str) -> bool {
    if btf.record(&format!("trace_event_raw_{class}"), false).is_none() {
        return false;
    }
    let types = |p: Prototype| p.params.into_iter().map(|(_, ty)| ty).collect::<Vec<_>>();
    let of_class = btf.function(&format!("__bpf_trace_{class}")).map(types);
    let of_event = btf.typedef_prototype(&format!("btf_trace_{event}")).map(types);
    of_class.is_none() || of_event.is_none() || of_class == of_event
}

/// Whether a member of the struct is no field: the header, and what lies behind the fields.
fn is_frame(member: &str) -> bool {
    matches!(member, "ent" | "__data")
}

/// A member of the struct as its line in a `format` file. What is elsewhere in the record is a number to the types: the
/// table tells what lies there, if it knows, and nearly always it is text.
fn line(btf: &Btf, held: &FieldInfo, spelling: &str, entry: Option<&Entry>) -> Option<String> {
    if is_frame(&held.name) {
        return None;
    }
    let (offset, size) = (held.bit_offset / 8, held.ty.size());
    for prefix in ["__data_loc", "__rel_loc"] {
        let Some(name) = held.name.strip_prefix(prefix).and_then(|n| n.strip_prefix('_')) else { continue };
        let element = entry.and_then(|e| e.elements(name)).unwrap_or("char[]");
        return Some(format!("field:{prefix} {element} {name};offset:{offset};size:{size};signed:0;"));
    }
    let (ty, count) = spelling.find('[').map_or((spelling, ""), |at| spelling.split_at(at));
    let signed = match &held.ty {
        Type::Array { element, .. } => element.is_signed(),
        Type::Int { size: 1, .. } if matches!(ty, "char" | "signed char" | "s8" | "__s8") => byte_has_sign(btf, held, ty),
        ty => ty.is_signed(),
    };
    let (ty, signed) = (in_source(ty), u8::from(signed));
    Some(format!("field:{ty} {}{count};offset:{offset};size:{size};signed:{signed};", held.name))
}

/// Whether a `char` has a sign: types that older tools wrote do not say so (see [`Btf::tells_signs`]), and kernels of that time
/// have `char` as the machine has it.
fn byte_has_sign(btf: &Btf, held: &FieldInfo, ty: &str) -> bool {
    let is_x86 = || btf.record("pt_regs", false).is_some_and(|l| l.field("di").is_some());
    held.ty.is_signed() || ty != "char" || !btf.tells_signs() && is_x86()
}

/// A type as the kernel's source spells it, from how its types do: `unsigned long` is `long unsigned int` there.
fn in_source(ty: &str) -> String {
    let spellings = [
        ("long long unsigned int", "unsigned long long"),
        ("long long int", "long long"),
        ("long unsigned int", "unsigned long"),
        ("long int", "long"),
        ("short unsigned int", "unsigned short"),
        ("short int", "short"),
        ("_Bool", "bool"),
    ];
    spellings.iter().fold(ty.to_string(), |ty, (types, source)| ty.replace(types, source))
}

/// Whether a struct has all the fields, at their offsets if `exact`.
fn has_fields(layout: &RecordLayout, fields: &[TracepointField], exact: bool) -> bool {
    fields.iter().all(|f| {
        layout.field(&member(f)).is_some_and(|m| !exact || m.bit_offset == f.offset * 8)
    })
}

/// The name of a field in the kernel's struct.
fn member(field: &TracepointField) -> String {
    match field.dynamic {
        Some(false) => format!("__data_loc_{}", field.name),
        Some(true) => format!("__rel_loc_{}", field.name),
        None => field.name.clone(),
    }
}
