//! The child held at its program's first instruction.
//!
//! Whoever must know what a program has mapped before it does anything looks then: the loader has mapped the libraries
//! that it needs. The kernel's notices of mappings come while the program already runs. The child is traced
//! (ptrace) from its `exec` to there, with the processor's own breakpoint, which changes no code.

use std::time::{Duration, Instant};

use crate::child::{Child, ptrace};

/// The longest that is waited: what the loader runs before may wait for others.
const PATIENCE: Duration = Duration::from_secs(2);
/// Between two looks at the child.
const PAUSE: Duration = Duration::from_micros(200);

/// Offset of the first debug register in what ptrace shows of a thread (kernel: `struct user`).
const DEBUG_REGISTERS: usize = std::mem::offset_of!(libc::user, u_debugreg);
/// Number of the register that switches breakpoints on, and its value for the first one: to execute.
const CONTROL: usize = 7;
const EXECUTE: u64 = 1;

/// Why a child stands still.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stop {
    /// It has executed its program.
    Exec,
    /// Another event of ptrace.
    Event,
    /// A signal is to be delivered.
    Signal(i32),
}

/// A child that is traced.
struct Traced {
    pid: i32,
    until: Instant,
}

/// Lets a child go, and holds it while `look` looks: before its loader runs, and at its program's first
/// instruction. A child that cannot be traced, or that takes too long, is looked at and runs on.
pub(crate) fn hold(child: &mut Child, mut look: impl FnMut()) {
    let pid = child.pid() as i32;
    let traced = child.release_traced(libc::PTRACE_O_TRACEEXEC as usize).ok();
    let traced = traced.map(|()| Traced { pid, until: Instant::now() + PATIENCE });
    let held = traced.as_ref().and_then(|traced| traced.run_to_entry(&mut look));
    look();
    if let (Some(traced), None) = (&traced, held) {
        traced.interrupt();
    }
    if traced.is_some() {
        let _ = ptrace(libc::PTRACE_DETACH, pid, 0, 0);
    }
}

impl Traced {
    /// Waits until the child stands at the entry; `None` when it does not get there.
    fn run_to_entry(&self, look: &mut impl FnMut()) -> Option<()> {
        self.run_to(|stop| stop == Stop::Exec)?;
        look();
        let entry = entry(self.pid)?;
        self.set(0, entry)?;
        self.set(CONTROL, EXECUTE)?;
        self.go_on(0)?;
        let arrived = self.run_to(|stop| stop == Stop::Signal(libc::SIGTRAP));
        if arrived.is_some() {
            self.set(CONTROL, 0)?;
        }
        arrived
    }

    /// Waits for a stop; at all others the child goes on.
    fn run_to(&self, wanted: impl Fn(Stop) -> bool) -> Option<()> {
        loop {
            match self.stop()? {
                stop if wanted(stop) => return Some(()),
                Stop::Signal(signal) => self.go_on(signal)?,
                Stop::Exec | Stop::Event => self.go_on(0)?,
            }
        }
    }

    /// Waits for the next stop; `None` when the child has ended or time is up.
    fn stop(&self) -> Option<Stop> {
        loop {
            // SAFETY: all zeros are a valid value.
            let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
            // An end is left for those who wait for it.
            let what = libc::WSTOPPED | libc::WEXITED | libc::WNOWAIT | libc::WNOHANG;
            // SAFETY: `info` is writable; the child is our own.
            let result = unsafe { libc::waitid(libc::P_PID, self.pid as libc::id_t, &raw mut info, what) };
            // SAFETY: the call has filled in what belongs to a child.
            let (pid, status) = unsafe { (info.si_pid(), info.si_status()) };
            match (result, pid, info.si_code) {
                (0, 0, _) if Instant::now() < self.until => std::thread::sleep(PAUSE),
                (0, 1.., libc::CLD_TRAPPED | libc::CLD_STOPPED) => {
                    return Some(match (status & 0xff, status >> 8) {
                        (_, libc::PTRACE_EVENT_EXEC) => Stop::Exec,
                        (signal, 0) => Stop::Signal(signal),
                        _ => Stop::Event,
                    });
                }
                _ => return None,
            }
        }
    }

    fn go_on(&self, signal: i32) -> Option<()> {
        ptrace(libc::PTRACE_CONT, self.pid, 0, signal as usize).ok()
    }

    /// Stops a child that runs, so that it can be let go.
    fn interrupt(&self) {
        let _ = self.set(CONTROL, 0);
        if ptrace(libc::PTRACE_INTERRUPT, self.pid, 0, 0).is_ok() {
            let last = Traced { pid: self.pid, until: Instant::now() + PATIENCE };
            if last.stop().is_some() {
                let _ = self.set(CONTROL, 0);
            }
        }
    }

    fn set(&self, register: usize, value: u64) -> Option<()> {
        ptrace(libc::PTRACE_POKEUSER, self.pid, DEBUG_REGISTERS + 8 * register, value as usize).ok()
    }
}

/// Address of a program's first instruction, as the kernel told it to the process.
fn entry(pid: i32) -> Option<u64> {
    let words = crate::foreign::proc_bytes(pid as u32, "auxv")?;
    let (pairs, _) = words.as_chunks::<16>();
    let pair = pairs.iter().find(|pair| u128::from_le_bytes(**pair) as u64 == libc::AT_ENTRY)?;
    Some((u128::from_le_bytes(*pair) >> 64) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn maps(pid: u32) -> String {
        std::fs::read_to_string(format!("/proc/{pid}/maps")).unwrap_or_default()
    }

    fn wait(mut child: Child) {
        while !child.has_ended() {
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    #[test]
    fn a_held_child_has_mapped_its_libraries_and_runs_on() {
        let file = std::env::temp_dir().join(format!("btc-entry-{}", std::process::id()));
        let mut child = Child::spawn(format!("touch {}", file.display()).as_ref()).unwrap();
        let (pid, mut seen) = (child.pid(), String::new());
        hold(&mut child, || seen = maps(pid));
        assert!(seen.contains("touch") || seen.contains("coreutils"), "{seen}");
        assert!(seen.contains("libc"), "{seen}");
        wait(child);
        assert!(std::fs::remove_file(&file).is_ok(), "it has done its work");
    }

    #[test]
    fn a_child_that_ends_early_is_not_waited_for() {
        let start = Instant::now();
        let mut child = Child::spawn("true".as_ref()).unwrap();
        let pid = child.pid();
        child.release();
        while maps(pid).contains('/') {
            std::thread::sleep(Duration::from_millis(1));
        }
        hold(&mut child, || {});
        wait(child);
        assert!(start.elapsed() < PATIENCE);
    }
}
