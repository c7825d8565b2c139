//! Tracepoints of single system calls, many at once: the kernel takes some 40 ms to let go of each, so a copy of
//! the program sits on the one event of all calls and finds in a table which are traced.

use std::collections::HashSet;

use btc_abi::{Manifest, Probe, ProbeIdentity, SYSCALLS};

use super::perf::Event;
use super::{Attached, Plan, Point, Problem, Target, clone, perf, tracefs, tracepoint};
use crate::arguments::Bounds;
use crate::load::Loaded;
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

/// The half of the table and the number of a target that is the tracepoint of a single system call.
fn call(target: &Target) -> Option<(usize, u16)> {
    let of_calls = target.name.name.strip_prefix("tracepoint:syscalls:") == Some(&target.name.function);
    HALVES.iter().enumerate().filter(|_| of_calls).find_map(|(half, (prefix, _))| {
        let number = syscalls::number(target.name.function.strip_prefix(prefix)?)?;
        (u32::from(number) < SYSCALLS).then_some((half, number))
    })
}

/// Puts the tracepoints of many single system calls together, where their numbers are known and their arguments are in
/// one place. A call that any probe traces by its own tracepoint is so traced by all: the kernel runs the programs of the
/// one event before or after those of the other, as it likes.
pub(super) fn gather(probes: &[Probe], plans: &mut [Plan]) {
    for (half, (_, all)) in HALVES.into_iter().enumerate() {
        let of_half = |target: &Target| call(target).is_some_and(|c| c.0 == half);
        let place = |(probe, plan): (&Probe, &Plan)| {
            let is_many = !probe.table.is_empty() && plan.targets.iter().filter(|t| of_half(t)).count() >= MANY;
            plan.targets.iter().find(|t| is_many && of_half(t)).map(|t| t.arguments.clone())
        };
        let places: Vec<Option<Bounds>> = probes.iter().zip(&*plans).map(place).collect();
        if places.iter().all(Option::is_none) {
            continue;
        }
        let Some((_, _, id)) = tracefs::events("raw_syscalls", all).ok().and_then(|mut e| e.pop()) else { continue };
        let name = format!("tracepoint:raw_syscalls:{all}");
        let mut alone = HashSet::new();
        for (plan, place) in plans.iter().zip(&places) {
            alone.extend(plan.targets.iter().filter(|t| Some(&t.arguments) != place.as_ref()).filter_map(call));
        }
        for (plan, place) in plans.iter_mut().zip(places) {
            let Some(arguments) = place else { continue };
            let mut calls = Vec::new();
            plan.targets.retain(|target| match call(target).filter(|c| c.0 == half && !alone.contains(c)) {
                Some((_, number)) => {
                    calls.push((number, target.name.clone()));
                    false
                }
                None => true,
            });
            if !calls.is_empty() {
                let point = Point::Syscalls(Calls { event: tracepoint::event(id, &name), half, calls });
                plan.targets.insert(0, Target { arguments, ..Target::new(point, name.clone(), all) });
            }
        }
    }
}

impl Calls {
    /// Fills the table and attaches; yields how many calls are traced.
    pub(super) fn attach(
        &self,
        manifest: &Manifest,
        probe: &Probe,
        loaded: &Loaded,
        arguments: Option<&Bounds>,
        all: &mut Attached,
    ) -> Result<usize, Problem> {
        let table = loaded.words(&probe.table, 2 * SYSCALLS as usize)?;
        for (number, name) in &self.calls {
            let mut value = 1;
            if probe.identity == ProbeIdentity::Dynamic {
                value = all.points.number(name) as u32;
            }
            table.set(self.half * SYSCALLS as usize + usize::from(*number), value);
        }
        let wanted = clone::Values { table: Some(self.half + 1), arguments, ..clone::Values::default() };
        let fd = all.copies.program(manifest, loaded, &probe.program, &wanted)?;
        all.links.push(perf::attach(&self.event, fd, None)?);
        all.has_events = true;
        Ok(self.calls.len())
    }
}
