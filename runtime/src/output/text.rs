//! Output as bpftrace prints it.

use std::io::Write;

use btc_abi::{Encoding, Map, Place};

use super::{Content, Kind, Level, Output, bytes_number, divided};
use crate::maps::{Value, is_block};
use crate::modes::{BenchResult, TestResult};
use crate::place;
use crate::render::escape::{self, Keep};
use crate::render::{Context, composite, histogram, int, text, tseries};

/// Lines for people.
pub(super) struct Text;

fn value(ctx: &Context, map: &Map, value: &Value, div: u64, out: &mut Vec<u8>) {
    match value {
        Value::Bytes(bytes) => match bytes_number(map, bytes, div) {
            Some((n, signed)) => int::decimal(n, signed, out),
            None => text(ctx, &map.value, bytes, out),
        },
        Value::Number(n, signed) => int::decimal(divided(*n, *signed, div), *signed, out),
        Value::Stats { count, average, total, signed } => {
            let _ = write!(out, "{{ .count = {count}, .average = ");
            int::decimal(divided(*average, *signed, div), *signed, out);
            out.extend_from_slice(b", .total = ");
            // As in bpftrace: the average alone is divided.
            int::decimal(*total, *signed, out);
            out.extend_from_slice(b" }");
        }
        Value::Buckets(counts) => histogram::text(&map.reduce, counts, div, out),
        Value::Series(points, signed) => tseries::text(points, *signed, out),
    }
}

fn entry(ctx: &Context, map: &Map, key: Option<&[u8]>, held: &Value, div: u64, out: &mut Vec<u8>) {
    let from = out.len();
    out.extend_from_slice(map.name.as_bytes());
    if ctx.settings.visible {
        escape::controls(out, from, Keep::Seen);
    }
    if let (Some(encoding), Some(key)) = (&map.key, key) {
        out.push(b'[');
        composite::key(ctx, encoding, map.multi_key, key, out);
        out.push(b']');
    }
    let block = is_block(map);
    out.extend_from_slice(if block { b":\n" } else { b": " });
    value(ctx, map, held, div, out);
    out.push(b'\n');
}

fn tests(count: usize) -> String {
    format!("{count} test{}", if count == 1 { "" } else { "s" })
}

impl Output for Text {
    fn attached(&self, probes: usize, quiet: bool, _out: &mut Vec<u8>) {
        if !quiet {
            say!("Attached {probes} probe{}", if probes == 1 { "" } else { "s" });
        }
    }

    fn plain(&self, kind: Kind, data: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(data);
        // What a command prints ends as print() does, whatever its own last line.
        if matches!(kind, Kind::System) {
            out.push(b'\n');
        }
    }

    fn value(&self, ctx: &Context, encoding: &Encoding, bytes: &[u8], out: &mut Vec<u8>) {
        text(ctx, encoding, bytes, out);
        out.push(b'\n');
    }

    fn element(&self, ctx: &Context, map: &Map, key: &[u8], held: &Value, out: &mut Vec<u8>) {
        if is_block(map) {
            entry(ctx, map, Some(key), held, 1, out);
        } else {
            value(ctx, map, held, 1, out);
            out.push(b'\n');
        }
    }

    fn map(&self, ctx: &Context, map: &Map, content: &Content, div: u64, out: &mut Vec<u8>) {
        match content {
            Content::Scalar(held) => entry(ctx, map, None, held, div, out),
            Content::Keyed(entries) => {
                for e in entries {
                    entry(ctx, map, Some(&e.key), &e.value, div, out);
                }
            }
        }
    }

    fn message(&self, ctx: &Context, level: Level, place: &Place, text: &str, _out: &mut Vec<u8>) {
        let level = if level == Level::Error { "ERROR" } else { "WARNING" };
        let _ = write!(std::io::stderr(), "{}", place::message(ctx.manifest, place, level, text));
    }

    fn lost(&self, _count: u64, _out: &mut Vec<u8>) {}

    fn tests_begin(&self, count: usize, out: &mut Vec<u8>) {
        let _ = writeln!(out, "[==========] Running {}.", tests(count));
    }

    fn test(&self, result: &TestResult, out: &mut Vec<u8>) {
        let TestResult { name, passed, duration, printed } = result;
        let _ = writeln!(out, "[ RUN      ] {name}");
        if !passed {
            out.extend_from_slice(printed);
        }
        let mark = if *passed { "[       OK ]" } else { "[  FAILED  ]" };
        let _ = writeln!(out, "{mark} {name} ({} \u{3bc}s)", duration.as_micros());
    }

    fn tests_end(&self, count: usize, failed: &[&str], out: &mut Vec<u8>) {
        let _ = writeln!(out, "[==========] {} ran.", tests(count));
        let _ = writeln!(out, "[  PASSED  ] {}.", tests(count - failed.len()));
        if !failed.is_empty() {
            let _ = writeln!(out, "[  FAILED  ] {}, listed below:", tests(failed.len()));
        }
        for name in failed {
            let _ = writeln!(out, "[  FAILED  ] {name}");
        }
    }

    fn benchmark(&self, result: &BenchResult, first: bool, out: &mut Vec<u8>) {
        if first {
            let _ = writeln!(out, "{:<32} {:>16} {:>16}", "Benchmark", "Time(ns)", "Iterations");
            let _ = writeln!(out, "{:-<66}", "");
        }
        let _ = writeln!(out, "{:<32} {:>16} {:>16}", result.name, result.average, result.runs);
    }

    fn end(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"\n\n");
    }
}
