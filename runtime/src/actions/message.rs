//! `errorf`, `warnf` and warnings of the program itself.

use btc_abi::Segment;

use super::{Arrived, Level, State};

/// Warnings of one place that are shown; the rest is only counted.
const SHOWN: u64 = 10;

pub(super) fn formatted(state: &mut State, arrived: Arrived, segments: &[Segment], level: Level) {
    if level == Level::Warning && state.options.no_warnings {
        return;
    }
    state.errors += u64::from(level == Level::Error);
    let text = state.format_message(arrived, segments);
    show(state, arrived, level, &String::from_utf8_lossy(&text));
}

pub(super) fn runtime(state: &mut State, arrived: Arrived, text: &str) {
    if state.options.no_warnings {
        return;
    }
    let count = state.warned.entry(arrived.id).or_default();
    *count += 1;
    if *count <= SHOWN {
        show(state, arrived, Level::Runtime, text);
    }
}

fn show(state: &mut State, arrived: Arrived, level: Level, text: &str) {
    // What was printed before must be seen before.
    state.sink.flush();
    state.output.message(&state.ctx, level, &arrived.record.place, text, state.sink.buffer());
}

impl State<'_> {
    /// Tells how many warnings were not shown.
    pub(crate) fn warnings_left_out(&self) {
        for (id, count) in &self.warned {
            if let (Some(record), Some(more)) = (self.ctx.manifest.records.get(*id), count.checked_sub(SHOWN + 1)) {
                let place = crate::place::show(self.ctx.manifest, &record.place);
                say!("{place}: WARNING: the last warning was repeated {} more times", more + 1);
            }
        }
    }
}
