//! What C++ classes declare that decides whether they are passed by value or by address.

use gimli::{AttributeValue, DW_AT_name, DW_AT_type};

use crate::types::number;
use crate::{DebugInfo, Entry, Error, TypeId, Unit};

/// The first GCC that says of functions whether they are defaulted and deleted.
const TELLING_GCC: u32 = 8;

/// How a special member function comes to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Special {
    /// Nobody declared it.
    #[default]
    Implicit,
    /// As the compiler makes it.
    Defaulted,
    /// It is declared not to be.
    Deleted,
    /// The program has one of its own.
    Provided,
    /// Which of these is not known.
    Unclear,
}

/// Special member functions of a class, and what else matters for how it is passed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Class {
    /// Its copy constructor.
    pub copies: Special,
    /// Its move constructor.
    pub moves: Special,
    /// Its destructor.
    pub destroys: Special,
    /// Whether it declares to be assigned by copying, and by moving.
    pub assigned: (bool, bool),
    /// Whether it has virtual functions or virtual bases of its own.
    pub is_virtual: bool,
}

impl Special {
    /// Adds another declaration of the same kind: with constraints there may be several, of which one counts.
    fn add(&mut self, other: Special) {
        *self = if *self == Special::Implicit || *self == other { other } else { Special::Unclear };
    }
}

/// What a member function takes first, besides its object.
#[derive(Clone, Copy, PartialEq, Eq)]
enum First {
    /// Its own class, by a reference to what stays (`false`) or may be moved from (`true`).
    Own(bool),
    Other,
}

impl DebugInfo {
    /// What a class declares; nothing for other types.
    pub fn class(&self, id: TypeId) -> Result<Class, Error> {
        let (unit, offset) = self.locate(id.0)?;
        let mut tree = unit.entries_tree(Some(offset))?;
        let root = tree.root()?;
        let tag = self.text(&unit, root.entry(), DW_AT_name)?.unwrap_or_default();
        let telling = self.telling(&unit)?;
        let mut class = Class::default();
        // Constructors with more parameters count only if these have defaults.
        let mut maybe = (false, false);
        let mut children = root.children();
        while let Some(child) = children.next()? {
            let entry = child.entry();
            let virtuality = entry.attr_value(gimli::DW_AT_virtuality);
            class.is_virtual |= virtuality.is_some_and(|v| v != AttributeValue::Virtuality(gimli::DW_VIRTUALITY_none));
            let artificial = entry.has_attr(gimli::DW_AT_artificial);
            let Some(name) = self.text(&unit, entry, DW_AT_name)? else { continue };
            if entry.tag() == gimli::DW_TAG_member {
                class.is_virtual |= artificial && name.starts_with("_vptr");
            }
            if entry.tag() != gimli::DW_TAG_subprogram || artificial {
                continue;
            }
            let special = special(entry, telling);
            if name.starts_with('~') {
                class.destroys.add(special);
                continue;
            }
            let constructs = untemplated(&name) == untemplated(&tag);
            if !constructs && name != "operator=" {
                continue;
            }
            let (first, more) = self.first(&unit, id, &tag, child)?;
            match first {
                First::Own(true) if !constructs => class.assigned.1 = true,
                First::Own(false) if !constructs => class.assigned.0 = true,
                First::Own(moves) if more && moves => maybe.1 = true,
                First::Own(_) if more => maybe.0 = true,
                First::Own(true) => class.moves.add(special),
                First::Own(false) => class.copies.add(special),
                First::Other => {}
            }
        }
        if maybe.0 && class.copies == Special::Implicit {
            class.copies = Special::Unclear;
        }
        if maybe.1 && class.moves == Special::Implicit {
            class.moves = Special::Unclear;
        }
        Ok(class)
    }

