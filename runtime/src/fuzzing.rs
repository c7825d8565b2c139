//! Doors for the fuzz targets: readers of what processes and the kernel write, that otherwise take it from its place.

use crate::attach::{look_up, parse_operands, tracefs};
use crate::render::read_mounts;
use crate::symbols::fuzzing::lists;
pub use crate::symbols::fuzzing::{perf_map, unwind_table};

/// Reads operands of a static probe.
pub fn operands(text: &str) {
    use btc_abi::UsdtPart::{Base, High, Index, Kind, Low, Scale, Shift, Signed};
    for operand in parse_operands(text) {
        let [kind, shift] = [Kind, Shift].map(|part| operand.part(part));
        assert!((0..=4).contains(&kind) && (0..64).contains(&shift));
        let _ = [Low, High, Base, Index, Scale, Signed].map(|part| operand.part(part));
    }
}

/// Reads lists as `/proc` and tracefs have them, and the loader's cache.
pub fn proc_text(bytes: &[u8]) {
    lists(bytes);
    look_up(bytes);
    if let Ok(text) = std::str::from_utf8(bytes) {
        tracefs::read_text(text);
        read_mounts(text);
    }
}
