//! `tracepoint`: static probes of the kernel, with named arguments.

use btc_abi::{Attach, Shape, Typed};
use btc_target::{Target, TracepointField, glob, is_glob, shipped_names};
use btc_types::Type;

use crate::definition::sound;
use crate::{Argument, Context, Existence, Field, Location, Parse, ProbeError, Provider};

/// The definition.
pub static TRACEPOINT: Provider = Provider {
    name: "tracepoint",
    aliases: &["t"],
    syntax: "tracepoint:category:event",
    doc: "Fires at a static probe of the kernel; its arguments are `args.name`.",
    context: Context::Tracepoint,
    parse,
    exists,
    normal: |attach| match attach {
        Attach::Tracepoint { category, event } => format!("tracepoint:{category}:{event}"),
        _ => String::new(),
    },
    arguments,
    list,
    is_listed: true,
    fields: |target, attach| {
        let Attach::Tracepoint { category, event } = attach else { return Vec::new() };
        target.tracepoint_fields(category, event).iter().map(declaration).collect()
    },
    syscall_number: |attach| match attach {
        Attach::Tracepoint { category, event } if is_glob(event) && glob(category, SYSCALLS) => {
            let record = if event.starts_with("sys_exit") { "sys_exit" } else { "sys_enter" };
            Some(Location::Record(syscall_id(&format!("trace_event_raw_{record}"))))
        }
        _ => None,
    },
    ..Provider::DEFAULT
};

/// The category of the tracepoints of single system calls.
const SYSCALLS: &str = "syscalls";

/// Tracepoints; a search without a category means any.
fn list(target: &Target, search: &str, found: &mut dyn FnMut(&str)) {
    let (category, event) = search.split_once(':').unwrap_or(("*", search));
    let mut names = Vec::new();
    let mut tell = |c: &str, e: &str| {
        if glob(event, e) && glob(category, c) {
            names.push(format!("{c}:{e}"));
        }
    };
    match target.tracepoints() {
        Some(all) => all.iter().for_each(|(c, e)| tell(c, e)),
        None => shipped_names().for_each(|(c, e)| tell(c, e)),
    }
    names.sort_unstable();
    names.iter().for_each(|name| found(name));
}

/// A field as C declares it: the array part of a type stands behind the name. What lies elsewhere in the
/// record is shown as its `format` file does.
fn declaration(field: &TracepointField) -> String {
    let (spelling, name) = (&field.spelling, &field.name);
    match spelling.find('[') {
        Some(at) if field.dynamic.is_none() => format!("{} {name}{}", &spelling[..at], &spelling[at..]),
        _ => format!("{spelling} {name}"),
    }
}

fn parse(parse: &Parse) -> Result<Attach, ProbeError> {
    let [category, event] = parse.exactly(TRACEPOINT.syntax)?;
    sound(Attach::Tracepoint { category: category.to_string(), event: event.to_string() })
}

fn exists(target: &Target, attach: &Attach) -> Existence {
    let Attach::Tracepoint { category, event } = attach else { return Existence::Yes };
    let fits = |c: &str, e: &str| glob(category, c) && glob(event, e);
    let no = |names: &mut dyn Iterator<Item = (String, String)>| {
        Existence::No(names.map(|(c, e)| format!("tracepoint:{c}:{e}")).collect())
    };
    match target.tracepoints() {
        Some(all) if all.iter().any(|(c, e)| fits(c, e)) => Existence::Yes,
        Some(all) => no(&mut all.iter().cloned()),
        None if shipped_names().any(|(c, e)| fits(c, e)) => Existence::Yes,
        // The shipped table does not know every module and every kernel.
        None => Existence::Unknown,
    }
}

