//! Looks through a finished object for what libbpf and the kernel pass over in silence or
//! refuse with puzzling words.
//!
//! Each check is one line of the list in the project's notes on kernels: every BTF variable has
//! a symbol, maps and programs are GLOBAL, functions have sizes and start with a line, offsets
//! of lines ascend and avoid the second half of 64-bit loads, externs are in a DATASEC, names
//! are identifiers.

use std::collections::HashSet;

use btc_elf::{Contents, Program, STT_FUNC, STT_OBJECT, kind, linkage, read};

/// The faults of an object; none when all is well.
pub fn self_check(bytes: &[u8]) -> Vec<String> {
    let contents = match read(bytes) {
        Ok(c) => c,
        Err(e) => return vec![e.to_string()],
    };
    let mut faults = Vec::new();
    check_sections(&contents, &mut faults);
    check_variables(&contents, &mut faults);
    check_programs(&contents, &mut faults);
    check_externs(&contents, &mut faults);
    check_lines(&contents, &mut faults);
    check_map_names(&contents, &mut faults);
    faults
}

fn is_identifier(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
        && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

fn check_sections(c: &Contents, faults: &mut Vec<String>) {
    if c.programs.iter().any(|p| p.global) {
        for name in ["license", ".BTF", ".BTF.ext"] {
            if c.section(name).is_none() {
                faults.push(format!("no section `{name}`"));
            }
        }
    }
}

/// Variables of data sections and of `.maps` have symbols there, and entries have sizes.
fn check_variables(c: &Contents, faults: &mut Vec<String>) {
    for section in c.types.iter().filter(|t| t.kind == kind::DATASEC) {
        let extern_section = matches!(section.name.as_str(), ".ksyms" | ".kconfig");
        for entry in section.rest.chunks_exact(3) {
            let Some(var) = c.ty(entry[0]) else {
                faults.push(format!("`{}` lists a type that does not exist", section.name));
                continue;
            };
            if !is_identifier(&var.name) {
                faults.push(format!("`{}` is no identifier", var.name));
            }
            if extern_section {
                if !c.symbols.iter().any(|s| s.name == var.name && s.section.is_none() && s.global) {
                    faults.push(format!("extern `{}` has no undefined symbol", var.name));
                }
                continue;
            }
            if var.kind != kind::VAR || var.rest.first() != Some(&linkage::GLOBAL) {
                faults.push(format!("`{}` in `{}` is no global variable", var.name, section.name));
            }
            let here = |n: usize| c.sections.get(n).is_some_and(|s| s.name == section.name);
            let symbol = c.symbols.iter().find(|s| s.name == var.name && s.section.is_some_and(here));
            match symbol {
                Some(s) if s.global && s.kind == STT_OBJECT && s.value == u64::from(entry[1]) => {}
                Some(_) => faults.push(format!("the symbol of `{}` is local, untyped or elsewhere", var.name)),
                None => faults.push(format!("variable `{}` has no symbol", var.name)),
            }
            if entry[2] == 0 {
                faults.push(format!("variable `{}` has size 0", var.name));
            }
        }
    }
}

/// Functions of program sections are GLOBAL, all have sizes, names and a FUNC in `func_info`.
fn check_programs(c: &Contents, faults: &mut Vec<String>) {
    let mut names = HashSet::new();
    for symbol in c.symbols.iter().filter(|s| s.section.is_some_and(|n| c.sections[n].code)) {
        if symbol.kind == 0 && !symbol.name.is_empty() {
            faults.push(format!("`{}` is code without being a function", symbol.name));
        }
    }
    for p in &c.programs {
        let section = &c.sections[p.section].name;
        if p.insns.is_empty() {
            faults.push(format!("function `{}` has size 0", p.name));
        }
        if section != ".text" && !p.global {
            faults.push(format!("program `{}` is local", p.name));
        }
        if !is_identifier(&p.name) {
            faults.push(format!("`{}` is no identifier", p.name));
        }
        if !names.insert(&p.name) {
            faults.push(format!("two functions are called `{}`", p.name));
        }
        let ty = c.functions.iter().find(|(s, at, _)| s == section && u64::from(*at) == p.offset);
        if ty.is_none_or(|(.., ty)| c.ty(*ty).is_none_or(|t| t.kind != kind::FUNC)) {
            faults.push(format!("function `{}` has no func_info", p.name));
        }
        if p.insns.last().is_some_and(|i| !matches!(i.code, 0x95 | 0x05)) {
            faults.push(format!("function `{}` runs over its end", p.name));
        }
    }
    for symbol in c.symbols.iter().filter(|s| s.kind == STT_FUNC && s.section.is_none()) {
        faults.push(format!("function `{}` is in no section", symbol.name));
    }
}

/// Each extern stands in a DATASEC: else the kernel refuses all BTF.
fn check_externs(c: &Contents, faults: &mut Vec<String>) {
    let listed: HashSet<u32> = c
        .types
        .iter()
        .filter(|t| t.kind == kind::DATASEC)
        .flat_map(|t| t.rest.chunks_exact(3).map(|e| e[0]))
        .collect();
    for (n, t) in c.types.iter().enumerate() {
        let is_extern = match t.kind {
            kind::VAR => t.rest.first() == Some(&linkage::EXTERN),
            kind::FUNC => t.vlen == linkage::EXTERN,
            _ => false,
        };
        if is_extern && !listed.contains(&(n as u32 + 1)) {
            faults.push(format!("extern `{}` is in no DATASEC", t.name));
        }
    }
    for symbol in c.symbols.iter().filter(|s| s.section.is_none() && s.global) {
        if !c.types.iter().any(|t| t.name == symbol.name && matches!(t.kind, kind::VAR | kind::FUNC)) {
            faults.push(format!("undefined symbol `{}` has no BTF", symbol.name));
        }
    }
}

fn is_second_half(p: &Program, slot: usize) -> bool {
    slot > 0 && p.insns.get(slot - 1).is_some_and(|i| i.is_wide())
}

fn check_lines(c: &Contents, faults: &mut Vec<String>) {
    for pair in c.lines.windows(2) {
        if pair[0].section == pair[1].section && pair[0].offset >= pair[1].offset {
            faults.push(format!("lines of `{}` do not ascend", pair[0].section));
        }
    }
    for p in &c.programs {
        let section = &c.sections[p.section].name;
        let end = p.offset + 8 * p.insns.len() as u64;
        let mine = c.lines.iter().filter(|l| l.section == *section && (p.offset..end).contains(&l.offset.into()));
        let mut first = true;
        for line in mine {
            let at = u64::from(line.offset) - p.offset;
            if std::mem::take(&mut first) && at != 0 {
                faults.push(format!("function `{}` does not begin with a line", p.name));
            }
            if !at.is_multiple_of(8) || is_second_half(p, (at / 8) as usize) {
                faults.push(format!("a line of `{}` is inside an instruction", p.name));
            }
        }
        if first {
            faults.push(format!("function `{}` has no lines", p.name));
        }
    }
}

/// The kernel cuts names of maps to 15 characters.
fn check_map_names(c: &Contents, faults: &mut Vec<String>) {
    let mut names = HashSet::new();
    let Some(maps) = c.sections.iter().position(|s| s.name == ".maps") else { return };
    for symbol in c.symbols.iter().filter(|s| s.section == Some(maps) && s.kind == STT_OBJECT) {
        let short: String = symbol.name.chars().take(15).collect();
        if !names.insert(short) {
            faults.push(format!("map `{}` has the first 15 characters of another", symbol.name));
        }
    }
}
