//! The guard's own instructions, in every order in which tasks on one CPU can do them.

use std::collections::HashSet;

use btc_bpf::{Insn, Target, opcode as op};
use btc_ir::{GlobalId, Guard, KfuncId};

use crate::guard::{Step, enter, leave};

const GUARD: Guard =
    Guard { words: GlobalId(0), losses: GlobalId(1), lost: 0, hold: KfuncId(0), release: KfuncId(1), witness: KfuncId(2) };
/// Addresses of the two globals.
const WORD: i64 = 1 << 20;
const LOST: i64 = 2 << 20;

/// Tasks that run the program, and the memory that they share.
#[derive(Clone, PartialEq, Eq, Hash)]
struct State {
    tasks: Vec<Task>,
    word: i64,
    lost: i64,
}

#[derive(Clone, PartialEq, Eq, Hash, Default)]
struct Task {
    /// The next instruction; past the end of the program when it has left.
    at: usize,
    regs: [i64; 11],
    ran: bool,
}

/// The program: it comes in, does something that none may see half done, and leaves. Where that is.
fn program() -> (Vec<Step>, usize) {
    let mut steps = enter(&GUARD);
    let inside = steps.len();
    steps.push(Step::Plain(Insn::mov_imm(crate::guard::RESULT, 0)));
    steps.extend(leave(&GUARD));
    steps.push(Step::Plain(Insn::exit()));
    (steps, inside)
}

impl State {
    /// Does one task's next instruction.
    fn step(&mut self, n: usize, steps: &[Step]) {
        let task = &mut self.tasks[n];
        let insn = match steps[task.at] {
            Step::Address(d, Target::Global(n, 0)) => {
                task.regs[usize::from(d.0)] = if n == 0 { WORD } else { LOST };
                task.at += 1;
                return;
            }
            // The kernel is one that has no such function.
            Step::Address(d, Target::KfuncAddr(2)) => {
                task.regs[usize::from(d.0)] = 0;
                task.at += 1;
                return;
            }
            Step::Address(..) | Step::Call(_) => panic!("another address"),
            Step::Plain(insn) => insn,
        };
        let (dst, src) = (usize::from(insn.dst), usize::from(insn.src));
        task.at += 1;
        let operand = if insn.code & op::X != 0 { task.regs[src] } else { i64::from(insn.imm) };
        match (insn.class(), insn.code & op::OP) {
            (op::ALU64, op::MOV) => task.regs[dst] = operand,
            (op::ALU64, op::AND) => task.regs[dst] &= operand,
            (op::ALU64, op::MUL) => task.regs[dst] *= operand,
            (op::ALU64, op::ADD) => task.regs[dst] += operand,
            (op::JMP, op::CALL) => task.regs[..6].copy_from_slice(&[0, 9, 9, 9, 9, 9]),
            (op::JMP, op::EXIT) => task.at = steps.len(),
            (op::JMP, op::JEQ) if task.regs[dst] == operand => {
                // Distances count slots, of which an address has two.
                let mut slots = insn.off;
                while slots > 0 {
                    slots -= if matches!(steps[task.at], Step::Address(..)) { 2 } else { 1 };
                    task.at += 1;
                }
            }
            (op::JMP, op::JEQ) => {}
            (op::LDX, _) => task.regs[dst] = if task.regs[src] == WORD { self.word } else { panic!("another load") },
            (op::STX, _) if insn.code == op::STX | op::ATOMIC | op::DW => match task.regs[dst] {
                WORD => self.word += task.regs[src],
                LOST => self.lost += task.regs[src],
                _ => panic!("another store"),
            },
            _ => panic!("another instruction"),
        }
    }
}

#[test]
fn one_task_at_a_time_is_inside_and_all_others_are_counted() {
    let (steps, inside) = program();
    let first = State { tasks: vec![Task::default(); 3], word: 0, lost: 0 };
    let (mut seen, mut work, mut ends) = (HashSet::from([first.clone()]), vec![first], HashSet::new());
    while let Some(state) = work.pop() {
        // The first instruction inside is done, and the 1 is not taken away.
        let in_there = |t: &&Task| t.at > inside && t.at + 3 <= steps.len() - 1;
        assert!(state.tasks.iter().filter(in_there).count() <= 1, "two are inside");
        let mut ended = true;
        for n in (0..state.tasks.len()).filter(|n| state.tasks[*n].at < steps.len()) {
            ended = false;
            let mut next = state.clone();
            next.tasks[n].ran |= next.tasks[n].at == inside;
            next.step(n, &steps);
            if seen.insert(next.clone()) {
                work.push(next);
            }
        }
        if ended {
            let ran = state.tasks.iter().filter(|t| t.ran).count() as i64;
            assert_eq!((state.word, ran + state.lost), (0, 3));
            ends.insert(ran);
        }
    }
    assert_eq!(ends, HashSet::from([0, 1, 2, 3]), "what can come of it");
}
