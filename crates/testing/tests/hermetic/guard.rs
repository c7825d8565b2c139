//! Programs that the kernel may run within each other: who has a guard, that all ways in and out pass it, and that a task
//! that gets the CPU in the middle of another one's program spoils nothing.

use std::collections::HashMap;

use btc_abi::{LossKind, Manifest};
use btc_bpf::{Insn, Program, ProgramKind, Target, opcode as op};
use btc_driver::{Emit, elf};
use btc_ir::machine::Machine;
use btc_ir::memory::RegionKind;
use btc_ir::{Fact, FunctionKind, Guard, Late, Module};
use btc_random::checks::{guard_all, inside};
use btc_random::decode;
use btc_random::vm::{Interrupt, Vm};
use btc_testing::{Case, testdata};

use crate::support::{compile_to, object};

/// The cases of all folders that compile, as optimised IR.
fn corpus() -> Vec<(String, Module)> {
    let mut modules = Vec::new();
    for folder in ["codegen", "language", "lower", "object", "opt", "run", "tour"] {
        for entry in std::fs::read_dir(testdata(folder)).expect("the folder can be read").flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.ends_with(".bt") {
                let text = std::fs::read_to_string(entry.path()).expect("the file can be read");
                let case = Case::new(&name, text);
                if let Some(ir) = compile_to(&case, Emit::Ir).output {
                    let module = btc_ir::parse(&String::from_utf8_lossy(&ir)).expect("IR reads itself");
                    modules.push((format!("{folder}/{name}"), module));
                }
            }
        }
    }
    assert!(modules.len() > 100, "{} cases", modules.len());
    modules
}

#[test]
fn programs_of_uprobes_and_no_others_have_a_guard() {
    let mut guarded = 0;
    for (name, module) in corpus() {
        for function in &module.functions {
            let FunctionKind::Program { section, guard } = &function.kind else { continue };
            let user = section.starts_with("uprobe") || section.starts_with("uretprobe");
            assert_eq!(guard.is_some(), user, "{name}: {}", function.name);
            guarded += usize::from(user);
        }
    }
    assert!(guarded >= 10, "{guarded} programs");
}

/// What is known before an instruction: how often the program has been let in, and whether r0 tells if it was.
#[derive(Clone, Copy, PartialEq, Debug)]
struct State {
    inside: i32,
    asked: bool,
}

/// Follows all ways through a program; tells what is wrong with the calls of its guard.
fn follow(program: &Program, guard: &Guard) -> Result<(), String> {
    let targets: HashMap<usize, Target> = program.references.iter().map(|r| (r.insn as usize, r.target)).collect();
    let mut states: HashMap<usize, State> = HashMap::new();
    let mut work = vec![(0, State { inside: 0, asked: false })];
    let mut exits = 0;
    while let Some((at, mut state)) = work.pop() {
        match states.insert(at, state) {
            Some(known) if known == state => continue,
            Some(_) => return Err(format!("{at} is reached inside and outside")),
            None => {}
        }
        let insn = *program.insns.get(at).ok_or("a way leaves the program")?;
        if insn.code == op::JMP | op::EXIT {
            if state.inside != 0 {
                return Err(format!("{at}: exit {} times inside", state.inside));
            }
            exits += 1;
            continue;
        }
        let is_jump = matches!(insn.class(), op::JMP | op::JMP32) && insn.code != op::JMP | op::CALL;
        if state.asked {
            if insn.code != op::JMP | op::JNE | op::K || (insn.dst, insn.imm) != (0, 0) {
                return Err(format!("{at}: nobody looks whether the program may run"));
            }
            work.push((at + 1 + insn.off as usize, State { inside: state.inside + 1, asked: false }));
            work.push((at + 1, State { asked: false, ..state }));
            continue;
        }
        step(&insn, targets.get(&at), guard, &mut state).map_err(|what| format!("{at}: {what}"))?;
        if is_jump {
            work.push(((at as i64 + 1 + i64::from(insn.off)) as usize, state));
        }
        if !(is_jump && insn.code & op::OP == op::JA) {
            work.push((at + if insn.is_wide() { 2 } else { 1 }, state));
        }
    }
    if exits < 2 { Err(format!("{exits} exits")) } else { Ok(()) }
}

fn step(insn: &Insn, target: Option<&Target>, guard: &Guard, state: &mut State) -> Result<(), &'static str> {
    match (insn.class(), target) {
        (op::LDX | op::ST | op::STX, _) if state.inside != 1 => return Err("memory is touched outside"),
        (op::JMP, Some(Target::FunctionCall(n))) if *n == guard.enter.0 => state.asked = true,
        (op::JMP, Some(Target::FunctionCall(n))) if *n == guard.leave.0 => state.inside -= 1,
        (op::JMP, _) if insn.code == op::JMP | op::CALL && state.inside != 1 => return Err("a call outside"),
        _ => {}
    }
    Ok(())
}

