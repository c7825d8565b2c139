//! What follows from a record: one file an action.

pub(crate) mod backlog;
mod cat;
mod exit;
mod fail;
mod join;
mod map;
mod message;
pub(crate) mod packet;
mod print;
mod system;
mod time;

use std::collections::HashMap;

use backlog::Backlog;
use btc_abi::{Action, Field, Record};

use crate::named_files::NamedFiles;
use crate::Options;
use crate::attach::Link;
use crate::maps::Handle;
use crate::output::{Kind, Level, Output, Sink};
use crate::options::Format;
use crate::render::escape::{self, Keep};
use crate::render::{Context, integer, part, printf, shell};

/// The state of a run that actions work on.
pub(crate) struct State<'m> {
    pub ctx: Context<'m>,
    pub options: &'m Options,
    pub files: NamedFiles,
    pub output: Box<dyn Output>,
    pub sink: Sink,
    /// Maps of the script, by index.
    pub maps: Vec<Handle<'m>>,
    /// The code of `exit()`, once it was called.
    pub exit: Option<i32>,
    /// Records are dropped: the program has ended, its last words are still to come.
    pub discard: bool,
    /// What waits when the user wants an end.
    pub backlog: Backlog,
    /// Whether a test failed.
    pub failed: bool,
    /// Whether something could not be written that is no part of the standard output.
    pub lost_output: bool,
    /// Errors that the script reported.
    pub errors: u64,
    /// Warnings shown so far, by record.
    pub warned: HashMap<usize, u64>,
    /// How often each record that takes what it prints has arrived, and its `clear` has not.
    pub taken: HashMap<u32, u64>,
    /// Room for the text of one `printf`, kept to save allocations.
    pub scratch: Vec<u8>,
    /// How much of each loss was told already.
    pub told: Vec<u64>,
    /// Open pcap files.
    pub packets: HashMap<String, packet::File>,
    /// Watchpoints that are attached, with their addresses.
    pub watchpoints: Vec<(u64, Link)>,
}

/// A record that arrived.
#[derive(Clone, Copy)]
struct Arrived<'a> {
    id: usize,
    record: &'a Record,
    bytes: &'a [u8],
}

impl Arrived<'_> {
    /// A field's number, 0 when there is no such field.
    fn number(&self, index: usize) -> Option<u64> {
        let field = self.record.fields.get(index)?;
        integer(&field.encoding, self.field_bytes(field)).map(|(n, _)| n)
    }

    fn field_bytes(&self, field: &Field) -> &[u8] {
        part(self.bytes, field.offset, &field.encoding)
    }
}

impl<'m> State<'m> {
    /// Does what a record asks for.
    pub(crate) fn handle(&mut self, bytes: &[u8]) {
        let id = crate::render::le(bytes, 0) as u32 as usize;
        let manifest = self.ctx.manifest;
        let Some(record) = manifest.records.get(id) else { return };
        if self.discard || bytes.len() < record.size as usize {
            return;
        }
        let lines = match record.action {
            Action::System(_) | Action::Cat(_) => backlog::SLOW,
            Action::PrintMap { map, .. } => manifest.maps.get(map as usize).map_or(1, |map| map.max_entries.max(1)),
            _ => 1,
        };
        let prints = !record.action.is_control() && !matches!(record.action, Action::Exit);
        let arrived = Arrived { id, record, bytes };
        if prints && self.backlog.is_late(lines) {
            self.backlog.left += 1;
            return map::drop_print(self, arrived);
        }
        match &record.action {
            Action::Printf(segments) => print::printf(self, arrived, segments),
            Action::Errorf(segments) => message::formatted(self, arrived, segments, Level::Error),
            Action::Warnf(segments) => message::formatted(self, arrived, segments, Level::Warning),
            Action::PrintValue => print::value(self, arrived),
            Action::PrintMap { map, top, div, take } => map::print(self, arrived, *map, (*top, *div), *take),
            Action::PrintMapElement { map } => map::element(self, arrived, *map),
            Action::Clear { map, printed } => map::clear(self, *map, *printed),
            Action::Zero { map } => map::zero(self, *map),
            Action::Exit => exit::exit(self, arrived),
            Action::Time(format) => time::time(self, format),
            Action::Join(separator) => join::join(self, arrived, separator),
            Action::Cat(segments) => cat::cat(self, arrived, segments),
            Action::System(segments) => system::system(self, arrived, segments),
            Action::RuntimeWarning(text) => message::runtime(self, arrived, text),
            Action::Packet { path } => packet::packet(self, arrived, path),
            Action::Unwatch => {
                let address = arrived.number(0);
                self.watchpoints.retain(|(at, _)| Some(*at) != address);
            }
            Action::Fail(text) => fail::fail(self, arrived, text),
        }
        self.sink.appended();
    }

    /// The segments as bytes, for what is no output.
    fn format(&mut self, arrived: Arrived, segments: &[btc_abi::Segment]) -> Vec<u8> {
        self.format_for(false, arrived, segments)
    }

    /// The segments as a command, with values that cannot pass for a part of its syntax.
    fn command(&mut self, arrived: Arrived, segments: &[btc_abi::Segment]) -> Option<Vec<u8>> {
        let of_output = std::mem::replace(&mut self.ctx.settings.visible, false);
        let command = shell::command(&self.ctx, segments, &arrived.record.fields, arrived.bytes);
        self.ctx.settings.visible = of_output;
        command
    }

    /// The same for a message.
    fn format_message(&mut self, arrived: Arrived, segments: &[btc_abi::Segment]) -> Vec<u8> {
        let visible = self.options.hides_controls(&std::io::stderr()) && self.options.format == Format::Text;
        self.format_for(visible, arrived, segments)
    }

    fn format_for(&mut self, visible: bool, arrived: Arrived, segments: &[btc_abi::Segment]) -> Vec<u8> {
        let mut out = Vec::new();
        let of_output = std::mem::replace(&mut self.ctx.settings.visible, visible);
        printf::segments(&self.ctx, segments, &arrived.record.fields, arrived.bytes, &mut out);
        self.ctx.settings.visible = of_output;
        out
    }

    fn plain(&mut self, kind: Kind, data: &[u8]) {
        let from = self.sink.buffer().len();
        self.output.plain(kind, data, self.sink.buffer());
        // What is in a file is no word of the script's.
        if kind == Kind::Cat && self.ctx.settings.visible {
            escape::controls(self.sink.buffer(), from, Keep::Layout);
        }
    }

    /// Prints all maps that hold something, as at the end of a run.
    pub(crate) fn print_maps(&mut self) {
        for index in 0..self.maps.len() {
            if self.maps[index].map.printed {
                map::at_end(self, index);
                self.sink.appended();
            }
        }
    }
}
