//! Where addresses of a binary lie in its file.

use object::{Object, ObjectSegment, ReadRef};

/// Bytes of the smallest page.
const PAGE: u64 = 4096;

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
        self.offset(address, |_, size| size)
    }

    /// The same of what may lie behind a segment's part of the file: the page that holds its end is mapped whole.
    pub(super) fn mapped_offset(&self, address: u64) -> Option<u64> {
        let to_page = |start: u64, size: u64| start.checked_add(size)?.checked_next_multiple_of(PAGE)?.checked_sub(start);
        self.file_offset(address).or_else(|| self.offset(address, |start, size| to_page(start, size).unwrap_or(size)))
    }

    fn offset(&self, address: u64, length: impl Fn(u64, u64) -> u64) -> Option<u64> {
        let holds = |(start, _, size): &&(u64, u64, u64)| address >= *start && address - start < length(*start, *size);
        let (start, offset, _) = self.0.iter().find(holds)?;
        (address - start).checked_add(*offset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_behind_the_file_is_mapped_to_the_end_of_its_page() {
        let segments = Segments(vec![(0x1000, 0, 0x800), (0x3010, 0x2010, 0x100), (u64::MAX - 0x10, 0, 0x10)]);
        for (address, in_file, mapped) in [
            (0x1000, Some(0), Some(0)),
            (0x17ff, Some(0x7ff), Some(0x7ff)),
            (0x1800, None, Some(0x800)),
            (0x1fff, None, Some(0xfff)),
            (0x2000, None, None),
            (0x3000, None, None),
            (0x3110, None, Some(0x2110)),
            (0x4000, None, None),
            (u64::MAX, None, None),
        ] {
            assert_eq!((segments.file_offset(address), segments.mapped_offset(address)), (in_file, mapped), "{address:#x}");
        }
    }
}
