//! `cat(format, …)`: the file's text.

use std::ffi::OsStr;
use std::fs::File;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use btc_abi::Segment;

use super::{Arrived, Kind, State};
use crate::{error, place};

pub(super) fn cat(state: &mut State, arrived: Arrived, segments: &[Segment]) {
    let name = state.format(arrived, segments);
    let path = Path::new(OsStr::from_bytes(&name));
    let mut data = Vec::new();
    let limit = state.ctx.settings.max_cat_bytes;
    // Only regular files: opening or reading a pipe or a device could hang the tracer.
    let open = File::options().read(true).custom_flags(libc::O_NONBLOCK).open(path);
    let read = open.and_then(|file| {
        if file.metadata()?.is_file() {
            file.take(limit).read_to_end(&mut data)
        } else {
            Err(std::io::Error::other("not a regular file"))
        }
    });
    if let Err(problem) = read {
        let place = place::show(state.ctx.manifest, &arrived.record.place);
        say!("{place}: ERROR: cannot read `{}`: {}", path.display(), error::reason(&problem));
        return;
    }
    state.plain(Kind::Cat, &data);
}
