//! Types of the bpftrace language and their layout in memory.
//!
//! Plain data: `sema` infers types, `lower` lays values out, `builtins` name them
//! in their signatures. Records of the kernel are held by name only, for their
//! layout belongs to the target.

mod aggregation;
mod c_layout;
mod display;
mod join;
mod layout;
mod limits;
mod names;

pub use aggregation::Aggregation;
pub use c_layout::{CLayout, CMember};
pub use join::join;
pub use layout::{PADDED_TEXT, Place, align_up, tuple_layout};
pub use limits::{Room, MAX_BYTES, MAX_NESTING, MAX_PARTS};
pub use names::{c_align, named};

use std::sync::Arc;

/// The type of an expression, variable, map key or map value.
#[derive(Clone, Debug, PartialEq)]
pub enum Type {
    /// Not known yet; only while inferring, or after an error.
    Unknown,
    /// No value.
    None,
    /// An integer of 1, 2, 4 or 8 bytes.
    Int {
        /// Size in bytes.
        size: u8,
        /// Two's complement.
        signed: bool,
    },
    /// `true` or `false`; one byte.
    Bool,
    /// Text of at most `capacity - 1` bytes and a NUL.
    Str {
        /// Size in bytes with the NUL.
        capacity: u32,
        /// Whether it may have been cut at `max_strlen`, which printing marks.
        cut: bool,
    },
    /// Up to `capacity` bytes, with their number before them.
    Buffer {
        /// Room in bytes.
        capacity: u32,
    },
    /// A pointer.
    Pointer {
        /// What it points at; `Type::None` for `void *`.
        to: Box<Type>,
        /// Where it points to.
        space: Space,
    },
    /// `count` elements; a count of 0 is an array of unknown length.
    Array {
        /// One element.
        element: Box<Type>,
        /// Their number.
        count: u32,
        /// Bytes of the kernel or of a user binary, of any sign: they are shown as text up to a NUL, and
        /// are bytes else.
        text: bool,
    },
    /// A struct or union.
    Record(RecordType),
    /// An enum.
    Enum(Arc<EnumType>),
    /// `(a, b)`
    Tuple(Arc<[Type]>),
    /// `(x=a, y=b)`
    Named(Arc<[(String, Type)]>),
    /// A network address: family and 16 bytes.
    Inet,
    /// A hardware address: 6 bytes.
    Mac,
    /// Nanoseconds that print by `strftime`.
    Timestamp {
        /// The format.
        format: String,
    },
    /// A kernel address that prints as a symbol.
    KernelSymbol,
    /// A user address that prints as a symbol.
    UserSymbol,
    /// A kernel stack.
    KernelStack(StackShape),
    /// A user stack.
    UserStack(StackShape),
    /// The attach point that fired.
    ProbeName,
    /// The function of the attach point that fired.
    ProbeFunction,
    /// A user id that prints as a name.
    Username,
    /// A cgroup id that prints as a path.
    CgroupPath {
        /// Which hierarchies.
        pattern: String,
    },
    /// An error number that prints as a text.
    ErrorText,
    /// A signal number that prints as a name.
    SignalName,
    /// A syscall number that prints as a name.
    SyscallName,
    /// What an aggregation function yields; only as the value of a map.
    Aggregation(Aggregation),
    /// A type where a value could stand: the argument of `sizeof`.
    Meta(Box<Type>),
}

/// Where a pointer points to; it decides how memory is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Space {
    /// Kernel memory, that of BPF maps and stack included.
    Kernel,
    /// Memory of the traced process.
    User,
    /// Not known: an integer that was cast. Read as the probe suggests.
    Unknown,
}

/// A struct or union by name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RecordType {
    /// The tag, or the typedef of an untagged record.
    pub name: String,
    /// Union rather than struct.
    pub union: bool,
    /// Named by a typedef, without a tag of its own.
    pub typedef: bool,
    /// Who defines it.
    pub origin: Origin,
    /// Size in bytes (of the build's target, for kernel records).
    pub size: u32,
    /// Alignment in bytes.
    pub align: u32,
}

