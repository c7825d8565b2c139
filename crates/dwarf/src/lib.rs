//! Debug information of programs and libraries (DWARF), as far as probes need it: functions with their parameters,
//! C types, and where the lines of a source file are.
//!
//! Bytes of ELF sections come in, plain data goes out; this is the only crate that knows gimli. What the bytes say is
//! not trusted: each question is answered by walks whose length the sections' size bounds, and broken entries are errors.

mod classes;
mod functions;
mod index;
mod lines;
mod types;
pub mod unwind;

pub use classes::{Class, Special};
pub use functions::{Function, Rules};
pub use lines::Line;
pub use types::{Format, Member, Type, TypeId};

use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use gimli::{AttributeValue, DW_AT_abstract_origin, DW_AT_name, DW_AT_specification, Dwarf, EndianRcSlice, LittleEndian, UnitOffset};

use index::{Index, Kind};

type Slice = EndianRcSlice<LittleEndian>;
type Unit = gimli::Unit<Slice>;
type Entry = gimli::DebuggingInformationEntry<Slice>;

/// Entries that refer to each other for their name: a definition, its declaration, its abstract form.
const MAX_ORIGINS: u32 = 4;

/// Sections of an ELF file, uncompressed, and the machine that the file is for.
#[derive(Clone, Debug, Default)]
pub struct Sections {
    /// The machine, as `e_machine` has it.
    pub machine: u16,
    /// Names and contents.
    pub contents: Vec<(String, Vec<u8>)>,
}

/// Names of the sections that this crate reads.
pub const SECTIONS: &[&str] = &[
    ".debug_info", ".debug_abbrev", ".debug_str", ".debug_line", ".debug_line_str", ".debug_str_offsets", ".debug_addr",
    ".debug_ranges", ".debug_rnglists",
];

/// Why debug information cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error(pub String);

