//! Formats shipped with btc, for targets without tracefs.

use crate::Btf;

use super::Tracepoint;

/// `category:event` lines, followed by the event's classes where they are not called as it is (in one kernel or another), then
/// its fields as `declaration|offset|size|signed`, and an empty line. Taken from Linux 5.10, 6.1, 6.12, 6.18 and 7.2, the
/// newest that has the event. Without numbers, as `declaration|`, are fields of older ones that are elsewhere in the record and
/// no text.
const SHIPPED: &str = include_str!("../../data/tracepoints.txt");

/// What the table says of an event.
pub struct Entry {
    /// Its classes besides one of its own name, the newest kernel's first.
    pub classes: Vec<&'static str>,
    lines: &'static str,
}

impl Entry {
    /// An event of the table.
    pub fn of(category: &str, event: &str) -> Option<Self> {
        let head = format!("\n{category}:{event}");
        let mut starts = SHIPPED.match_indices(&head).map(|(at, _)| &SHIPPED[at + head.len()..]);
        let rest = starts.find(|rest| rest.starts_with(['\n', ' ']))?;
        let (classes, rest) = rest.split_once('\n')?;
        // An event without fields is followed by the empty line at once.
        let end = if rest.starts_with('\n') { 0 } else { rest.find("\n\n").unwrap_or(rest.len()) };
        Some(Entry { classes: classes.split_whitespace().collect(), lines: &rest[..end] })
    }

    /// Its fields, as the table has them.
    pub fn tracepoint(&self, category: &str, event: &str, btf: Option<&Btf>) -> Tracepoint {
        let format: String = self.lines.lines().filter_map(format_line).collect();
        Tracepoint::parse(category, event, &format, btf)
    }

    /// What lies elsewhere in the record for a field, such as `u8[]`.
    pub fn elements(&self, field: &str) -> Option<&'static str> {
        self.lines.lines().find_map(|line| {
            let (_, declaration) = line.split_once('|')?.0.split_once("_loc ")?;
            declaration.strip_suffix(field).and_then(|d| d.strip_suffix(' '))
        })
    }
}

/// A line of the table as it stands in a `format` file.
fn format_line(line: &str) -> Option<String> {
    let mut parts = line.split('|');
    let (declaration, offset, size, signed) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    Some(format!("field:{declaration};offset:{offset};size:{size};signed:{signed};\n"))
}

/// Names of all tracepoints in the shipped table.
pub fn shipped_names() -> impl Iterator<Item = (&'static str, &'static str)> {
    let heads = SHIPPED.lines().filter(|l| !l.contains('|'));
    heads.filter_map(|l| l.split(' ').next()?.split_once(':'))
}
