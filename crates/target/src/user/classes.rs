//! Whether objects of C++ classes are passed by value: only those whose bytes are all that there is to copy, as the
//! C++ ABI calls it "trivial for the purposes of calls". Otherwise functions take and return their address.

use btc_dwarf::{Error, Special, Type as Raw, TypeId};

use super::{MAX_DEPTH, UserTypes};

/// What is known of one way to make or end an object. Of several parts the greatest counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Way {
    /// Its bytes are copied, or nothing is done.
    Trivial,
    /// A function does it.
    Own,
    Unclear,
    /// There is none.
    Deleted,
}

/// How objects are copied, moved (where that is something else than copied) and destroyed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ways {
    copy: Way,
    moves: Option<Way>,
    destroy: Way,
    /// Whether parts have functions of their own that the whole may not use.
    parts: Way,
}

const TRIVIAL: Ways =
    Ways { copy: Way::Trivial, moves: Some(Way::Trivial), destroy: Way::Trivial, parts: Way::Trivial };
const UNCLEAR: Ways =
    Ways { copy: Way::Unclear, moves: Some(Way::Unclear), destroy: Way::Unclear, parts: Way::Unclear };
const OWN: Ways = Ways { copy: Way::Own, moves: Some(Way::Own), destroy: Way::Own, parts: Way::Own };

impl UserTypes {
    /// Whether functions take the address of a record that is passed by value; `None` where that is not known.
    pub(super) fn by_reference(&self, id: TypeId) -> Result<Option<bool>, Error> {
        if let Raw::Record { by_reference: Some(known), .. } = self.info.type_at(id)? {
            return Ok(Some(known));
        }
        let ways = self.ways(id, 0)?;
        let all = [ways.copy, ways.moves.unwrap_or(Way::Trivial), ways.destroy];
        if all.contains(&Way::Own) {
            return Ok(Some(true));
        }
        let moved = ways.copy == Way::Deleted && ways.moves == Some(Way::Trivial) && ways.parts == Way::Trivial;
        let by_value = ways.destroy == Way::Trivial && (all.iter().all(|w| *w == Way::Trivial) || moved);
        // Where nothing copies or moves, compilers differ by their age.
        Ok(by_value.then_some(false))
    }

    fn ways(&self, id: TypeId, depth: u32) -> Result<Ways, Error> {
        if let Some(known) = self.ways.borrow().get(&id) {
            return Ok(*known);
        }
        // Refuses those that contain themselves or too much.
        if depth > MAX_DEPTH || self.weigh(id, 0).is_none() {
            return Ok(UNCLEAR);
        }
        let found = self.read_ways(id, depth)?;
        self.ways.borrow_mut().insert(id, found);
        Ok(found)
    }

    fn read_ways(&self, id: TypeId, depth: u32) -> Result<Ways, Error> {
        let class = self.info.class(id)?;
        if class.is_virtual {
            return Ok(OWN);
        }
        let mut parts = TRIVIAL;
        for member in self.info.members(id)? {
            let part = self.ways_of(member.ty, depth + 1)?;
            parts.copy = parts.copy.max(part.copy);
            parts.moves = parts.moves.max(Some(part.moves.unwrap_or(part.copy)));
            parts.destroy = parts.destroy.max(part.destroy);
        }
        let declared = |special: Special, implicit: Way| match special {
            Special::Implicit | Special::Defaulted => implicit,
            Special::Provided => Way::Own,
            Special::Deleted => Way::Deleted,
            Special::Unclear => Way::Unclear,
        };
        let (copied, moved) = (class.copies != Special::Implicit, class.moves != Special::Implicit);
        let (copy_assigned, move_assigned) = class.assigned;
        let ends = class.destroys != Special::Implicit;
        // What moves in a way of its own is not copied unless it says so.
        let no_copy = !copied && (moved || move_assigned);
        let copy = if no_copy { Way::Deleted } else { declared(class.copies, parts.copy) };
        let no_move = !moved && (copied || copy_assigned || move_assigned || ends);
        let moves = declared(class.moves, parts.moves.unwrap_or(Way::Trivial));
        // A default that cannot be made is as if it were not there: the copy serves.
        let ignored = moves == Way::Deleted && class.moves != Special::Deleted;
        let moves = (!no_move && !ignored).then_some(moves);
        let destroy = declared(class.destroys, parts.destroy);
        Ok(Ways { copy, moves, destroy, parts: parts.copy.max(parts.destroy) })
    }

    fn ways_of(&self, ty: Option<TypeId>, depth: u32) -> Result<Ways, Error> {
        if depth > MAX_DEPTH {
            return Ok(UNCLEAR);
        }
        Ok(match self.strip(ty, 0)? {
            (Some(Raw::Record { by_reference: Some(false), .. }), Some(id)) => {
                // Passed by value, it may still lack a copy.
                let ways = self.ways(id, depth)?;
                if ways.copy == Way::Deleted { ways } else { TRIVIAL }
            }
            (Some(Raw::Record { size: Some(_), .. }), Some(id)) => self.ways(id, depth)?,
            (Some(Raw::Record { .. }), _) | (None, _) => UNCLEAR,
            (Some(Raw::Array { element, .. }), _) => self.ways_of(element, depth + 1)?,
            (Some(_), _) => TRIVIAL,
        })
    }
}
