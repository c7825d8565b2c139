//! Buffered output that notices when nobody reads any more.

use std::fs::File;
use std::io::{ErrorKind, Write};
use std::os::fd::AsFd;
use std::path::Path;

use crate::Error;
use crate::options::Buffering;

/// Bytes after which a batch is written out whatever the mode.
const BLOCK: usize = 64 << 10;

/// The place that output goes to.
pub(crate) struct Sink {
    file: File,
    buffer: Vec<u8>,
    mode: Buffering,
    /// Nothing is written out for now.
    held: bool,
    closed: bool,
    failed: bool,
}

impl Sink {
    /// Standard output, or a file.
    pub(crate) fn new(path: Option<&Path>, mode: Buffering) -> Result<Sink, Error> {
        let file = match path {
            Some(path) => File::create(path)
                .map_err(|e| Error::os(format!("cannot write the output file `{}`", path.display()), &e))?,
            None => {
                let copy = std::io::stdout().as_fd().try_clone_to_owned();
                File::from(copy.map_err(|e| Error::os("cannot write to standard output", &e))?)
            }
        };
        Ok(Sink { file, buffer: Vec::new(), mode, held: false, closed: false, failed: false })
    }

    /// Where to append; call [`Sink::appended`] afterwards.
    pub(crate) fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.buffer
    }

    /// Writes out what must not wait.
    pub(crate) fn appended(&mut self) {
        if self.mode == Buffering::None || self.buffer.len() >= BLOCK {
            self.flush();
        }
    }

    /// The end of a batch of records: whole lines go out, so that line buffering
    /// costs one system call a batch and not one a line.
    pub(crate) fn batch(&mut self) {
        if self.mode == Buffering::Line
            && !self.held
            && let Some(last) = self.buffer.iter().rposition(|b| *b == b'\n')
        {
            let rest = self.buffer.split_off(last + 1);
            self.flush();
            self.buffer = rest;
        }
    }

    /// Keeps everything back, so that it can still be changed, until told otherwise.
    pub(crate) fn hold(&mut self, held: bool) {
        self.held = held;
    }

    /// Writes everything out, unless it is held.
    pub(crate) fn flush(&mut self) {
        if self.held {
            return;
        }
        if !self.closed
            && let Err(error) = self.file.write_all(&self.buffer)
        {
            self.closed = true;
            self.failed = error.kind() != ErrorKind::BrokenPipe;
        }
        self.buffer.clear();
    }

    /// Whether nobody reads any more, or the disk is full.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed
    }

    /// Whether output was lost by anything but a closed pipe.
    pub(crate) fn has_failed(&self) -> bool {
        self.failed
    }
}