/// Who defines a record.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Origin {
    /// The kernel, which lays it out on the target.
    Kernel,
    /// The script.
    Script,
    /// A user binary, named as probes name it; laid out as in the file that was compiled against.
    Binary(Arc<str>),
}

impl RecordType {
    /// Whether its layout belongs to the kernel.
    pub fn is_kernel(&self) -> bool {
        self.origin == Origin::Kernel
    }
}

/// An enum.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnumType {
    /// The tag; empty for an anonymous enum.
    pub name: String,
    /// 1, 2, 4 or 8 bytes; less than 4 where it is packed.
    pub size: u8,
    /// Two's complement.
    pub signed: bool,
    /// Names and values in order.
    pub variants: Vec<(String, i64)>,
    /// Defined by the script or a user binary; else by the kernel, where values are late-bound.
    pub script: bool,
}

/// How a stack is taken and shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StackShape {
    /// How it is shown.
    pub mode: StackMode,
    /// Most frames.
    pub frames: u32,
}

/// Forms of stacks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum StackMode {
    #[default]
    Bpftrace,
    Perf,
    Raw,
    BuildId,
}

impl Type {
    /// `int64`
    pub const INT64: Type = Type::Int { size: 8, signed: true };
    /// `uint64`
    pub const UINT64: Type = Type::Int { size: 8, signed: false };
    /// `int32`
    pub const INT32: Type = Type::Int { size: 4, signed: true };
    /// `uint32`
    pub const UINT32: Type = Type::Int { size: 4, signed: false };

    /// A tuple.
    pub fn tuple(parts: impl IntoIterator<Item = Type>) -> Type {
        Type::Tuple(parts.into_iter().collect())
    }

    /// A tuple of parts with names.
    pub fn named(parts: impl IntoIterator<Item = (String, Type)>) -> Type {
        Type::Named(parts.into_iter().collect())
    }

    /// An integer type.
    pub const fn int(size: u8, signed: bool) -> Type {
        Type::Int { size, signed }
    }

    /// A text of `capacity` bytes with its NUL, never cut.
    pub const fn str(capacity: u32) -> Type {
        Type::Str { capacity, cut: false }
    }

    /// A pointer.
    pub fn pointer(to: Type, space: Space) -> Type {
        Type::Pointer { to: Box::new(to), space }
    }

    /// Whether it is an integer.
    pub fn is_int(&self) -> bool {
        matches!(self, Type::Int { .. })
    }

    /// Whether it is an integer, boolean or enum: something to calculate with.
    pub fn is_numeric(&self) -> bool {
        matches!(self, Type::Int { .. } | Type::Bool | Type::Enum(_))
    }

    /// Whether it is a pointer.
    pub fn is_pointer(&self) -> bool {
        matches!(self, Type::Pointer { .. })
    }

    /// Whether it is text.
    pub fn is_str(&self) -> bool {
        matches!(self, Type::Str { .. })
    }

    /// Whether it is a sign-extended number in a register.
    pub fn is_signed(&self) -> bool {
        match self {
            Type::Int { signed, .. } => *signed,
            Type::Enum(e) => e.signed,
            _ => false,
        }
    }

    /// Whether the value fits in a register: everything that is 8 bytes or fewer and no composite.
    pub fn is_scalar(&self) -> bool {
        match self {
            Type::Int { .. }
            | Type::Bool
            | Type::Pointer { .. }
            | Type::Enum(_)
            | Type::Timestamp { .. }
            | Type::KernelSymbol
            | Type::KernelStack(_)
            | Type::ProbeName
            | Type::ProbeFunction
            | Type::Username
            | Type::CgroupPath { .. }
            | Type::ErrorText
            | Type::SignalName
            | Type::SyscallName => true,
            Type::Unknown
            | Type::None
            | Type::Str { .. }
            | Type::Buffer { .. }
            | Type::Array { .. }
            | Type::Record(_)
            | Type::Tuple(_)
            | Type::Named(_)
            | Type::Inet
            | Type::Mac
            | Type::UserSymbol
            | Type::UserStack(_)
            | Type::Aggregation(_)
            | Type::Meta(_) => false,
        }
    }
}
