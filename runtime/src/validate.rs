//! Checks a manifest once, so that the rest may trust its numbers.

use btc_abi::{Action, Encoding, Field, Manifest, Map, MapKind, Reduce, Segment};

use crate::Error;

/// Largest value or key that makes sense.
const MAX_SIZE: u64 = 16 << 20;
/// Largest record.
const MAX_RECORD: u64 = 1 << 20;

fn damaged<T>(what: impl std::fmt::Display) -> Result<T, Error> {
    Err(Error::new(format!("the object is damaged: {what}")))
}

/// Refuses a manifest whose parts do not fit together.
pub(crate) fn validate(manifest: &Manifest) -> Result<(), Error> {
    for (i, record) in manifest.records.iter().enumerate() {
        if record.size < 8 || u64::from(record.size) > MAX_RECORD {
            return damaged(format_args!("record {i} has {} bytes", record.size));
        }
        for field in &record.fields {
            check_field(manifest, field, u64::from(record.size))?;
        }
        check_action(manifest, i, &record.action, record.fields.len())?;
    }
    for map in &manifest.maps {
        check_map(manifest, map)?;
    }
    for table in &manifest.stacks {
        if table.frames == 0 || table.frames > 4096 {
            return damaged(format_args!("a stack table of {} frames", table.frames));
        }
    }
    for probe in &manifest.probes {
        if probe.program.is_empty() {
            return damaged(format_args!("probe {} has no program", probe.name));
        }
        if let Some(flaw) = probe.attach.flaw() {
            return damaged(format_args!("probe {}: {flaw}", probe.name));
        }
    }
    Ok(())
}

fn check_action(manifest: &Manifest, i: usize, action: &Action, fields: usize) -> Result<(), Error> {
    match action {
        Action::Printf(segments)
        | Action::Errorf(segments)
        | Action::Warnf(segments)
        | Action::Cat(segments)
        | Action::System(segments) => check_segments(i, segments, fields),
        Action::PrintMap { map, .. } | Action::Clear { map, .. } | Action::Zero { map } => {
            check_map_id(manifest, i, *map)
        }
        Action::PrintMapElement { map } => {
            check_map_id(manifest, i, *map)?;
            match (&manifest.maps[*map as usize].key, fields) {
                (Some(_), 1..) => Ok(()),
                _ => damaged(format_args!("record {i} prints an element without a key")),
            }
        }
        Action::PrintValue if fields == 0 => damaged(format_args!("record {i} prints nothing")),
        Action::Unwatch if fields == 0 => damaged(format_args!("record {i} has no address")),
        Action::Packet { .. } if fields < 3 => damaged(format_args!("record {i} has no packet")),
        Action::PrintValue
        | Action::Packet { .. }
        | Action::Unwatch
        | Action::Exit
        | Action::Time(_)
        | Action::Join(_)
        | Action::RuntimeWarning(_)
        | Action::Fail(_) => Ok(()),
    }
}

fn check_map_id(manifest: &Manifest, record: usize, map: u32) -> Result<(), Error> {
    match manifest.maps.get(map as usize) {
        Some(_) => Ok(()),
        None => damaged(format_args!("record {record} names map {map}, which does not exist")),
    }
}

fn check_segments(record: usize, segments: &[Segment], fields: usize) -> Result<(), Error> {
    for segment in segments {
        if let Segment::Value { field, spec } = segment {
            if *field as usize >= fields {
                return damaged(format_args!("record {record} prints field {field}, which does not exist"));
            }
            if spec.width.unwrap_or(0) > 65536 || spec.precision.unwrap_or(0) > 65536 {
                return damaged(format_args!("record {record} prints a value far too wide"));
            }
        }
    }
    Ok(())
}

/// Checks a field; yields where it ends.
fn check_field(manifest: &Manifest, field: &Field, room: u64) -> Result<u64, Error> {
    let end = u64::from(field.offset) + size_of(manifest, &field.encoding)?;
    if end > room {
        return damaged(format_args!("field `{}` ends outside of its {room} bytes", field.name));
    }
    Ok(end)
}

