//! Perf events: what tracepoints, kprobes, uprobes, timers and counters attach through.

use std::collections::BTreeSet;
use std::ffi::CString;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use libbpf_sys as sys;

use super::{Link, Problem, missing};
use crate::Error;
use crate::error::last_os;

const FLAG_CLOEXEC: libc::c_ulong = 8;
const IOC_ENABLE: libc::c_ulong = 0x2400;
const IOC_SET_BPF: libc::c_ulong = 0x4004_2408;

/// How often an event gives a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sample {
    /// Once in so many.
    Period(u64),
    /// So many times a second.
    Frequency(u64),
}

/// A text or number in the second half of the attributes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Config1 {
    Number(u64),
    Text(CString),
}

/// A perf event to be opened.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Event {
    pub kind: u32,
    pub config: u64,
    pub config1: Config1,
    pub config2: u64,
    pub sample: Sample,
    pub breakpoint: u32,
    /// Bits of `perf_event_attr` such as `inherit`.
    pub flags: u64,
    /// What its records hold.
    pub sample_type: u64,
    pub pid: i32,
    pub cpu: i32,
    /// Descriptor of the event that leads its group, or -1.
    pub group: i32,
    /// What to call it in messages.
    pub title: String,
}

impl Event {
    /// An event of a type and number, for all processes on one CPU.
    pub(crate) fn new(kind: u32, config: u64, title: impl Into<String>) -> Event {
        Event {
            kind,
            config,
            config1: Config1::Number(0),
            config2: 0,
            sample: Sample::Period(1),
            breakpoint: 0,
            flags: 0,
            sample_type: 0,
            pid: -1,
            cpu: 0,
            group: -1,
            title: title.into(),
        }
    }
}

/// The fields of `struct perf_event_attr` that are used, up to its size of version 5.
#[repr(C)]
#[derive(Default)]
struct Attributes {
    kind: u32,
    size: u32,
    config: u64,
    sample: u64,
    sample_type: u64,
    read_format: u64,
    flags: u64,
    wakeup: u32,
    breakpoint: u32,
    config1: u64,
    config2: u64,
    rest: [u64; 5],
}

const FLAG_INHERIT: u64 = 1 << 1;
const FLAG_FREQUENCY: u64 = 1 << 10;

/// Opens an event.
pub(crate) fn open(event: &Event) -> std::io::Result<OwnedFd> {
    let (sample, flags) = match event.sample {
        Sample::Period(n) => (n, 0),
        Sample::Frequency(n) => (n, FLAG_FREQUENCY),
    };
    let attributes = Attributes {
        kind: event.kind,
        size: size_of::<Attributes>() as u32,
        config: event.config,
        sample,
        sample_type: event.sample_type,
        flags: flags | event.flags,
        wakeup: 1,
        breakpoint: event.breakpoint,
        config1: match &event.config1 {
            Config1::Number(n) => *n,
            Config1::Text(text) => text.as_ptr() as u64,
        },
        config2: event.config2,
        ..Attributes::default()
    };
    // SAFETY: the attributes are as large as they say, and a text in them outlives the call.
    let fd = unsafe {
        libc::syscall(libc::SYS_perf_event_open, &raw const attributes, event.pid, event.cpu, event.group, FLAG_CLOEXEC)
    };
    if fd < 0 {
        return Err(last_os());
    }
    // SAFETY: the descriptor is new and nobody else's.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as i32) })
}

/// Opens an event, puts a program on it, and starts it.
pub(crate) fn attach(event: &Event, program: i32, cookie: Option<u64>) -> Result<Link, Problem> {
    let (perf, link) = bind(event, program, cookie)?;
    enable(&perf).map_err(|e| refused(event, &e))?;
    Ok(self::link(perf, link))
}

/// The link of an event that a program sits on.
pub(super) fn link(event: OwnedFd, link: Option<OwnedFd>) -> Link {
    // A link keeps its event alive; a descriptor for each would halve what fits under the limit.
    let event = link.is_none().then_some(event);
    Link { _link: link, _event: event }
}

/// Starts an event, and with it the group that it leads.
pub(super) fn enable(event: &OwnedFd) -> std::io::Result<()> {
    // SAFETY: plain numbers.
    if unsafe { libc::ioctl(event.as_raw_fd(), IOC_ENABLE as _, 0) } == 0 { Ok(()) } else { Err(last_os()) }
}

