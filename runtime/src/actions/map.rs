//! `print(@m)`, `print(@m[k])`, `clear(@m)`, `zero(@m)`, and the maps at the end.

use super::{Arrived, State};
use crate::maps::merge;
use crate::output::Content;

/// A map that is to be printed, unless a `clear` of it follows: then both are done at once, so that nothing
/// that programs add in between is lost.
pub(crate) struct Pending {
    map: u32,
    top: u64,
    div: u64,
}

pub(super) fn print(state: &mut State, arrived: Arrived, map: u32, top: u64, div: u64) {
    let top = arrived.number(0).unwrap_or(top);
    let div = arrived.number(1).unwrap_or(div);
    state.pending = Some(Pending { map, top, div });
}

/// Prints the map that waits; `cleared` is one that is cleared next. Tells whether that has been done.
pub(super) fn settle(state: &mut State, cleared: Option<u32>) -> bool {
    let Some(Pending { map, top, div }) = state.pending.take() else { return false };
    let Some(handle) = state.maps.get(map as usize) else { return false };
    let take = cleared == Some(map);
    let content = match handle.map.key {
        None if take => Content::Scalar(handle.take_scalar()),
        None => Content::Scalar(handle.scalar().0),
        Some(_) => {
            let mut entries = if take { handle.take_entries() } else { handle.entries() };
            if let Ok(top @ 1..) = usize::try_from(top) {
                entries.drain(..entries.len().saturating_sub(top));
            }
            Content::Keyed(entries)
        }
    };
    state.output.map(&state.ctx, handle.map, &content, div, state.sink.buffer());
    take
}

pub(super) fn at_end(state: &mut State, index: usize) {
    let handle = &state.maps[index];
    let content = match handle.map.key {
        None => match handle.scalar() {
            (_, false) => return,
            (value, true) => Content::Scalar(value),
        },
        Some(_) => match handle.entries() {
            entries if entries.is_empty() => return,
            entries => Content::Keyed(entries),
        },
    };
    state.output.map(&state.ctx, handle.map, &content, 1, state.sink.buffer());
}

pub(super) fn element(state: &mut State, arrived: Arrived, map: u32) {
    let (Some(handle), Some(field)) = (state.maps.get(map as usize), arrived.record.fields.first()) else {
        return;
    };
    let key = arrived.field_bytes(field);
    // A key that is not there reads as zero, as everywhere in the language.
    let value = handle.get(key).unwrap_or_else(|| merge(handle.map, std::iter::empty()));
    state.output.element(&state.ctx, handle.map, key, &value, state.sink.buffer());
}

pub(super) fn clear(state: &mut State, map: u32) {
    if let Some(handle) = state.maps.get(map as usize) {
        handle.clear();
    }
}

pub(super) fn zero(state: &mut State, map: u32) {
    if let Some(handle) = state.maps.get(map as usize) {
        handle.zero();
    }
}
