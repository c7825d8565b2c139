//! Records: what programs send through the ring buffer, and what follows from it.
//!
//! A record is a `u32` id, a `u32` of flags (0) and the fields at their offsets.

use crate::{Field, Place, Segment};

/// Index into [`crate::Manifest::records`].
pub type RecordId = u32;

/// A kind of record.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// What is done when one arrives.
    pub action: Action,
    /// Size in bytes with the header of 8.
    pub size: u32,
    /// The fields; offsets count from the record's start, header included.
    pub fields: Vec<Field>,
    /// The call in the script.
    pub place: Place,
}

/// What the runtime does with a record.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// `printf`: prints the segments.
    Printf(Vec<Segment>),
    /// `errorf`: the segments on standard error with the place.
    Errorf(Vec<Segment>),
    /// `warnf`: likewise, as a warning.
    Warnf(Vec<Segment>),
    /// `print(value)`: prints field 0 and a newline.
    PrintValue,
    /// `print(@m)`: prints the map. Fields, where present: `top` then `div` (u64 each).
    PrintMap {
        /// Index into [`crate::Manifest::maps`].
        map: u32,
        /// 0 for all.
        top: u64,
        /// Values are divided by it; 0 and 1 do nothing.
        div: u64,
        /// The map is empty then, in one step with reading it: what programs add meanwhile stays. A `Clear` that names this
        /// record follows.
        take: bool,
    },
    /// `print(@m[k])` of an aggregation: field 0 is the key.
    PrintMapElement {
        /// Index into [`crate::Manifest::maps`].
        map: u32,
    },
    /// `clear(@m)`: deletes all entries.
    Clear {
        /// Index into [`crate::Manifest::maps`].
        map: u32,
        /// Index of the `PrintMap` record that comes before it and has taken the entries already, unless it was lost.
        printed: Option<u32>,
    },
    /// `zero(@m)`: sets all values to 0.
    Zero {
        /// Index into [`crate::Manifest::maps`].
        map: u32,
    },
    /// `exit(code)`: field 0 is the code (u64).
    Exit,
    /// `time(format)`: prints the time of day at arrival.
    Time(String),
    /// `join(array, separator)`: prints the non-empty text fields with the separator between, and a newline.
    Join(String),
    /// `cat(format, …)`: prints the file whose name the segments give.
    Cat(Vec<Segment>),
    /// `system(format, …)`: runs the command that the segments give.
    System(Vec<Segment>),
    /// A warning of the program itself, such as a division by zero.
    RuntimeWarning(String),
    /// `skboutput(path, …)`: appends a packet to a pcap file. Fields: time (u64), length (u32), data.
    Packet {
        /// The file.
        path: String,
    },
    /// `unwatch(address)`: takes the watchpoints at an address away. Field 0 is the address (u64).
    Unwatch,
    /// `assert`, `test`: prints the text and fails the run.
    Fail(String),
}

impl Action {
    /// Whether it changes or ends something, rather than bringing data: such a record may not be lost only
    /// because data fills the ring. `exit()` needs no record (see [`crate::STOPPED`]).
    pub fn is_control(&self) -> bool {
        matches!(
            self,
            Action::Clear { .. } | Action::Zero { .. } | Action::Unwatch | Action::Errorf(_) | Action::Fail(_)
        )
    }
}

/// A counter of something lost or failed at one place of the script.
#[derive(Clone, Debug, PartialEq)]
pub struct Loss {
    /// What was lost.
    pub kind: LossKind,
    /// Where.
    pub place: Place,
    /// Name of the map, helper or function concerned.
    pub subject: String,
}

/// Kinds of losses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LossKind {
    /// A record found no room in the ring buffer.
    Record,
    /// A map had no room for a new key.
    MapFull,
    /// Memory could not be read; the value is 0 or empty.
    Read,
    /// A stack found no room in its table.
    Stack,
    /// Any other helper failed.
    Helper,
    /// A loop ended before it was done, after as many rounds as the subject says.
    Loop,
    /// A user stack of a process of which there are no unwind tables.
    Unwind,
    /// A key was cut, see [`Map::short_key`](crate::Map::short_key).
    Key,
    /// The program did not run: another one of the object did, on the same CPU, for another task.
    Event,
    /// An aggregation was not updated: another update was going on, on the same CPU.
    Update,
}
