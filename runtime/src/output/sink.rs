//! Buffered output that notices when nobody reads any more.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

use super::standard_output;
use crate::error::reason;
use crate::options::Buffering;
use crate::{Error, signals};

/// Bytes after which a batch is written out whatever the mode.
const BLOCK: usize = 64 << 10;

/// Milliseconds of one turn of waiting for a reader, and how many turns more it gets once the user wants an end.
const TURN: i32 = 50;
const PATIENCE: u32 = 10;

fn unwritten(path: &Path, why: &std::io::Error) -> Error {
    Error::os(format!("cannot write the output file `{}`", path.display()), why)
}

/// The place that output goes to.
pub(crate) struct Sink {
    file: File,
    /// The file that the user names, if any.
    path: Option<PathBuf>,
    buffer: Vec<u8>,
    mode: Buffering,
    /// Nothing is written out for now.
    held: bool,
    closed: bool,
    failure: Option<String>,
}

impl Sink {
    /// Standard output, or a file, which stays as it is until the [start](Sink::start).
    pub(crate) fn new(path: Option<&Path>, mode: Buffering) -> Result<Sink, Error> {
        let file = match path {
            Some(path) => {
                OpenOptions::new().write(true).create(true).truncate(false).open(path).map_err(|e| unwritten(path, &e))?
            }
            None => standard_output().map_err(|e| Error::os("cannot write to standard output", &e))?,
        };
        Ok(Sink { file, path: path.map(Path::to_path_buf), buffer: Vec::new(), mode, held: false, closed: false, failure: None })
    }

    /// Takes the file that the user names for this run's output: what was in it goes.
    pub(crate) fn start(&self) -> Result<(), Error> {
        match &self.path {
            Some(path) if self.file.metadata().is_ok_and(|m| m.is_file()) => {
                self.file.set_len(0).map_err(|e| unwritten(path, &e))
            }
            _ => Ok(()),
        }
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
            && let Err(error) = self.write()
        {
            self.closed = true;
            self.failure = match error.kind() {
                ErrorKind::BrokenPipe => None,
                ErrorKind::TimedOut => Some("nobody read it".into()),
                _ => Some(format!("it could not be written: {}", reason(&error))),
            };
        }
        self.buffer.clear();
    }

    /// Writes the buffer in pieces that a pipe takes at once when it takes anything. Signals are blocked, and
    /// a write that waits for a reader would keep them waiting too.
    fn write(&mut self) -> std::io::Result<()> {
        for piece in self.buffer.chunks(libc::PIPE_BUF) {
            let mut turns_left = PATIENCE;
            while !signals::is_writable(self.file.as_raw_fd(), TURN) {
                if signals::end_is_wanted() {
                    turns_left -= 1;
                }
                if turns_left == 0 {
                    return Err(ErrorKind::TimedOut.into());
                }
            }
            self.file.write_all(piece)?;
        }
        Ok(())
    }

    /// Whether nobody reads any more, the disk is full, or a reader stood still when the run was to end.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed
    }

    /// Why output was lost, unless it was by a closed pipe.
    pub(crate) fn failure(&self) -> Option<&str> {
        self.failure.as_deref()
    }
}
