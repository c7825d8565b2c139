//! `join(array, separator)`.

use super::{Arrived, Kind, State};
use crate::render;

pub(super) fn join(state: &mut State, arrived: Arrived, separator: &str) {
    let mut all = Vec::new();
    for field in &arrived.record.fields {
        let mut text = Vec::new();
        render::text(&state.ctx, &field.encoding, arrived.field_bytes(field), &mut text);
        if !text.is_empty() {
            if !all.is_empty() {
                all.extend_from_slice(separator.as_bytes());
            }
            all.extend_from_slice(&text);
        }
    }
    all.push(b'\n');
    state.plain(Kind::Join, &all);
}
