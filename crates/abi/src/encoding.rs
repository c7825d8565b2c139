//! How values lie in records, keys and map values. All numbers are little-endian.

/// A part of a composite value.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    /// Its name; empty in tuples and where it has none.
    pub name: String,
    /// Bytes from the start of the composite.
    pub offset: u32,
    /// How its bytes are read.
    pub encoding: Encoding,
}

/// Bits of an integer that a bit field occupies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BitRange {
    /// First bit, from the least significant.
    pub start: u8,
    /// Number of bits.
    pub width: u8,
}

/// How many and which frames of a stack are shown, and in which form.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StackMode {
    /// `function+offset`, indented lines.
    #[default]
    Bpftrace,
    /// `address function+offset (module)`, as perf prints.
    Perf,
    /// Addresses only.
    Raw,
    /// Build id and offset in the file.
    BuildId,
}

/// The clock that a timestamp counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TimestampClock {
    /// Nanoseconds since boot, suspend included.
    #[default]
    Boot,
    /// Nanoseconds since boot without suspend.
    Monotonic,
    /// International atomic time.
    Tai,
    /// The kernel's `sw_tai`-like offset from the Unix epoch: real time.
    Realtime,
}

/// Names of an enum's values.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EnumNames {
    /// The tag.
    pub name: String,
    /// Value and name, in order of definition.
    pub variants: Vec<(i64, String)>,
    /// Whether it is the kernel's: then the target's BTF tells names, and these say only which enum is meant.
    pub kernel: bool,
}

/// Set in the number of an attach point that stands for its function. No kernel address has
/// this bit without the one above.
pub const FUNCTION_MARK: u64 = 1 << 62;

/// How the bytes of a value are read and shown.
#[derive(Clone, Debug, PartialEq)]
pub enum Encoding {
    /// An integer of `size` bytes (1, 2, 4, 8).
    Int {
        /// Size in bytes.
        size: u8,
        /// Two's complement.
        signed: bool,
    },
    /// Bits of an integer of `size` bytes, 1 to 9: a packed field may begin in one word and end in the next.
    Bits {
        /// Size of the storage in bytes, 1 to 9.
        size: u8,
        /// Two's complement.
        signed: bool,
        /// Which bits.
        bits: BitRange,
    },
    /// One byte, 0 or 1.
    Bool,
    /// 8 bytes, shown as `0x…`.
    Pointer,
    /// Text that ends at the first NUL or at `capacity` bytes.
    Str {
        /// Size in bytes.
        capacity: u32,
        /// Whether a text that fills `capacity - 1` bytes was cut at `max_strlen`
        /// and is shown with the trailer.
        cut_mark: bool,
    },
    /// A `u32` length and then up to `capacity` bytes.
    Buffer {
        /// Room for bytes after the length.
        capacity: u32,
    },
    /// `count` elements in a row; `char` arrays are [`Encoding::Str`].
    Array {
        /// Encoding of one element.
        element: Box<Encoding>,
        /// Number of elements.
        count: u32,
        /// Size of one element in bytes.
        stride: u32,
    },
    /// `(a, b)`
    Tuple(Vec<Field>),
    /// `{ .a = 1, .b = 2 }`: records and structs.
    Record(Vec<Field>),
    /// A struct or union of the kernel, copied as it is: the host's BTF tells its fields.
    KernelRecord {
        /// Its tag.
        name: String,
        /// Union rather than struct.
        union: bool,
        /// Bytes that were copied.
        size: u32,
    },
    /// An enumerator; shown by name, or as a number when unknown.
    Enum {
        /// Size in bytes.
        size: u8,
        /// Two's complement.
        signed: bool,
        /// Index into [`crate::Manifest::enums`].
        names: u32,
    },
    /// A network address: a `u32` address family (2 or 10), then 16 bytes.
    Inet,
    /// 6 bytes.
    Mac,
    /// A `u64` in nanoseconds, shown by `strftime` with `format`.
    Timestamp {
        /// The format.
        format: String,
        /// The clock it counts.
        clock: TimestampClock,
    },
    /// A kernel address (`u64`), shown as a symbol. A map may hold functions of attach points
    /// beside it: numbers as in [`Encoding::ProbeFunction`], known by [`FUNCTION_MARK`].
    KernelSymbol,
    /// A user address (`u64`) and a process id (`u32`, then 4 bytes of 0), shown as a symbol.
    UserSymbol,
    /// A `u64` id in a stack table; 0 when there was no stack.
    KernelStack {
        /// How to show it.
        mode: StackMode,
        /// Index into [`crate::Manifest::stacks`].
        table: u32,
    },
    /// A `u64` id in a stack table, then a process id (`u32`) and 4 bytes of 0.
    UserStack {
        /// How to show it.
        mode: StackMode,
        /// Index into [`crate::Manifest::stacks`].
        table: u32,
    },
    /// A `u64` number of an attach point: an index into the probes, or a number the runtime gave.
    ProbeName,
    /// Likewise with [`FUNCTION_MARK`] set; only the function of the attach point is shown.
    ProbeFunction,
    /// A user id (`u64`), shown by name.
    Username,
    /// A cgroup id (`u64`), shown as a path below a hierarchy that matches `pattern`.
    CgroupPath {
        /// Glob over hierarchies; empty for all.
        pattern: String,
    },
    /// An error number (`u64`), shown as its text.
    ErrorText,
    /// A signal number (`u64`), shown by name.
    SignalName,
    /// A syscall number (`u64`), shown by name.
    SyscallName,
    /// A text of the manifest: nothing is sent.
    Constant(String),
}

impl Encoding {
    /// Bytes that the value takes.
    pub fn size(&self) -> u32 {
        match self {
            Encoding::Int { size, .. } | Encoding::Bits { size, .. } | Encoding::Enum { size, .. } => {
                u32::from(*size)
            }
            Encoding::Bool => 1,
            Encoding::Pointer
            | Encoding::Timestamp { .. }
            | Encoding::KernelSymbol
            | Encoding::KernelStack { .. }
            | Encoding::ProbeName
            | Encoding::ProbeFunction
            | Encoding::Username
            | Encoding::CgroupPath { .. }
            | Encoding::ErrorText
            | Encoding::SignalName
            | Encoding::SyscallName => 8,
            Encoding::Str { capacity, .. } => *capacity,
            Encoding::Buffer { capacity } => 4 + capacity,
            Encoding::Array { count, stride, .. } => count * stride,
            Encoding::Tuple(fields) | Encoding::Record(fields) => {
                fields.iter().map(|f| f.offset + f.encoding.size()).max().unwrap_or(0)
            }
            Encoding::KernelRecord { size, .. } => *size,
            Encoding::Inet => 20,
            Encoding::Mac => 6,
            Encoding::UserSymbol | Encoding::UserStack { .. } => 16,
            Encoding::Constant(_) => 0,
        }
    }
}
