//! Records and maps of a run as the lines that the runtime would print.

use std::collections::BTreeMap;

use btc_abi::{Action, Conversion, Encoding, Field, FormatSpec, LossKind, Manifest, Map, Reduce, Segment};
use btc_ir::machine::Machine;
use btc_ir::{GlobalId, MapId, Module};

use crate::oracle::{Outcome, compute};
use crate::tree::{Op, Piece};
use crate::value::{Val, extend};

/// The little-endian number of at most 8 bytes.
fn le(bytes: &[u8]) -> u64 {
    bytes.iter().take(8).rev().fold(0, |n, b| n << 8 | u64::from(*b))
}

fn word(bytes: &[u8], n: usize) -> u64 {
    le(bytes.get(n * 8..).unwrap_or_default())
}

fn decimal(n: u64, signed: bool) -> String {
    if signed { (n as i64).to_string() } else { n.to_string() }
}

fn part<'b>(bytes: &'b [u8], field: &Field) -> &'b [u8] {
    &bytes[field.offset as usize..(field.offset + field.encoding.size()) as usize]
}

fn parts(manifest: &Manifest, fields: &[Field], bytes: &[u8]) -> Vec<String> {
    fields.iter().map(|f| value(manifest, &f.encoding, part(bytes, f))).collect()
}

/// A value as `print` shows it.
fn value(manifest: &Manifest, encoding: &Encoding, bytes: &[u8]) -> String {
    match encoding {
        Encoding::Int { size, signed } => decimal(extend(le(bytes), u32::from(*size) * 8, *signed), *signed),
        Encoding::Bits { size, signed, bits } => {
            let all = bytes.iter().take(usize::from(*size)).rev().fold(0u128, |n, b| n << 8 | u128::from(*b));
            decimal(extend((all >> bits.start) as u64, u32::from(bits.width), *signed), *signed)
        }
        Encoding::Bool => (number(encoding, bytes) != 0).to_string(),
        Encoding::Enum { names, .. } => {
            let n = number(encoding, bytes);
            let known = manifest.enums[*names as usize].variants.iter().rfind(|(v, _)| *v == n as i64);
            known.map_or_else(|| n.to_string(), |(_, name)| name.clone())
        }
        Encoding::Str { .. } => text(bytes),
        Encoding::Array { element, count, stride } => {
            let (size, stride) = (element.size() as usize, *stride as usize);
            let one = |i: usize| value(manifest, element, &bytes[i * stride..i * stride + size]);
            format!("[{}]", (0..*count as usize).map(one).collect::<Vec<_>>().join(","))
        }
        Encoding::Tuple(fields) => format!("({})", parts(manifest, fields, bytes).join(", ")),
        Encoding::Record(fields) => {
            let shown = parts(manifest, fields, bytes);
            let named = fields.iter().zip(shown).map(|(f, v)| format!(".{} = {v}", f.name));
            format!("{{ {} }}", named.collect::<Vec<_>>().join(", "))
        }
        Encoding::Constant(text) => text.clone(),
        other => panic!("no script without side inputs sends {other:?}"),
    }
}

fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|b| *b == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}

fn number(encoding: &Encoding, bytes: &[u8]) -> u64 {
    match encoding {
        Encoding::Int { size, signed } | Encoding::Enum { size, signed, .. } => {
            extend(le(bytes), u32::from(*size) * 8, *signed)
        }
        _ => le(bytes),
    }
}

/// A conversion as the oracle knows it.
fn piece(spec: &FormatSpec) -> Piece {
    let letter = match spec.conversion {
        Conversion::Unsigned => 'u',
        Conversion::HexLower => 'x',
        Conversion::HexUpper => 'X',
        Conversion::Octal => 'o',
        Conversion::Char => 'c',
        Conversion::Text => 's',
        _ => 'd',
    };
    let flags = match (spec.left, spec.zero, spec.plus, spec.alternate) {
        (true, ..) => "-",
        (_, true, ..) => "0",
        (_, _, true, _) => "+",
        (_, _, _, true) => "#",
        _ => "",
    };
    let length = match spec.size {
        1 => "hh",
        2 => "h",
        4 => "",
        _ => "l",
    };
    Piece::Conversion { flags, width: spec.width.unwrap_or(0) as usize, length, letter }
}

fn printf(manifest: &Manifest, segments: &[Segment], fields: &[Field], record: &[u8]) -> String {
    let mut out = String::new();
    for segment in segments {
        match segment {
            Segment::Text(text) => out.push_str(&String::from_utf8_lossy(text)),
            Segment::Value { field, spec } => {
                let field = &fields[*field as usize];
                let bytes = part(record, field);
                let shown = match spec.conversion {
                    Conversion::Text => Val::Str(value(manifest, &field.encoding, bytes)),
                    _ => Val::Num(number(&field.encoding, bytes)),
                };
                out.push_str(&crate::oracle::format(&[piece(spec)], &[shown]));
            }
        }
    }
    out.trim_end_matches('\n').to_string()
}

