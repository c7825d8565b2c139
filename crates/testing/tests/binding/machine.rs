//! Runs relocated code on memory of the kernel that is made up: every byte follows from its address.

use std::collections::{BTreeMap, HashMap, HashSet};

use btc_bpf::{Insn, opcode as op};
use btc_elf::{Contents, Program};

use crate::answers::Slots;
use crate::relocate::{Goal, Relocations, bytes};

/// Instructions that one run may take.
const STEPS: u32 = 100_000;
/// Bytes of a map's value.
const VALUE: usize = 1 << 16;
/// What sections, maps and stacks are apart.
pub const APART: u64 = 1 << 32;
/// Where memory of the kernel begins.
pub const KERNEL: u64 = 1 << 63;
/// Where the current task is, and how long.
pub const TASK: u64 = KERNEL | 0x7fff_8880_0300_0000;
const TASK_SIZE: u64 = 1 << 15;

/// What kernel memory holds.
#[derive(Clone, Copy, Debug)]
pub struct Pattern {
    pub seed: u64,
    /// Bits that each byte has.
    pub set: u8,
    /// Bits that each byte may have.
    pub kept: u8,
}

/// Bytes of any kind; large numbers, which are negative where they have a sign; and small ones, which never are.
pub const PATTERNS: [Pattern; 3] = [
    Pattern { seed: 1, set: 0, kept: 0xff },
    Pattern { seed: 2, set: 0x80, kept: 0xff },
    Pattern { seed: 3, set: 0, kept: 0x7f },
];

impl Pattern {
    /// The byte at an address.
    pub fn byte(&self, address: u64) -> u8 {
        let mut n = address.wrapping_add(self.seed << 56).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        n = (n ^ n >> 31).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        ((n >> 40) as u8 | self.set) & self.kept
    }

    /// A number of up to 8 bytes.
    pub fn number(&self, address: u64, size: u32) -> u64 {
        (0..u64::from(size.min(8))).fold(0, |n, at| n | u64::from(self.byte(address.wrapping_add(at))) << (8 * at))
    }
}

/// An object with the code that libbpf made of it for a kernel.
pub struct Loaded<'a> {
    object: &'a Contents,
    code: HashMap<&'a str, Result<Vec<[u8; 8]>, String>>,
}

/// What a program finds.
#[derive(Clone, Copy, Debug)]
pub struct World {
    /// The kernel's memory.
    pub pattern: Pattern,
    /// Whether the kernel has `bpf_rdonly_cast`.
    pub casts: bool,
    /// Whether helpers answer and maps have elements; else only what reads the kernel's memory works.
    pub answers: bool,
    /// What all 8 bytes of the current task hold, if it is told.
    pub task: Option<[u8; 8]>,
}

/// What a program does.
#[derive(Debug)]
pub struct Effects {
    /// What it sends.
    pub records: Vec<Vec<u8>>,
    /// What it leaves in maps and variables, as far as that is not what was there.
    pub left: BTreeMap<String, Vec<u8>>,
    /// The instructions that ran, by function.
    pub ran: HashSet<(String, usize)>,
}

impl<'a> Loaded<'a> {
    /// Code that is bound already.
    pub fn bound(object: &'a Contents, code: HashMap<&'a str, Result<Vec<[u8; 8]>, String>>) -> Loaded<'a> {
        Loaded { object, code }
    }

    /// Relocates all code.
    pub fn new(object: &'a Contents, goal: &Goal) -> Loaded<'a> {
        let relocations = Relocations::of(object);
        let code = object.programs.iter().map(|program| {
            let mut code = bytes(&program.insns);
            let section = &object.sections[program.section].name;
            let done = relocations.apply(section, program.offset, &mut code, goal);
            (program.name.as_str(), done.map(|()| code))
        });
        Loaded { object, code: code.collect() }
    }

    /// Runs a program where the kernel has `bpf_rdonly_cast`, or has not: the records that it sends. An error where
    /// no loader could load it.
    pub fn run(&self, program: &str, pattern: Pattern, casts: bool) -> Result<Vec<Vec<u8>>, String> {
        Ok(self.effects(program, World { pattern, casts, answers: false, task: None })?.records)
    }

    /// Runs a program: all that it does.
    pub fn effects(&self, program: &str, world: World) -> Result<Effects, String> {
        let slots = Slots::of(self.object);
        let ran = HashSet::new();
        let mut run = Run { loaded: self, world, memory: HashMap::new(), records: Vec::new(), steps: STEPS, next: 1, slots, ran };
        run.call(program, [0; 5])?;
        let left = run.left();
        Ok(Effects { records: run.records, left, ran: run.ran })
    }

    /// What was loaded.
    pub fn object(&self) -> &'a Contents {
        self.object
    }

    fn program(&self, name: &str) -> Option<&'a Program> {
        self.object.programs.iter().find(|p| p.name == name)
    }
}

