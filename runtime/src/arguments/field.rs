//! Fields of tracepoints, as `format` files describe them.

use btc_abi::{Shape, Typed};

use super::{Bound, Kernel, Like, differs, holds};

/// A field.
#[derive(Debug, PartialEq)]
struct Field {
    name: String,
    /// The type's words, with the number of elements or what says that the bytes lie elsewhere.
    spelling: String,
    offset: u32,
    size: u32,
    signed: bool,
}

/// Where a field is in the records of a tracepoint.
pub(super) fn bind(
    kernel: &dyn Kernel,
    (category, event): (&str, &str),
    name: &str,
    shape: &Shape,
    like: Like,
) -> Result<Bound, String> {
    let fields = fields(kernel, category, event);
    let fields = fields.ok_or_else(|| format!("this kernel does not describe the tracepoint {category}:{event}"))?;
    let Some(field) = fields.iter().find(|f| f.name == name) else {
        let own = fields.iter().filter(|f| !f.name.starts_with("common_"));
        let names: Vec<String> = own.map(|f| format!("`{}`", f.name)).collect();
        return Err(format!("on this kernel {category}:{event} has {}", names.join(", ")));
    };
    let Shape::Field { spelling, size, signed } = shape else { return Err(differs(&field.spelling, "no field")) };
    let is_number = |spelling: &str| {
        !spelling.contains(['*', '[']) && !["enum ", "struct ", "union "].iter().any(|word| spelling.starts_with(word))
    };
    // Those of system calls are words of 8 bytes, whatever they are called: `sys_enter_pread*` has more than one `fd`.
    let sized = is_number(spelling) && is_number(&field.spelling);
    let known = |n: u32| u8::try_from(n).ok().filter(|n| matches!(n, 1 | 2 | 4 | 8));
    let fits = match (known(*size), known(field.size)) {
        (Some(size), Some(there)) if sized => holds((size, *signed), (there, field.signed), like),
        _ => same(spelling, &field.spelling) && *size == field.size,
    };
    if !fits {
        let here = Field { spelling: spelling.clone(), size: *size, signed: *signed, ..Field::none() };
        return Err(differs(&field.tell(), &here.tell()));
    }
    let width = known(field.size).filter(|_| !field.spelling.contains('['));
    Ok(Bound { offset: field.offset, width, bits: (field.size.min(8) * 8) as u8, signed: field.signed, direct: true })
}

/// The names of a tracepoint's own fields.
pub(super) fn names(kernel: &dyn Kernel, category: &str, event: &str) -> Vec<String> {
    let all = fields(kernel, category, event).unwrap_or_default();
    all.into_iter().map(|f| f.name).filter(|name| !name.starts_with("common_")).collect()
}

fn fields(kernel: &dyn Kernel, category: &str, event: &str) -> Option<Vec<Field>> {
    Some(kernel.format(category, event)?.lines().filter_map(field).collect())
}

/// What a field is in an event that a wildcard matches, and in the one by which the script was compiled, if both have it.
pub(super) fn unlike(kernel: &dyn Kernel, event: &Typed, first: &Typed, name: &str) -> Option<String> {
    let tell = |of: &Typed| {
        let Typed::Tracepoint { category, event } = of else { return None };
        let field = fields(kernel, category, event)?.into_iter().find(|f| f.name == name)?;
        Some(format!("{} in {category}:{event}", field.tell()))
    };
    Some(format!("it is {}, and {}, by which the script was compiled; write a probe of its own for it", tell(event)?, tell(first)?))
}

/// Whether two types of one size are one but for qualifiers. A pointer to anything is one to what it points at elsewhere. The
/// size tells how many elements an array has; kernels before 5.17 have text such as `sizeof(struct sockaddr_in6)` there.
fn same(here: &str, there: &str) -> bool {
    let words = |text: &str| -> Vec<String> {
        let text = text.split_inclusive('[').next().unwrap_or(text).replace('*', " * ");
        let qualifiers = ["const", "volatile", "__user", "__seg_gs", "__seg_fs"];
        text.split_whitespace().filter(|w| !qualifiers.contains(w)).map(str::to_string).collect()
    };
    let (here, there) = (words(here), words(there));
    here == there || here == ["void", "*"] && there.last().is_some_and(|last| last == "*")
}

impl Field {
    fn none() -> Field {
        Field { name: String::new(), spelling: String::new(), offset: 0, size: 0, signed: false }
    }

    fn tell(&self) -> String {
        let sign = if self.signed { " with a sign" } else { "" };
        format!("`{}` of {} bytes{sign}", self.spelling, self.size)
    }
}

/// Lines are `field:unsigned int flags; offset:24; size:4; signed:0;` with tabs between.
fn field(line: &str) -> Option<Field> {
    let mut parts = line.trim().strip_prefix("field:")?.split(';').map(str::trim);
    let mut text = parts.next()?;
    let mut elsewhere = "";
    for prefix in ["__data_loc ", "__rel_loc "] {
        if let Some(rest) = text.strip_prefix(prefix) {
            (text, elsewhere) = (rest.trim(), prefix);
        }
    }
    let (body, count) = match text.strip_suffix(']').and_then(|t| t.rsplit_once('[')) {
        Some((body, count)) => (body.trim(), Some(count.trim())),
        None => (text, None),
    };
    let at = body.rfind(|c: char| !(c.is_alphanumeric() || c == '_')).map_or(0, |i| i + 1);
    let (ty, name) = body.split_at(at);
    // `__data_loc char[] filename`: the brackets stand before the name.
    let ty = ty.trim();
    let ty = ty.strip_suffix("[]").unwrap_or(ty).trim();
    let spelling = match (elsewhere, count) {
        ("", Some(count)) => format!("{ty}[{count}]"),
        ("", None) => ty.to_string(),
        _ => format!("{elsewhere}{ty}[]"),
    };
    let mut field = Field { name: name.to_string(), spelling, ..Field::none() };
    for part in parts {
        match part.split_once(':') {
            Some(("offset", n)) => field.offset = n.parse().ok()?,
            Some(("size", n)) => field.size = n.parse().ok()?,
            Some(("signed", n)) => field.signed = n == "1",
            _ => {}
        }
    }
    Some(field)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_format_files() {
        let line = |text: &str| field(text).map(|f| format!("{} {} {} {} {}", f.name, f.spelling, f.offset, f.size, f.signed));
        let is = |text: &str, wanted: &str| assert_eq!(line(text).as_deref(), Some(wanted));
        is("\tfield:char comm[16];\toffset:8;\tsize:16;\tsigned:0;", "comm char[16] 8 16 false");
        is("\tfield:const char * name;\toffset:24;\tsize:8;\tsigned:0;", "name const char * 24 8 false");
        is("\tfield:__u8 a[sizeof(int)];\toffset:8;\tsize:4;\tsigned:0;", "a __u8[sizeof(int)] 8 4 false");
        is("\tfield:__data_loc char[] f;\toffset:8;\tsize:4;\tsigned:1;", "f __data_loc char[] 8 4 true");
        assert_eq!(line("print fmt: \"x\""), None);
    }

    #[test]
    fn qualifiers_do_not_matter() {
        assert!(same("const struct sock *", "struct sock *"));
        assert!(same("void *", "const struct sock *"));
        assert!(!same("struct sock *", "void *"));
        assert!(same("__u8[28]", "__u8[sizeof(struct sockaddr_in6)]"));
        assert!(!same("__u8", "__u8[1]"));
    }
}
