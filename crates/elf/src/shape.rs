//! Whether a loader may see an object: libbpf is C, and believes much of what it reads.
//!
//! What is let through is what btc writes: an allow-list, for what others may be able to do is without end.

use btc_abi::{MOST_MAP_BYTES, MapKind, RINGBUF};
use btc_bpf::{Insn, opcode};

use crate::definitions::{MapDefinition, maps};
use crate::{Contents, kind};

/// Sections that are no programs, but for relocations.
const SECTIONS: &[&str] = &[
    "", ".text", ".maps", ".bss", ".rodata", "license", ".BTF", ".BTF.ext", ".symtab", ".strtab", ".shstrtab", btc_abi::SECTION,
];

/// What the names of sections with programs begin with: `kind`, or `kind/…`.
const PROGRAMS: &[&str] = &[
    "kprobe", "kretprobe", "uprobe", "uretprobe", "tracepoint", "raw_tp", "tp_btf", "perf_event", "fentry", "fexit", "iter",
];

/// `BPF_F_NO_PREALLOC`
const NO_PREALLOC: u32 = 1;
/// Most bytes of a data section.
const MOST_DATA: u64 = 64 << 20;

/// Checks an object; yields its maps.
///
/// # Errors
/// The first thing that btc does not write, in words.
pub fn check(c: &Contents) -> Result<Vec<MapDefinition>, String> {
    check_sections(c)?;
    check_names(c)?;
    check_types(c)?;
    check_code(c)?;
    let maps = maps(c)?;
    for map in &maps {
        check_map(map)?;
    }
    Ok(maps)
}

fn check_sections(c: &Contents) -> Result<(), String> {
    let mut names: Vec<&str> = Vec::new();
    for section in &c.sections {
        let name = section.name.as_str();
        let target = name.strip_prefix(".rel").unwrap_or(name);
        let program = target.split('/').next().unwrap_or_default();
        if !SECTIONS.contains(&target) && !PROGRAMS.contains(&program) {
            return Err(format!("it has a section `{}`, which btc does not write", name.escape_debug()));
        }
        if !name.is_empty() && names.contains(&name) {
            return Err(format!("it has two sections `{}`", name.escape_debug()));
        }
        if section.size > MOST_DATA {
            return Err(format!("its section `{}` has {} bytes", name.escape_debug(), section.size));
        }
        names.push(name);
    }
    Ok(())
}

/// Whether a name is one that C or a path could have.
fn is_plain(name: &str) -> bool {
    name.bytes().all(|b| b.is_ascii_graphic() || b == b' ')
}

fn check_names(c: &Contents) -> Result<(), String> {
    let symbols = c.symbols.iter().map(|s| &s.name);
    let types = c.types.iter().map(|t| &t.name);
    match symbols.chain(types).find(|name| !is_plain(name)) {
        Some(name) => Err(format!("`{}` is no name", name.escape_debug())),
        None => Ok(()),
    }
}

/// Types that others name exist, and variables lie in their sections.
fn check_types(c: &Contents) -> Result<(), String> {
    let exists = |id: u32| id == 0 || c.ty(id).is_some();
    for ty in &c.types {
        let fine = match ty.kind {
            kind::PTR | kind::TYPEDEF | kind::VOLATILE | kind::CONST | kind::RESTRICT | kind::FUNC | kind::VAR => {
                exists(ty.size_or_type)
            }
            kind::ARRAY => ty.rest.first().is_some_and(|id| exists(*id)),
            kind::STRUCT | kind::UNION => ty.rest.chunks_exact(3).all(|m| exists(m[1])),
            kind::FUNC_PROTO => exists(ty.size_or_type) && ty.rest.chunks_exact(2).all(|p| exists(p[1])),
            kind::DATASEC => in_section(c, &ty.name, &ty.rest),
            _ => true,
        };
        if !fine {
            return Err(format!("the type `{}` names what does not exist", ty.name));
        }
    }
    Ok(())
}

/// Whether the variables of a data section exist and lie in it. Those of `.ksyms` and `.kconfig` are elsewhere.
fn in_section(c: &Contents, name: &str, entries: &[u32]) -> bool {
    let size = c.section(name).map_or(0, |s| s.size);
    let outside = matches!(name, ".ksyms" | ".kconfig");
    entries.chunks_exact(3).all(|entry| {
        let end = u64::from(entry[1]) + u64::from(entry[2]);
        c.ty(entry[0]).is_some_and(|t| matches!(t.kind, kind::VAR | kind::FUNC)) && (outside || end <= size)
    })
}

/// What instructions name that libbpf does not put there: descriptors of this process, ids of the kernel's types.
fn check_code(c: &Contents) -> Result<(), String> {
    for program in &c.programs {
        for (n, insn) in program.insns.iter().enumerate() {
            let names = insn.is_wide() || insn.code == CALL;
            let bound = || program.relocations.iter().any(|r| r.offset == 8 * n as u64);
            // A call of a function of its own section needs no relocation.
            let local = insn.code == CALL && insn.src == LOCAL;
            if names && insn.src != 0 && !local && !bound() {
                return Err(format!("instruction {n} of `{}` names something that nothing binds", program.name));
            }
        }
    }
    Ok(())
}

/// A call.
pub(crate) const CALL: u8 = opcode::JMP | opcode::CALL;

/// Whether an instruction is a call or a jump: its numbers say what code does.
pub fn decides(insn: &Insn) -> bool {
    matches!(insn.class(), opcode::JMP | opcode::JMP32)
}

/// `BPF_PSEUDO_CALL`
const LOCAL: u8 = 1;

fn check_map(map: &MapDefinition) -> Result<(), String> {
    let symbol = &map.symbol;
    if map.kind != RINGBUF && MapKind::HELD.iter().all(|kind| kind.number() != Some(map.kind)) {
        return Err(format!("map `{symbol}` is of kind {}, which btc does not use", map.kind));
    }
    if map.flags & !NO_PREALLOC != 0 {
        return Err(format!("map `{symbol}` has the flags {:#x}", map.flags));
    }
    let each = u64::from(map.key_size) + u64::from(map.value_size).max(1);
    if each.saturating_mul(u64::from(map.max_entries)) > MOST_MAP_BYTES {
        return Err(format!("map `{symbol}` has {} entries of {each} bytes", map.max_entries));
    }
    Ok(())
}
