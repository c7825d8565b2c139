//! Where the statements of a source file are, by the line tables.

use std::collections::BTreeSet;

use gimli::{AttributeValue, ColumnType, Reader};

use crate::{DebugInfo, Error, Slice, Unit};

/// A statement of a source file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line<'a> {
    /// The file, or the end of its path.
    pub file: &'a str,
    /// The line, from 1.
    pub line: u64,
    /// The column, from 1; any where it is 0.
    pub column: u64,
}

impl DebugInfo {
    /// Addresses where statements of that line begin: the lowest one of each unit that was compiled from the file.
    /// Where no unit was, those count that the file is a part of: a header, or a module of a Rust crate. `None` where
    /// no unit knows the file.
    pub fn addresses(&self, wanted: &Line) -> Result<Option<Vec<u64>>, Error> {
        let main = |unit: &Unit| match &unit.name {
            Some(name) => Ok(is_path(&joined(unit.comp_dir.as_ref(), name)?, wanted.file)),
            None => Ok(false),
        };
        match self.addresses_in(wanted, main)? {
            None => self.addresses_in(wanted, |unit| self.has_file(unit, wanted.file)),
            found => Ok(found),
        }
    }

    /// The lowest addresses in units that are wanted; `None` where there is no such unit.
    fn addresses_in(
        &self,
        wanted: &Line,
        is_wanted: impl Fn(&Unit) -> Result<bool, Error>,
    ) -> Result<Option<Vec<u64>>, Error> {
        let mut found = BTreeSet::new();
        let mut known = false;
        for (_, header) in &self.headers {
            let unit = self.dwarf.unit(header.clone())?;
            if is_wanted(&unit)? {
                known = true;
                found.extend(self.lowest(&unit, wanted)?);
            }
        }
        Ok(known.then(|| found.into_iter().collect()))
    }

    /// Whether a unit's line table names a file.
    fn has_file(&self, unit: &Unit, wanted: &str) -> Result<bool, Error> {
        let Some(program) = &unit.line_program else { return Ok(false) };
        let header = program.header();
        for file in header.file_names() {
            if is_path(&self.path(unit, header, file)?, wanted) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn lowest(&self, unit: &Unit, wanted: &Line) -> Result<Option<u64>, Error> {
        let Some(program) = unit.line_program.clone() else { return Ok(None) };
        let mut rows = program.rows();
        let mut lowest: Option<u64> = None;
        // The number of a file and whether it is the one that is meant.
        let mut last: Option<(u64, bool)> = None;
        while let Some((header, row)) = rows.next_row()? {
            let column = match row.column() {
                ColumnType::LeftEdge => 0,
                ColumnType::Column(n) => n.get(),
            };
            let here = row.line().is_some_and(|l| l.get() == wanted.line)
                && (wanted.column == 0 || wanted.column == column)
                && row.is_stmt()
                && !row.end_sequence();
            if !here || lowest.is_some_and(|l| l <= row.address()) {
                continue;
            }
            let number = row.file_index();
            let fits = match last {
                Some((n, fits)) if n == number => fits,
                _ => match row.file(header) {
                    Some(file) => is_path(&self.path(unit, header, file)?, wanted.file),
                    None => false,
                },
            };
            last = Some((number, fits));
            if fits {
                lowest = Some(row.address());
            }
        }
        Ok(lowest)
    }

    /// A file of a line table with its folder.
    fn path(
        &self,
        unit: &Unit,
        header: &gimli::LineProgramHeader<Slice>,
        file: &gimli::FileEntry<Slice>,
    ) -> Result<String, Error> {
        let text = |value: AttributeValue<Slice>| self.dwarf.attr_string(unit, value);
        let folder = file.directory(header).map(text).transpose()?;
        let inner = joined(folder.as_ref(), &text(file.path_name())?)?;
        match &unit.comp_dir {
            Some(top) if !inner.starts_with('/') => Ok(format!("{}/{inner}", top.to_string_lossy()?)),
            _ => Ok(inner),
        }
    }
}

fn joined(folder: Option<&Slice>, name: &Slice) -> Result<String, Error> {
    let name = name.to_string_lossy()?.into_owned();
    match folder {
        Some(folder) if !name.starts_with('/') => Ok(format!("{}/{name}", folder.to_string_lossy()?)),
        _ => Ok(name),
    }
}

/// Whether a path is, or ends in, what was written: whole folders count.
fn is_path(path: &str, written: &str) -> bool {
    let parts = |text: &str| -> Vec<String> {
        let mut all: Vec<String> = Vec::new();
        for part in text.split('/') {
            match part {
                "" | "." => {}
                ".." if all.last().is_some_and(|p| p != "..") => drop(all.pop()),
                other => all.push(other.to_string()),
            }
        }
        all
    };
    let (path, end) = (parts(path), parts(written));
    if written.starts_with('/') { path == end } else { !end.is_empty() && path.ends_with(&end) }
}

#[cfg(test)]
mod tests {
    use super::is_path;

    #[test]
    fn paths_are_compared_by_their_parts() {
        for (path, written, want) in [
            ("/src/app/main.c", "main.c", true),
            ("/src/app/main.c", "app/main.c", true),
            ("/src/app/./x/../main.c", "app/main.c", true),
            ("/src/app/main.c", "./main.c", true),
            ("/src/app/main.c", "/src/app/main.c", true),
            ("/src/app/main.c", "/main.c", false),
            ("/src/app/domain.c", "main.c", false),
            ("/src/app/main.c", "", false),
        ] {
            assert_eq!(is_path(path, written), want, "{path} {written}");
        }
    }
}
