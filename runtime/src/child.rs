//! The command of `-c`: forked first, held until everything is attached.
//!
//! It stands in a stop of ptrace, from which it goes on with its `exec`: nothing that it does before is counted as the
//! command's. Where it cannot be traced it waits for a byte in a pipe, and the end of that read is the first event.

use std::ffi::{CString, OsStr};
use std::io::Write;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::last_os;
use crate::{Error, inputs, words};

/// A child that waits for [`Child::release`]; dropped before, it never runs its command.
pub(crate) struct Child {
    pid: i32,
    /// What it waits at.
    gate: Option<Gate>,
    reaped: bool,
}

/// What a child waits at.
enum Gate {
    /// A stop of ptrace. Should the tracer be killed, so is the child.
    Stop,
    /// A byte.
    Pipe(std::fs::File),
}

/// The byte for a child that is to stop, and for one that is to go on with its command.
const STOP: u8 = b's';
const GO: u8 = b'!';

/// The file that a command's first word names.
fn find(word: &OsStr) -> Result<PathBuf, Error> {
    let path = PathBuf::from(word);
    let missing = || Error::new(format!("the command `{}` does not exist; give its full path or mend PATH", word.display()));
    if word.as_bytes().contains(&b'/') {
        return if is_executable(&path) {
            Ok(path)
        } else if path.exists() {
            Err(Error::new(format!("the command `{}` is not executable", word.display())))
        } else {
            Err(missing())
        };
    }
    search_path(word).ok_or_else(missing)
}

/// The first executable of this name in PATH.
pub(crate) fn search_path(name: impl AsRef<Path>) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_else(|| "/usr/bin:/bin".into());
    std::env::split_paths(&path).map(|folder| folder.join(name.as_ref())).find(|p| is_executable(p))
}

fn is_executable(path: &Path) -> bool {
    let Ok(name) = CString::new(path.as_os_str().as_bytes()) else { return false };
    // SAFETY: `name` is a NUL-terminated text.
    path.is_file() && unsafe { libc::access(name.as_ptr(), libc::X_OK) } == 0
}

fn c_string(text: &OsStr) -> Result<CString, Error> {
    CString::new(text.as_bytes()).map_err(|_| Error::new("the command holds a NUL byte"))
}

/// A pipe whose ends do not survive an exec.
fn pipe() -> Result<(OwnedFd, OwnedFd), Error> {
    let mut ends = [0; 2];
    // SAFETY: `ends` has room for two descriptors.
    if unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC) } != 0 {
        return Err(Error::os("cannot make a pipe", &last_os()));
    }
    // SAFETY: both descriptors are new and nobody else's.
    Ok(unsafe { (OwnedFd::from_raw_fd(ends[0]), OwnedFd::from_raw_fd(ends[1])) })
}

/// Gives signals their default meaning again; only async-signal-safe calls.
fn default_signals() {
    // SAFETY: plain system calls on a local set.
    unsafe {
        let mut none: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut none);
        libc::sigprocmask(libc::SIG_SETMASK, &raw const none, std::ptr::null_mut());
        libc::signal(libc::SIGPIPE, libc::SIG_DFL);
    }
}

/// Lets a command start with default signals, whatever the tracer blocks.
pub(crate) fn restore_signals(command: &mut Command) {
    // SAFETY: `default_signals` makes only async-signal-safe calls.
    unsafe {
        command.pre_exec(|| {
            default_signals();
            Ok(())
        });
    }
}

