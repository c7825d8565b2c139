//! Whether fields of kernel records, and numbers of constants, are what programs take them for, as far as CO-RE relocations do not tell (`abi::Read`).

use std::collections::{HashMap, HashSet};

use btc_abi::{Manifest, Read};

use crate::arguments::{Kernel, differs, number, points};
use crate::{Error, elf, place};

/// The fields that an object's programs read whose types are others on a kernel, with what is wrong.
///
/// What the kernel lacks is not among them: a program that comes there is refused by any loader.
///
/// # Errors
/// When the bytes are no object of btc's.
pub fn unfit_reads(object: &[u8], kernel: &dyn Kernel) -> Result<Vec<(Read, String)>, Error> {
    Ok(unfit(&elf::manifest(object)?, kernel))
}

/// Refuses an object that would take a field for something else.
pub(crate) fn check(manifest: &Manifest, kernel: &dyn Kernel) -> Result<(), Error> {
    match unfit(manifest, kernel).first() {
        None => Ok(()),
        Some((read, why)) => {
            let record = read.record.strip_prefix("typedef ").unwrap_or(&read.record);
            let place = place::show(manifest, &read.place);
            let what = match read.path.as_str() {
                "" => format!("the type `{record}`"),
                path if path.starts_with('{') => format!("the enum of the constant `{}`", path.trim_matches(['{', '}'])),
                path if record.starts_with("enum ") => format!("the constant `{path}` of `{record}`"),
                path => format!("the field `{path}` of `{record}`"),
            };
            Err(Error::new(format!("{place}: {what} does not fit: {why}")))
        }
    }
}

fn unfit(manifest: &Manifest, kernel: &dyn Kernel) -> Vec<(Read, String)> {
    let reads = &manifest.reads;
    let mut wanted: HashMap<&str, Vec<&str>> = HashMap::new();
    for read in reads {
        wanted.entry(&read.record).or_default().push(&read.path);
    }
    let mut found = HashMap::new();
    if !wanted.is_empty() {
        kernel.types("", &mut |types| found.extend(types.fields(&wanted)));
    }
    // As libbpf does: types of modules are looked at where the kernel has none of that name.
    let known: HashSet<String> = found.keys().map(|(record, _): &(String, String)| record.clone()).collect();
    wanted.retain(|record, _| !known.contains(*record));
    if !wanted.is_empty() {
        for module in kernel.modules() {
            kernel.types(&module, &mut |types| found.extend(types.fields(&wanted)));
        }
    }
    let why = |read: &Read| {
        let there = found.get(&(read.record.clone(), read.path.clone()))?;
        // A type that the script names is as large.
        let is_type = read.path.is_empty() || read.path.starts_with('{');
        let other = there.iter().find(|there| !fits(&read.ty, there, manifest.exact || is_type))?;
        let nameless = read.ty.contains('{') && other.contains('{');
        let why = match nameless {
            true => "it has no name, and is laid out otherwise on this kernel; compile it for this one".to_string(),
            false => differs(&spell(other), &spell(&read.ty)),
        };
        Some((read.clone(), why))
    };
    reads.iter().filter_map(why).collect()
}

/// Whether a field may be taken for `here`; one of an exact script has its size, too.
fn fits(here: &str, there: &str, exact: bool) -> bool {
    match (parse(here), parse(there)) {
        (Described::Unknown, _) => true,
        (Described::Number(sign, size), Described::Number(other, bytes)) => sign == other && (size == bytes || !exact),
        // One is shown as a word, the other as a number.
        (Described::Truth, Described::Truth) | (Described::Byte, Described::Byte | Described::Character) => true,
        (Described::Character, Described::Character) | (Described::Number8, Described::Byte) => true,
        (Described::Pointer(to), Described::Pointer(other)) => points(to, other),
        (Described::Array(count, element), Described::Array(other, of)) => count == other && (element == of || fits(element, of, exact)),
        (Described::Nameless(fields), Described::Nameless(others)) => same_fields(fields, others),
        (Described::Record(name), Described::Record(other)) => name == other,
        (Described::Range(least, most), Described::Value(value, is_narrow)) => {
            (least..=most).contains(&value) && (!is_narrow || most <= i128::from(u32::MAX))
        }
        _ => false,
    }
}

/// Whether two records without names are laid out alike.
fn same_fields(here: &str, there: &str) -> bool {
    let (here, there) = (fields(here), fields(there));
    let same = |(own, other): (&&str, &&str)| match (own.split_once(':'), other.split_once(':')) {
        (Some((name, ty)), Some((named, other))) => name == named && (ty.is_empty() && other.is_empty() || fits(ty, other, true)),
        _ => own == other,
    };
    here.len() == there.len() && here.iter().zip(&there).all(same)
}

/// `a@0:u4;b@32:{c@0:u1;d@8:u1}` at the semicolons outside of braces.
fn fields(text: &str) -> Vec<&str> {
    let mut depth = 0;
    let at_the_end = |c: char| {
        depth += i32::from(c == '{') - i32::from(c == '}');
        c == ';' && depth == 0
    };
    text.split(at_the_end).collect()
}

