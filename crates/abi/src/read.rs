//! What programs take a kernel's fields for.
//!
//! CO-RE relocations look at the kind of a field's type and no further: that it points somewhere else on the target, that
//! the elements of an array have a sign there, or that another struct lies there, no loader sees by them. The runtime
//! compares before it loads.

use crate::Place;

/// A field that a program reads, or takes the address of; or an enumerator that it has a number for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Read {
    /// The record that its path begins in: `struct x`, `union x`, or `typedef x` for one without a tag; `enum x`.
    pub record: String,
    /// The way to it: `member.inner[2].last`; members of records without a name are those of the record around.
    pub path: String,
    /// What it is where the object was made, as [`Shape::Pointer`](crate::Shape::Pointer) tells what is pointed at: `s4`,
    /// `*struct x`, `[16]1` (any bytes; `[16]c` characters alone, `[16]b` none), `struct x`. Of numbers the sign alone counts here: what has too many bits there, the
    /// program's code refuses. Of an enumerator, least and greatest number that the code has room for: `0..2147483647`.
    pub ty: String,
    /// Where the script needs it.
    pub place: Place,
}
