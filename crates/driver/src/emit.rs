//! What a compile can put out.

use std::fmt::Write;

use btc_bpf::Program;
use btc_diagnostics::{FileId, SourceMap};

/// A stage of the pipeline whose result is put out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Emit {
    /// Tokens, a line each.
    Tokens,
    /// The syntax tree.
    Ast,
    /// The typed tree.
    Hir,
    /// The IR as it was lowered.
    RawIr,
    /// The IR after the optimiser.
    Ir,
    /// BPF assembly with the script's lines.
    Asm,
    /// The ELF object.
    Object,
}

impl Emit {
    /// The stage of that name.
    pub fn named(name: &str) -> Option<Emit> {
        Some(match name {
            "tokens" => Emit::Tokens,
            "ast" => Emit::Ast,
            "hir" => Emit::Hir,
            "ir-raw" => Emit::RawIr,
            "ir" => Emit::Ir,
            "asm" => Emit::Asm,
            "obj" => Emit::Object,
            _ => return None,
        })
    }

    /// Names of all stages, for help.
    pub const NAMES: &[&str] = &["tokens", "ast", "hir", "ir-raw", "ir", "asm", "obj"];
}

/// Programs as assembly, each line of the script above the code that it became.
pub fn disassembly(programs: &[Program], sources: &SourceMap) -> String {
    let mut out = String::new();
    for program in programs {
        let _ = writeln!(out, "{}:", program.name);
        let mut last = 0;
        for (at, text) in btc_bpf::disassemble(&program.insns) {
            if let Some(info) = program.lines.iter().find(|l| l.insn as usize == at) {
                let file = FileId(info.file);
                let (line, _) = sources.position(file, info.start);
                if line != last {
                    let _ = writeln!(out, "; {}", sources.line(file, line).trim());
                    last = line;
                }
            }
            let _ = writeln!(out, "{at:5}: {text}");
        }
    }
    out
}
