//! Lets stack words share room: of what was spilled, only that lies side by side which is needed at the same time.
//!
//! Requires: registers are allocated, and nothing will be spilled any more. Keeps: what each read of a word yields.

use crate::liveness::{self, Taken, overlaps};
use crate::mir::Code;

/// Runs the pass.
pub fn run(code: &mut Code) {
    if code.spills < 2 {
        return;
    }
    let live = liveness::words(code);
    // In the order in which they begin, each gets the first place that is free, as few places as there may be.
    let mut order: Vec<u32> = (0..code.spills).collect();
    order.sort_by_key(|word| live.segments[*word as usize].first().map_or(0, |s| s.0));
    let mut places: Vec<Taken<()>> = Vec::new();
    let mut place_of = vec![0; code.spills as usize];
    for word in order {
        let segments = &live.segments[word as usize];
        let free = places.iter().position(|taken| overlaps(taken, segments).next().is_none());
        let place = free.unwrap_or_else(|| {
            places.push(Taken::new());
            places.len() - 1
        });
        places[place].extend(segments.iter().map(|(from, to)| (*from, (*to, ()))));
        place_of[word as usize] = place as u32;
    }
    for (inst, _) in code.blocks.iter_mut().flatten() {
        inst.visit_words_mut(&mut |word, _| *word = place_of[*word as usize]);
    }
    code.spills = places.len() as u32;
}
