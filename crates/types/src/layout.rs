//! Sizes, alignments and offsets, as C lays values out on 64-bit machines.

use crate::Type;

/// A part of a composite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Bytes from the start.
    pub offset: u32,
    /// Size in bytes.
    pub size: u32,
}

/// Texts up to this capacity are always padded with zeros, so that they can be compared and used as
/// keys as they are. Longer ones end at their NUL; what follows is arbitrary. `str(p, 64)` takes 65.
pub const PADDED_TEXT: u32 = 72;

/// `n` rounded up to a multiple of `align`.
pub fn align_up(n: u32, align: u32) -> u32 {
    n.div_ceil(align.max(1)) * align.max(1)
}

/// Places of parts laid out in order, and the size of the whole.
pub fn tuple_layout<'a>(parts: impl IntoIterator<Item = &'a Type>) -> (Vec<Place>, u32) {
    let (mut at, mut align, mut places) = (0, 1, Vec::new());
    for part in parts {
        at = align_up(at, part.align());
        places.push(Place { offset: at, size: part.size() });
        at += part.size();
        align = align.max(part.align());
    }
    (places, align_up(at, align))
}

impl Type {
    /// Bytes that a stored value takes. Aggregations: see `abi::Reduce`.
    pub fn size(&self) -> u32 {
        match self {
            Type::Unknown | Type::None | Type::Meta(_) | Type::Aggregation(_) => 0,
            Type::Int { size, .. } => u32::from(*size),
            Type::Bool => 1,
            Type::Str { capacity, .. } => *capacity,
            Type::Buffer { capacity } => 4 + capacity,
            Type::Pointer { .. }
            | Type::Timestamp { .. }
            | Type::KernelSymbol
            | Type::KernelStack(_)
            | Type::ProbeName
            | Type::ProbeFunction
            | Type::Username
            | Type::CgroupPath { .. }
            | Type::ErrorText
            | Type::SignalName
            | Type::SyscallName => 8,
            Type::Array { element, count, .. } => element.size().saturating_mul(*count),
            Type::Record(r) => r.size,
            Type::Enum(e) => u32::from(e.size),
            Type::Tuple(parts) => tuple_layout(parts).1,
            Type::Named(parts) => tuple_layout(parts.iter().map(|(_, t)| t)).1,
            Type::Inet => 20,
            Type::Mac => 6,
            Type::UserSymbol | Type::UserStack(_) => 16,
        }
    }

    /// Bytes that `sizeof` tells. Text that may have been cut counts without the NUL that its place has
    /// room for: `str(p)` is a `string[1024]` where `max_strlen` is 1024.
    pub fn told_size(&self) -> u32 {
        match self {
            Type::Str { capacity, cut: true } => capacity - 1,
            _ => self.size(),
        }
    }

    /// Alignment of a stored value in bytes, a power of two up to 8.
    pub fn align(&self) -> u32 {
        match self {
            Type::Str { .. } | Type::Mac | Type::Bool => 1,
            Type::Buffer { .. } | Type::Inet => 4,
            Type::Array { element, .. } => element.align(),
            Type::Record(r) => r.align.max(1),
            Type::Tuple(parts) => parts.iter().map(Type::align).max().unwrap_or(1),
            Type::Named(parts) => parts.iter().map(|(_, t)| t.align()).max().unwrap_or(1),
            Type::Int { size, .. } => u32::from(*size),
            Type::Enum(e) => u32::from(e.size),
            Type::Unknown | Type::None | Type::Meta(_) => 1,
            _ => 8,
        }
    }
}
