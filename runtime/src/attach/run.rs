//! Programs that the tracer runs itself: BEGIN, END, signals. They are raw
//! tracepoint programs, run through the kernel's test facility.

use libbpf_sys as sys;

use crate::Error;
use crate::error::{last_os, reason};

/// Runs a program once; gives its return value.
pub(crate) fn run(fd: i32) -> Result<u32, Error> {
    let context = [0u64; 12];
    let mut options = sys::bpf_test_run_opts {
        sz: size_of::<sys::bpf_test_run_opts>() as sys::size_t,
        ctx_in: context.as_ptr().cast(),
        ctx_size_in: size_of_val(&context) as u32,
        ..Default::default()
    };
    // SAFETY: the options are initialised and point at a context that outlives the call.
    if unsafe { sys::bpf_prog_test_run_opts(fd, &raw mut options) } != 0 {
        return Err(Error::new(format!(
            "cannot run BEGIN and END programs ({}); the kernel must be 5.10 or newer",
            reason(&last_os())
        )));
    }
    Ok(options.retval)
}
