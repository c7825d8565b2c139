//! What libbpf says: shown, and kept for the explanation of an error.
//!
//! It is C and says what stands in the object or in the kernel's log: any bytes. The callback of libbpf-rs panics where they are not
//! UTF-8, in a function that C calls, so this one takes its place.

use std::ffi::{c_char, c_int, c_void};
use std::io::Write;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use libbpf_sys as sys;

use crate::render::escape::{self, Keep};

/// Most bytes that are kept: a verifier log can be huge.
const LIMIT: usize = 1 << 20;

/// The warnings since the last [`take`].
static KEPT: Mutex<String> = Mutex::new(String::new());
static SHOWN: AtomicBool = AtomicBool::new(false);

/// Has libbpf speak to us alone; `shown` on standard error, too.
pub(crate) fn listen(shown: bool) {
    SHOWN.store(shown, Ordering::Relaxed);
    // SAFETY: both are functions of C of a number and two pointers; the second one's type differs by machine, and its size does not.
    let callback = unsafe { std::mem::transmute::<*const (), sys::libbpf_print_fn_t>(heard as *const ()) };
    // SAFETY: the function lives as long as the program.
    unsafe { sys::libbpf_set_print(callback) };
}

/// Has libbpf say nothing at all.
pub(crate) fn silence() {
    // SAFETY: no function is what libbpf takes for silence.
    unsafe { sys::libbpf_set_print(None) };
}

/// The warnings since the last call.
pub(crate) fn take() -> String {
    std::mem::take(&mut *KEPT.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
}

/// The list of arguments is a pointer on every machine that we build for.
unsafe extern "C" fn heard(level: sys::libbpf_print_level, format: *const c_char, arguments: *mut c_void) -> c_int {
    let is_warning = level == sys::LIBBPF_WARN;
    let shown = SHOWN.load(Ordering::Relaxed);
    if shown || is_warning {
        // SAFETY: libbpf hands over a format and its arguments.
        let text = unsafe { vsprintf::vsprintf_raw(format, arguments) }.unwrap_or_default();
        // Names of an object stand in it.
        let text = escape::replaced(&String::from_utf8_lossy(&text), Keep::Layout);
        if shown {
            // Among hundreds of lines of progress the warnings must stand out.
            let _ = write!(std::io::stderr(), "{}{text}", if is_warning { "warning: " } else { "" });
        }
        let mut kept = KEPT.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if is_warning && kept.len() < LIMIT {
            kept.push_str(&text);
        }
    }
    0
}
