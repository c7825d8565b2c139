//! `time(format)`: the time of day at arrival.

use super::{Kind, State};
use crate::render::time::{read, strftime};

pub(super) fn time(state: &mut State, format: &str) {
    let mut text = Vec::new();
    strftime(format, read(libc::CLOCK_REALTIME), &mut text);
    state.plain(Kind::Time, &text);
}
