//! Where functions and types are, by a hash of their names: one walk over the outermost entries of all units.

use std::hash::{BuildHasher, RandomState};

use gimli::{DW_AT_declaration, DW_AT_name};

use crate::{DebugInfo, Entry, Error, Unit};

/// Namespaces in namespaces.
const MAX_DEPTH: u32 = 32;

/// Kinds of entries that have names of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Kind {
    Function,
    Struct,
    Union,
    Enum,
    Typedef,
    Variable,
}

/// Hashes with places in `.debug_info`, in the order of both.
pub(crate) struct Index {
    hasher: RandomState,
    places: Vec<(u64, usize)>,
}

impl Index {
    /// Walks over all units.
    pub fn read(info: &DebugInfo) -> Result<Index, Error> {
        let mut index = Index { hasher: RandomState::new(), places: Vec::new() };
        for (start, header) in &info.headers {
            // Not kept: of most units nothing will be asked.
            let unit = std::rc::Rc::new(info.dwarf.unit(header.clone())?);
            let mut tree = unit.entries_tree(None)?;
            index.add_children(info, &unit, *start, tree.root()?, 0)?;
        }
        index.places.sort_unstable();
        Ok(index)
    }

    fn add_children(
        &mut self,
        info: &DebugInfo,
        unit: &std::rc::Rc<Unit>,
        start: usize,
        node: gimli::EntriesTreeNode<'_, '_, crate::Slice>,
        depth: u32,
    ) -> Result<(), Error> {
        let mut children = node.children();
        while let Some(child) = children.next()? {
            let entry = child.entry();
            if entry.tag() == gimli::DW_TAG_namespace {
                if depth < MAX_DEPTH {
                    self.add_children(info, unit, start, child, depth + 1)?;
                }
                continue;
            }
            let Some(kind) = kind_of(entry) else { continue };
            let name = match kind {
                Kind::Function => info.symbol_of(unit, entry)?,
                _ => info.text(unit, entry, DW_AT_name)?,
            };
            if let Some(name) = name {
                self.places.push((self.hash(kind, &name), start + entry.offset().0));
            }
        }
        Ok(())
    }

    fn hash(&self, kind: Kind, name: &str) -> u64 {
        self.hasher.hash_one((kind, name))
    }

    /// Places whose entries may be of that name.
    pub fn candidates(&self, kind: Kind, name: &str) -> impl Iterator<Item = usize> + '_ {
        let hash = self.hash(kind, name);
        let first = self.places.partition_point(|(h, _)| *h < hash);
        self.places[first..].iter().take_while(move |(h, _)| *h == hash).map(|(_, at)| *at)
    }
}

/// What an entry defines; nothing where it only declares, or was inlined everywhere.
fn kind_of(entry: &Entry) -> Option<Kind> {
    if entry.has_attr(DW_AT_declaration) {
        return None;
    }
    match entry.tag() {
        gimli::DW_TAG_subprogram => {
            let code = [gimli::DW_AT_low_pc, gimli::DW_AT_ranges, gimli::DW_AT_entry_pc];
            code.iter().any(|a| entry.has_attr(*a)).then_some(Kind::Function)
        }
        gimli::DW_TAG_structure_type | gimli::DW_TAG_class_type => Some(Kind::Struct),
        gimli::DW_TAG_union_type => Some(Kind::Union),
        gimli::DW_TAG_enumeration_type => Some(Kind::Enum),
        gimli::DW_TAG_variable => Some(Kind::Variable),
        gimli::DW_TAG_typedef | gimli::DW_TAG_base_type => Some(Kind::Typedef),
        _ => None,
    }
}
