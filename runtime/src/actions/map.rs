//! `print(@m)`, `print(@m[k])`, `clear(@m)`, `zero(@m)`, and the maps at the end.

use btc_abi::Action;

use super::{Arrived, State};
use crate::maps::{is_block, merge};
use crate::output::Content;

/// Prints a map; where a `clear` of it follows, both are done at once, so that nothing that programs add in between is lost.
pub(super) fn print(state: &mut State, arrived: Arrived, map: u32, (top, div): (u64, u64), take: bool) {
    let top = arrived.number(0).unwrap_or(top);
    let div = arrived.number(1).unwrap_or(div);
    if take {
        taken(state, arrived.id);
    }
    let Some(handle) = state.maps.get(map as usize) else { return };
    let (content, is_set) = match handle.map.key {
        None => {
            let (value, is_set) = if take { handle.take_scalar() } else { handle.scalar() };
            (Content::Scalar(value), is_set)
        }
        Some(_) => {
            let mut entries = if take { handle.take_entries() } else { handle.entries() };
            if let Ok(top @ 1..) = usize::try_from(top) {
                entries.drain(..entries.len().saturating_sub(top));
            }
            let is_set = !entries.is_empty();
            (Content::Keyed(entries), is_set)
        }
    };
    // Of a histogram or series that nothing was added to, nothing is printed; one of zeros is, as it was set to them.
    if is_set || !is_block(handle.map) {
        state.output.map(&state.ctx, handle.map, &content, div, state.sink.buffer());
    }
}

/// Notes that a record that takes what it prints has arrived.
fn taken(state: &mut State, print: usize) {
    *state.taken.entry(print as u32).or_default() += 1;
}

/// A print that comes too late: what it takes is gone all the same.
pub(super) fn drop_print(state: &mut State, arrived: Arrived) {
    if let Action::PrintMap { map, take: true, .. } = arrived.record.action {
        taken(state, arrived.id);
        if let Some(handle) = state.maps.get(map as usize) {
            handle.clear();
        }
    }
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

/// Clears a map, unless the record `printed` that came before has done so.
pub(super) fn clear(state: &mut State, map: u32, printed: Option<u32>) {
    if let Some(count) = printed.and_then(|print| state.taken.get_mut(&print)).filter(|count| **count > 0) {
        *count -= 1;
        return;
    }
    if let Some(handle) = state.maps.get(map as usize) {
        handle.clear();
    }
}

pub(super) fn zero(state: &mut State, map: u32) {
    if let Some(handle) = state.maps.get(map as usize) {
        handle.zero();
    }
}
