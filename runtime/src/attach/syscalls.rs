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

/// Puts the tracepoints of many single system calls together, where their numbers are known. A call that another probe
/// traces alone is left alone: the kernel runs the programs of the one event before or after those of the other, as
/// it likes.
pub(super) fn gather(probes: &[Probe], plans: &mut [Plan]) {
    let is_many = |probe: &Probe, plan: &Plan, half: usize| {
        let of_half = plan.targets.iter().filter_map(call).filter(|(h, _)| *h == half);
        !probe.table.is_empty() && of_half.count() >= MANY
    };
    for (half, (_, all)) in HALVES.into_iter().enumerate() {
        let many: Vec<bool> = probes.iter().zip(&*plans).map(|(probe, plan)| is_many(probe, plan, half)).collect();
        if !many.contains(&true) {
            continue;
        }
        let Some((_, _, id)) = tracefs::events("raw_syscalls", all).ok().and_then(|mut e| e.pop()) else { continue };
        let name = format!("tracepoint:raw_syscalls:{all}");
        let few = plans.iter().zip(&many).filter(|(_, many)| !**many);
        let alone: HashSet<(usize, u16)> = few.flat_map(|(plan, _)| plan.targets.iter().filter_map(call)).collect();
        for (plan, _) in plans.iter_mut().zip(many).filter(|(_, many)| *many) {
            let mut calls = Vec::new();
            // One program reads the arguments of all, so they must be in one place.
            let mut place: Option<Bounds> = None;
            plan.targets.retain(|target| match call(target).filter(|c| c.0 == half && !alone.contains(c)) {
                Some((_, number)) if place.get_or_insert_with(|| target.arguments.clone()) == &target.arguments => {
                    calls.push((number, target.name.clone()));
                    false
                }
                _ => true,
            });
            if !calls.is_empty() {
                let event = tracepoint::event(id, &name);
                let point = Point::Syscalls(Calls { event, half, calls });
                let arguments = place.unwrap_or_default();
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
                value = (manifest.probes.len() + all.points.len()) as u32;
                all.points.push(name.clone());
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