    /// What a member function of a class takes first, and whether it takes more. Templates are never special.
    fn first(
        &self,
        unit: &Unit,
        id: TypeId,
        tag: &str,
        node: gimli::EntriesTreeNode<'_, '_, crate::Slice>,
    ) -> Result<(First, bool), Error> {
        let mut first = None;
        let mut more = false;
        let mut children = node.children();
        while let Some(child) = children.next()? {
            let entry = child.entry();
            match entry.tag() {
                gimli::DW_TAG_formal_parameter if entry.has_attr(gimli::DW_AT_artificial) => {}
                gimli::DW_TAG_formal_parameter if first.is_none() => first = Some(self.own(unit, id, tag, entry)?),
                gimli::DW_TAG_formal_parameter | gimli::DW_TAG_unspecified_parameters => more = true,
                gimli::DW_TAG_template_type_parameter
                | gimli::DW_TAG_template_value_parameter
                | gimli::DW_TAG_GNU_template_template_param
                | gimli::DW_TAG_GNU_template_parameter_pack => return Ok((First::Other, false)),
                _ => {}
            }
        }
        Ok((first.unwrap_or(First::Other), more))
    }

    /// Whether a parameter is a reference to the class, or for assignments one of it.
    fn own(&self, unit: &Unit, id: TypeId, tag: &str, parameter: &Entry) -> Result<First, Error> {
        // What cannot be found might be the class.
        let unknown = First::Own(false);
        let Some(at) = self.reference(unit, parameter.attr_value(DW_AT_type)) else { return Ok(unknown) };
        let (of, offset) = self.locate(at)?;
        let entry = of.entry(offset)?;
        let moves = entry.tag() == gimli::DW_TAG_rvalue_reference_type;
        let mut to = match entry.tag() {
            gimli::DW_TAG_reference_type | gimli::DW_TAG_rvalue_reference_type => {
                self.reference(&of, entry.attr_value(DW_AT_type))
            }
            _ => Some(at),
        };
        for _ in 0..4 {
            let Some(at) = to else { return Ok(unknown) };
            if at == id.0 {
                return Ok(First::Own(moves));
            }
            let (of, offset) = self.locate(at)?;
            let entry = of.entry(offset)?;
            match entry.tag() {
                gimli::DW_TAG_const_type | gimli::DW_TAG_volatile_type | gimli::DW_TAG_typedef => {
                    to = self.reference(&of, entry.attr_value(DW_AT_type));
                }
                // The class may have several entries.
                gimli::DW_TAG_structure_type | gimli::DW_TAG_class_type | gimli::DW_TAG_union_type => {
                    let same = self.text(&of, &entry, DW_AT_name)?.unwrap_or_default() == tag;
                    return Ok(if same { First::Own(moves) } else { First::Other });
                }
                _ => return Ok(First::Other),
            }
        }
        Ok(unknown)
    }

    /// Whether the functions of a unit say when they are defaulted or deleted.
    fn telling(&self, unit: &Unit) -> Result<bool, Error> {
        if unit.header.version() >= 5 {
            return Ok(true);
        }
        let producer = self.producer(unit)?;
        if !producer.starts_with("GNU ") || producer.contains("-gstrict-dwarf") {
            return Ok(false);
        }
        let version = producer.split(' ').find_map(|w| w.split_once('.')?.0.parse::<u32>().ok());
        Ok(version.is_some_and(|v| v >= TELLING_GCC))
    }
}

fn special(entry: &Entry, telling: bool) -> Special {
    if matches!(entry.attr_value(gimli::DW_AT_deleted), Some(AttributeValue::Flag(true))) {
        return Special::Deleted;
    }
    match number(entry, gimli::DW_AT_defaulted) {
        Some(1) => Special::Defaulted,
        // Where it is defaulted only outside of the class, others cannot know.
        Some(2) => Special::Provided,
        _ if telling => Special::Provided,
        _ => Special::Unclear,
    }
}

/// A name without the arguments of its template.
fn untemplated(name: &str) -> &str {
    name.split('<').next().unwrap_or(name)
}
