//! What the command says on standard error.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;

use btc_driver::{Compilation, Diagnostics, SourceMap, render};

/// Prints an error that has no place in a script.
pub fn error(message: impl std::fmt::Display) -> ExitCode {
    let word = if colour() { "\x1b[1;31mERROR\x1b[0m" } else { "ERROR" };
    note(format_args!("{word}: {message}"));
    ExitCode::FAILURE
}

/// Prints the diagnostics of a compile.
pub fn diagnostics(compilation: &Compilation) {
    say(&compilation.messages(colour()));
}

/// Prints diagnostics that came without a compile.
pub fn all(diagnostics: &Diagnostics, sources: &SourceMap) {
    for diagnostic in diagnostics.iter() {
        say(&render(diagnostic, sources, colour()));
    }
}

/// Says a line on standard error.
pub fn note(message: impl std::fmt::Display) {
    say(&format!("{message}\n"));
}

/// What standard error does not take is lost: there is no other place to say so.
fn say(text: &str) {
    let _ = std::io::stderr().write_all(text.as_bytes());
}

/// Writes a result to standard output, all of it.
pub fn print(result: impl AsRef<[u8]>) -> Result<(), String> {
    let mut out = std::io::stdout().lock();
    let written = out.write_all(result.as_ref()).and_then(|()| out.flush());
    written.map_err(|e| format!("standard output cannot be written: {e}"))
}

/// The exit code after a result was written to standard output.
pub fn printed(result: impl AsRef<[u8]>) -> ExitCode {
    print(result).map_or_else(error, |()| ExitCode::SUCCESS)
}

/// Whether standard error takes colours.
fn colour() -> bool {
    std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none()
}
