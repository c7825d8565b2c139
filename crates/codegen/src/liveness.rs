//! Where each virtual register, or each stack word, holds a value that is still read.
//!
//! Instructions are numbered in layout order; instruction `i` covers the points `4i`
//! (reads), `4i + 1` (a call destroys r0-r5) and `4i + 2` (writes). A segment is a
//! half-open range of points. Two registers may share a machine register, and two words their
//! room, when no segments of theirs overlap.

use std::collections::BTreeMap;

use crate::mir::{Code, Inst, Role};

/// A half-open range of points.
pub type Segment = (u32, u32);

/// Live ranges of a function.
pub struct Liveness {
    /// By register or word: its segments, ascending and disjoint.
    pub segments: Vec<Vec<Segment>>,
    /// The point behind `4i` of each call, ascending.
    pub calls: Vec<u32>,
    /// By block: number of its first instruction.
    pub starts: Vec<u32>,
    /// By register or word: how often it is touched, loops counted tenfold.
    pub weights: Vec<f32>,
}

/// Calls its second argument for everything of one sort that an instruction touches: reads before writes.
trait Visit: Fn(&Inst, &mut dyn FnMut(u32, Role)) {}
impl<V: Fn(&Inst, &mut dyn FnMut(u32, Role))> Visit for V {}

/// Computes the live ranges of registers.
pub fn run(code: &Code) -> Liveness {
    of(code, code.regs.len(), &|inst: &Inst, f: &mut dyn FnMut(u32, Role)| inst.visit(&mut |r, role| f(r.0, role)))
}

/// Computes the live ranges of stack words.
pub fn words(code: &Code) -> Liveness {
    of(code, code.spills as usize, &|inst: &Inst, f: &mut dyn FnMut(u32, Role)| inst.visit_words(&mut |word, role| f(*word, role)))
}

/// What is taken of a register or a word: start of a segment, its end and its owner.
pub type Taken<T> = BTreeMap<u32, (u32, T)>;

/// The owners of segments that overlap any of `segments`.
pub fn overlaps<'a, T: Copy>(taken: &'a Taken<T>, segments: &'a [Segment]) -> impl Iterator<Item = T> + 'a {
    segments.iter().flat_map(move |&(from, to)| {
        let before = taken.range(..from).next_back().filter(move |(_, (end, _))| *end > from);
        before.into_iter().chain(taken.range(from..to)).map(|(_, (_, owner))| *owner)
    })
}

fn of(code: &Code, count: usize, visit: &impl Visit) -> Liveness {
    let (starts, total) = number(code);
    let outs = live_outs(code, count, visit);
    let depths = loop_depths(code);
    let mut live = Liveness {
        segments: vec![Vec::new(); count],
        calls: Vec::new(),
        starts,
        weights: vec![0.0; count],
    };
    // Where the range that is open at the current point ends; 0 for none.
    let mut ends = vec![0u32; count];
    let mut open: Vec<u32> = Vec::new();
    debug_assert!(total < u32::MAX / 4);
    for &b in code.layout.iter().rev() {
        scan_block(code, b, visit, &outs[b], depths[b], &mut live, &mut ends, &mut open);
    }
    for segments in &mut live.segments {
        segments.reverse();
        merge(segments);
    }
    live.calls.reverse();
    live
}

fn number(code: &Code) -> (Vec<u32>, u32) {
    let mut starts = vec![0; code.blocks.len()];
    let mut next = 0;
    for &b in &code.layout {
        starts[b] = next;
        next += code.blocks[b].len() as u32;
    }
    (starts, next)
}

