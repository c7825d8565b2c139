//! What a program must not do without on the target.
//!
//! Where code needs something that a target may lack, and a made-up value would be a wrong answer, it goes to an
//! instruction that no loader can relocate: `offsetof(struct pt_regs___btc_refusal_N, absent)`, with N an index into
//! [`Manifest::refusals`](crate::Manifest::refusals). The verifier drops it where the target has what is needed, or
//! where the script itself asked before; else the program is refused by any loader, and the runtime says why.

use crate::Place;

/// Prefix of the name of the type that no kernel has. libbpf looks for what stands before the three underscores,
/// which every kernel has: for an unknown name it would read the types of all modules.
pub const REFUSAL: &str = "pt_regs___btc_refusal_";

/// Something that a program needs.
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal {
    /// What it is.
    pub what: Refused,
    /// Where the script needs it.
    pub place: Place,
}

/// What a target may lack.
#[derive(Clone, Debug, PartialEq)]
pub enum Refused {
    /// The machine is one that the compiler knows.
    Machine,
    /// The machine has a register of this name.
    Register(String),
    /// The kernel has a symbol of this name, and shows its address.
    KernelSymbol(String),
    /// The kernel is this release or newer, or has what came with it. Where the manifest has a
    /// [`Requirement`](crate::Requirement) of that release, the runtime looks itself.
    Release {
        /// What the script does, such as `nsecs(tai)`.
        what: String,
        /// The release, such as `6.1`.
        since: String,
    },
    /// Keys of a map have no more bytes than the kernel takes; they cannot be cut. The runtime looks itself.
    LongKey {
        /// The map's name in the script.
        map: String,
    },
    /// Return probes of the kernel tell in which function they are.
    FunctionAddress,
    /// Every place of a static probe has an argument, from 0, that can be read. The runtime looks itself.
    StaticArgument {
        /// ELF symbol of the probe's program.
        program: String,
        /// Which one.
        index: u32,
        /// Whether the program takes it for a number with a sign. One without cannot be negative, so no place may say
        /// of the argument that it has one.
        signed: bool,
    },
    /// A kernel record is not larger than the room that the compiler gave a copy of it.
    Room {
        /// The record as C writes it, such as `struct sock`.
        record: String,
        /// The room in bytes.
        bytes: u32,
    },
    /// A kernel record is laid out as where the object was made: something else is laid out around it, or it has no
    /// name to ask by.
    Layout {
        /// The record as C writes it.
        record: String,
        /// Its bytes where the object was made.
        bytes: u32,
    },
    /// A field of a kernel record holds no values but those of its type where the object was made.
    Field {
        /// The record and the way in it, such as `net_device.priv_flags`.
        field: String,
        /// What it is where the object was made, as the language spells it.
        ty: String,
    },
    /// What the compiler decided by sizes and places of kernel records (`if comptime`) would be decided likewise.
    Decided,
    /// The kernel has the record.
    Type {
        /// The record as C writes it.
        record: String,
    },
}
