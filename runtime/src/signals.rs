//! Signals and ends of processes as things to poll.

use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use crate::Error;
use crate::error::last_os;
use crate::render::time;

/// Signals that are blocked and read in the event loop instead.
pub(crate) struct Signals {
    fd: OwnedFd,
    before: libc::sigset_t,
    interrupted: bool,
}

fn set_of(signals: &[i32]) -> libc::sigset_t {
    // SAFETY: sigset_t is plain data, and sigemptyset initialises it.
    unsafe {
        let mut set = std::mem::zeroed();
        libc::sigemptyset(&raw mut set);
        for signal in signals {
            libc::sigaddset(&raw mut set, *signal);
        }
        set
    }
}

/// Signals that end a run.
pub(crate) const ENDING: [i32; 3] = [libc::SIGINT, libc::SIGTERM, libc::SIGHUP];

/// When the run was seen to be told to end, in nanoseconds since boot; 0 before. It is the process's, as signals are.
static ENDED: AtomicU64 = AtomicU64::new(0);

/// How long since a signal that ends the run was seen first; `None` before.
pub(crate) fn ended_for() -> Option<Duration> {
    let now = time::read(libc::CLOCK_BOOTTIME) as u64;
    if ENDED.load(Relaxed) == 0 && is_pending() {
        ENDED.store(now, Relaxed);
    }
    match ENDED.load(Relaxed) {
        0 => None,
        then => Some(Duration::from_nanos(now.saturating_sub(then))),
    }
}

/// Whether a signal that ends the run has arrived.
pub(crate) fn end_is_wanted() -> bool {
    ended_for().is_some()
}

/// Whether one has arrived that nobody has read yet.
fn is_pending() -> bool {
    let mut pending = set_of(&[]);
    // SAFETY: the set is writable and initialised.
    unsafe {
        libc::sigpending(&raw mut pending);
        ENDING.iter().any(|signal| libc::sigismember(&raw const pending, *signal) == 1)
    }
}

/// Waits so many milliseconds at most until a descriptor takes something (or refuses for good).
pub(crate) fn is_writable(fd: i32, milliseconds: i32) -> bool {
    let mut one = libc::pollfd { fd, events: libc::POLLOUT, revents: 0 };
    // SAFETY: one writable structure.
    unsafe { libc::poll(&raw mut one, 1, milliseconds) != 0 }
}

impl Signals {
    /// Blocks the signals that end a run, and those given.
    pub(crate) fn block(more: &[i32]) -> Result<Signals, Error> {
        ENDED.store(0, Relaxed);
        // A closed pipe is a failed write, after which END still runs and losses are told.
        // SAFETY: sets an action that needs no handler.
        unsafe { libc::signal(libc::SIGPIPE, libc::SIG_IGN) };
        let mut all = vec![libc::SIGCHLD];
        all.extend(ENDING);
        all.extend(more);
        let set = set_of(&all);
        let mut before = set_of(&[]);
        // SAFETY: valid sets; signalfd gives a new descriptor or -1.
        let fd = unsafe {
            libc::sigprocmask(libc::SIG_BLOCK, &raw const set, &raw mut before);
            libc::signalfd(-1, &raw const set, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK)
        };
        if fd < 0 {
            return Err(Error::os("cannot watch signals", &last_os()));
        }
        // SAFETY: the descriptor is new and nobody else's.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        Ok(Signals { fd, before, interrupted: false })
    }

    /// What to poll.
    pub(crate) fn fd(&self) -> i32 {
        self.fd.as_raw_fd()
    }

    /// The next signal that arrived.
    pub(crate) fn next(&mut self) -> Option<i32> {
        // SAFETY: signalfd_siginfo is plain data for which zeros are valid, and the
        // kernel writes whole ones only.
        let (got, signal) = unsafe {
            let mut info: libc::signalfd_siginfo = std::mem::zeroed();
            let size = size_of_val(&info);
            let got = libc::read(self.fd(), (&raw mut info).cast(), size);
            (got == size as isize, info.ssi_signo as i32)
        };
        if !got {
            return None;
        }
        if ENDING.contains(&signal) {
            let now = time::read(libc::CLOCK_BOOTTIME) as u64;
            let _ = ENDED.compare_exchange(0, now, Relaxed, Relaxed);
        }
        if signal == libc::SIGINT && !self.interrupted {
            // A second Ctrl-C kills, should the end take too long.
            self.interrupted = true;
            let set = set_of(&[libc::SIGINT]);
            // SAFETY: a valid set.
            unsafe { libc::sigprocmask(libc::SIG_UNBLOCK, &raw const set, std::ptr::null_mut()) };
        }
        Some(signal)
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        while self.next().is_some() {}
        // SAFETY: `before` was filled by sigprocmask.
        unsafe { libc::sigprocmask(libc::SIG_SETMASK, &raw const self.before, std::ptr::null_mut()) };
    }
}

/// A descriptor that becomes readable when a process ends.
pub(crate) fn watch_process(pid: u32) -> Result<OwnedFd, Error> {
    // SAFETY: plain numbers; the result is a new descriptor or -1.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid as libc::pid_t, 0) } as i32;
    if fd < 0 {
        return Err(match last_os().raw_os_error() {
            Some(libc::ESRCH) => Error::new(format!("there is no process {pid}")),
            _ => Error::os(format!("cannot watch process {pid}"), &last_os()),
        });
    }
    // SAFETY: the descriptor is new and nobody else's.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Waits so many milliseconds at most until a descriptor has something to read, or has ended.
pub(crate) fn is_readable(fd: i32, milliseconds: i32) -> bool {
    poll(&[fd], milliseconds)[0]
}

/// Waits until one of the descriptors is readable or the time is over; tells which are.
pub(crate) fn poll(fds: &[i32], milliseconds: i32) -> Vec<bool> {
    let mut all: Vec<libc::pollfd> =
        fds.iter().map(|fd| libc::pollfd { fd: *fd, events: libc::POLLIN, revents: 0 }).collect();
    // SAFETY: the array is writable and has the length given.
    unsafe { libc::poll(all.as_mut_ptr(), all.len() as libc::nfds_t, milliseconds) };
    all.iter().map(|p| p.revents != 0).collect()
}
