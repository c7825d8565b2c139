//! The guard's own instructions, in every order in which tasks on one CPU can do them.

use std::collections::{HashMap, HashSet};

use btc_bpf::{Program, Target, opcode as op};
use btc_driver::Emit;
use btc_ir::Module;
use btc_testing::Case;

use crate::support::compile_to;

/// A program that does nothing but come in and leave.
const SCRIPT: &str = "uprobe:/bin/a:f { }";

/// Addresses of the guard's words, all for one CPU, and of the counter of lost events.
const WORD: i64 = 1 << 20;
const LOST: i64 = 2 << 20;

/// A place in the code: a function and an instruction of it.
type At = (usize, usize);

/// Tasks that run the program, and the memory that they share.
#[derive(Clone, PartialEq, Eq, Hash)]
struct State {
    tasks: Vec<Task>,
    word: i64,
    lost: i64,
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct Task {
    /// The next instruction; none when the program has ended.
    at: Option<At>,
    /// Where the program goes on when the function that it has called returns, and what is in r6 to r9 there.
    from: Option<(At, [i64; 4])>,
    regs: [i64; 11],
    ran: bool,
}

/// The code, and what its references mean.
struct Code {
    module: Module,
    programs: Vec<Program>,
    targets: HashMap<At, Target>,
    /// The program, and its instruction behind the guard's.
    program: usize,
    inside: usize,
    /// The call that lets others in.
    leave: usize,
}

impl Code {
    fn new() -> Code {
        let ir = compile_to(&Case::new("guard.bt", SCRIPT.to_string()), Emit::Ir).output.expect("it compiles");
        let mut module = btc_ir::parse(&String::from_utf8_lossy(&ir)).expect("IR reads itself");
        let programs = btc_codegen::compile(&mut module).expect("it compiles");
        let references = programs.iter().enumerate().flat_map(|(n, p)| p.references.iter().map(move |r| (n, r)));
        let targets: HashMap<At, Target> = references.map(|(n, r)| ((n, r.insn as usize), r.target)).collect();
        let program = programs.len() - 1;
        let mut calls: Vec<usize> = targets.keys().filter(|at| at.0 == program).map(|at| at.1).collect();
        calls.sort_unstable();
        // The two of the guard, and between them the question for the process.
        let (enter, leave) = (calls[0], calls[calls.len() - 1]);
        Code { module, programs, targets, program, inside: enter + 3, leave }
    }

    fn global(&self, n: u32) -> i64 {
        match self.module.globals[n as usize].symbol.as_str() {
            btc_abi::GUARD => WORD,
            btc_abi::LOSSES => LOST,
            // Nobody restricts whose events count.
            _ => 0,
        }
    }
}

impl State {
    /// Does one task's next instruction.
    fn step(&mut self, n: usize, code: &Code) {
        let task = &mut self.tasks[n];
        let at @ (function, number) = task.at.expect("it runs");
        let insn = code.programs[function].insns[number];
        let (dst, src) = (usize::from(insn.dst), usize::from(insn.src));
        task.ran |= at == (code.program, code.inside);
        let next = number + if insn.is_wide() { 2 } else { 1 };
        task.at = Some((function, next));
        let operand = if insn.code & op::X != 0 { task.regs[src] } else { i64::from(insn.imm) };
        match (insn.class(), insn.code & op::OP, code.targets.get(&at)) {
            (op::LD, _, Some(Target::Global(n, _))) => task.regs[dst] = code.global(*n),
            // The kernel is one that has no such function.
            (op::LD, _, Some(Target::KfuncAddr(_))) => task.regs[dst] = 0,
            (op::JMP, op::CALL, Some(Target::FunctionCall(callee))) => {
                assert!(task.from.is_none(), "a call in a call");
                let kept = [6, 7, 8, 9].map(|r| task.regs[r]);
                task.from = Some(((function, next), kept));
                task.at = Some((*callee as usize, 0));
            }
            (op::JMP, op::CALL, None) if insn.imm == 8 => task.regs[..6].copy_from_slice(&[0, 9, 9, 9, 9, 9]),
            (op::JMP, op::EXIT, _) => match task.from.take() {
                None => task.at = None,
                Some((to, kept)) => {
                    task.at = Some(to);
                    task.regs[1..6].fill(9);
                    task.regs[6..10].copy_from_slice(&kept);
                }
            },
            (op::JMP, how @ (op::JEQ | op::JNE | op::JA), _) => {
                let jumps = how == op::JA || (task.regs[dst] == operand) == (how == op::JEQ);
                task.at = Some((function, if jumps { (next as i64 + i64::from(insn.off)) as usize } else { next }));
            }
            (op::ALU64, op::MOV, _) => task.regs[dst] = operand,
            (op::ALU64, op::AND, _) => task.regs[dst] &= operand,
            (op::ALU64, op::LSH, _) => task.regs[dst] <<= operand,
            (op::ALU64, op::ADD, _) => task.regs[dst] += operand,
            (op::LDX, ..) => task.regs[dst] = if task.regs[src] == WORD { self.word } else { 0 },
            (op::STX, ..) if insn.code == op::STX | op::ATOMIC | op::DW => match task.regs[dst] {
                WORD => self.word += task.regs[src],
                LOST => self.lost += task.regs[src],
                _ => panic!("another store"),
            },
            (.., target) => panic!("another instruction: {insn:?} {target:?}"),
        }
    }
}

#[test]
fn one_task_at_a_time_is_inside_and_all_others_are_counted() {
    let code = Code::new();
    let task = Task { at: Some((code.program, 0)), from: None, regs: [0; 11], ran: false };
    let first = State { tasks: vec![task; 3], word: 0, lost: 0 };
    let (mut seen, mut work, mut ends) = (HashSet::from([first.clone()]), vec![first], HashSet::new());
    while let Some(state) = work.pop() {
        // The first instruction inside is done, and the guard is not left.
        let in_there = |t: &&Task| {
            let place = t.from.map(|(from, _)| from).or(t.at);
            place.is_some_and(|(f, at)| f == code.program && at > code.inside && at <= code.leave)
        };
        assert!(state.tasks.iter().filter(in_there).count() <= 1, "two are inside");
        let mut ended = true;
        for n in (0..state.tasks.len()).filter(|n| state.tasks[*n].at.is_some()) {
            ended = false;
            let mut next = state.clone();
            next.step(n, &code);
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