/// The arguments. Of a wildcard: those of the first match, with numbers as large as any that it matches has; the
/// runtime binds each by name.
fn arguments(target: &Target, attach: &Attach) -> Option<Vec<Argument>> {
    let Attach::Tracepoint { category, event } = attach else { return None };
    let (category, event) = if is_glob(category) || is_glob(event) {
        first_match(target, category, event)?
    } else {
        (category.clone(), event.clone())
    };
    let mut tracepoint = target.tracepoint(&category, &event)?;
    widen(target, attach, &category, &mut tracepoint.fields);
    let mut syscall_argument = 0;
    let arguments = tracepoint.fields.iter().map(|field| {
        let core = match &tracepoint.record {
            // Texts of arguments lie behind all that the struct has.
            Some(_) if category == SYSCALLS && field.dynamic.is_some() => None,
            Some(record) if category == SYSCALLS => Some(syscall_member(record, field, &mut syscall_argument)),
            Some(record) => {
                let prefix = match field.dynamic {
                    Some(false) => "__data_loc_",
                    Some(true) => "__rel_loc_",
                    None => "",
                };
                let member = format!("{prefix}{}", field.name);
                Some(Field { record: record.clone(), member, index: None, word: false })
            }
            None => None,
        };
        let shape =
            Shape::Field { spelling: field.spelling.clone(), size: field.size, signed: field.signed };
        let of = Typed::Tracepoint { category: category.clone(), event: event.clone() };
        Argument {
            name: field.name.clone(),
            ty: field.ty.clone(),
            spelling: field.spelling.clone(),
            location: Location::Named { of, name: field.name.clone(), shape, core },
            dynamic: field.dynamic,
        }
    });
    Some(arguments.collect())
}

/// Makes numbers large enough for those of the same name in all events that a wildcard matches. Those of single system
/// calls are words, of which those that are declared differently are all seen. `found` is the category of the first match.
fn widen(target: &Target, attach: &Attach, found: &str, fields: &mut [TracepointField]) {
    let Attach::Tracepoint { category, event } = attach else { return };
    if !is_glob(category) && !is_glob(event) {
        return;
    }
    let all = target.tracepoints().unwrap_or_default();
    if found == SYSCALLS {
        let matches = all.iter().filter(|(c, e)| c == SYSCALLS && glob(event, e));
        for other in matches.flat_map(|(c, e)| target.tracepoint_fields(c, e)) {
            let differs = |f: &&mut TracepointField| f.name == other.name && f.spelling != other.spelling;
            if let Some(field) = fields.iter_mut().find(differs).filter(|f| f.ty.is_numeric()) {
                field.ty = Type::int(field.size as u8, field.signed);
            }
        }
        return;
    }
    let matches = all.iter().filter(|(c, e)| c != SYSCALLS && glob(category, c) && glob(event, e));
    for other in matches.flat_map(|(c, e)| target.tracepoint_fields(c, e)) {
        let Some(field) = fields.iter_mut().find(|f| f.name == other.name) else { continue };
        let (Type::Int { size, signed }, Type::Int { size: most, signed: minus }) = (&field.ty, &other.ty) else { continue };
        let wide = match (signed, minus) {
            (false, true) => (2 * size).max(*most),
            (true, false) => (2 * most).max(*size),
            _ => *size.max(most),
        };
        let signed = *signed || *minus;
        // A signed number that has room for all of 8 bytes without a sign there is none.
        if (wide, signed) != (field.size as u8, field.signed) && wide <= 8 && field.size <= 8 && other.size <= 8 {
            field.ty = Type::int(wide, signed);
            (field.spelling, field.size, field.signed) = (field.ty.to_string(), wide.into(), signed);
        }
    }
}

/// Syscall events share two structs: `{ long id; unsigned long args[6]; }` and
/// `{ long id; long ret; }` (kernel: include/trace/events/syscalls.h).
fn syscall_member(record: &str, field: &TracepointField, next: &mut u32) -> Field {
    let at = |member: &str, index| Field { record: record.to_string(), member: member.to_string(), index, word: true };
    match field.name.as_str() {
        "__syscall_nr" => syscall_id(record),
        "ret" if record.ends_with("exit") => at("ret", None),
        _ => {
            *next += 1;
            at("args", Some(*next - 1))
        }
    }
}

/// The event's own number field is an int at the place of the long `id`, which stands first in both structs.
fn syscall_id(record: &str) -> Field {
    Field { record: record.to_string(), member: "id".to_string(), index: None, word: true }
}

fn first_match(target: &Target, category: &str, event: &str) -> Option<(String, String)> {
    let fits = |c: &str, e: &str| glob(category, c) && glob(event, e);
    match target.tracepoints() {
        Some(all) => all.iter().find(|(c, e)| fits(c, e)).cloned(),
        // The table has events that this kernel has not: one that it has is better, if its types tell.
        None => {
            let own = target.btf().map(|b| b.typedef_names("btf_trace_").to_vec()).unwrap_or_default();
            let is_own = |e: &str| own.binary_search_by(|o| o.as_str().cmp(e)).is_ok();
            let all: Vec<_> = shipped_names().filter(|(c, e)| fits(c, e)).collect();
            let found = all.iter().find(|(_, e)| is_own(e)).or(all.first());
            found.map(|(c, e)| (c.to_string(), e.to_string()))
        }
    }
}