#[expect(clippy::too_many_arguments, reason = "the state of a walk")]
fn scan_block(
    code: &Code,
    b: usize,
    visit: &impl Visit,
    out: &[u32],
    depth: u32,
    live: &mut Liveness,
    ends: &mut [u32],
    open: &mut Vec<u32>,
) {
    let first = live.starts[b];
    let end = 4 * (first + code.blocks[b].len() as u32);
    let frequency = 10f32.powi(depth.min(4) as i32);
    open.clear();
    for &v in out {
        ends[v as usize] = end;
        open.push(v);
    }
    for (n, (inst, _)) in code.blocks[b].iter().enumerate().rev() {
        let at = 4 * (first + n as u32);
        if inst.is_call() {
            live.calls.push(at + 1);
        }
        visit(inst, &mut |r, role| {
            let v = r as usize;
            live.weights[v] += frequency;
            if role == Role::Def {
                let to = if ends[v] == 0 { at + 3 } else { ends[v] };
                live.segments[v].push((at + 2, to));
                ends[v] = 0;
            }
        });
        visit(inst, &mut |r, role| {
            let v = r as usize;
            let to = match role {
                Role::Def => return,
                Role::Use => at + 1,
                Role::LateUse | Role::Change => at + 3,
            };
            if ends[v] == 0 {
                ends[v] = to;
                open.push(r);
            }
        });
    }
    for v in open.drain(..) {
        let end = std::mem::take(&mut ends[v as usize]);
        if end != 0 {
            live.segments[v as usize].push((4 * first, end));
        }
    }
}

/// Joins segments that touch.
fn merge(segments: &mut Vec<Segment>) {
    let mut result: Vec<Segment> = Vec::with_capacity(segments.len());
    for &(from, to) in segments.iter() {
        match result.last_mut() {
            Some(last) if from <= last.1 => last.1 = last.1.max(to),
            _ => result.push((from, to)),
        }
    }
    *segments = result;
}

/// By block: what a successor reads. From each block that reads a register or word
/// before writing it, walks back to the blocks that write it.
fn live_outs(code: &Code, count: usize, visit: &impl Visit) -> Vec<Vec<u32>> {
    let blocks = code.blocks.len();
    let mut before: Vec<Vec<usize>> = vec![Vec::new(); blocks];
    for &b in &code.layout {
        for next in code.successors(b) {
            before[next].push(b);
        }
    }
    let mut readers: Vec<Vec<u32>> = vec![Vec::new(); count];
    let mut writers: Vec<Vec<u32>> = vec![Vec::new(); count];
    for &b in &code.layout {
        for (inst, _) in &code.blocks[b] {
            visit(inst, &mut |r, role| {
                let v = r as usize;
                let written = writers[v].last() == Some(&(b as u32));
                if role == Role::Def {
                    if !written {
                        writers[v].push(b as u32);
                    }
                } else if !written && readers[v].last() != Some(&(b as u32)) {
                    readers[v].push(b as u32);
                }
            });
        }
    }
    let mut outs: Vec<Vec<u32>> = vec![Vec::new(); blocks];
    let none = u32::MAX;
    let (mut writes, mut goes_in, mut goes_out) = (vec![none; blocks], vec![none; blocks], vec![none; blocks]);
    for v in 0..count as u32 {
        writers[v as usize].iter().for_each(|b| writes[*b as usize] = v);
        let mut work: Vec<usize> = readers[v as usize].iter().map(|b| *b as usize).collect();
        while let Some(b) = work.pop() {
            if std::mem::replace(&mut goes_in[b], v) == v {
                continue;
            }
            for &p in &before[b] {
                if std::mem::replace(&mut goes_out[p], v) != v {
                    outs[p].push(v);
                    if writes[p] != v {
                        work.push(p);
                    }
                }
            }
        }
    }
    outs
}

/// By block: how many jumps back in the layout enclose it.
fn loop_depths(code: &Code) -> Vec<u32> {
    let mut places = vec![0usize; code.blocks.len()];
    code.layout.iter().enumerate().for_each(|(n, b)| places[*b] = n);
    let mut change = vec![0i32; code.layout.len() + 1];
    for &b in &code.layout {
        for to in code.successors(b) {
            if places[to] <= places[b] {
                change[places[to]] += 1;
                change[places[b] + 1] -= 1;
            }
        }
    }
    let mut depths = vec![0u32; code.blocks.len()];
    let mut depth = 0;
    for (n, &b) in code.layout.iter().enumerate() {
        depth += change[n];
        depths[b] = depth.max(0) as u32;
    }
    depths
}
