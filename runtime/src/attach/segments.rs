//! Where addresses of a binary lie in its file.

use object::{Object, ObjectSegment, ReadRef};

/// The parts of a file that are mapped: address, offset in the file and size there, in bytes.
pub(super) struct Segments(Vec<(u64, u64, u64)>);

impl Segments {
    pub(super) fn of<'d, R: ReadRef<'d>>(elf: &object::File<'d, R>) -> Segments {
        let place = |s: object::Segment<'d, '_, R>| {
            let (offset, size) = s.file_range();
            (s.address(), offset, size)
        };
        Segments(elf.segments().map(place).collect())
    }

    /// The offset in the file of an address; `None` where no segment holds it.
    pub(super) fn file_offset(&self, address: u64) -> Option<u64> {
        let holds = |(start, _, size): &&(u64, u64, u64)| address >= *start && address - start < *size;
        let (start, offset, _) = self.0.iter().find(holds)?;
        Some(address - start + offset)
    }
}
