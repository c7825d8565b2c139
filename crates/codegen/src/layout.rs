//! The order of the blocks: each behind all that jump forward to it, and where there is a choice behind one of those, so
//! that the jump is saved.
//!
//! Of two that may come next the one in more loops goes first, else the one that the code names last: a test for
//! what is missing goes out of the way. The verifier walks what follows first.

use crate::mir::Code;

/// Orders the blocks that the first one reaches.
pub fn run(code: &mut Code) {
    let entry = 0;
    let next: Vec<Vec<usize>> = (0..code.blocks.len()).map(|b| code.successors(b)).collect();
    let graph = Graph::new(&next, entry);
    let mut waiting = graph.forward.clone();
    let mut layout = Vec::with_capacity(code.blocks.len());
    let mut ready = vec![entry];
    while let Some(b) = ready.pop() {
        layout.push(b);
        let mut now: Vec<usize> = Vec::new();
        for &to in next[b].iter().filter(|to| !graph.is_back(b, **to)) {
            waiting[to] -= 1;
            if waiting[to] == 0 {
                now.push(to);
            }
        }
        // The last one comes next.
        now.sort_by_key(|to| graph.depths[*to]);
        ready.extend(now);
    }
    code.layout = layout;
}

/// What the order depends on.
struct Graph {
    /// By block: how many jumps to it are forward ones.
    forward: Vec<u32>,
    /// By block: its number in a walk that goes deep first, in reverse order of leaving.
    order: Vec<u32>,
    /// By block: how many loops it is in.
    depths: Vec<u32>,
}

impl Graph {
    fn new(next: &[Vec<usize>], entry: usize) -> Graph {
        let left = leaving(next, entry);
        let mut graph = Graph { forward: vec![0; next.len()], order: vec![0; next.len()], depths: vec![0; next.len()] };
        for (n, &b) in left.iter().rev().enumerate() {
            graph.order[b] = n as u32;
        }
        let mut previous: Vec<Vec<usize>> = vec![Vec::new(); next.len()];
        for &b in &left {
            for &to in &next[b] {
                previous[to].push(b);
            }
        }
        for &b in &left {
            for &to in &next[b] {
                if graph.is_back(b, to) {
                    graph.count_loop(&previous, b, to);
                } else {
                    graph.forward[to] += 1;
                }
            }
        }
        graph
    }

    /// Whether a jump goes back to where a loop begins.
    fn is_back(&self, from: usize, to: usize) -> bool {
        self.order[to] <= self.order[from]
    }

    /// Counts a loop for the blocks from its head to the jump back.
    fn count_loop(&mut self, previous: &[Vec<usize>], from: usize, head: usize) {
        let mut seen = vec![false; previous.len()];
        seen[head] = true;
        self.depths[head] += 1;
        let mut work = vec![from];
        while let Some(b) = work.pop() {
            if !std::mem::replace(&mut seen[b], true) {
                self.depths[b] += 1;
                work.extend(&previous[b]);
            }
        }
    }
}

/// The blocks that are reached, in the order in which a walk that goes deep first leaves them.
fn leaving(next: &[Vec<usize>], entry: usize) -> Vec<usize> {
    let mut left = Vec::new();
    let mut seen = vec![false; next.len()];
    let mut path = vec![(entry, 0)];
    seen[entry] = true;
    while let Some((b, n)) = path.last_mut() {
        match next[*b].get(*n) {
            Some(&to) => {
                *n += 1;
                if !std::mem::replace(&mut seen[to], true) {
                    path.push((to, 0));
                }
            }
            None => {
                left.push(*b);
                path.pop();
            }
        }
    }
    left
}
