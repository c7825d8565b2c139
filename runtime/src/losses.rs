//! What was lost, told once at the end; with `-k` also as it happens.

use btc_abi::{Loss, LossKind, Manifest};
use libbpf_sys as sys;

use crate::actions::State;
use crate::attach::{Attached, programs};
use crate::load::Loaded;
use crate::place;

fn sentence(state: &State, loss: &Loss, count: u64) -> String {
    let s = if count == 1 { "" } else { "s" };
    let subject = &loss.subject;
    match loss.kind {
        LossKind::Record => format!("lost {count} record{s}: the reader was too slow; raise perf_rb_pages"),
        LossKind::MapFull => {
            let handle = state.maps.iter().find(|h| h.map.name == *subject);
            let size = handle.map_or(String::new(), |h| format!(" ({} entries)", h.limit));
            let stored = if count == 1 { "1 new key was" } else { "new keys were" };
            let count = if count == 1 { String::new() } else { format!("{count} ") };
            format!("map {subject} is full{size}: {count}{stored} not stored; raise max_map_keys")
        }
        LossKind::Read => {
            let times = if count == 1 { "once".to_string() } else { format!("{count} times") };
            format!("memory could not be read {times}; the value was taken as 0 or empty")
        }
        LossKind::Stack => format!("lost {count} stack{s}: the table of different stacks is full"),
        LossKind::Helper => format!("{subject} failed {count} time{s}"),
        LossKind::Key => format!(
            "{count} key{s} of {subject} cut: this kernel takes no more than 512 bytes; entries stay apart, their texts are shown \
             as far as they fit"
        ),
        LossKind::Unwind => format!(
            "{count} stack{s} of processes without unwind tables, taken as empty; name the processes by -p, -c or --dwarf-pid"
        ),
        LossKind::Event => {
            let s = if count == 1 { " was" } else { "s were" };
            format!("{count} event{s} missed: another task was in the middle of a program of this script on the same CPU")
        }
        LossKind::Update => format!("lost {count} update{s} of {subject}: another probe was updating on the same CPU"),
        LossKind::Loop => {
            let times = if count == 1 { "once".to_string() } else { format!("{count} times") };
            format!("loop cut short after {subject} rounds, {times}")
        }
    }
}

/// Tells what was lost since the last call, where that is wanted.
pub(crate) fn tell_new(state: &mut State, loaded: &Loaded) {
    if !state.options.print_failed_helpers {
        return;
    }
    let manifest = state.ctx.manifest;
    state.told.resize(manifest.losses.len(), 0);
    for (index, loss) in manifest.losses.iter().enumerate() {
        let count = loaded.loss(index);
        let new = count.saturating_sub(state.told[index]);
        if new > 0 {
            state.told[index] = count;
            let text = sentence(state, loss, new);
            // What was printed before must be seen before.
            state.sink.flush();
            say!("WARNING: {}: {text}", place::show(manifest, &loss.place));
        }
    }
}

/// Most places that are told of one kind of loss, of one map.
const MOST_PLACES: usize = 10;

/// Tells all losses: the first places by a line each, others in sum.
pub(crate) fn report(state: &mut State, loaded: &Loaded, attached: &Attached) {
    let manifest = state.ctx.manifest;
    let mut records = state.backlog.left;
    // By kind and subject: places told, places and losses not told.
    let mut told: Vec<(&Loss, usize, usize, u64)> = Vec::new();
    let counts = manifest.losses.iter().enumerate().map(|(index, loss)| (loss, loaded.loss(index)));
    for (loss, count) in counts.filter(|(_, count)| *count > 0) {
        if loss.kind == LossKind::Record {
            records = records.saturating_add(count);
        }
        if state.options.no_warnings {
            continue;
        }
        let alike = |(other, ..): &(&Loss, usize, usize, u64)| other.kind == loss.kind && other.subject == loss.subject;
        let at = told.iter().position(alike).unwrap_or_else(|| {
            told.push((loss, 0, 0, 0));
            told.len() - 1
        });
        let (_, places, more, lost) = &mut told[at];
        if *places == MOST_PLACES {
            (*more, *lost) = (*more + 1, lost.saturating_add(count));
            continue;
        }
        *places += 1;
        let text = sentence(state, loss, count);
        say!("WARNING: {}: {text}", place::show(manifest, &loss.place));
    }
    for (loss, _, more, lost) in told.into_iter().filter(|(_, _, more, _)| *more > 0) {
        let text = sentence(state, loss, lost);
        say!("WARNING: {more} more place{}: {text}", if more == 1 { "" } else { "s" });
    }
    if state.backlog.left > 0 && !state.options.no_warnings {
        let count = state.backlog.left;
        let were = if count == 1 { "record was" } else { "records were" };
        say!("WARNING: {count} {were} dropped, which still waited when the run was told to end");
    }
    if records > 0 {
        state.output.lost(records, state.sink.buffer());
    }
    if !state.options.no_warnings {
        report_missed(manifest, loaded, attached);
    }
    if let Some(reason) = state.sink.failure() {
        say!("WARNING: output was lost: {reason}");
    }
    state.warnings_left_out();
}

/// Tells of events that no program saw: the kernel runs none on a CPU where it, or on some kinds of events any, runs
/// already, as may be when a task is preempted in one (counted since Linux 5.12).
fn report_missed(manifest: &Manifest, loaded: &Loaded, attached: &Attached) {
    for probe in &manifest.probes {
        let own = loaded.program(&probe.program).map(|p| p.fd);
        let missed: u64 = own.into_iter().chain(attached.copies.of(&probe.program)).map(missed).sum();
        if missed > 0 {
            let s = if missed == 1 { " was" } else { "s were" };
            let place = place::show(manifest, &probe.place);
            say!("WARNING: {place}: {missed} event{s} missed: the kernel runs no program within another on one CPU");
        }
    }
}

/// How often the kernel did not run a program; 0 where it does not tell.
fn missed(program: i32) -> u64 {
    programs::info(program, sys::bpf_prog_info::default()).map_or(0, |info| info.recursion_misses)
}
