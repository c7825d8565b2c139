//! Signals and ends of processes as things to poll.
//!
//! A thread of its own reads the signals, whatever the others are waiting for: it notes when the run is told to end, hands
//! signals on to the event loop, and ends the process when it is told so twice, or when the run stands still.

use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::Error;
use crate::error::last_os;
use crate::render::time;

/// Signals that are blocked and read in the event loop instead.
pub(crate) struct Signals {
    /// What the thread hands on.
    arrived: OwnedFd,
    /// Closed to end the thread.
    stop: Option<OwnedFd>,
    thread: Option<JoinHandle<OwnedFd>>,
    before: libc::sigset_t,
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

/// What the run is doing, for what a standstill means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Phase {
    /// Nothing is attached and nothing was printed.
    Loading,
    Running,
    /// The kernel takes its time to let go of probes, and takes it as well when the process ends.
    Detaching,
}

static PHASE: AtomicU8 = AtomicU8::new(Phase::Loading as u8);

/// Tells what the run does from now on.
pub(crate) fn enter(phase: Phase) {
    PHASE.store(phase as u8, Relaxed);
}

/// How long a run that is told to end may stand still.
const STANDSTILL: Duration = Duration::from_millis(1600);
/// Processor time that is no standstill.
const MOVE: Duration = Duration::from_millis(2);
/// How often it is looked whether it moves, in milliseconds.
const LOOK: i32 = 50;

/// How long since a signal that ends the run was seen first; `None` before.
pub(crate) fn ended_for() -> Option<Duration> {
    let now = time::read(libc::CLOCK_BOOTTIME) as u64;
    match ENDED.load(Relaxed) {
        0 => None,
        then => Some(Duration::from_nanos(now.saturating_sub(then))),
    }
}

/// Whether a signal that ends the run has arrived.
pub(crate) fn end_is_wanted() -> bool {
    ENDED.load(Relaxed) != 0
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
        enter(Phase::Loading);
        // A closed pipe is a failed write, after which END still runs and losses are told.
        // SAFETY: sets an action that needs no handler.
        unsafe { libc::signal(libc::SIGPIPE, libc::SIG_IGN) };
        let mut all = vec![libc::SIGCHLD];
        all.extend(ENDING);
        all.extend(more);
        let set = set_of(&all);
        let mut before = set_of(&[]);
        let (arrived, hand_on) = pipe()?;
        let (stopped, stop) = pipe()?;
        // SAFETY: valid sets; signalfd gives a new descriptor or -1.
        let fd = unsafe {
            libc::pthread_sigmask(libc::SIG_BLOCK, &raw const set, &raw mut before);
            libc::signalfd(-1, &raw const set, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK)
        };
        if fd < 0 {
            return Err(Error::os("cannot watch signals", &last_os()));
        }
        // SAFETY: the descriptor is new and nobody else's.
        let signals = unsafe { OwnedFd::from_raw_fd(fd) };
        let mut processor = 0;
        // SAFETY: this thread, and room for the number of its clock.
        unsafe { libc::pthread_getcpuclockid(libc::pthread_self(), &raw mut processor) };
        let watch = Watch { signals, hand_on, stopped, processor, first: 0, moved: (Instant::now(), Duration::ZERO) };
        let thread = std::thread::Builder::new().name("signals".into()).stack_size(64 << 10);
        let thread = thread.spawn(move || watch.run()).map_err(|e| Error::os("cannot watch signals", &e))?;
        Ok(Signals { arrived, stop: Some(stop), thread: Some(thread), before })
    }

    /// What to poll.
    pub(crate) fn fd(&self) -> i32 {
        self.arrived.as_raw_fd()
    }

    /// The next signal that arrived.
    pub(crate) fn next(&mut self) -> Option<i32> {
        let mut signal = 0u8;
        // SAFETY: one writable byte.
        let got = unsafe { libc::read(self.fd(), (&raw mut signal).cast(), 1) };
        (got == 1).then_some(i32::from(signal))
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(signals) = self.thread.take().and_then(|thread| thread.join().ok()) {
            while read_signal(&signals).is_some() {}
        }
        // SAFETY: `before` was filled by pthread_sigmask.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &raw const self.before, std::ptr::null_mut()) };
    }
}