/// Of each case all programs, whether the kernel needs it or not.
#[test]
fn all_ways_in_and_out_pass_the_guard() {
    let mut programs = 0;
    for (name, mut module) in corpus() {
        guard_all(&mut module);
        let compiled = btc_codegen::compile(&mut module).unwrap_or_else(|e| panic!("{name}: {e}"));
        for (program, function) in compiled.iter().zip(&module.functions).filter(|(p, _)| p.kind == ProgramKind::Entry) {
            let FunctionKind::Program { guard: Some(guard), .. } = &function.kind else { continue };
            programs += 1;
            follow(program, guard).unwrap_or_else(|e| panic!("{name}: {}: {e}", program.name));
        }
    }
    assert!(programs > 150, "{programs} programs");
}

/// Two programs that have texts, keys, tuples and numbers in scratch memory or on the stack, and per-CPU maps.
const SCRIPT: &str = r#"
uprobe:/bin/a:f {
  $text = str(arg1);
  $both = (arg0, $text);
  $i = (uint64)0; $sum = (uint64)0;
  while ($i < 5) { $i++; $sum += arg0; }
  @texts[$text, $both.1, $both.0] = count();
  @sums[arg0] = sum($sum);
  @hits = count();
  @most = max($i);
  printf("%s %s %d", $text, $both.1, $sum);
}
uretprobe:/bin/a:f {
  $n = retval; $i = (uint64)0; $a = (uint64)0; $b = (uint64)0; $c = (uint64)0; $d = (uint64)0; $e = (uint64)0;
  while ($i < 3) { $i++; $a += $n; $b += 2 * $n; $c += 3 * $n; $d += 4 * $n; $e += 5 * $n; }
  @numbers[$n, $a, $b, $c] = sum($d + $e);
  @hits = count();
  if ($a == 3 * $n) { return; }
  @wrong = count();
}
"#;

/// What tasks leave behind: lines and maps, and how many events were lost.
type Left = (Vec<String>, Vec<String>, u64);

/// Fills in where the context has what, as a loader does: all fields exist, and no two are at one place.
fn bind(program: &mut Program, module: &Module) {
    for reference in &program.references {
        let Target::Late(n) = reference.target else { continue };
        let insn = &mut program.insns[reference.insn as usize];
        let exists = matches!(module.lates[n as usize], Late::Field { fact: Fact::Exists, .. });
        if exists {
            insn.imm = 1;
        } else if insn.class() == op::LDX {
            insn.off = 8 * (n as i16 % 16);
        }
    }
}

struct Bench {
    /// Whether the kernel lets programs hold the CPU.
    holds: bool,
    manifest: Manifest,
    module: Module,
    code: Vec<Program>,
    programs: Vec<usize>,
}

impl Bench {
    fn new(script: &str, guarded: bool, holds: bool) -> Bench {
        let case = Case::new("guard.bt", script.to_string());
        let contents = elf::read(&object(&case)).expect("the object can be read");
        let manifest = btc_abi::wire::decode(&contents.manifest.expect("a manifest")).expect("it can be read");
        let ir = compile_to(&case, Emit::Ir).output.expect("it compiles");
        let mut module = btc_ir::parse(&String::from_utf8_lossy(&ir)).expect("IR reads itself");
        let mut programs = Vec::new();
        for (n, function) in module.functions.iter_mut().enumerate() {
            if let FunctionKind::Program { guard, .. } = &mut function.kind {
                programs.push(n);
                *guard = guard.filter(|_| guarded);
            }
        }
        let mut code = btc_codegen::compile(&mut module).expect("it compiles");
        code.iter_mut().for_each(|program| bind(program, &module));
        Bench { holds, manifest, module, code, programs }
    }

    /// A machine with the contexts of two tasks: all arguments are the address of a text.
    fn machine(&self) -> (Machine, [u64; 2]) {
        let mut machine = Machine::default();
        (machine.room, machine.kfuncs) = (u64::MAX, self.holds);
        let contexts = [b'a', b'b'].map(|letter| {
            let mut text = vec![letter; 40];
            text.resize(80, 0);
            let text = machine.memory.add(RegionKind::Data, text);
            machine.memory.add(RegionKind::ReadOnly, text.to_le_bytes().repeat(32))
        });
        (machine, contexts)
    }

    fn left(&self, machine: &Machine) -> Left {
        assert!(!inside(&self.module, machine), "the guard is not left");
        let outcome = decode::outcome(&self.manifest, &self.module, machine);
        let mut lines = outcome.lines;
        lines.sort_unstable();
        (lines, outcome.maps, self.lost(LossKind::Event, machine))
    }

    fn lost(&self, kind: LossKind, machine: &Machine) -> u64 {
        decode::lost(kind, &self.manifest, &self.module, machine)
    }

