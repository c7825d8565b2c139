//! Tracepoints of single system calls, many at once: the kernel takes some 40 ms to let go of each, so a copy of
//! the program sits on the one event of all calls and finds in a table which are traced.

use btc_abi::{Manifest, Probe, ProbeIdentity, SYSCALLS};

use super::perf::Event;
use super::{Attached, Point, Problem, Target, clone, perf, tracefs, tracepoint};
use crate::arguments::Bounds;
use crate::load::{Loaded, Program};
use crate::render::{PointName, syscalls};

/// Fewer calls than this are attached one by one: the program runs at every system call of the machine.
const MANY: usize = 16;

/// The two events of all system calls: the name of single calls' events begins so, then what stands for all.
/// Their order is that of the halves of a table.
const HALVES: [(&str, &str); 2] = [("sys_enter_", "sys_enter"), ("sys_exit_", "sys_exit")];

/// Many system calls by one event.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Calls {
    /// The event of all calls.
    event: Event,
    /// Which half of the table, from 0.
    half: usize,
    /// Those that are traced, by number.
    calls: Vec<(u16, PointName)>,
}

/// Puts the tracepoints of many single system calls together, where their numbers are known.
pub(super) fn gather(targets: Vec<Target>) -> Vec<Target> {
    let mut rest = targets;
    let mut found = Vec::new();
    for (half, (prefix, all)) in HALVES.into_iter().enumerate() {
        // One program reads the arguments of all, so they must be in one place.
        let mut place: Option<Bounds> = None;
        let number = |target: &Target| {
            let of_calls = target.name.name.strip_prefix("tracepoint:syscalls:") == Some(&target.name.function);
            let call = target.name.function.strip_prefix(prefix).filter(|_| of_calls)?;
            syscalls::number(call).filter(|n| u32::from(*n) < SYSCALLS)
        };
        if rest.iter().filter_map(number).count() < MANY {
            continue;
        }
        let Some((_, _, id)) = tracefs::events("raw_syscalls", all).ok().and_then(|mut e| e.pop()) else { continue };
        let name = format!("tracepoint:raw_syscalls:{all}");
        let mut calls = Vec::new();
        rest.retain(|target| match number(target) {
            Some(number) if place.get_or_insert_with(|| target.arguments.clone()) == &target.arguments => {
                calls.push((number, target.name.clone()));
                false
            }
            _ => true,
        });
        let arguments = place.unwrap_or_default();
        let event = tracepoint::event(id, &name);
        let point = Point::Syscalls(Calls { event, half, calls });
        found.push(Target { arguments, ..Target::new(point, name, all) });
    }
    found.extend(rest);
    found
}

impl Calls {
    /// Fills the table and attaches; yields how many calls are traced.
    pub(super) fn attach(
        &self,
        manifest: &Manifest,
        probe: &Probe,
        loaded: &Loaded,
        program: Program,
        arguments: Option<&Bounds>,
        all: &mut Attached,
    ) -> Result<usize, Problem> {
        let table = loaded.words(&probe.table, 2 * SYSCALLS as usize)?;
        for (number, name) in &self.calls {
            let mut value = 1;
            if probe.identity == ProbeIdentity::Dynamic {
                value = (manifest.probes.len() + all.points.len()) as u32;
                all.points.push(name.clone());
            }
            table.set(self.half * SYSCALLS as usize + usize::from(*number), value);
        }
        let wanted = clone::Values { table: Some(self.half + 1), arguments, ..clone::Values::default() };
        let fd = all.copies.program(manifest, &probe.program, program, &wanted)?;
        all.links.push(perf::attach(&self.event, fd, None)?);
        all.has_events = true;
        Ok(self.calls.len())
    }
}