/// Size of a value, with everything inside it checked. (`Encoding::size` may
/// overflow on hostile numbers; this does not.)
fn size_of(manifest: &Manifest, encoding: &Encoding) -> Result<u64, Error> {
    let size = match encoding {
        Encoding::Bits { size, .. } => {
            if !matches!(size, 1..=9) {
                return damaged(format_args!("a bit field in {size} bytes"));
            }
            u64::from(*size)
        }
        Encoding::Int { size, .. } | Encoding::Enum { size, .. } => {
            if !matches!(size, 1 | 2 | 4 | 8) {
                return damaged(format_args!("an integer of {size} bytes"));
            }
            u64::from(*size)
        }
        Encoding::Str { capacity, .. } => u64::from(*capacity),
        Encoding::Buffer { capacity } => 4 + u64::from(*capacity),
        Encoding::Array { element, count, stride } => {
            if *stride == 0 || size_of(manifest, element)? > u64::from(*stride) {
                return damaged("an array's elements overlap");
            }
            u64::from(*count) * u64::from(*stride)
        }
        Encoding::Tuple(fields) | Encoding::Record(fields) => {
            let mut end = 0;
            for field in fields {
                end = end.max(check_field(manifest, field, MAX_SIZE)?);
            }
            end
        }
        other => u64::from(other.size()),
    };
    match encoding {
        Encoding::Bits { size, bits, .. } => {
            let end = u32::from(bits.start) + u32::from(bits.width);
            if bits.width == 0 || end > u32::from(*size) * 8 {
                return damaged("a bit field outside of its integer");
            }
        }
        Encoding::Enum { names, .. } if *names as usize >= manifest.enums.len() => {
            return damaged(format_args!("enum {names} does not exist"));
        }
        Encoding::KernelStack { table, .. } | Encoding::UserStack { table, .. }
            if *table as usize >= manifest.stacks.len() =>
        {
            return damaged(format_args!("stack table {table} does not exist"));
        }
        _ => {}
    }
    if size > MAX_SIZE {
        return damaged(format_args!("a value of {size} bytes"));
    }
    Ok(size)
}

/// Bytes that an aggregation stores, flag of keyless maps left aside.
pub(crate) fn reduced_size(map: &Map) -> u64 {
    match &map.reduce {
        Reduce::Last => u64::from(map.value.size()),
        reduce => 8 * reduce.words(map.kind),
    }
}

fn check_map(manifest: &Manifest, map: &Map) -> Result<(), Error> {
    let name = &map.name;
    if let Some(key) = &map.short_key {
        size_of(manifest, key)?;
    }
    if let Some(key) = &map.key {
        size_of(manifest, key)?;
    }
    size_of(manifest, &map.value)?;
    match &map.reduce {
        Reduce::Hist { bits } if *bits > 5 => return damaged(format_args!("{name} has buckets too fine")),
        Reduce::LHist { min, max, step } if min >= max || *step == 0 => {
            return damaged(format_args!("{name} has no buckets"));
        }
        Reduce::TSeries { interval, buckets, .. } if *interval == 0 || *buckets == 0 => {
            return damaged(format_args!("{name} has no buckets"));
        }
        _ => {}
    }
    if map.key.is_some() && !map.kind.is_hash() {
        return damaged(format_args!("{name} has keys and is no hash"));
    }
    if map.kind == MapKind::LpmTrie {
        return damaged(format_args!("{name} is a trie, which no map of a script is"));
    }
    let mut need = reduced_size(map);
    if map.key.is_none() {
        need = need.next_multiple_of(8) + 8;
    }
    if need > u64::from(map.value_size) || u64::from(map.value_size) > MAX_SIZE {
        return damaged(format_args!("{name} needs {need} bytes a value and has {}", map.value_size));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use btc_abi::{Place, Record};

    use super::*;

    fn record(action: Action, fields: Vec<Field>) -> Manifest {
        let records = vec![Record { action, size: 16, fields, place: Place::default() }];
        Manifest { records, ..Manifest::default() }
    }

    fn field(offset: u32, encoding: Encoding) -> Field {
        Field { name: String::new(), offset, encoding }
    }

    #[test]
    fn fields_stay_in_their_record() {
        let int = Encoding::Int { size: 8, signed: true };
        assert!(validate(&record(Action::PrintValue, vec![field(8, int.clone())])).is_ok());
        assert!(validate(&record(Action::PrintValue, vec![field(9, int)])).is_err());
        let huge = Encoding::Array { element: Box::new(Encoding::Bool), count: u32::MAX, stride: u32::MAX };
        assert!(validate(&record(Action::PrintValue, vec![field(8, huge)])).is_err());
    }

    #[test]
    fn indices_exist() {
        assert!(validate(&record(Action::Clear { map: 0, printed: None }, vec![])).is_err());
        let stack = Encoding::KernelStack { mode: btc_abi::StackMode::Raw, table: 3 };
        assert!(validate(&record(Action::PrintValue, vec![field(8, stack)])).is_err());
    }

    #[test]
    fn map_values_have_room() {
        let mut map = Map {
            name: "@".into(),
            symbol: "m".into(),
            kind: MapKind::PerCpuArray,
            key: None,
            short_key: None,
            multi_key: false,
            value: Encoding::Int { size: 8, signed: false },
            reduce: Reduce::Count,
            max_entries: 1,
            default_size: false,
            value_size: 16,
            printed: true,
        };
        let with = |map: &Map| Manifest { maps: vec![map.clone()], ..Manifest::default() };
        assert!(validate(&with(&map)).is_ok());
        map.value_size = 8;
        assert!(validate(&with(&map)).is_err());
        map.value_size = 16;
        map.kind = MapKind::Variable;
        assert!(validate(&with(&map)).is_ok());
        map.key = Some(Encoding::Bool);
        assert!(validate(&with(&map)).is_err());
        map.kind = MapKind::Array;
        assert!(validate(&with(&map)).is_err());
        map.kind = MapKind::Hash;
        assert!(validate(&with(&map)).is_ok());
    }
}
