//! Files that the command writes: whole or not at all.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use crate::{input, report};

/// Writes a file beside its place and puts it there when it is whole: a full disk costs no old file. What is no plain file, such as
/// a pipe or `/dev/null`, is written to. Under sudo, what tells of a file that the calling user may not read goes to no pipe, and
/// into files that only root may read.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), String> {
    let failed = |e: std::io::Error| format!("`{}` cannot be written: {e}", path.display());
    // Behind a link lies what is meant.
    let place = fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
    let old = fs::metadata(&place).ok();
    if old.as_ref().is_some_and(|m| !m.is_file()) {
        report::may_show()?;
        return fs::write(&place, bytes).map_err(failed);
    }
    let mut name = place.file_name().ok_or_else(|| format!("`{}` names no file", path.display()))?.to_os_string();
    name.push(format!(".{}.new", std::process::id()));
    let beside = place.with_file_name(name);
    let written = create(&beside, &place, old.as_ref()).and_then(|mut file| {
        file.write_all(bytes)?;
        drop(file);
        fs::rename(&beside, &place)
    });
    written.map_err(|e| {
        let _ = fs::remove_file(&beside);
        failed(e)
    })
}

fn create(path: &Path, place: &Path, old: Option<&fs::Metadata>) -> std::io::Result<fs::File> {
    // A file that was read and is written anew tells what it told before.
    let is_secret = report::may_show().is_err() && !input::was_read(place);
    let mode = if is_secret { 0o600 } else { 0o666 };
    let file = fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
    if let Some(old) = old.filter(|_| !is_secret) {
        file.set_permissions(fs::Permissions::from_mode(old.mode() & 0o777))?;
    }
    Ok(file)
}
