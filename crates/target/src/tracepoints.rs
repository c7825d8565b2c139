//! Tracepoints: their fields, and the kernel struct that holds a record of theirs.
//!
//! The struct is named after the event's class, which BTF does not link to the
//! event; it is found by comparing fields (design.md, section 3).

use btc_types::{Space, Type};

use crate::btf::Btf;
use crate::decl::{self, Dynamic};

/// A field of a tracepoint's record.
#[derive(Clone, Debug, PartialEq)]
pub struct TracepointField {
    /// Its name.
    pub name: String,
    /// Its type as the `format` file spells it, such as `const char *`.
    pub spelling: String,
    /// Its type. A field that lies elsewhere in the record (`__data_loc`) has the
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
        let fields: Vec<TracepointField> =
            format.lines().filter_map(|line| field(line, space, btf)).collect();
        let record = if syscall {
            let class = if event.starts_with("sys_enter") { "sys_enter" } else { "sys_exit" };
            Some(format!("trace_event_raw_{class}"))
        } else {
            btf.and_then(|b| find_record(b, event, &fields))
        };
        Tracepoint { category: category.to_string(), event: event.to_string(), fields, record }
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
    let element_size = size / declaration.count.unwrap_or(1).max(1);
    let element = decl::type_of(&declaration.ty, element_size, signed, space, btf);
    let (ty, dynamic) = match (declaration.dynamic, declaration.count) {
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
    let spelling = match (declaration.dynamic, declaration.count) {
        (Dynamic::No, Some(count)) => format!("{}[{count}]", declaration.ty),
        (Dynamic::No, None) => declaration.ty.clone(),
        (Dynamic::FromStart, _) => format!("__data_loc {}[]", declaration.ty),
        (Dynamic::FromField, _) => format!("__rel_loc {}[]", declaration.ty),
    };
    Some(TracepointField { name: declaration.name, spelling, ty, offset, size, signed, dynamic })
}

/// The struct of an event's records: the one of its own name if it has the fields, else the
/// one whose fields have the same names at the same offsets. With formats and BTF of
/// different kernels offsets may differ: then one that alone has the names.
fn find_record(btf: &Btf, event: &str, fields: &[TracepointField]) -> Option<String> {
    let own = format!("trace_event_raw_{event}");
    if btf.record(&own, false).is_some_and(|l| has_fields(&l, fields, false)) {
        return Some(own);
    }
    let all = btf.event_records();
    // Members besides the header `ent` and the trailing `__data` are as many as the fields.
    let same_size = |l: &crate::RecordLayout| {
        l.fields.iter().filter(|f| f.name != "ent" && f.name != "__data").count() == fields.len()
    };
    let candidates: Vec<_> = all.iter().filter(|l| same_size(l) && has_fields(l, fields, false)).collect();
    let exact = candidates.iter().find(|l| has_fields(l, fields, true));
    let only = (candidates.len() == 1).then(|| &candidates[0]);
    exact.or(only).map(|l| l.ty.name.clone())
}

/// Whether a struct has all the fields, at their offsets if `exact`.
fn has_fields(layout: &crate::RecordLayout, fields: &[TracepointField], exact: bool) -> bool {
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

/// Formats shipped with btc, for targets without tracefs: `category:event` lines, each
/// followed by its fields as `declaration|offset|size|signed`, and an empty line. Taken from
/// Linux 6.1, 6.18 and 7.2, the newest that has the event.
const SHIPPED: &str = include_str!("../data/tracepoints.txt");

/// A tracepoint of the shipped table.
pub fn shipped(category: &str, event: &str, btf: Option<&Btf>) -> Option<Tracepoint> {
    let head = format!("\n{category}:{event}\n");
    let at = SHIPPED.find(&head)? + head.len();
    let rest = &SHIPPED[at..];
    let end = rest.find("\n\n").unwrap_or(rest.len());
    let format: String = rest[..end].lines().filter_map(format_line).collect();
    let mut found = Tracepoint::parse(category, event, &format, btf);
    // The table's kernel may have fields that the target lacks, or has in another form: the target's
    // own struct tells which are there, and where is found out when the object is loaded.
    let own = format!("trace_event_raw_{event}");
    if found.record.is_none()
        && let Some(layout) = btf.and_then(|b| b.record(&own, false))
    {
        let fields = std::mem::take(&mut found.fields);
        found.fields = fields.into_iter().filter_map(|f| as_held(f, &layout)).collect();
        found.record = Some(own);
    }
    Some(found)
}

/// A field as the target's struct holds it. Texts went from an array in the record to its end
/// in one release or another (`sched_process_fork` in Linux 6.15). `None`: the struct lacks it.
fn as_held(field: TracepointField, layout: &crate::RecordLayout) -> Option<TracepointField> {
    if layout.field(&member(&field)).is_some() {
        return Some(field);
    }
    if field.dynamic.is_some() {
        let held = layout.field(&field.name)?;
        let Type::Str { capacity, .. } = held.ty else { return None };
        let (spelling, offset) = (format!("char[{capacity}]"), held.bit_offset / 8);
        return Some(TracepointField { spelling, ty: held.ty.clone(), offset, size: capacity, dynamic: None, ..field });
    }
    let held = layout.field(&format!("__data_loc_{}", field.name)).filter(|_| field.ty.is_str())?;
    let ty = Type::pointer(Type::int(1, true), Space::Kernel);
    let (spelling, offset) = ("__data_loc char[]".to_string(), held.bit_offset / 8);
    Some(TracepointField { spelling, ty, offset, size: 4, dynamic: Some(false), ..field })
}

/// A line of the table as it stands in a `format` file.
fn format_line(line: &str) -> Option<String> {
    let mut parts = line.split('|');
    let (declaration, offset, size, signed) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    Some(format!("field:{declaration};offset:{offset};size:{size};signed:{signed};\n"))
}

/// Names of all tracepoints in the shipped table.
pub fn shipped_names() -> impl Iterator<Item = (&'static str, &'static str)> {
    SHIPPED.lines().filter(|l| !l.contains('|')).filter_map(|l| l.split_once(':'))
}

#[cfg(test)]
mod tests {
    use btc_types::{Origin, RecordType};

    use super::*;
    use crate::{FieldInfo, RecordLayout};

    /// A record with these members at 8, 24, …
    fn record(members: &[(&str, Type)]) -> RecordLayout {
        let ty = RecordType {
            name: "trace_event_raw_x".into(),
            union: false,
            typedef: false,
            origin: Origin::Kernel,
            size: 64,
            align: 4,
        };
        let member = |(n, (name, ty)): (usize, &(&str, Type))| FieldInfo {
            name: name.to_string(),
            ty: ty.clone(),
            bit_offset: 64 + 128 * n as u32,
            bits: None,
            hidden: false,
        };
        RecordLayout { ty, fields: members.iter().enumerate().map(member).collect() }
    }

    fn parsed(line: &str) -> TracepointField {
        field(line, Space::Kernel, None).expect("a field")
    }

    #[test]
    fn texts_are_taken_in_the_form_that_the_target_has() {
        let at_end = parsed("field:__data_loc char[] comm; offset:8; size:4; signed:0;");
        let array = parsed("field:char comm[16]; offset:8; size:16; signed:0;");
        let (old, new) = (record(&[("comm", Type::str(16))]), record(&[("__data_loc_comm", Type::int(4, false))]));
        for field in [&at_end, &array] {
            assert_eq!(as_held(field.clone(), &old).as_ref(), Some(&array));
            assert_eq!(as_held(field.clone(), &new).as_ref(), Some(&at_end));
            assert_eq!(as_held(field.clone(), &record(&[("name", Type::str(16))])), None);
        }
        // A number of that name is another field.
        assert_eq!(as_held(at_end, &record(&[("comm", Type::int(4, true))])), None);
    }
}
