//! Functions: what they take, what they return, and whether they are called as C functions are.

use std::collections::HashSet;
use std::rc::Rc;

use gimli::{AttributeValue, DW_AT_abstract_origin, DW_AT_name, DW_AT_type, UnitOffset};

use crate::{DebugInfo, Entry, Error, TypeId, Unit};

/// Packs of parameters in packs.
const MAX_PACKS: u32 = 4;

/// A function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Function {
    /// Names, empty where there is none, and types of the parameters in order.
    pub parameters: Vec<(String, Option<TypeId>)>,
    /// What it returns; `None` for nothing.
    pub returns: Option<TypeId>,
    /// How it is called.
    pub rules: Rules,
    /// Whether GCC made it.
    pub gnu: bool,
}

/// How a function is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rules {
    /// As the machine's convention for C and C++ has it.
    C,
    /// So only as long as integers and addresses are passed, and nothing else.
    Scalars,
    /// Nobody knows.
    Unknown,
}

impl DebugInfo {
    pub(crate) fn read_function(&self, unit: &Rc<Unit>, entry: &Entry) -> Result<Function, Error> {
        // A type that cannot be found is not the same as none.
        let lost = |u: &Unit, e: &Entry| Ok(e.attr_value(DW_AT_type).map(|v| self.reference(u, Some(v)).is_none()));
        let returns = self.inherited(unit, entry, |u, e| self.type_of(u, e))?;
        let lost = self.inherited(unit, entry, lost)? == Some(true);
        // An optimised function may list its parameters in another order; the abstract one does not.
        let origin = self.reference(unit, entry.attr_value(DW_AT_abstract_origin));
        let (of, offset) = match origin {
            Some(origin) => self.locate(origin)?,
            None => (unit.clone(), entry.offset()),
        };
        let own = match origin {
            Some(_) => Some(self.origins(unit, entry.offset())?),
            None => None,
        };
        let mut parameters = Vec::new();
        let mut tree = of.entries_tree(Some(offset))?;
        self.add_parameters(&of, tree.root()?, own.as_ref(), 0, &mut parameters)?;
        let (rules, gnu) = self.rules(&of)?;
        // An optimiser that changed how a function is called says that it cannot be called in the usual way.
        let convention = self.inherited(unit, entry, |_, e| Ok(e.attr_value(gimli::DW_AT_calling_convention)))?;
        let usual = match convention {
            None => true,
            Some(AttributeValue::CallingConvention(c)) => c == gimli::DW_CC_normal || c == gimli::DW_CC_program,
            Some(_) => false,
        };
        let rules = if usual && !lost { rules } else { Rules::Unknown };
        Ok(Function { parameters, returns, rules, gnu })
    }

    fn type_of(&self, unit: &Unit, entry: &Entry) -> Result<Option<TypeId>, Error> {
        Ok(self.reference(unit, entry.attr_value(DW_AT_type)).map(TypeId))
    }

    /// The abstract forms of a function's parameters, those in no pack.
    fn origins(&self, unit: &Unit, at: UnitOffset) -> Result<HashSet<usize>, Error> {
        let mut all = HashSet::new();
        let mut tree = unit.entries_tree(Some(at))?;
        let mut children = tree.root()?.children();
        while let Some(child) = children.next()? {
            let child = child.entry();
            if child.tag() == gimli::DW_TAG_formal_parameter {
                all.extend(self.reference(unit, child.attr_value(DW_AT_abstract_origin)));
            }
        }
        Ok(all)
    }

    /// Adds the parameters below an entry; `own` are those that the function has of its abstract form.
    fn add_parameters(
        &self,
        unit: &Rc<Unit>,
        node: gimli::EntriesTreeNode<'_, '_, crate::Slice>,
        own: Option<&HashSet<usize>>,
        depth: u32,
        out: &mut Vec<(String, Option<TypeId>)>,
    ) -> Result<(), Error> {
        let start = unit.header.debug_info_offset().map_or(0, |o| o.0);
        let mut children = node.children();
        while let Some(child) = children.next()? {
            let entry = child.entry();
            if entry.tag() == gimli::DW_TAG_GNU_formal_parameter_pack && depth < MAX_PACKS {
                self.add_parameters(unit, child, None, depth + 1, out)?;
                continue;
            }
            if entry.tag() != gimli::DW_TAG_formal_parameter {
                continue;
            }
            let name = self.inherited(unit, entry, |u, e| self.text(u, e, DW_AT_name))?.unwrap_or_default();
            // Constructors and destructors have forms for whole objects and for parts of others; of these parameters
            // each form has its own.
            let of_form =
                entry.has_attr(gimli::DW_AT_artificial) && matches!(name.as_str(), "__in_chrg" | "__vtt_parm");
            if of_form && own.is_some_and(|own| !own.contains(&(start + entry.offset().0))) {
                continue;
            }
            out.push((name, self.inherited(unit, entry, |u, e| self.type_of(u, e))?));
        }
        Ok(())
    }

    /// How functions of a unit are called, and whether GCC made it.
    fn rules(&self, unit: &Unit) -> Result<(Rules, bool), Error> {
        use gimli::constants as dw;
        let mut tree = unit.entries_tree(None)?;
        let root = tree.root()?;
        let entry = root.entry();
        let producer = self.producer(unit)?;
        let gnu = producer.starts_with("GNU ");
        let Some(AttributeValue::Language(language)) = entry.attr_value(gimli::DW_AT_language) else {
            return Ok((Rules::Unknown, gnu));
        };
        let rules = match language {
            // Zig called itself C before it had a number, and has rules of its own.
            _ if producer.starts_with("zig") => Rules::Unknown,
            dw::DW_LANG_C89 | dw::DW_LANG_C | dw::DW_LANG_C99 | dw::DW_LANG_C11 | dw::DW_LANG_C17 => Rules::C,
            dw::DW_LANG_C_plus_plus | dw::DW_LANG_C_plus_plus_03 | dw::DW_LANG_C_plus_plus_11 => Rules::C,
            dw::DW_LANG_C_plus_plus_14 | dw::DW_LANG_C_plus_plus_17 | dw::DW_LANG_C_plus_plus_20 => Rules::C,
            dw::DW_LANG_ObjC | dw::DW_LANG_ObjC_plus_plus | dw::DW_LANG_Mips_Assembler => Rules::C,
            // A function says not whether it is `extern "C"`. Others are free in how they pass what is no scalar.
            dw::DW_LANG_Rust => Rules::Scalars,
            dw::DW_LANG_Fortran77 | dw::DW_LANG_Fortran90 | dw::DW_LANG_Fortran95 => Rules::Scalars,
            dw::DW_LANG_Fortran03 | dw::DW_LANG_Fortran08 | dw::DW_LANG_Fortran18 => Rules::Scalars,
            dw::DW_LANG_Ada83 | dw::DW_LANG_Ada95 | dw::DW_LANG_Ada2005 | dw::DW_LANG_Ada2012 => Rules::Scalars,
            _ => Rules::Unknown,
        };
        Ok((rules, gnu))
    }

    /// What made a unit; empty where it does not say.
    pub(crate) fn producer(&self, unit: &Unit) -> Result<String, Error> {
        let mut tree = unit.entries_tree(None)?;
        let root = tree.root()?;
        Ok(self.text(unit, root.entry(), gimli::DW_AT_producer)?.unwrap_or_default())
    }
}
