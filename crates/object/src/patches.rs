//! The instructions that the runtime patches, for the manifest.

use btc_abi::{Patch, PatchValue};
use btc_bpf::{Program, Target};
use btc_ir::{Late, Module};

/// The patches of all programs, in their order. Where the instruction is a load, its
/// 16-bit displacement is patched, else its 32-bit immediate.
pub fn patches(module: &Module, programs: &[Program]) -> Vec<Patch> {
    let mut result = Vec::new();
    for program in programs {
        for reference in &program.references {
            let Target::Late(late) = reference.target else { continue };
            let value = match module.lates.get(late as usize) {
                Some(Late::ProbeIdentity) => PatchValue::ProbeIdentity,
                Some(Late::SyscallTable) => PatchValue::SyscallTable,
                Some(Late::UsdtArgument { index, part }) => PatchValue::UsdtArgument { index: *index, part: *part },
                Some(Late::Argument { of, name, shape, part, .. }) => PatchValue::Argument {
                    of: of.clone(),
                    name: name.clone(),
                    shape: shape.clone(),
                    part: *part,
                },
                _ => continue,
            };
            result.push(Patch { program: program.name.clone(), insn: reference.insn, value });
        }
    }
    result
}
