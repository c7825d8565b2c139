//! What an object's code may do to the host, computed from its instructions: nothing else can tell.

use btc_bpf::{helpers, kfuncs};

use crate::shape::CALL;
use crate::{Contents, STT_OBJECT};

/// Something that code may do.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Effect {
    /// The function whose code it is.
    pub function: String,
    /// The helper, by name or number, or kernel function that it calls.
    pub calls: String,
}

/// What an object's code calls that is not known to be harmless, in order and each once.
pub fn all(c: &Contents) -> Vec<Effect> {
    let mut effects = Vec::new();
    for program in &c.programs {
        let mut add = |calls: String| effects.push(Effect { function: program.name.clone(), calls });
        for insn in program.insns.iter().filter(|i| i.code == CALL && i.src == 0) {
            match helpers::by_number(insn.imm as u32) {
                Some(helper) if !helper.changes => {}
                Some(helper) => add(helper.name.to_string()),
                None => add(format!("helper {}", insn.imm)),
            }
        }
        // Whatever names a kernel function may call it.
        for symbol in program.relocations.iter().map(|r| &r.symbol).filter(|name| is_kernel_function(c, name)) {
            if kfuncs::by_name(symbol).is_none() {
                add(symbol.clone());
            }
        }
    }
    effects.sort_unstable();
    effects.dedup();
    effects
}

/// Whether a name is that of an undefined symbol that is no variable.
fn is_kernel_function(c: &Contents, name: &str) -> bool {
    let known = |s: &&crate::Symbol| s.name == name && s.section.is_none() && s.kind != STT_OBJECT;
    c.symbols.iter().any(|s| known(&s)) && c.types.iter().any(|t| t.name == name && t.kind == crate::kind::FUNC)
}
