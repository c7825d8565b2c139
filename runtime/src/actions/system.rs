//! `system(format, …)`: runs a command and shows what it prints.

use std::ffi::OsStr;
use std::io::{ErrorKind, Read};
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use btc_abi::Segment;

use super::backlog::{self, Backlog};
use super::{Arrived, Kind, State};
use crate::{error, place, signals};

/// Milliseconds after which it is looked whether an end is wanted.
const TURN: i32 = 50;

pub(super) fn system(state: &mut State, arrived: Arrived, segments: &[Segment]) {
    if !state.options.allow_unsafe {
        return;
    }
    state.sink.flush();
    let Some(command) = state.command(arrived, segments) else {
        let place = place::show(state.ctx.manifest, &arrived.record.place);
        say!(
            "{place}: ERROR: the command was not run: a value that is no plain word would stand where it cannot be quoted; \
             take it out of `$(…)`, `` `…` ``, `${{…}}` or `<<`"
        );
        return;
    };
    let mut shell = Command::new("/bin/sh");
    shell.arg("-c").arg(OsStr::from_bytes(&command)).stdin(Stdio::null()).stderr(Stdio::inherit());
    crate::child::restore_signals(&mut shell);
    match output(shell, &mut state.backlog) {
        Ok(text) => state.plain(Kind::System, &text),
        Err(problem) => {
            let place = place::show(state.ctx.manifest, &arrived.record.place);
            say!("{place}: ERROR: cannot run the command: {}", error::reason(&problem));
        }
    }
}

/// Runs a command to its end and yields what it prints. Once what waits is late, the command and all that it
/// has started is ended.
fn output(mut shell: Command, backlog: &mut Backlog) -> std::io::Result<Vec<u8>> {
    let mut child = shell.stdout(Stdio::piped()).process_group(0).spawn()?;
    let group = -(child.id() as libc::pid_t);
    let ended = signals::watch_process(child.id()).map_err(std::io::Error::other)?;
    let mut text = Vec::new();
    let mut pipe = child.stdout.take();
    let mut piece = [0; 4096];
    while !backlog.is_late(backlog::SLOW) {
        match &mut pipe {
            Some(open) if !signals::is_readable(open.as_raw_fd(), TURN) => {}
            Some(open) => match open.read(&mut piece) {
                Ok(0) => pipe = None,
                Ok(length) => text.extend_from_slice(&piece[..length]),
                Err(problem) if problem.kind() == ErrorKind::Interrupted => {}
                Err(problem) => return Err(problem),
            },
            // It prints nothing any more; most end then.
            None => {
                if signals::is_readable(ended.as_raw_fd(), TURN) {
                    child.wait()?;
                    return Ok(text);
                }
            }
        }
    }
    for signal in [libc::SIGTERM, libc::SIGKILL] {
        // SAFETY: the group of our own child, which was not waited for yet, so that the number is still its.
        unsafe { libc::kill(group, signal) };
        signals::is_readable(ended.as_raw_fd(), TURN);
    }
    child.try_wait()?;
    Ok(text)
}