/// A pipe of which nobody waits for the other end.
fn pipe() -> Result<(OwnedFd, OwnedFd), Error> {
    let mut ends = [0; 2];
    // SAFETY: room for two descriptors.
    if unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC | libc::O_NONBLOCK) } != 0 {
        return Err(Error::os("cannot watch signals", &last_os()));
    }
    // SAFETY: both descriptors are new and nobody else's.
    Ok(unsafe { (OwnedFd::from_raw_fd(ends[0]), OwnedFd::from_raw_fd(ends[1])) })
}

fn read_signal(signals: &OwnedFd) -> Option<i32> {
    // SAFETY: signalfd_siginfo is plain data for which zeros are valid, and the
    // kernel writes whole ones only.
    unsafe {
        let mut info: libc::signalfd_siginfo = std::mem::zeroed();
        let size = size_of_val(&info);
        let got = libc::read(signals.as_raw_fd(), (&raw mut info).cast(), size);
        (got == size as isize).then_some(info.ssi_signo as i32)
    }
}

/// The thread that reads signals.
struct Watch {
    signals: OwnedFd,
    hand_on: OwnedFd,
    stopped: OwnedFd,
    /// The clock of the processor time of the thread that is watched.
    processor: libc::clockid_t,
    /// The signal that ended the run; 0 before.
    first: i32,
    /// When the thread has moved last, and the processor time that it had then.
    moved: (Instant, Duration),
}

impl Watch {
    /// Reads signals until it is stopped; yields what it read them from.
    fn run(mut self) -> OwnedFd {
        crate::privileges::drop_all();
        loop {
            let wait = if self.first == 0 { -1 } else { LOOK };
            let ready = poll(&[self.signals.as_raw_fd(), self.stopped.as_raw_fd()], wait);
            if ready[1] {
                return self.signals;
            }
            while let Some(signal) = read_signal(&self.signals) {
                self.take(signal);
            }
            if self.first != 0 {
                self.look();
            }
        }
    }

    fn take(&mut self, signal: i32) {
        if ENDING.contains(&signal) {
            if signal == libc::SIGINT && self.first != 0 {
                die(signal);
            }
            if self.first == 0 {
                self.first = signal;
                self.moved = (Instant::now(), self.processor_time());
                ENDED.store((time::read(libc::CLOCK_BOOTTIME) as u64).max(1), Relaxed);
            }
        }
        let byte = signal as u8;
        // One that finds no room is one of very many.
        // SAFETY: one readable byte.
        unsafe { libc::write(self.hand_on.as_raw_fd(), (&raw const byte).cast(), 1) };
    }

    fn processor_time(&self) -> Duration {
        Duration::from_nanos(time::read(self.processor) as u64)
    }

    /// Ends a run that stands still after it was told to end: it may wait for what never comes.
    fn look(&mut self) {
        let used = self.processor_time();
        let phase = PHASE.load(Relaxed);
        let is_loading = phase == Phase::Loading as u8;
        // A verifier at work moves, too, and nothing is lost with it.
        if phase == Phase::Detaching as u8 || !is_loading && used.saturating_sub(self.moved.1) > MOVE {
            self.moved = (Instant::now(), used);
        }
        if self.moved.0.elapsed() < STANDSTILL {
            return;
        }
        if is_loading {
            tell("btc was told to end before the run had begun\n");
            die(self.first);
        }
        tell("WARNING: the run was told to end and stood still: what it had not yet printed was lost\n");
        // SAFETY: ends all threads, whatever they wait for.
        unsafe { libc::_exit(1) }
    }
}

/// Says something if it can be said at once.
fn tell(text: &str) {
    if is_writable(libc::STDERR_FILENO, 0) {
        // SAFETY: a readable buffer of this length.
        unsafe { libc::write(libc::STDERR_FILENO, text.as_ptr().cast(), text.len()) };
    }
}

/// Lets a signal do what it does to programs that know nothing of it.
fn die(signal: i32) {
    let set = set_of(&[signal]);
    // SAFETY: a valid set; the default action needs no handler.
    unsafe {
        libc::signal(signal, libc::SIG_DFL);
        libc::pthread_sigmask(libc::SIG_UNBLOCK, &raw const set, std::ptr::null_mut());
        libc::raise(signal);
        // It was ignored when the tracer was started, perhaps.
        libc::_exit(128 + signal);
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