    /// What tasks leave that run programs one after the other.
    fn in_turn(&self, tasks: &[(usize, usize)]) -> Left {
        let (mut machine, contexts) = self.machine();
        for (program, task) in tasks {
            Vm::new(&self.module, &self.code, &mut machine, STEPS).call(*program, &[contexts[*task]]).expect("it runs");
        }
        self.left(&machine)
    }

    /// What is left where the second task gets the CPU after so many instructions of the first; `None` where the first
    /// had ended.
    fn interrupted(&self, pair: [usize; 2], after: u64) -> Option<Result<Left, String>> {
        let machine = self.stopped(pair, after)?;
        Some(machine.map(|machine| self.left(&machine)))
    }

    /// The machine after that.
    fn stopped(&self, [first, second]: [usize; 2], after: u64) -> Option<Result<Machine, String>> {
        let (mut machine, contexts) = self.machine();
        let mut vm = Vm::new(&self.module, &self.code, &mut machine, STEPS);
        vm.stacks = Some(HashMap::new());
        vm.interrupt = Some(Interrupt { at: STEPS - after, function: second, context: contexts[1] });
        let result = vm.call(first, &[contexts[0]]);
        if vm.interrupt.is_some() {
            return None;
        }
        Some(result.map(|_| machine).map_err(|trap| trap.to_string()))
    }

    /// The moments at which another task spoils something, and at which it is told as lost.
    fn search(&self) -> (usize, usize) {
        let (mut spoilt, mut lost) = (0, 0);
        for pair in self.programs.iter().flat_map(|a| self.programs.iter().map(move |b| [*a, *b])) {
            let [a, b] = [(pair[0], 0), (pair[1], 1)];
            let both = self.in_turn(&[a, b]);
            let one = self.in_turn(&[a]);
            assert!(!one.1.is_empty() && both.1 != one.1, "the script leaves something: {one:?} {both:?}");
            for after in 1.. {
                match self.interrupted(pair, after) {
                    None => break,
                    Some(Ok(left)) if left == both => {}
                    Some(Ok((lines, maps, 1))) if (&lines, &maps) == (&one.0, &one.1) => lost += 1,
                    Some(_) => spoilt += 1,
                }
            }
        }
        (spoilt, lost)
    }
}

const STEPS: u64 = 100_000;

#[test]
fn a_task_in_the_middle_of_another_spoils_nothing() {
    let (spoilt, lost) = Bench::new(SCRIPT, true, false).search();
    assert_eq!(spoilt, 0, "and {lost} are lost");
    assert!(lost > 100, "{lost} lost");
    assert_eq!(Bench::new(SCRIPT, true, true).search(), (0, 0), "a CPU that is held loses nothing");
    // The machine shows what there would be to spoil.
    for holds in [false, true] {
        let (spoilt, lost) = Bench::new(SCRIPT, false, holds).search();
        assert!(spoilt > 100 && lost == 0, "{spoilt} spoilt, {lost} lost");
    }
}

/// Aggregations whose updates take several steps, from programs of which the kernel runs one in the middle of the other.
const SEVERAL_STEPS: &str = r#"
rawtracepoint:sched_switch { @max = max(arg0); @min = min(-(int64)arg0); @avg = avg(arg0); @keyed[1] = max(arg0); @read = max(arg0); }
kprobe:vfs_read { @max = max(arg0); @min = min(-(int64)arg0); @avg = avg(arg0); @keyed[1] = max(arg0); @read = max(arg0); }
END { print((@avg, @read)); }
"#;

/// An update that runs in the middle of another is made, or told as lost: none is gone without a word.
#[test]
fn no_update_is_lost_without_a_word() {
    let bench = Bench::new(SEVERAL_STEPS, false, false);
    let [first, second, ..] = bench.programs[..] else { panic!("two programs") };
    let maps = |machine: &Machine| decode::outcome(&bench.manifest, &bench.module, machine).maps;
    let (mut moments, mut told) = (0, 0);
    for pair in [[first, second], [second, first]] {
        let [one, both] = [&[(pair[0], 0)][..], &[(pair[0], 0), (pair[1], 1)]].map(|tasks| bench.in_turn(tasks).1);
        assert_eq!(one.len(), both.len());
        assert!(one.iter().zip(&both).all(|(one, both)| one != both), "each update shows: {one:?} {both:?}");
        for after in 1.. {
            let Some(machine) = bench.stopped(pair, after) else { break };
            let machine = machine.expect("it runs");
            let left = maps(&machine);
            let missing = left.iter().zip(&both).filter(|(left, both)| left != both).count() as u64;
            let lost = bench.lost(LossKind::Update, &machine);
            assert_eq!(missing, lost, "after {after} instructions: {left:?}, not {both:?}");
            moments += 1;
            told += lost;
        }
    }
    println!("{moments} moments, {told} updates told as lost");
    assert!(moments > 200 && told > 20);
}
