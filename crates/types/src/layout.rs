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
    n.div_ceil(align.max(1)).saturating_mul(align.max(1))
}

/// Places of parts laid out in order, and the size of the whole.
pub fn tuple_layout<'a>(parts: impl IntoIterator<Item = &'a Type>) -> (Vec<Place>, u32) {
    let mut places = Vec::new();
    let (size, _) = lay_out(parts, |place| places.push(place));
    (places, size)
}

/// Size and alignment of parts laid out in order; each is asked once, however they nest.
fn lay_out<'a>(parts: impl IntoIterator<Item = &'a Type>, mut each: impl FnMut(Place)) -> (u32, u32) {
    let (mut at, mut align) = (0u32, 1);
    for part in parts {
        let (size, own) = part.layout();
        at = align_up(at, own);
        each(Place { offset: at, size });
        at = at.saturating_add(size);
        align = align.max(own);
    }
    (align_up(at, align), align)
}

impl Type {
    /// Bytes that a stored value takes. Aggregations: see `abi::Reduce`.
    pub fn size(&self) -> u32 {
        self.layout().0
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
        self.layout().1
    }

    /// Size and alignment.
    fn layout(&self) -> (u32, u32) {
        match self {
            Type::Unknown | Type::None | Type::Meta(_) => (0, 1),
            Type::Aggregation(_) => (0, 8),
            Type::Int { size, .. } => (u32::from(*size), u32::from(*size)),
            Type::Bool => (1, 1),
            Type::Str { capacity, .. } => (*capacity, 1),
            Type::Buffer { capacity } => (capacity.saturating_add(4), 4),
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
            | Type::SyscallName => (8, 8),
            Type::Array { element, count, .. } => {
                let (size, align) = element.layout();
                (size.saturating_mul(*count), align)
            }
            Type::Record(r) => (r.size, r.align.max(1)),
            Type::Enum(e) => (u32::from(e.size), u32::from(e.size)),
            Type::Tuple(parts) => lay_out(parts.iter(), |_| ()),
            Type::Named(parts) => lay_out(parts.iter().map(|(_, t)| t), |_| ()),
            Type::Inet => (20, 4),
            Type::Mac => (6, 1),
            Type::UserSymbol | Type::UserStack(_) => (16, 8),
        }
    }
}
