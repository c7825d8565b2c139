//! The ring buffer, and the loop that reads it.

use std::ffi::c_void;
use std::marker::PhantomData;
use std::os::fd::{AsRawFd, OwnedFd};
use std::ptr::NonNull;

use btc_abi::{CONTROL_MAP, EVENTS_MAP};
use libbpf_sys as sys;

use crate::{Error, losses};
use crate::actions::State;
use crate::error::{last_os, reason};
use crate::load::Loaded;
use crate::signals::{ENDING, Signals, poll};

/// Records read at most before the loop looks at signals and the end: programs that send faster than
/// we print would otherwise keep us reading for ever.
const BATCH: usize = 1 << 16;

/// Longest sleep, in milliseconds, when nothing happens: programs do not wake the reader.
const IDLE: i32 = 20;

/// The ring buffers' reader; hands every record to the state.
pub(crate) struct Reader<'s, 'm> {
    data: Option<Ring>,
    /// Records that found no room in the other and may not be lost.
    control: Option<Ring>,
    state: NonNull<State<'m>>,
    loaded: &'s Loaded,
    _state: PhantomData<&'s mut State<'m>>,
}

/// One ring buffer.
struct Ring {
    raw: NonNull<sys::ring_buffer>,
    map: i32,
}

impl Ring {
    /// Reads a map, if it is there.
    fn new(map: Option<i32>, state: NonNull<State>) -> Result<Option<Ring>, Error> {
        let Some(map) = map else { return Ok(None) };
        // SAFETY: the state outlives the ring: [`Reader::new`] borrows it.
        let raw = unsafe { sys::ring_buffer__new(map, Some(arrived), state.as_ptr().cast(), std::ptr::null()) };
        match NonNull::new(raw) {
            Some(raw) => Ok(Some(Ring { raw, map })),
            None => Err(Error::new(format!("cannot read the ring buffer: {}", reason(&last_os())))),
        }
    }

    /// Handles so many records at most; tells whether there were any.
    fn consume(&self, most: usize) -> bool {
        // SAFETY: a live ring; nobody holds the state while it is called.
        unsafe { sys::ring_buffer__consume_n(self.raw.as_ptr(), most as sys::size_t) != 0 }
    }

    fn ring(&self) -> *const sys::ring {
        // SAFETY: a live ring buffer, which has the one ring that it was made of.
        unsafe { sys::ring_buffer__ring(self.raw.as_ptr(), 0) }
    }

    /// Whether nothing is left, not even a record that a program is still filling in.
    fn is_empty(&self) -> bool {
        // SAFETY: a live ring.
        unsafe { sys::ring__avail_data_size(self.ring()) == 0 }
    }

    /// How far programs have filled it, in bytes since the start.
    fn filled(&self) -> u64 {
        // SAFETY: a live ring.
        unsafe { sys::ring__producer_pos(self.ring()) }
    }

    /// How far it has been read.
    fn read(&self) -> u64 {
        // SAFETY: a live ring.
        unsafe { sys::ring__consumer_pos(self.ring()) }
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        // SAFETY: made by ring_buffer__new, freed once.
        unsafe { sys::ring_buffer__free(self.raw.as_ptr()) };
    }
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
    /// Starts reading; a script that prints nothing has no rings.
    pub(crate) fn new(loaded: &'s Loaded, state: &'s mut State<'m>) -> Result<Reader<'s, 'm>, Error> {
        let state = NonNull::from(state);
        let data = Ring::new(loaded.map(EVENTS_MAP), state)?;
        let control = Ring::new(loaded.map(CONTROL_MAP), state)?;
        Ok(Reader { data, control, state, loaded, _state: PhantomData })
    }

    /// The state, between reads.
    pub(crate) fn state(&mut self) -> &mut State<'m> {
        // SAFETY: the state outlives the reader, and the borrow of `self` keeps
        // `consume` from being called meanwhile.
        unsafe { self.state.as_mut() }
    }

    /// Handles what has arrived, or as much of it as makes a batch; tells whether anything had.
    pub(crate) fn consume(&mut self) -> bool {
        let Some(data) = &self.data else { return false };
        // A control record there was sent when the other ring was full: what filled it comes first.
        let waiting = self.control.as_ref().filter(|c| !c.is_empty());
        let before = waiting.map(|_| data.filled());
        let mut any = data.consume(BATCH);
        if let (Some(control), Some(before)) = (waiting, before) {
            while data.read() < before && data.consume(BATCH) {}
            any |= control.consume(BATCH);
        }
        if any {
            self.state().sink.batch();
        }
        any
    }

    /// Handles all that has arrived; nothing that sends may be attached any more.
    pub(crate) fn drain(&mut self) {
        while self.consume() && !self.state().sink.is_closed() {}
    }

    /// Whether the run is over.
    pub(crate) fn is_over(&mut self) -> bool {
        if self.state().exit.is_none()
            && let Some(code) = self.loaded.stopped()
        {
            // Who sets the flag has sent the record before: it comes now, or found no room.
            self.drain();
            if self.data.as_ref().is_none_or(Ring::is_empty) {
                let state = self.state();
                state.exit.get_or_insert(code);
                state.discard = true;
            }
        }
        let state = self.state();
        state.exit.is_some() || state.sink.is_closed()
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
            fds.push(reader.data.as_ref().map_or(-1, |r| r.map));
        }
        let ready = poll(&fds, sleep);
        while let Some(signal) = signals.next() {
            match signal {
                end if ENDING.contains(&end) => return Ok(()),
                libc::SIGCHLD => {}
                other => on_signal(other)?,
            }
        }
        if ready[1] {
            return Ok(());
        }
    }
}
