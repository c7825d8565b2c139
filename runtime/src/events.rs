//! The ring buffer, and the loop that reads it.

use std::ffi::c_void;
use std::marker::PhantomData;
use std::os::fd::{AsRawFd, OwnedFd};
use std::ptr::NonNull;

use btc_abi::EVENTS_MAP;
use libbpf_sys as sys;

use crate::{Error, losses};
use crate::actions::State;
use crate::error::{last_os, reason};
use crate::load::Loaded;
use crate::signals::{Signals, poll};

/// Records read at most before the loop looks at signals and the end: programs that send faster than
/// we print would otherwise keep us reading for ever.
const BATCH: usize = 1 << 16;

/// Longest sleep, in milliseconds, when nothing happens: programs do not wake the reader.
const IDLE: i32 = 20;

/// The ring buffer's reader; hands every record to the state.
pub(crate) struct Reader<'s, 'm> {
    ring: Option<NonNull<sys::ring_buffer>>,
    state: NonNull<State<'m>>,
    loaded: &'s Loaded,
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
    pub(crate) fn new(loaded: &'s Loaded, state: &'s mut State<'m>) -> Result<Reader<'s, 'm>, Error> {
        let state = NonNull::from(state);
        let Some(map) = loaded.map(EVENTS_MAP) else {
            return Ok(Reader { ring: None, state, loaded, map: -1, _state: PhantomData });
        };
        // SAFETY: `state` stays borrowed while the reader lives.
        let ring = unsafe { sys::ring_buffer__new(map, Some(arrived), state.as_ptr().cast(), std::ptr::null()) };
        match NonNull::new(ring) {
            Some(ring) => Ok(Reader { ring: Some(ring), state, loaded, map, _state: PhantomData }),
            None => Err(Error::new(format!("cannot read the ring buffer: {}", reason(&last_os())))),
        }
    }

    /// The state, between reads.
    pub(crate) fn state(&mut self) -> &mut State<'m> {
        // SAFETY: the state outlives the reader, and the borrow of `self` keeps
        // `consume` from being called meanwhile.
        unsafe { self.state.as_mut() }
    }

    /// Handles what has arrived, or as much of it as makes a batch; tells whether anything had.
    pub(crate) fn consume(&mut self) -> bool {
        let Some(ring) = self.ring else { return false };
        // SAFETY: a live ring; nobody else holds the state now.
        let count = unsafe { sys::ring_buffer__consume_n(ring.as_ptr(), BATCH as sys::size_t) };
        self.state().settle();
        if count != 0 {
            self.state().sink.batch();
        }
        count != 0
    }

    /// Handles all that has arrived; nothing that sends may be attached any more.
    pub(crate) fn drain(&mut self) {
        while self.consume() && !self.state().sink.is_closed() {}
    }

    /// Whether nothing is left, not even a record that a program is still filling in.
    fn is_empty(&self) -> bool {
        let Some(ring) = self.ring else { return true };
        // SAFETY: a live ring buffer, which has the one ring that it was made of.
        unsafe { sys::ring__avail_data_size(sys::ring_buffer__ring(ring.as_ptr(), 0)) == 0 }
    }

    /// Whether the run is over.
    pub(crate) fn is_over(&mut self) -> bool {
        if self.state().exit.is_none()
            && let Some(code) = self.loaded.stopped()
        {
            // Who sets the flag has sent the record before: it comes now, or found no room.
            self.drain();
            if self.is_empty() {
                let state = self.state();
                state.exit.get_or_insert(code);
                state.discard = true;
            }
        }
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

/// Reads until the script ends, a signal says so, or the traced process is gone. What is left in the
/// ring is for the caller, who detaches first.
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
        let loaded = reader.loaded;
        losses::tell_new(reader.state(), loaded);
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
                libc::SIGINT | libc::SIGTERM | libc::SIGHUP => return Ok(()),
                libc::SIGCHLD => {}
                other => on_signal(other)?,
            }
        }
        if ready[1] {
            return Ok(());
        }
    }
}
