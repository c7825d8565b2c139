//! `exit(code)`.

use super::{Arrived, State};

pub(super) fn exit(state: &mut State, arrived: Arrived) {
    let code = arrived.number(0).unwrap_or(0) as i32;
    state.exit.get_or_insert(code);
    state.discard = true;
}