pub struct Run<'r, 'a> {
    pub loaded: &'r Loaded<'a>,
    pub world: World,
    /// By the upper half of its addresses.
    pub memory: HashMap<u64, Vec<u8>>,
    records: Vec<Vec<u8>>,
    steps: u32,
    next: u64,
    pub slots: Slots,
    ran: HashSet<(String, usize)>,
}

pub type Registers = [u64; 11];

impl<'a> Run<'_, 'a> {
    pub fn add(&mut self, bytes: Vec<u8>) -> u64 {
        self.next += 1;
        self.memory.insert(self.next, bytes);
        self.next * APART
    }

    fn call(&mut self, name: &str, args: [u64; 5]) -> Result<u64, String> {
        let program = self.loaded.program(name).ok_or("no such function")?;
        let code = self.loaded.code[program.name.as_str()].as_ref().map_err(Clone::clone)?;
        let (mut regs, stack): (Registers, _) = ([0; 11], self.add(vec![0; 512]));
        regs[1..6].copy_from_slice(&args);
        regs[10] = stack + 512;
        let mut at = 0usize;
        loop {
            self.steps = self.steps.checked_sub(1).ok_or("too many steps")?;
            self.ran.insert((program.name.clone(), at));
            let insn = Insn::from_bytes(*code.get(at).ok_or("a jump to nowhere")?);
            match insn.code & op::CLASS {
                op::ALU | op::ALU64 => alu(&insn, &mut regs)?,
                op::LD => {
                    let high = Insn::from_bytes(code[at + 1]).imm;
                    regs[usize::from(insn.dst)] = self.wide(program, at, &insn, high)?;
                    at += 1;
                }
                op::LDX => {
                    let address = regs[usize::from(insn.src)].wrapping_add(insn.off as u64);
                    regs[usize::from(insn.dst)] = self.load(address, size(&insn))?;
                }
                op::ST | op::STX => {
                    let address = regs[usize::from(insn.dst)].wrapping_add(insn.off as u64);
                    let mut value = if insn.class() == op::ST { insn.imm as u64 } else { regs[usize::from(insn.src)] };
                    if insn.code & op::MODE == op::ATOMIC {
                        value = value.wrapping_add(self.load(address, size(&insn))?);
                    }
                    self.store(address, size(&insn), value)?;
                }
                _ if insn.code == op::JMP | op::EXIT => return Ok(regs[0]),
                _ if insn.code == op::JMP | op::CALL => regs[0] = self.called(program, at, &insn, &regs)?,
                _ if jumps(&insn, &regs)? => at = at.wrapping_add(insn.off as usize),
                _ => {}
            }
            at = at.wrapping_add(1);
        }
    }

    /// What an ELF relocation of an instruction names.
    fn symbol(program: &'a Program, at: usize) -> Option<&'a str> {
        program.relocations.iter().find(|r| r.offset == at as u64 * 8).map(|r| r.symbol.as_str())
    }

    fn wide(&mut self, program: &'a Program, at: usize, insn: &Insn, high: i32) -> Result<u64, String> {
        let Some(name) = Self::symbol(program, at) else {
            return Ok(u64::from(insn.imm as u32) | u64::from(high as u32) << 32);
        };
        let object = self.loaded.object;
        let symbol = object.symbols.iter().find(|s| s.name == name);
        let Some(section) = symbol.and_then(|s| s.section) else {
            return Ok(u64::from(self.world.casts && name == "bpf_rdonly_cast"));
        };
        let (symbol, section) = (symbol.ok_or("no symbol")?, (section, &object.sections[section]));
        let map = matches!(section.1.name.as_str(), ".maps" | "maps");
        // Maps have numbers of their own, sections keep their contents.
        let base = (1 << 20) + if map { 1000 + symbol.value } else { section.0 as u64 };
        self.slots.meet(base, name);
        self.memory.entry(base).or_insert_with(|| match (map, section.1.data.len()) {
            (true, _) => vec![0; VALUE],
            (false, 0) => vec![0; section.1.size as usize],
            (false, _) => section.1.data.clone(),
        });
        Ok(base * APART + if map { 0 } else { symbol.value.wrapping_add(insn.imm as u64) })
    }

    pub fn place(&mut self, address: u64, size: usize) -> Result<&mut [u8], String> {
        let (base, at) = (address / APART, (address % APART) as usize);
        let memory = self.memory.get_mut(&base).and_then(|m| m.get_mut(at..at.checked_add(size)?));
        memory.ok_or_else(|| format!("{size} bytes at {address:#x} are no memory"))
    }

    fn load(&mut self, address: u64, size: usize) -> Result<u64, String> {
        if !self.memory.contains_key(&(address / APART)) {
            let bytes = (0..size as u64).rev().map(|at| self.byte(address.wrapping_add(at)));
            return Ok(bytes.fold(0, |n, byte| n << 8 | u64::from(byte)));
        }
        Ok(self.place(address, size)?.iter().rev().fold(0, |n, b| n << 8 | u64::from(*b)))
    }

    /// A byte of the kernel's memory.
    pub fn byte(&self, address: u64) -> u8 {
        match self.world.task {
            Some(text) if (TASK..TASK + TASK_SIZE).contains(&address) => text[(address % 8) as usize],
            _ => self.world.pattern.byte(address),
        }
    }

    fn store(&mut self, address: u64, size: usize, value: u64) -> Result<(), String> {
        self.place(address, size)?.copy_from_slice(&value.to_le_bytes()[..size]);
        Ok(())
    }

    fn called(&mut self, program: &'a Program, at: usize, insn: &Insn, regs: &Registers) -> Result<u64, String> {
        let [a, b, c, d, e] = [regs[1], regs[2], regs[3], regs[4], regs[5]];
        if let Some(name) = Self::symbol(program, at) {
            return match name {
                "bpf_rdonly_cast" => Ok(a),
                name => self.call(name, [a, b, c, d, e]),
            };
        }
        let read = |run: &Self, n: u64| run.byte(c.wrapping_add(n));
        match insn.imm as u32 {
            number if self.world.answers && Slots::knows(number) => self.answer(number, &[a, b, c, d, e]),
            // bpf_map_lookup_elem
            1 => Ok(a),
            // bpf_get_smp_processor_id: whose scratch memory it is
            8 => Ok(0),
            // What cannot be read leaves zeros, which is how the compiler has long memory cleared.
            112 | 113 if c == u64::MAX => {
                self.place(a, b as usize)?.fill(0);
                Ok(-14i64 as u64)
            }
            // bpf_probe_read_user, bpf_probe_read_kernel
            112 | 113 => {
                let all: Vec<u8> = (0..b).map(|n| read(self, n)).collect();
                self.place(a, all.len())?.copy_from_slice(&all);
                Ok(0)
            }
            // bpf_probe_read_user_str, bpf_probe_read_kernel_str
            114 | 115 => {
                let mut all: Vec<u8> = (0..b.saturating_sub(1)).map(|n| read(self, n)).take_while(|b| *b != 0).collect();
                all.push(0);
                self.place(a, all.len())?.copy_from_slice(&all);
                Ok(all.len() as u64)
            }
            // bpf_ringbuf_reserve, bpf_ringbuf_submit
            131 => Ok(self.add(vec![0; b as usize])),
            132 => {
                let record = self.memory.remove(&(a / APART)).ok_or("no record")?;
                self.records.push(record);
                Ok(0)
            }
            number => Err(format!("no helper {number}")),
        }
    }
}

