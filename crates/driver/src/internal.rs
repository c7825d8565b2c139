//! Mistakes of the compiler itself: whatever panics becomes an error at the line of the script that was being compiled.

use std::cell::{Cell, RefCell};
use std::panic::{self, AssertUnwindSafe, PanicHookInfo};
use std::sync::Once;

use btc_diagnostics::{Code, Diagnostic, here};

thread_local! {
    /// Whether this thread's panics are caught here.
    static WATCHED: Cell<bool> = const { Cell::new(false) };
    /// What the last one said, with its place in the compiler.
    static TOLD: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Runs a part of the compiler; a panic in it comes back as a diagnostic. Where panics abort (`panic = "abort"`), it is
/// written to standard error as a line before that.
pub(crate) fn guarded<T>(part: impl FnOnce() -> T) -> Result<T, Diagnostic> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let previous = panic::take_hook();
        panic::set_hook(Box::new(move |info| if WATCHED.get() { note(info) } else { previous(info) }));
    });
    let outer = WATCHED.replace(true);
    let result = panic::catch_unwind(AssertUnwindSafe(part));
    WATCHED.set(outer);
    result.map_err(|_| mistake(TOLD.take()))
}

/// The error that tells of a mistake of the compiler.
pub(crate) fn mistake(what: String) -> Diagnostic {
    Diagnostic::error(Code::Internal, here::current(), format!("internal error: {what}"))
        .help("btc made a mistake, not the script: please report it, with the script and what stands below")
}

/// The one place where the compiler says something itself: it will not come back.
#[expect(clippy::disallowed_methods, reason = "the program ends here, and this is its last word")]
fn tell(text: &str) {
    use std::io::Write;
    let _ = std::io::stderr().write_all(text.as_bytes());
}

fn note(info: &PanicHookInfo<'_>) {
    let text = info.payload_as_str().unwrap_or("a panic without a message");
    let place = info.location().map_or(String::new(), |l| format!(" ({}:{})", l.file(), l.line()));
    if cfg!(panic = "abort") {
        tell(&format!("ERROR: internal error: {text}{place}\n"));
    }
    TOLD.set(format!("{text}{place}"));
}
