//! Random well-typed scripts, what they print, and the checks that they pass.
//!
//! [`generate`] makes trees, [`write`] their text, and [`oracle`] computes what they print,
//! by the rules of the language and with nothing of the compiler.

pub mod checks;
pub mod decode;
pub mod expressions;
pub mod generate;
pub mod heavy;
mod histogram;
pub mod kernel;
pub mod numbers;
pub mod oracle;
pub mod side;
pub mod statements;
pub mod tree;
pub mod typing;
pub mod value;
pub mod vm;
pub mod write;

use generate::Generator;
use oracle::Outcome;
use side::{SIDES, Side};
use tree::Script;

/// A script with what it leaves behind.
pub struct Sample {
    /// The script.
    pub script: Script,
    /// Its text.
    pub text: String,
    /// What it prints; `None` where that depends on the kernel.
    pub outcome: Option<Outcome>,
}

/// The script of a seed. One in four is attached to a probe and has inputs from outside.
pub fn sample(seed: u64) -> Sample {
    let side: Option<Side> = seed.is_multiple_of(4).then(|| SIDES[(seed / 4) as usize % SIDES.len()]);
    for attempt in 0.. {
        let script = Generator::new(seed << 8 | attempt, side).script();
        if side.is_some() {
            return Sample { text: script.to_string(), script, outcome: None };
        }
        if let Ok(outcome) = oracle::run(&script) {
            return Sample { text: script.to_string(), script, outcome: Some(outcome) };
        }
    }
    unreachable!("the range has no end")
}