/// The lines of a record; warnings are none.
fn record(manifest: &Manifest, bytes: &[u8]) -> Option<String> {
    let known = &manifest.records[le(&bytes[..4]) as usize];
    Some(match &known.action {
        Action::Printf(segments) => printf(manifest, segments, &known.fields, bytes),
        Action::PrintValue => value(manifest, &known.fields[0].encoding, part(bytes, &known.fields[0])),
        Action::RuntimeWarning(_) => return None,
        other => panic!("no script without side inputs sends {other:?}"),
    })
}

fn name(manifest: &Manifest, map: &Map, key: &[u8]) -> String {
    match &map.key {
        None => map.name.clone(),
        Some(Encoding::Tuple(fields)) if map.multi_key => {
            format!("{}[{}]", map.name, parts(manifest, fields, key).join(", "))
        }
        Some(encoding) => format!("{}[{}]", map.name, value(manifest, encoding, key)),
    }
}

/// The bucket at an index of a histogram, by the number that begins it.
fn bucket(reduce: &Reduce, index: usize) -> String {
    match (reduce, index) {
        (Reduce::LHist { min, step, .. }, _) => {
            crate::histogram::bucket("lhist", min + (index as i64 - 1) * *step as i64)
        }
        (_, 0) => crate::histogram::bucket("hist", -1),
        (_, 1 | 2) => crate::histogram::bucket("hist", index as i64 - 1),
        _ => crate::histogram::bucket("hist", 1i64 << (index - 2)),
    }
}

fn entry(manifest: &Manifest, map: &Map, key: &[u8], bytes: &[u8]) -> Vec<String> {
    let name = name(manifest, map, key);
    let (first, second) = (word(bytes, 0), word(bytes, 1));
    let shown = match &map.reduce {
        Reduce::Last => value(manifest, &map.value, bytes),
        Reduce::Count => decimal(first, false),
        Reduce::Sum { signed } => decimal(first, *signed),
        Reduce::Min { signed } | Reduce::Max { signed } => {
            let number = if first | second == 0 { 0 } else { first ^ map.reduce.order() };
            decimal(number, *signed)
        }
        Reduce::Avg { signed } => decimal(compute(Op::Div, *signed, second, first), *signed),
        Reduce::Stats { signed } => {
            let average = decimal(compute(Op::Div, *signed, second, first), *signed);
            format!("{{ .count = {first}, .average = {average}, .total = {} }}", decimal(second, *signed))
        }
        Reduce::Hist { .. } | Reduce::LHist { .. } => {
            let counts = (0..map.reduce.buckets() as usize).map(|n| (n, word(bytes, n))).filter(|(_, c)| *c != 0);
            return counts.map(|(n, count)| format!("{name}: {} {count}", bucket(&map.reduce, n))).collect();
        }
        other => panic!("no script without side inputs has {other:?}"),
    };
    vec![format!("{name}: {shown}")]
}

/// Keys and values of a map; one that is a variable has a value once a program has touched it.
fn contents(map: &Map, ids: &BTreeMap<&str, u32>, module: &Module, machine: &Machine) -> Vec<(Vec<u8>, Vec<u8>)> {
    if !map.kind.is_variable() {
        return machine.map(MapId(ids[map.symbol.as_str()]));
    }
    let index = module.globals.iter().position(|g| g.symbol == map.symbol).unwrap_or(0);
    let bytes = machine.global_bytes(GlobalId(index as u32));
    bytes.map(|b| (Vec::new(), b.to_vec())).into_iter().collect()
}

/// What a run left behind.
pub fn outcome(manifest: &Manifest, module: &Module, machine: &Machine) -> Outcome {
    let lines = machine.records.iter().filter_map(|r| record(manifest, r)).collect();
    let ids: BTreeMap<&str, u32> = module.maps.iter().map(|m| m.symbol.as_str()).zip(0..).collect();
    let mut maps = Vec::new();
    for map in &manifest.maps {
        for (key, bytes) in contents(map, &ids, module, machine) {
            // Of a value that each CPU has for itself, in memory that all reach, the machine's CPU.
            let cpu = if map.kind.is_spread() { machine.cpu as usize } else { 0 };
            let bytes = bytes[cpu * map.value_size as usize..][..map.value_size as usize].to_vec();
            // A map without keys ends in a mark that it was assigned.
            if map.key.is_some() || le(&bytes[map.value_size as usize - 8..]) != 0 {
                maps.extend(entry(manifest, map, &key, &bytes));
            }
        }
    }
    maps.sort_unstable();
    Outcome { lines, maps, failed_reads: lost(LossKind::Read, manifest, module, machine) }
}

/// How many losses of a kind a run counted.
pub fn lost(kind: LossKind, manifest: &Manifest, module: &Module, machine: &Machine) -> u64 {
    let losses = module.globals.iter().position(|g| g.symbol == btc_abi::LOSSES);
    let counters = losses.and_then(|n| machine.global_bytes(GlobalId(n as u32))).unwrap_or_default();
    let counts = manifest.losses.iter().zip(counters.chunks(8));
    counts.filter(|(loss, _)| loss.kind == kind).map(|(_, count)| le(count)).sum()
}
