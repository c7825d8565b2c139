//! Count and total of numbers, for `avg()` and `stats()`.

use crate::{Call, Lowered, Lowering};

/// Offsets of the words of [`btc_abi::Reduce::Avg`].
const COUNT: i32 = 0;
const TOTAL: i32 = 8;
const BEGUN: i32 = 16;

/// Adds a number. No CPU changes two words in one step: who reads them finds `begun` and `count` different while it is half done.
pub fn lower(l: &mut (dyn Lowering<'_> + '_), _: &Call) -> Lowered {
    let n = l.value(0);
    let one = l.b().iconst(1);
    for (offset, value) in [(BEGUN, one), (TOTAL, n), (COUNT, one)] {
        l.add_to_part(offset, value);
    }
    Lowered::InDest
}
