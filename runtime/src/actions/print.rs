//! `printf` and `print` of a value.

use btc_abi::Segment;

use super::{Arrived, Kind, State, printf as render};

pub(super) fn printf(state: &mut State, arrived: Arrived, segments: &[Segment]) {
    let mut text = std::mem::take(&mut state.scratch);
    text.clear();
    render::segments(&state.ctx, segments, &arrived.record.fields, arrived.bytes, &mut text);
    state.plain(Kind::Printf, &text);
    state.scratch = text;
}

pub(super) fn value(state: &mut State, arrived: Arrived) {
    if let Some(field) = arrived.record.fields.first() {
        let bytes = arrived.field_bytes(field);
        state.output.value(&state.ctx, &field.encoding, bytes, state.sink.buffer());
    }
}
