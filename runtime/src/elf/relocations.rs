//! The table of CO-RE relocations in `.BTF.ext`: its last one, of sections with rows of 16 bytes.

/// Where the header tells where the header ends, and where the table is: offset and length, from the header's end.
const HEADER_END: usize = 4;
const OFFSET: usize = 24;
const LENGTH: usize = 28;
/// In the table: the size of a row, then sections, each with its name, its number of rows, and these.
const START: usize = 4;
const SECTION: usize = 8;
const ROW: usize = 16;

/// Takes out the row of an instruction, which is `at` bytes into a section, if there is one. `None` for bytes that are no
/// such tables.
pub(super) fn remove(ext: &mut [u8], btf: &[u8], section: &str, at: u32) -> Option<()> {
    let (offset, length) = (word(ext, OFFSET)?, word(ext, LENGTH)?);
    let begin = (word(ext, HEADER_END)? as usize).checked_add(offset as usize)?;
    let end = begin.checked_add(length as usize)?;
    let mut here = begin + START;
    while here < end {
        let (name, rows) = (word(ext, here)?, word(ext, here + 4)?);
        let first = here + SECTION;
        let after = first.checked_add((rows as usize).checked_mul(ROW)?)?;
        let found = (first..after).step_by(ROW).find(|row| word(ext, *row) == Some(at));
        if let (Some(row), true) = (found, string(btf, name)? == section.as_bytes()) {
            // A section without rows is none for libbpf, and so is a table without sections.
            let (from, to) = if rows == 1 { (here, after) } else { (row, row + ROW) };
            set(ext, here + 4, rows - 1)?;
            ext.get_mut(from..end)?.copy_within(to - from.., 0);
            let left = length - (to - from) as u32;
            return set(ext, LENGTH, if left as usize > START { left } else { 0 });
        }
        here = after;
    }
    Some(())
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

fn set(bytes: &mut [u8], at: usize, value: u32) -> Option<()> {
    bytes.get_mut(at..at.checked_add(4)?)?.copy_from_slice(&value.to_le_bytes());
    Some(())
}

/// A string of `.BTF`, whose header tells where they begin.
fn string(btf: &[u8], offset: u32) -> Option<&[u8]> {
    let strings = (word(btf, 4)?.checked_add(word(btf, 16)?)?).checked_add(offset)?;
    btf.get(strings as usize..)?.split(|b| *b == 0).next()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two sections: `a` with rows at 8 and 16, `b` with one at 8.
    fn tables() -> (Vec<u8>, Vec<u8>) {
        let row = |at: u32| [at, 0, 0, 0];
        let mut words = vec![16];
        words.extend([1, 2].iter().chain(&row(8)).chain(&row(16)));
        words.extend([3, 1].iter().chain(&row(8)));
        let mut ext = vec![0x0001_eb9f, 32, 0, 0, 0, 0, 0, 4 * words.len() as u32];
        ext.extend(words);
        let mut btf = [0x0001_eb9f, 24, 0, 0, 0, 5].to_vec();
        btf.iter_mut().for_each(|n: &mut u32| *n = n.to_le());
        let bytes = |words: &[u32]| words.iter().flat_map(|n| n.to_le_bytes()).collect::<Vec<u8>>();
        (bytes(&ext), [bytes(&btf), b"\0a\0b\0".to_vec()].concat())
    }

    #[test]
    fn rows_sections_and_tables_go() {
        let (mut ext, btf) = tables();
        let length = |ext: &[u8]| word(ext, LENGTH);
        assert_eq!(length(&ext), Some(4 + 2 * 8 + 3 * 16));
        remove(&mut ext, &btf, "b", 16).expect("well formed");
        assert_eq!(length(&ext), Some(4 + 2 * 8 + 3 * 16), "there is none");
        remove(&mut ext, &btf, "a", 8).expect("well formed");
        assert_eq!((length(&ext), word(&ext, 44)), (Some(4 + 2 * 8 + 2 * 16), Some(16)));
        remove(&mut ext, &btf, "a", 16).expect("well formed");
        assert_eq!((length(&ext), word(&ext, 36)), (Some(4 + 8 + 16), Some(3)));
        remove(&mut ext, &btf, "b", 8).expect("well formed");
        assert_eq!(length(&ext), Some(0));
    }

    #[test]
    fn damage_is_no_panic() {
        let (ext, btf) = tables();
        for n in 0..ext.len() {
            let mut bad = ext.clone();
            bad[n] = 0xff;
            let _ = remove(&mut bad, &btf, "a", 8);
            let _ = remove(&mut ext[..n].to_vec(), &btf, "a", 8);
        }
    }
}
