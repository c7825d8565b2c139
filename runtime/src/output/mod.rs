//! Where results go, and in which form.

mod json;
mod sink;
mod standard;
mod text;

use btc_abi::{Encoding, Map, Place};

use crate::maps::{Entry, Value};
use crate::modes::{BenchResult, TestResult};
use crate::options::Format;
use crate::render::Context;
pub(crate) use sink::Sink;
pub use standard::standard_output;

/// What a map holds when it is printed.
#[derive(Clone, Debug)]
pub(crate) enum Content {
    /// A map without key.
    Scalar(Value),
    /// Entries in the order in which they print.
    Keyed(Vec<Entry>),
}

/// Kinds of plain text that JSON tells apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Printf,
    Time,
    Join,
    Cat,
    System,
}

/// Levels of located messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    /// `errorf`
    Error,
    /// `warnf`
    Warning,
    /// Of the program itself.
    Runtime,
}

/// A form of output. Everything is appended to `out`; messages may go elsewhere.
pub(crate) trait Output {
    /// All is attached.
    fn attached(&self, probes: usize, quiet: bool, out: &mut Vec<u8>);
    /// Text that a program made.
    fn plain(&self, kind: Kind, data: &[u8], out: &mut Vec<u8>);
    /// `print(value)`
    fn value(&self, ctx: &Context, encoding: &Encoding, bytes: &[u8], out: &mut Vec<u8>);
    /// `print(@m[k])` of an aggregation.
    fn element(&self, ctx: &Context, map: &Map, key: &[u8], value: &Value, out: &mut Vec<u8>);
    /// `print(@m)` and the maps at the end.
    fn map(&self, ctx: &Context, map: &Map, content: &Content, div: u64, out: &mut Vec<u8>);
    /// `errorf`, `warnf` and warnings of the program.
    fn message(&self, ctx: &Context, level: Level, place: &Place, text: &str, out: &mut Vec<u8>);
    /// Records were lost.
    fn lost(&self, count: u64, out: &mut Vec<u8>);
    /// So many tests follow.
    fn tests_begin(&self, count: usize, out: &mut Vec<u8>);
    /// A test has ended.
    fn test(&self, result: &TestResult, out: &mut Vec<u8>);
    /// All tests have ended, some failed.
    fn tests_end(&self, count: usize, failed: &[&str], out: &mut Vec<u8>);
    /// A benchmark has ended; the first one brings the table's heading.
    fn benchmark(&self, result: &BenchResult, first: bool, out: &mut Vec<u8>);
    /// The run is over; maps follow.
    fn end(&self, out: &mut Vec<u8>);
}

/// The form that was asked for.
pub(crate) fn of(format: Format) -> Box<dyn Output> {
    match format {
        Format::Text => Box::new(text::Text),
        Format::Json => Box::new(json::Json),
    }
}

/// A number divided as `print(@m, top, div)` asks.
fn divided(value: u64, signed: bool, div: u64) -> u64 {
    if div <= 1 { value } else { crate::maps::divide(value, div, signed) }
}

/// A map's value, if it is a number that can be divided.
fn bytes_number(map: &Map, bytes: &[u8], div: u64) -> Option<(u64, bool)> {
    match (&map.value, div) {
        (_, 0 | 1) => None,
        (Encoding::Int { .. } | Encoding::Bits { .. }, _) => {
            let (value, signed) = crate::render::integer(&map.value, bytes)?;
            Some((divided(value, signed, div), signed))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests;
