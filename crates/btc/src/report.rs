//! What the command says on standard error.

use std::io::IsTerminal;
use std::process::ExitCode;

use btc_driver::{Compilation, Diagnostics, SourceMap, render};

/// Prints an error that has no place in a script.
pub fn error(message: impl std::fmt::Display) -> ExitCode {
    let word = if colour() { "\x1b[1;31mERROR\x1b[0m" } else { "ERROR" };
    eprintln!("{word}: {message}");
    ExitCode::FAILURE
}

/// Prints the diagnostics of a compile.
pub fn diagnostics(compilation: &Compilation) {
    eprint!("{}", compilation.messages(colour()));
}

/// Prints diagnostics that came without a compile.
pub fn all(diagnostics: &Diagnostics, sources: &SourceMap) {
    for diagnostic in diagnostics.iter() {
        eprint!("{}", render(diagnostic, sources, colour()));
    }
}

/// Whether standard error takes colours.
fn colour() -> bool {
    std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none()
}
