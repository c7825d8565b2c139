//! Rows of bits.

/// Rows of bits.
pub struct Bits {
    words: usize,
    data: Vec<u64>,
}

impl Bits {
    /// So many rows of so many zeros.
    pub fn new(rows: usize, columns: usize) -> Bits {
        let words = columns.div_ceil(64);
        Bits { words, data: vec![0; rows * words] }
    }

    /// Sets a bit.
    pub fn set(&mut self, row: usize, column: usize) {
        self.data[row * self.words + column / 64] |= 1 << (column % 64);
    }

    /// Clears a bit.
    pub fn unset(&mut self, row: usize, column: usize) {
        self.data[row * self.words + column / 64] &= !(1 << (column % 64));
    }

    /// A bit.
    pub fn get(&self, row: usize, column: usize) -> bool {
        self.data[row * self.words + column / 64] >> (column % 64) & 1 != 0
    }

    /// Adds a row of others; whether anything was new.
    pub fn add(&mut self, row: usize, other: &[u64]) -> bool {
        let mut changed = false;
        for (to, from) in self.row_mut(row).iter_mut().zip(other) {
            changed |= *from & !*to != 0;
            *to |= from;
        }
        changed
    }

    /// Clears what is set in a row of others.
    pub fn remove(&mut self, row: usize, other: &[u64]) {
        self.row_mut(row).iter_mut().zip(other).for_each(|(to, from)| *to &= !from);
    }

    /// A row.
    pub fn row(&self, row: usize) -> &[u64] {
        &self.data[row * self.words..(row + 1) * self.words]
    }

    fn row_mut(&mut self, row: usize) -> &mut [u64] {
        &mut self.data[row * self.words..(row + 1) * self.words]
    }

    /// The columns that are set in a row.
    pub fn ones(&self, row: usize) -> impl Iterator<Item = usize> {
        self.row(row).iter().enumerate().flat_map(|(word, bits)| {
            let mut left = *bits;
            std::iter::from_fn(move || {
                let bit = (left != 0).then(|| left.trailing_zeros() as usize)?;
                left &= left - 1;
                Some(word * 64 + bit)
            })
        })
    }
}