/// What [`Read::ty`] tells.
enum Described<'a> {
    /// Nothing to compare.
    Unknown,
    /// Whether it has a sign, and its bytes.
    Number(bool, u8),
    Truth,
    /// An element of an array of bytes.
    Byte,
    /// One that is a character.
    Character,
    /// One that is none.
    Number8,
    Pointer(&'a str),
    Array(&'a str, &'a str),
    Record(&'a str),
    /// The fields of a record without a name.
    Nameless(&'a str),
    /// Numbers that a constant may have.
    Range(i128, i128),
    /// The number that it has, and whether libbpf gives it a sign that it has not.
    Value(i128, bool),
}

fn parse(ty: &str) -> Described<'_> {
    let size = |text: &str| text.parse::<u8>().unwrap_or(0);
    if let Some((Ok(least), Ok(most))) = ty.split_once("..").map(|(least, most)| (least.parse(), most.parse())) {
        return Described::Range(least, most);
    }
    match ty.split_at_checked(1) {
        None => Described::Unknown,
        Some(("b", "1")) => Described::Truth,
        Some(("*", to)) => Described::Pointer(to),
        Some(("{", rest)) => Described::Nameless(rest.strip_suffix('}').unwrap_or(rest)),
        Some(("[", rest)) => match rest.split_once(']') {
            Some((count, element)) => Described::Array(count, element),
            None => Described::Unknown,
        },
        Some((sign @ ("s" | "u"), bytes)) if bytes.parse::<u8>().is_ok() => Described::Number(sign == "s", size(bytes)),
        Some((mark @ ("=" | "~"), value)) => Described::Value(value.parse().unwrap_or(i128::MAX), mark == "~"),
        Some(("1", "")) => Described::Byte,
        Some(("c", "")) => Described::Character,
        Some(("b", "")) => Described::Number8,
        Some(_) => Described::Record(ty),
    }
}

fn spell(ty: &str) -> String {
    match parse(ty) {
        Described::Unknown => "something else".to_string(),
        Described::Number(signed, bytes) => number(bytes, signed),
        Described::Truth => "a truth value".to_string(),
        Described::Byte | Described::Number8 => "a byte".to_string(),
        Described::Character => "a character".to_string(),
        Described::Pointer(to) => match parse(to) {
            Described::Unknown => "a pointer to something else".to_string(),
            _ => format!("a pointer to {}", spell(to)),
        },
        Described::Array(count, "1" | "b") => format!("an array of {count} bytes"),
        Described::Array(count, "c") => format!("an array of {count} characters"),
        Described::Array(count, element) => format!("an array of {count}, each {}", spell(element)),
        Described::Nameless(_) => "a struct without a name".to_string(),
        Described::Record(name) => format!("a `{name}`"),
        Described::Range(least, most) => format!("a number from {least} to {most}"),
        Described::Value(value, _) => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fits() {
        for (here, there, wanted) in [
            ("s4", "s4", true),
            ("s4", "u4", false),
            ("*struct a", "*struct a", true),
            ("*struct a", "*struct b", false),
            ("*struct a", "u8", false),
            ("*", "*struct a", true),
            ("[16]1", "[16]1", true),
            ("[16]1", "[8]1", false),
            ("[16]1", "[16]c", true),
            ("[16]c", "[16]c", true),
            ("[16]c", "[16]1", false),
            ("[16]b", "[16]1", true),
            ("[16]b", "[16]c", false),
            ("[16]b", "[16]u2", false),
            ("[4]s4", "[4]u4", false),
            ("[0]1", "[0]u8", false),
            ("1", "u8", false),
            ("1", "1", true),
            ("u1", "b1", false),
            ("b1", "u1", false),
            ("[4]*", "[4]*struct a", true),
            ("struct a", "struct b", false),
            ("{a@0:*;b@64:{c@0/3:u1;d@8:[2]s2}}", "{a@0:*struct x;b@64:{c@0/3:u1;d@8:[2]s2}}", true),
            ("{a@0:*;b@64:{c@0/3:u1;d@8:[2]s2}}", "{a@0:*;b@64:{c@0/3:u1;d@8:[2]s4}}", false),
            ("{a@0:u4}", "{a@0:u4;b@32:u4}", false),
            ("{a@0:u4}", "{a@8:u4}", false),
            ("{a@0:u4}", "{a@0:s4}", false),
            ("struct a", "", false),
            ("", "struct a", true),
            ("0..2147483647", "=7", true),
            ("0..2147483647", "=-1", false),
            ("-2147483648..2147483647", "=-1", true),
            ("0..2147483647", "=9223372036854775808", false),
            ("0..4294967295", "~4294967295", true),
            ("0..18446744073709551615", "~4294967295", false),
            ("0..18446744073709551615", "=4294967295", true),
        ] {
            assert_eq!(fits(here, there, false), wanted, "{here} {there}");
        }
        assert!(fits("s4", "s2", false) && !fits("s4", "s2", true) && !fits("[4]u4", "[4]u8", true));
    }

    #[test]
    fn types_are_told_in_words() {
        assert_eq!(spell("*struct page"), "a pointer to a `struct page`");
        assert_eq!(spell("[4]s4"), "an array of 4, each a signed number of 32 bits");
    }
}
