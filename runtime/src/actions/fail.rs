//! `assert` and `test`: a failed check fails the run.

use super::{Arrived, Level, State};

pub(super) fn fail(state: &mut State, arrived: Arrived, text: &str) {
    state.failed = true;
    state.errors += 1;
    state.sink.flush();
    state.output.message(&state.ctx, Level::Error, &arrived.record.place, text, state.sink.buffer());
}
