//! An object as the runtime binds it to a kernel: argument patches, then libbpf's relocations.

use std::collections::{BTreeMap, BTreeSet};

use btc_abi::{Manifest, PatchValue, Typed};
use btc_bpf::Insn;
use btc_elf::{Contents, Program, read};
use btc_runtime::{Code, arguments_at};

use crate::kernel::Known;
use crate::relocate::{Relocations, bytes};

/// A bound function: its code, or why it cannot be loaded.
pub type Bound = Result<Vec<[u8; 8]>, String>;

/// An object.
pub struct Object {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// What is in it.
    pub contents: Contents,
    /// What it tells the runtime.
    pub manifest: Manifest,
}

impl Object {
    /// Reads one that the compiler made.
    pub fn new(bytes: Vec<u8>) -> Object {
        let contents = read(&bytes).expect("an object");
        let manifest = btc_runtime::manifest(&bytes).expect("a manifest");
        Object { bytes, contents, manifest }
    }

    /// Instructions of a function that a kernel decides, by patches and by relocations.
    pub fn sites(&self, name: &str) -> BTreeSet<usize> {
        let program = self.program(name);
        let section = &self.contents.sections[program.section].name;
        let own = program.offset..program.offset + program.insns.len() as u64 * 8;
        let core = self.contents.core.iter().filter(|c| c.section == *section && own.contains(&u64::from(c.offset)));
        let patches = self.manifest.patches.iter().filter(|p| p.program == name);
        let patched = patches.filter(|p| matches!(p.value, PatchValue::Argument { .. })).map(|p| p.insn as usize);
        core.map(|c| (u64::from(c.offset) - program.offset) as usize / 8).chain(patched).collect()
    }

    /// All functions as they are loaded on a kernel; for one event where a probe names many.
    pub fn bind(&self, kernel: &Known, event: Option<&Typed>) -> BTreeMap<&str, Bound> {
        let mut relocations = Relocations::of(&self.contents);
        let bound = arguments_at(&self.bytes, kernel, event).expect("the object has a manifest");
        let patches = self.manifest.patches.iter().filter(|p| matches!(p.value, PatchValue::Argument { .. }));
        let patches: Vec<_> = patches.zip(&bound).collect();
        for (patch, _) in &patches {
            let program = self.program(&patch.program);
            let offset = program.offset + u64::from(patch.insn) * 8;
            relocations.leave_out(&self.contents.sections[program.section].name, offset);
        }
        let one = |program: &Program| -> Bound {
            let mut insns = program.insns.clone();
            for (patch, argument) in patches.iter().filter(|(p, _)| p.program == program.name) {
                let there = argument.bound.as_ref().map_err(|why| format!("`{}`: {why}", argument.name))?;
                let insn = &mut insns[patch.insn as usize];
                let mut code = Code { code: insn.code, off: insn.off, imm: insn.imm };
                there.put(patch_part(&patch.value), &mut code);
                *insn = Insn { code: code.code, off: code.off, imm: code.imm, ..*insn };
            }
            let mut code = bytes(&insns);
            relocations.apply(&self.contents.sections[program.section].name, program.offset, &mut code, &kernel.goal)?;
            Ok(code)
        };
        self.contents.programs.iter().map(|p| (p.name.as_str(), one(p))).collect()
    }

    /// A function.
    pub fn program(&self, name: &str) -> &Program {
        self.contents.programs.iter().find(|p| p.name == name).expect("a function")
    }
}

fn patch_part(value: &PatchValue) -> btc_abi::ArgumentPart {
    match value {
        PatchValue::Argument { part, .. } => *part,
        other => panic!("{other:?} is no argument"),
    }
}