impl From<gimli::Error> for Error {
    fn from(error: gimli::Error) -> Error {
        Error(format!("its debug information is broken: {error}"))
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Error {}

/// The debug information of one file.
pub struct DebugInfo {
    dwarf: Dwarf<Slice>,
    machine: u16,
    /// Where each unit begins, with its header; in order.
    headers: Vec<(usize, gimli::UnitHeader<Slice>)>,
    units: RefCell<HashMap<usize, Rc<Unit>>>,
    index: OnceCell<Result<Index, Error>>,
}

impl DebugInfo {
    /// Takes sections; contents that are not there count as empty.
    pub fn new(mut sections: Sections) -> Result<DebugInfo, Error> {
        let mut take = |id: gimli::SectionId| {
            let found = sections.contents.iter_mut().find(|(name, _)| name == id.name());
            let bytes = found.map(|(_, bytes)| std::mem::take(bytes)).unwrap_or_default();
            Ok::<_, Error>(Slice::new(Rc::from(bytes), LittleEndian))
        };
        let dwarf = Dwarf::load(&mut take)?;
        let mut headers = Vec::new();
        let mut all = dwarf.units();
        while let Some(header) = all.next()? {
            if let Some(offset) = header.debug_info_offset() {
                headers.push((offset.0, header));
            }
        }
        Ok(DebugInfo { dwarf, machine: sections.machine, headers, units: RefCell::default(), index: OnceCell::new() })
    }

    /// The machine, as `e_machine` has it.
    pub fn machine(&self) -> u16 {
        self.machine
    }

    /// The function that the symbol table calls so.
    pub fn function(&self, symbol: &str) -> Result<Option<Function>, Error> {
        let is_it = |unit: &Rc<Unit>, entry: &Entry| Ok(self.symbol_of(unit, entry)?.as_deref() == Some(symbol));
        let Some(at) = self.best(Kind::Function, symbol, is_it)? else { return Ok(None) };
        let (unit, offset) = self.locate(at)?;
        self.read_function(&unit, &unit.entry(offset)?).map(Some)
    }

    /// Of what may have a name the one that all source files know, else the first: it is what the name means where it is probed, too.
    fn best(&self, kind: Kind, name: &str, is_it: impl Fn(&Rc<Unit>, &Entry) -> Result<bool, Error>) -> Result<Option<usize>, Error> {
        let mut first = None;
        for at in self.index()?.candidates(kind, name) {
            let (unit, offset) = self.locate(at)?;
            let entry = unit.entry(offset)?;
            if !is_it(&unit, &entry)? {
                continue;
            }
            let external = |_: &Unit, e: &Entry| Ok(matches!(e.attr_value(gimli::DW_AT_external), Some(AttributeValue::Flag(true))).then_some(()));
            if self.inherited(&unit, &entry, external)?.is_some() {
                return Ok(Some(at));
            }
            first = first.or(Some(at));
        }
        Ok(first)
    }

    /// The struct, union, enum or typedef of that name that is defined, not only declared.
    pub fn find(&self, wanted: Wanted, name: &str) -> Result<Option<TypeId>, Error> {
        let kind = match wanted {
            Wanted::Struct => Kind::Struct,
            Wanted::Union => Kind::Union,
            Wanted::Enum => Kind::Enum,
            Wanted::Typedef => Kind::Typedef,
        };
        for at in self.index()?.candidates(kind, name) {
            let (unit, offset) = self.locate(at)?;
            if self.text(&unit, &unit.entry(offset)?, DW_AT_name)?.as_deref() == Some(name) {
                return Ok(Some(TypeId(at)));
            }
        }
        Ok(None)
    }

    /// The type of a variable outside of functions; nothing where none of the name has one.
    pub fn variable(&self, name: &str) -> Result<Option<TypeId>, Error> {
        let is_it = |unit: &Rc<Unit>, entry: &Entry| Ok(self.text(unit, entry, DW_AT_name)?.as_deref() == Some(name));
        let Some(at) = self.best(Kind::Variable, name, is_it)? else { return Ok(None) };
        let (unit, offset) = self.locate(at)?;
        Ok(self.reference(&unit, unit.entry(offset)?.attr_value(gimli::DW_AT_type)).map(TypeId))
    }

    /// The index of names, made at the first question.
    fn index(&self) -> Result<&Index, Error> {
        self.index.get_or_init(|| Index::read(self)).as_ref().map_err(Clone::clone)
    }

    /// The unit at a place of the list of units, read once.
    fn unit(&self, number: usize) -> Result<Rc<Unit>, Error> {
        if let Some(unit) = self.units.borrow().get(&number) {
            return Ok(unit.clone());
        }
        let unit = Rc::new(self.dwarf.unit(self.headers[number].1.clone())?);
        self.units.borrow_mut().insert(number, unit.clone());
        Ok(unit)
    }

    /// The unit that holds a place of `.debug_info`, and the place in it.
    fn locate(&self, at: usize) -> Result<(Rc<Unit>, UnitOffset), Error> {
        let after = self.headers.partition_point(|(start, _)| *start <= at);
        let number = after.checked_sub(1).ok_or(Error("its debug information refers to nothing".into()))?;
        Ok((self.unit(number)?, UnitOffset(at - self.headers[number].0)))
    }

    /// The place that an attribute refers to.
    fn reference(&self, unit: &Unit, value: Option<AttributeValue<Slice>>) -> Option<usize> {
        match value? {
            AttributeValue::UnitRef(offset) => Some(unit.header.debug_info_offset()?.0 + offset.0),
            AttributeValue::DebugInfoRef(offset) => Some(offset.0),
            _ => None,
        }
    }

    fn text(&self, unit: &Unit, entry: &Entry, attribute: gimli::DwAt) -> Result<Option<String>, Error> {
        let Some(value) = entry.attr_value(attribute) else { return Ok(None) };
        // A file of its own may hold texts that several files share; its names are then not known.
        if matches!(value, AttributeValue::DebugStrRefSup(_)) {
            return Ok(None);
        }
        let text = self.dwarf.attr_string(unit, value)?;
        Ok(Some(gimli::Reader::to_string_lossy(&text)?.into_owned()))
    }

    /// An attribute of an entry, or of the entries that it completes, as `read` finds it.
    fn inherited<T>(
        &self,
        unit: &Rc<Unit>,
        entry: &Entry,
        read: impl Fn(&Unit, &Entry) -> Result<Option<T>, Error>,
    ) -> Result<Option<T>, Error> {
        let (mut unit, mut entry) = (unit.clone(), entry.clone());
        for _ in 0..MAX_ORIGINS {
            if let Some(found) = read(&unit, &entry)? {
                return Ok(Some(found));
            }
            let origin = [DW_AT_abstract_origin, DW_AT_specification];
            let origin = origin.into_iter().find_map(|a| self.reference(&unit, entry.attr_value(a)));
            let Some(origin) = origin else { return Ok(None) };
            let (of, offset) = self.locate(origin)?;
            entry = of.entry(offset)?;
            unit = of;
        }
        Ok(None)
    }

    /// The name that the linker knows a function by.
    fn symbol_of(&self, unit: &Rc<Unit>, entry: &Entry) -> Result<Option<String>, Error> {
        let linked = self.inherited(unit, entry, |u, e| self.text(u, e, gimli::DW_AT_linkage_name))?;
        match linked {
            Some(name) => Ok(Some(name)),
            None => self.inherited(unit, entry, |u, e| self.text(u, e, DW_AT_name)),
        }
    }
}

/// What [`DebugInfo::find`] looks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// `struct NAME`, classes too.
    Struct,
    /// `union NAME`
    Union,
    /// `enum NAME`
    Enum,
    /// A name of its own: typedefs and basic types.
    Typedef,
}
