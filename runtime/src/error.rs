//! What can go wrong, in words: what is wrong and what to do about it.

use std::fmt;

use crate::render::escape::{self, Keep};

/// Why a run could not be done. Displays as one line; `details` may hold more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    text: String,
    details: Option<String>,
}

impl Error {
    /// An error with its line of text.
    pub fn new(text: impl Into<String>) -> Error {
        // Names and paths in it are often those of others, and must not look like messages of their own.
        Error { text: escape::shown(&text.into(), Keep::Seen), details: None }
    }

    /// An error of the operating system while doing `what`.
    pub fn os(what: impl fmt::Display, error: &std::io::Error) -> Error {
        Error::new(format!("{what}: {}", reason(error)))
    }

    /// Adds text for `--verbose`, such as the verifier's log.
    #[must_use]
    pub fn with_details(mut self, details: impl Into<String>) -> Error {
        self.details = Some(escape::shown(&details.into(), Keep::Layout));
        self
    }

    /// More to read, such as the verifier's log.
    pub fn details(&self) -> Option<&str> {
        self.details.as_deref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Error {}

/// What to say when descriptors have run out.
pub(crate) const TOO_MANY_FILES: &str = "too many open files; raise the limit with `ulimit -n`";

/// The text of an operating system error, without Rust's `(os error N)`.
pub(crate) fn reason(error: &std::io::Error) -> String {
    match error.raw_os_error() {
        Some(libc::EPERM | libc::EACCES) => {
            "not permitted; run as root, or with CAP_BPF and CAP_PERFMON".to_string()
        }
        Some(libc::EMFILE) => TOO_MANY_FILES.to_string(),
        Some(number) => errno_text(number),
        None => error.to_string(),
    }
}

/// The C library's text for an error number.
pub(crate) fn errno_text(number: i32) -> String {
    let mut buffer = [0 as libc::c_char; 128];
    // SAFETY: the buffer is writable for the length given, and the XSI form of
    // strerror_r always leaves a NUL-terminated text in it.
    let text = unsafe {
        libc::strerror_r(number, buffer.as_mut_ptr(), buffer.len());
        std::ffi::CStr::from_ptr(buffer.as_ptr())
    };
    text.to_string_lossy().into_owned()
}

/// The last error of the C library.
pub(crate) fn last_os() -> std::io::Error {
    std::io::Error::last_os_error()
}
