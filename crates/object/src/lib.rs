//! BPF programs and manifest to an ELF object. The way back is `btc-elf`.
//!
//! Takes the IR module (for its maps, globals, late constants and externs; its functions
//! are not looked at), the programs that codegen made of it, the manifest's bytes and the
//! source texts, and returns an ELF file that any libbpf loads. Knows no language and no
//! file system. The same input gives the same bytes.
//!
//! `elf` lays the sections out, [`btf`] builds `.BTF`, `stubs` the types that CO-RE
//! relocations go against, `ext` builds `.BTF.ext`, and `check` looks for what libbpf would
//! pass over in silence.

pub mod btf;
mod check;
mod elf;
mod ext;
mod kfuncs;
mod locals;
mod patches;
mod stubs;

pub use check::self_check;
pub use patches::patches;

use btc_bpf::Program;
use btc_ir::Module;

/// A source text, for the lines that the verifier and `bpftool` show.
#[derive(Clone, Copy, Debug)]
pub struct SourceText<'a> {
    /// File name as it is to be shown.
    pub name: &'a str,
    /// The whole text.
    pub text: &'a str,
    /// Whether its lines are shown, besides their numbers.
    pub is_shown: bool,
}

/// What an object is made of.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// Maps, globals, kernel functions, late constants, licence.
    pub module: &'a Module,
    /// The programs, one for each function of the module, in its order.
    pub programs: &'a [Program],
    /// The encoded manifest, put into [`btc_abi::SECTION`]; none when empty.
    pub manifest: &'a [u8],
    /// Source texts by file number.
    pub sources: &'a [SourceText<'a>],
}

/// Why no object was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ObjectError {
    /// The input breaks a rule: a bug of an earlier phase.
    Invalid(String),
    /// The ELF writer refused.
    Elf(String),
    /// The finished object has faults that libbpf would not tell.
    Faults(Vec<String>),
}

impl std::fmt::Display for ObjectError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            ObjectError::Invalid(what) => f.write_str(what),
            ObjectError::Elf(what) => write!(f, "cannot write the object: {what}"),
            ObjectError::Faults(list) => write!(f, "the object is faulty: {}", list.join("; ")),
        }
    }
}

impl std::error::Error for ObjectError {}

/// Writes an object.
pub fn write(input: &Input<'_>) -> Result<Vec<u8>, ObjectError> {
    let bytes = elf::write(input)?;
    let faults = self_check(&bytes);
    if faults.is_empty() { Ok(bytes) } else { Err(ObjectError::Faults(faults)) }
}

#[cfg(test)]
mod tests;