fn size(insn: &Insn) -> usize {
    match insn.code & op::SIZE {
        op::B => 1,
        op::H => 2,
        op::W => 4,
        _ => 8,
    }
}

fn source(insn: &Insn, regs: &Registers) -> u64 {
    if insn.code & op::X != 0 { regs[usize::from(insn.src)] } else { insn.imm as u64 }
}

fn alu(insn: &Insn, regs: &mut Registers) -> Result<(), String> {
    let is_end = insn.class() == op::ALU && insn.code & op::OP == op::END;
    if is_end && insn.code & op::X != 0 && insn.imm == 64 {
        let swapped = &mut regs[usize::from(insn.dst)];
        *swapped = swapped.swap_bytes();
        return Ok(());
    }
    let wide = insn.class() == op::ALU64;
    let cut = |n: u64| if wide { n } else { n & 0xffff_ffff };
    let (a, b) = (cut(regs[usize::from(insn.dst)]), cut(source(insn, regs)));
    let shift = b as u32 & if wide { 63 } else { 31 };
    let value = match insn.code & op::OP {
        op::MOV => b,
        op::NEG => a.wrapping_neg(),
        op::ADD => a.wrapping_add(b),
        op::SUB => a.wrapping_sub(b),
        op::MUL => a.wrapping_mul(b),
        op::DIV => a.checked_div(b).unwrap_or(0),
        op::MOD => a.checked_rem(b).unwrap_or(a),
        op::OR => a | b,
        op::AND => a & b,
        op::XOR => a ^ b,
        op::LSH => a << shift,
        op::RSH => a >> shift,
        op::ARSH if wide => (a as i64 >> shift) as u64,
        code => return Err(format!("no arithmetic {code:#x}")),
    };
    regs[usize::from(insn.dst)] = cut(value);
    Ok(())
}

fn jumps(insn: &Insn, regs: &Registers) -> Result<bool, String> {
    if insn.class() != op::JMP {
        return Err("a jump by 32 bits".into());
    }
    let (a, b) = (regs[usize::from(insn.dst)], source(insn, regs));
    let (s, t) = (a as i64, b as i64);
    Ok(match insn.code & op::OP {
        op::JA => true,
        op::JEQ => a == b,
        op::JNE => a != b,
        op::JGT => a > b,
        op::JGE => a >= b,
        op::JLT => a < b,
        op::JLE => a <= b,
        op::JSGT => s > t,
        op::JSGE => s >= t,
        op::JSLT => s < t,
        op::JSLE => s <= t,
        op::JSET => a & b != 0,
        code => return Err(format!("no jump {code:#x}")),
    })
}
