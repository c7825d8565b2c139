//! `exit(code)`.

use super::{Arrived, State};

pub(super) fn exit(state: &mut State, arrived: Arrived) {
    let code = arrived.number(0).unwrap_or(0) as i32;
    // What END says comes after all else, and holds. Between the two nothing else arrives.
    state.exit = Some(code);
    state.discard = true;
}
