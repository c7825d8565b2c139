//! What the process may do: told before it is needed, given up when it is not needed any more.

use crate::Error;
use crate::error::TOO_MANY_FILES;

/// Numbers of capabilities (kernel: include/uapi/linux/capability.h).
const DAC_READ_SEARCH: u32 = 2;
const KILL: u32 = 5;
const SYS_PTRACE: u32 = 19;
const SYS_ADMIN: u32 = 21;
const SYSLOG: u32 = 34;
const PERFMON: u32 = 38;
const BPF: u32 = 39;
const CHECKPOINT_RESTORE: u32 = 40;

/// What a run needs after everything is attached: maps, stacks, symbols of other users' processes and the
/// files that they have mapped (`/proc/PID/map_files`), the end of the child.
const KEPT: [u32; 7] = [DAC_READ_SEARCH, KILL, SYS_PTRACE, SYSLOG, PERFMON, BPF, CHECKPOINT_RESTORE];

/// Version 3 of the interface: two words of 32 bits a set.
const VERSION: u32 = 0x2008_0522;

#[repr(C)]
struct Header {
    version: u32,
    pid: i32,
}

#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Sets {
    effective: u32,
    permitted: u32,
    inheritable: u32,
}

/// The capabilities in force; `None` where they cannot be read.
fn effective() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|l| l.strip_prefix("CapEff:"))?;
    u64::from_str_radix(line.trim(), 16).ok()
}

/// Says by name which capability is missing.
///
/// # Errors
/// When programs cannot be loaded.
pub(crate) fn check() -> Result<(), Error> {
    let Some(held) = effective() else { return Ok(()) };
    let has = |capability: u32| held >> capability & 1 == 1 || held >> SYS_ADMIN & 1 == 1;
    let missing: Vec<&str> =
        [(BPF, "CAP_BPF"), (PERFMON, "CAP_PERFMON")].iter().filter(|(n, _)| !has(*n)).map(|(_, name)| *name).collect();
    if !missing.is_empty() {
        return Err(Error::new(format!(
            "loading BPF programs needs {}: run as root, or give them to the program with setcap(8)",
            missing.join(" and ")
        )));
    }
    let lockdown = std::fs::read_to_string("/sys/kernel/security/lockdown").unwrap_or_default();
    if lockdown.contains("[confidentiality]") {
        return Err(Error::new(
            "this kernel is locked down (confidentiality): BPF programs may not read kernel memory; \
             boot with lockdown=integrity or without it",
        ));
    }
    Ok(())
}

/// Gives up what is not needed once everything is attached.
pub(crate) fn drop_rest() {
    let Some(held) = effective() else { return };
    let kept = KEPT.iter().fold(0u64, |all, n| all | 1 << n) & held;
    let half = |all: u64| Sets { effective: all as u32, permitted: all as u32, inheritable: 0 };
    let sets = [half(kept), half(kept >> 32)];
    let header = Header { version: VERSION, pid: 0 };
    // Where it cannot be done, nothing is worse than before.
    // SAFETY: the header names this thread and the version of two sets, which outlive the call.
    unsafe { libc::syscall(libc::SYS_capset, &raw const header, sets.as_ptr()) };
}

/// Gives up everything, for a thread that needs nothing.
pub(crate) fn drop_all() {
    let nothing = || Sets { effective: 0, permitted: 0, inheritable: 0 };
    let (header, sets) = (Header { version: VERSION, pid: 0 }, [nothing(), nothing()]);
    // SAFETY: the header names this thread and the version of two sets, which outlive the call.
    unsafe { libc::syscall(libc::SYS_capset, &raw const header, sets.as_ptr()) };
}

/// Descriptors that every run takes, with room for those that are open for a moment only.
const COMMON_FILES: usize = 24;

fn file_limit() -> libc::rlimit {
    let mut limit = libc::rlimit { rlim_cur: libc::RLIM_INFINITY, rlim_max: libc::RLIM_INFINITY };
    // SAFETY: the structure is writable and initialised; a failure leaves it as it is.
    unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) };
    limit
}

/// Says before anything is done that the limit of open files is too low. In the middle of a run a
/// descriptor that is not to be had looks like a file that is not there.
///
/// # Errors
/// When fewer than those of every run and `more` are left.
pub(crate) fn check_files(more: usize) -> Result<(), Error> {
    let open = std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
    let (needed, limit) = (open + COMMON_FILES + more, file_limit().rlim_max);
    if needed as u64 > limit {
        return Err(Error::new(format!("the run needs {needed} descriptors and may have {limit}: {TOO_MANY_FILES}")));
    }
    Ok(())
}

/// Takes as many descriptors as the user may have: probes on kernels without links of many functions
/// need one each, and the usual limit is low for the sake of programs that know no better.
pub(crate) fn allow_files() {
    let mut limit = file_limit();
    limit.rlim_cur = limit.rlim_max;
    // Where it cannot be done, nothing is worse than before.
    // SAFETY: the structure is initialised.
    unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) };
}

#[cfg(test)]
mod tests {
    #[test]
    fn own_capabilities_can_be_read() {
        assert!(super::effective().is_some());
    }
}