/// Opens an event and puts a program on it; yields it with the link, on kernels that have one.
pub(super) fn bind(event: &Event, program: i32, cookie: Option<u64>) -> Result<(OwnedFd, Option<OwnedFd>), Problem> {
    let perf = open(event).map_err(|e| refused(event, &e))?;
    let mut options = sys::bpf_link_create_opts {
        sz: size_of::<sys::bpf_link_create_opts>() as sys::size_t,
        ..Default::default()
    };
    options.__bindgen_anon_1.perf_event.bpf_cookie = cookie.unwrap_or(0);
    // SAFETY: valid descriptors and initialised options.
    let link = unsafe { sys::bpf_link_create(program, perf.as_raw_fd(), sys::BPF_PERF_EVENT, &raw const options) };
    let link = if link >= 0 {
        // SAFETY: the descriptor is new and nobody else's.
        Some(unsafe { OwnedFd::from_raw_fd(link) })
    } else if cookie.is_some() {
        // Without its cookie the program would take itself for another attach point's.
        return Err(refused(event, &last_os()));
    } else {
        // Before 5.15 perf events have no links.
        // SAFETY: plain numbers.
        if unsafe { libc::ioctl(perf.as_raw_fd(), IOC_SET_BPF as _, program) } != 0 {
            return Err(refused(event, &last_os()));
        }
        None
    };
    Ok((perf, link))
}

/// How often threads that come meanwhile make a new start.
const STARTS: usize = 100;

/// Opens an event for each thread that a process has, or will have, and puts a program on it.
pub(crate) fn attach_threads(process: u32, event: &Event, program: i32) -> Result<Vec<Link>, Problem> {
    for _ in 0..STARTS {
        let before = threads(process);
        let (mut links, mut problem) = (Vec::new(), None);
        for thread in &before {
            let event = Event { pid: *thread, cpu: -1, flags: event.flags | FLAG_INHERIT, ..event.clone() };
            match attach(&event, program, None) {
                Ok(link) => links.push(link),
                // Threads come and go.
                Err(Problem::Missing(what)) => problem = Some(what),
                Err(problem) => return Err(problem),
            }
        }
        if links.is_empty() {
            return missing(problem.unwrap_or_else(|| format!("the process of {} is gone", event.title)));
        }
        // One that came meanwhile has inherited the event, or has none: who can tell.
        if threads(process).iter().all(|thread| before.contains(thread)) {
            return Ok(links);
        }
    }
    let title = &event.title;
    Err(Error::new(format!("cannot attach {title}: process {process} starts new threads all the time")).into())
}

/// The threads of a process.
fn threads(process: u32) -> BTreeSet<i32> {
    let entries = std::fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten();
    entries.filter_map(|e| e.file_name().to_str()?.parse().ok()).collect()
}

pub(super) fn refused(event: &Event, error: &std::io::Error) -> Problem {
    let title = &event.title;
    match error.raw_os_error() {
        Some(libc::EADDRNOTAVAIL) => Problem::Missing(
            "several functions of this kernel have that name, and it traces none of them by it (name one by its address, with --unsafe)".into(),
        ),
        Some(libc::ENOENT | libc::EINVAL | libc::EILSEQ | libc::EOPNOTSUPP | libc::ENODEV) => {
            Problem::Missing(format!("this kernel or machine has no {title} to attach to"))
        }
        Some(libc::ESRCH) => Problem::Missing(format!("the process of {title} is gone")),
        Some(libc::EMFILE | libc::ENFILE | libc::ENOMEM) => Problem::Error(Error::os(format!("cannot attach {title}"), error)),
        Some(libc::E2BIG) => Problem::Refused(Error::new(format!(
            "cannot attach {title}: it has as many programs as this kernel allows"
        ))),
        _ => Problem::Refused(Error::os(format!("cannot attach {title}"), error)),
    }
}

/// A number from a file below the kernel's event sources.
fn source(path: &str) -> Option<String> {
    std::fs::read_to_string(format!("/sys/bus/event_source/devices/{path}")).ok()
}

/// Event type of `kprobe` or `uprobe`, and the bit that makes it fire at the return.
pub(crate) fn probe_type(kind: &str) -> Result<(u32, u64), Problem> {
    let Some(number) = source(&format!("{kind}/type")).and_then(|t| t.trim().parse().ok()) else {
        return missing(format!("this kernel has no {kind}s"));
    };
    let bit = source(&format!("{kind}/format/retprobe"));
    let bit: u32 = bit.and_then(|t| t.trim().strip_prefix("config:")?.parse().ok()).unwrap_or(0);
    Ok((number, 1u64 << bit.min(63)))
}

/// The CPUs that run now.
pub(crate) fn online_cpus() -> Vec<i32> {
    let text = std::fs::read_to_string("/sys/devices/system/cpu/online").unwrap_or_default();
    let cpus = parse_cpus(&text);
    if cpus.is_empty() { vec![0] } else { cpus }
}

/// `0-3,8`
fn parse_cpus(text: &str) -> Vec<i32> {
    let mut cpus = Vec::new();
    for part in text.trim().split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        if let (Ok(first), Ok(last)) = (first.parse::<u16>(), last.parse::<u16>()) {
            cpus.extend((first..=last).map(i32::from));
        }
    }
    cpus
}

#[cfg(test)]
mod tests {
    #[test]
    fn cpu_lists() {
        assert_eq!(super::parse_cpus("0-2,5\n"), [0, 1, 2, 5]);
        assert_eq!(super::parse_cpus("\n"), []);
        assert_eq!(size_of::<super::Attributes>(), 112);
    }
}
