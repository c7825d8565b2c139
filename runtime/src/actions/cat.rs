//! `cat(format, …)`: the file's text.

use std::ffi::OsStr;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use btc_abi::Segment;

use super::{Arrived, Kind, State};
use crate::{error, place};

pub(super) fn cat(state: &mut State, arrived: Arrived, segments: &[Segment]) {
    let name = state.format(arrived, segments);
    let path = Path::new(OsStr::from_bytes(&name));
    let mut data = Vec::new();
    let limit = state.ctx.settings.max_cat_bytes;
    let read = state.files.read(path).and_then(|file| file.take(limit).read_to_end(&mut data));
    if let Err(problem) = read {
        let place = place::show(state.ctx.manifest, &arrived.record.place);
        say!("{place}: ERROR: cannot read `{}`: {}", path.display(), error::reason(&problem));
        return;
    }
    state.plain(Kind::Cat, &data);
}
