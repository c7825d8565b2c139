//! What the command says on standard error.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;

use btc_driver::{Compilation, Diagnostics, SourceMap, render};
use btc_runtime::{Keep, shown, standard_output};

use crate::caller;

/// Prints an error that has no place in a script, on one line, whatever names of others it quotes.
pub fn error(message: impl std::fmt::Display) -> ExitCode {
    let word = if colour() { "\x1b[1;31mERROR\x1b[0m" } else { "ERROR" };
    note(format_args!("{word}: {}", shown(&message.to_string(), Keep::Seen)));
    ExitCode::FAILURE
}

/// Prints the diagnostics of a compile.
pub fn diagnostics(compilation: &Compilation) {
    let messages = drawn(|colour| compilation.messages(colour));
    say(if messages.is_empty() { "" } else { hidden().unwrap_or(&messages) });
}

/// Prints diagnostics that came without a compile.
pub fn all(diagnostics: &Diagnostics, sources: &SourceMap) {
    for diagnostic in diagnostics.iter() {
        if let Some(instead) = hidden() {
            return say(instead);
        }
        say(&drawn(|colour| render(diagnostic, sources, colour)));
    }
}

/// What stands for messages that quote a script that the user who called sudo may not read.
fn hidden() -> Option<&'static str> {
    let secret = "ERROR: there is something to say of the script, but it quotes a file that the user who called sudo may not read\n";
    caller::read_a_secret().then_some(secret)
}

/// Messages in colours; without, and with control characters made visible, where the script holds such: a terminal obeys none of them.
fn drawn(messages: impl Fn(bool) -> String) -> String {
    let plain = messages(false);
    match visible(&plain) {
        shown if shown == plain => messages(colour()),
        shown => shown,
    }
}

/// A text of which a terminal obeys nothing. Lines may end as on Windows.
fn visible(text: &str) -> String {
    text.split("\r\n").map(|part| shown(part, Keep::Layout)).collect::<Vec<_>>().join("\r\n")
}

/// Says a line on standard error.
pub fn note(message: impl std::fmt::Display) {
    say(&format!("{message}\n"));
}

/// What standard error does not take is lost: there is no other place to say so.
fn say(text: &str) {
    let _ = std::io::stderr().write_all(text.as_bytes());
}

/// Whether what was read may be shown: under sudo, only what the calling user may read.
pub fn may_show() -> Result<(), String> {
    match caller::read_a_secret() {
        true => Err("the result is not shown: it tells of a file that the user who called sudo may not read".into()),
        false => Ok(()),
    }
}

/// Writes a result to standard output, all of it. It may tell of all that was read.
pub fn print(result: impl AsRef<[u8]>) -> Result<(), String> {
    may_show()?;
    put(result)
}

/// The same for one that tells of nothing that was read.
pub fn put(result: impl AsRef<[u8]>) -> Result<(), String> {
    let bytes = result.as_ref();
    // Names of others stand in lists. What is for another program goes to no terminal.
    let shown = std::str::from_utf8(bytes).ok().filter(|_| std::io::stdout().is_terminal()).map(visible);
    let written = standard_output().and_then(|mut out| out.write_all(shown.as_deref().map_or(bytes, str::as_bytes)));
    written.map_err(|e| unwritten(&e))
}

/// What is said of a result that standard output does not take.
pub fn unwritten(why: &std::io::Error) -> String {
    format!("standard output cannot be written: {why}")
}

/// The exit code after a result was written to standard output.
pub fn printed(result: impl AsRef<[u8]>) -> ExitCode {
    print(result).map_or_else(error, |()| ExitCode::SUCCESS)
}

/// Whether standard error takes colours.
fn colour() -> bool {
    std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none()
}
