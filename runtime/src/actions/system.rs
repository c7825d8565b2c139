//! `system(format, …)`: runs a command and shows what it prints.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::process::{Command, Stdio};

use btc_abi::Segment;

use super::{Arrived, Kind, State};
use crate::{error, place};

pub(super) fn system(state: &mut State, arrived: Arrived, segments: &[Segment]) {
    if !state.options.allow_unsafe {
        return;
    }
    let command = state.format(arrived, segments);
    state.sink.flush();
    let mut shell = Command::new("/bin/sh");
    shell.arg("-c").arg(OsStr::from_bytes(&command)).stdin(Stdio::null()).stderr(Stdio::inherit());
    crate::child::restore_signals(&mut shell);
    match shell.output() {
        Ok(output) => state.plain(Kind::System, &output.stdout),
        Err(problem) => {
            let place = place::show(state.ctx.manifest, &arrived.record.place);
            eprintln!("{place}: ERROR: cannot run the command: {}", error::reason(&problem));
        }
    }
}
