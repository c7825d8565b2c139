//! Raw tracepoints.

use std::collections::HashMap;
use std::ffi::CString;
use std::os::fd::{FromRawFd, OwnedFd};

use libbpf_sys as sys;

use super::{Link, Point, Problem, Target, missing, tracefs};
use crate::error::{last_os, reason};
use crate::{Error, Options, glob};

pub(super) fn targets(name: &str, module: &str, event: &str, typed: bool, options: &Options) -> Result<Vec<Target>, Problem> {
    let owners = if module.is_empty() { HashMap::new() } else { tracefs::raw_tracepoints() };
    // Where the kernel does not tell, it is taken as written.
    let fits = |event: &str| owners.get(event).is_none_or(|owners| owners.iter().any(|of| glob::matches(module, of)));
    if !glob::is_pattern(event) && !fits(event) {
        let owners = owners.get(event).map(|all| all.join("`, `")).unwrap_or_default();
        return missing(format!("the raw tracepoint {event} is none of `{module}`, but of `{owners}`"));
    }
    if typed {
        return Ok(vec![Target::new(Point::Typed, name, event)]);
    }
    let events = if glob::is_pattern(event) {
        // What is listed of single system calls are no tracepoints.
        let found = tracefs::events("*", event)?.into_iter().filter(|(category, event, _)| category != "syscalls" && fits(event));
        let mut all: Vec<String> = found.map(|(_, event, _)| event).collect();
        all.sort_unstable();
        all.dedup();
        all
    } else if options.dry_run && !tracefs::has_symbol(&format!("__traceiter_{event}"), "") {
        // Else attaching tells. That function calls all that is attached, also of events without a place in tracefs.
        Vec::new()
    } else {
        vec![event.to_string()]
    };
    if events.is_empty() {
        let of = if module.is_empty() { String::new() } else { format!("{module}:") };
        return missing(format!("this kernel has no raw tracepoint {of}{event}"));
    }
    let target = |event: String| {
        let module = if module.is_empty() { "vmlinux" } else { module };
        let name = format!("rawtracepoint:{module}:{event}");
        Target::new(Point::RawTracepoint { event: event.clone() }, name, event)
    };
    Ok(events.into_iter().map(target).collect())
}

pub(super) fn attach(event: &str, program: i32) -> Result<Link, Problem> {
    let name = CString::new(event).unwrap_or_default();
    // SAFETY: a NUL-terminated name and a program's descriptor.
    let fd = unsafe { sys::bpf_raw_tracepoint_open(name.as_ptr(), program) };
    if fd < 0 {
        let error = last_os();
        return match error.raw_os_error() {
            Some(libc::ENOENT) => missing(format!("this kernel has no raw tracepoint {event}")),
            // The program reads behind what the event has.
            Some(libc::EINVAL) => {
                Err(Problem::Unfit(format!("the raw tracepoint {event} has fewer arguments on this kernel")))
            }
            _ => Err(Error::new(format!("cannot attach rawtracepoint:{event}: {}", reason(&error))).into()),
        };
    }
    // SAFETY: the descriptor is new and nobody else's.
    Ok(Link { _link: Some(unsafe { OwnedFd::from_raw_fd(fd) }), _event: None })
}