impl Child {
    /// Forks the child of a command line.
    pub(crate) fn spawn(line: &OsStr) -> Result<Child, Error> {
        let words = words::split(line)
            .ok_or_else(|| Error::new(format!("a quote in the command `{}` is not closed", line.display())))?;
        let Some(first) = words.first() else {
            return Err(Error::new("the command of -c is empty"));
        };
        let program = find(first)?;
        inputs::note(&program);
        let path = c_string(program.as_os_str())?;
        let args: Vec<CString> = words.iter().map(|w| c_string(w)).collect::<Result<_, _>>()?;
        let mut argv: Vec<*const libc::c_char> = args.iter().map(|a| a.as_ptr()).collect();
        argv.push(std::ptr::null());
        let (wait, gate) = pipe()?;
        // SAFETY: the child makes only async-signal-safe calls, on memory prepared before.
        let pid = unsafe { libc::fork() };
        match pid {
            -1 => Err(Error::os(format!("cannot start `{}`", first.display()), &last_os())),
            0 => {
                drop(gate);
                // A tracer that is killed, be it by its closed pipe, takes its command with it.
                // SAFETY: plain numbers.
                unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGTERM) };
                // SAFETY: pointers are to live, NUL-terminated texts; `argv` ends with null.
                unsafe { run_child(wait.as_raw_fd(), path.as_ptr(), argv.as_ptr()) }
            }
            pid => Ok(Child { pid, gate: Some(stop(pid, gate.into())), reaped: false }),
        }
    }

    /// The child's process id.
    pub(crate) fn pid(&self) -> u32 {
        self.pid.unsigned_abs()
    }

    /// Lets the child run its command.
    pub(crate) fn release(&mut self) {
        match self.gate.take() {
            // Its signal to itself is not delivered.
            Some(Gate::Stop) => drop(ptrace(libc::PTRACE_DETACH, self.pid, 0, 0)),
            Some(Gate::Pipe(mut pipe)) => drop(pipe.write_all(&[GO])),
            None => {}
        }
    }

    /// Lets it run its command under this process, which traces it with these options of ptrace.
    #[cfg(target_arch = "x86_64")]
    pub(crate) fn release_traced(&mut self, options: usize) -> std::io::Result<()> {
        match self.gate.take() {
            Some(Gate::Stop) => {
                let traced = ptrace(libc::PTRACE_SETOPTIONS, self.pid, 0, options);
                let on = if traced.is_ok() { libc::PTRACE_CONT } else { libc::PTRACE_DETACH };
                ptrace(on, self.pid, 0, 0).and(traced)
            }
            Some(Gate::Pipe(mut pipe)) => {
                let traced = ptrace(libc::PTRACE_SEIZE, self.pid, 0, options);
                pipe.write_all(&[GO]).and(traced)
            }
            None => Err(std::io::ErrorKind::NotFound.into()),
        }
    }

    /// Whether the child is gone.
    pub(crate) fn has_ended(&mut self) -> bool {
        if !self.reaped {
            let mut status = 0;
            // SAFETY: `status` is writable; the pid is our own child's.
            self.reaped = unsafe { libc::waitpid(self.pid, &raw mut status, libc::WNOHANG) } != 0;
        }
        self.reaped
    }
}

/// A request to trace a process.
pub(crate) fn ptrace(request: libc::c_uint, pid: i32, address: usize, data: usize) -> std::io::Result<()> {
    // SAFETY: the requests used here take plain numbers and change another process only.
    match unsafe { libc::ptrace(request, pid, address, data) } {
        -1 => Err(last_os()),
        _ => Ok(()),
    }
}

/// Has a child that waits for a byte stop, if it can be traced.
fn stop(pid: i32, mut pipe: std::fs::File) -> Gate {
    if ptrace(libc::PTRACE_SEIZE, pid, 0, libc::PTRACE_O_EXITKILL as usize).is_err() {
        return Gate::Pipe(pipe);
    }
    let _ = pipe.write_all(&[STOP]);
    let mut status = 0;
    // SAFETY: `status` is writable; the pid is our own child's. It does no more than read that byte and stop.
    unsafe { libc::waitpid(pid, &raw mut status, 0) };
    Gate::Stop
}

/// The child's life until exec.
///
/// # Safety
/// `path` and `argv` must be what execv wants.
unsafe fn run_child(wait: i32, path: *const libc::c_char, argv: *const *const libc::c_char) -> ! {
    default_signals();
    let mut byte = 0u8;
    // SAFETY: see above; a read of 0 bytes means that the tracer gave up.
    unsafe {
        if libc::read(wait, (&raw mut byte).cast(), 1) == 1 {
            if byte == STOP {
                libc::kill(libc::getpid(), libc::SIGSTOP);
            }
            libc::execv(path, argv);
            let text = b"cannot run the command of -c\n";
            libc::write(2, text.as_ptr().cast(), text.len());
        }
        libc::_exit(127)
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if let Some(gate) = self.gate.take().filter(|_| !self.reaped) {
            // One that has seen the closed pipe exits by itself.
            if matches!(gate, Gate::Stop) {
                // SAFETY: our own child, not reaped yet, so the pid is still its.
                unsafe { libc::kill(self.pid, libc::SIGKILL) };
            }
            drop(gate);
            // SAFETY: our own child; a null status is allowed.
            unsafe { libc::waitpid(self.pid, std::ptr::null_mut(), 0) };
        } else if !self.has_ended() {
            // The run is over before the command: as bpftrace does, end it too.
            // SAFETY: our own child, not reaped yet, so the pid is still its.
            unsafe { libc::kill(self.pid, libc::SIGTERM) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_commands_are_refused_by_name() {
        let error = Child::spawn("./no-such-program x".as_ref()).err().expect("an error");
        assert!(error.to_string().contains("./no-such-program"));
        assert!(Child::spawn("".as_ref()).is_err());
        assert!(Child::spawn("'open".as_ref()).is_err());
    }

    #[test]
    fn a_child_waits_and_runs() {
        let mut child = Child::spawn("true".as_ref()).unwrap();
        assert!(!child.has_ended());
        child.release();
        while !child.has_ended() {
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
    }

    #[test]
    fn a_dropped_child_never_runs() {
        let file = std::env::temp_dir().join(format!("btc-child-{}", std::process::id()));
        drop(Child::spawn(format!("touch {}", file.display()).as_ref()).unwrap());
        assert!(!file.exists());
    }
}
