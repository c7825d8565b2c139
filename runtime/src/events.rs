//! The ring buffer, and the loop that reads it.

use std::ffi::c_void;
use std::marker::PhantomData;
use std::os::fd::{AsRawFd, OwnedFd};
use std::ptr::NonNull;

use libbpf_sys as sys;

use crate::Error;
use crate::actions::State;
use crate::error::{last_os, reason};
use crate::signals::{Signals, poll};

/// Longest sleep, in milliseconds, when nothing happens: programs do not wake the reader.
const IDLE: i32 = 20;

/// The ring buffer's reader; hands every record to the state.
pub(crate) struct Reader<'s, 'm> {
    ring: Option<NonNull<sys::ring_buffer>>,
    state: NonNull<State<'m>>,
    map: i32,
    _state: PhantomData<&'s mut State<'m>>,
}

/// # Safety
/// libbpf calls it with the state that [`Reader::new`] gave and a record of `size` bytes.
unsafe extern "C" fn arrived(context: *mut c_void, data: *mut c_void, size: sys::size_t) -> i32 {
    // SAFETY: the reader borrows the state for as long as the ring lives, and lends
    // it out only between calls of `consume`, from which alone this is called.
    let (state, bytes) = unsafe {
        let bytes = std::slice::from_raw_parts(data.cast::<u8>().cast_const(), size as usize);
        (&mut *context.cast::<State<'_>>(), bytes)
    };
    state.handle(bytes);
    // Nobody reads any more: leave the rest where it is.
    if state.sink.is_closed() { -libc::EPIPE } else { 0 }
}

impl<'s, 'm> Reader<'s, 'm> {
    /// Starts reading a ring buffer; a script that prints nothing has none.
    pub(crate) fn new(map: Option<i32>, state: &'s mut State<'m>) -> Result<Reader<'s, 'm>, Error> {
        let state = NonNull::from(state);
        let Some(map) = map else {
            return Ok(Reader { ring: None, state, map: -1, _state: PhantomData });
        };
        // SAFETY: `state` stays borrowed while the reader lives.
        let ring = unsafe { sys::ring_buffer__new(map, Some(arrived), state.as_ptr().cast(), std::ptr::null()) };
        match NonNull::new(ring) {
            Some(ring) => Ok(Reader { ring: Some(ring), state, map, _state: PhantomData }),
            None => Err(Error::new(format!("cannot read the ring buffer: {}", reason(&last_os())))),
        }
    }

    /// The state, between reads.
    pub(crate) fn state(&mut self) -> &mut State<'m> {
        // SAFETY: the state outlives the reader, and the borrow of `self` keeps
        // `consume` from being called meanwhile.
        unsafe { self.state.as_mut() }
    }

    /// Handles what has arrived; tells whether anything had.
    pub(crate) fn consume(&mut self) -> bool {
        let Some(ring) = self.ring else { return false };
        // SAFETY: a live ring; nobody else holds the state now.
        let count = unsafe { sys::ring_buffer__consume(ring.as_ptr()) };
        if count != 0 {
            self.state().sink.batch();
        }
        count != 0
    }

    /// Whether the run is over.
    pub(crate) fn is_over(&mut self) -> bool {
        let state = self.state();
        state.exit.is_some() || state.sink.is_closed()
    }
}

impl Drop for Reader<'_, '_> {
    fn drop(&mut self) {
        if let Some(ring) = self.ring {
            // SAFETY: made by ring_buffer__new, freed once.
            unsafe { sys::ring_buffer__free(ring.as_ptr()) };
        }
    }
}

/// Reads until the script ends, a signal says so, or the traced process is gone.
/// `on_signal` gets every other signal that arrives.
pub(crate) fn wait(
    reader: &mut Reader,
    signals: &mut Signals,
    process: Option<&OwnedFd>,
    mut on_signal: impl FnMut(i32) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut sleep = 0;
    loop {
        let busy = reader.consume();
        reader.state().ctx.symbols.borrow_mut().observe();
        if reader.is_over() {
            return Ok(());
        }
        sleep = if busy { 1 } else { (sleep * 2).clamp(1, IDLE) };
        let mut fds = vec![signals.fd(), process.map_or(-1, AsRawFd::as_raw_fd)];
        // An idle reader is also woken by a program that asks for it; a busy one
        // rather waits for a whole batch.
        if !busy {
            fds.push(reader.map);
        }
        let ready = poll(&fds, sleep);
        while let Some(signal) = signals.next() {
            match signal {
                libc::SIGINT | libc::SIGTERM | libc::SIGHUP => {
                    reader.consume();
                    return Ok(());
                }
                libc::SIGCHLD => {}
                other => on_signal(other)?,
            }
        }
        if ready[1] {
            reader.consume();
            return Ok(());
        }
    }
}
