//! Late constants: numbers that only the target knows.
//!
//! The object writer turns them into CO-RE relocations against stub types,
//! externs, or patches that the runtime applies (`docs/object-format.md`).

use btc_abi::{ArgumentPart, Shape, Typed, UsdtPart};

/// A number that is bound on the target.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Late {
    /// A fact about a field of a kernel type (`core_relo` kinds 0 to 5).
    Field {
        /// Kernel struct or union, without keyword; `typedef x` for one that has no tag.
        record: String,
        /// Whether `record` is a union.
        union: bool,
        /// The way to the field.
        path: Vec<PathStep>,
        /// The field's type in the stub.
        leaf: Leaf,
        /// What is asked.
        fact: Fact,
    },
    /// A fact about a type.
    Type {
        /// Kernel struct, as in [`Late::Field`].
        record: String,
        /// Whether it is a union.
        union: bool,
        /// What is asked.
        fact: TypeFact,
    },
    /// Value of a kernel enumerator (`core_relo` kind 11).
    EnumValue {
        /// The enum's tag; empty for an anonymous one.
        name: String,
        /// The enumerator.
        variant: String,
        /// Its value on the build's target, used in the stub.
        value: i64,
    },
    /// 1 when a kernel enumerator exists, else 0 (`core_relo` kind 10).
    EnumExists {
        /// The enum's tag.
        name: String,
        /// The enumerator.
        variant: String,
        /// Its value, used in the stub.
        value: i64,
    },
    /// Address of a kernel symbol; 0 when it does not exist (weak `.ksyms` variable).
    KernelSymbol(String),
    /// `LINUX_KERNEL_VERSION`: major << 16 | minor << 8 | patch (`.kconfig` extern).
    KernelVersion,
    /// Number of the attach point, patched into copies of the program where
    /// attach cookies do not exist (`abi::PatchValue::ProbeIdentity`).
    ProbeIdentity,
    /// How the program is attached: 0 to the attach point itself; else by a table of system call
    /// numbers, patched into copies of the program (`abi::PatchValue::SyscallTable`).
    SyscallTable,
    /// A part of where an argument of a USDT probe is, patched into a copy of the program for
    /// each location (`abi::PatchValue::UsdtArgument`).
    UsdtArgument {
        /// Which argument, from 0.
        index: u32,
        /// Which part.
        part: UsdtPart,
    },
    /// A part of where an argument or the result of a function or event is (`abi::PatchValue::Argument`).
    Argument {
        /// What it is an argument of.
        of: Typed,
        /// Its name; empty for the result.
        name: String,
        /// What the program takes it for.
        shape: Shape,
        /// Which part.
        part: ArgumentPart,
        /// The field by which loaders can find it that know no patches: for them alone there is a CO-RE relocation.
        /// Without one they must refuse the program.
        core: Option<Box<Late>>,
    },
}

impl Late {
    /// What a CO-RE relocation is made of.
    pub fn core(&self) -> &Late {
        match self {
            Late::Argument { core: Some(core), .. } => core,
            other => other,
        }
    }
}

/// A step from a record to a field.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum PathStep {
    /// A member by name; members of anonymous records count as the outer record's.
    Member {
        /// The member.
        name: String,
        /// Tag of the record type this member has, when another step follows; a made-up
        /// name where the kernel's is anonymous. `None` for the last step.
        record: Option<(String, bool)>,
    },
    /// An element of an array member.
    Index(u32),
}

/// Type of a stub field; CO-RE demands the same kind as the kernel's.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Leaf {
    /// An integer or bool of a size in bytes.
    Int {
        /// 1, 2, 4 or 8.
        size: u8,
        /// Sign.
        signed: bool,
    },
    /// Any pointer.
    Pointer,
    /// An enum.
    Enum {
        /// 1, 2, 4 or 8 bytes.
        size: u8,
        /// Whether a value is negative.
        signed: bool,
    },
    /// A struct, or a union when `true`.
    Record(bool),
    /// An array of something.
    Array(Box<Leaf>),
    /// A floating-point number.
    Float(u8),
}

/// What is asked of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fact {
    /// Offset in bytes.
    ByteOffset,
    /// Size in bytes.
    ByteSize,
    /// 1 when it exists, else 0.
    Exists,
    /// 1 when it is signed, else 0.
    Signed,
    /// Left shift of the 64-bit value that drops what stands above a bit field.
    LeftShift,
    /// Right shift that follows.
    RightShift,
}

/// What is asked of a type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TypeFact {
    /// 1 when it exists, else 0.
    Exists,
    /// Size in bytes.
    Size,
    /// BTF id on the target.
    TargetId,
}
