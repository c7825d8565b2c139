//! From the parts of all CPUs to one value.

use btc_abi::{Map, Reduce};

use crate::render::le;
use crate::render::tseries::Point;

/// A merged value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    /// Bytes to be read by the map's encoding.
    Bytes(Vec<u8>),
    /// A number and whether it is signed.
    Number(u64, bool),
    /// Count, average and total.
    Stats { count: u64, average: u64, total: u64, signed: bool },
    /// Counts of a histogram.
    Buckets(Vec<u64>),
    /// Points of a time series and whether they are signed.
    Series(Vec<Point>, bool),
}

/// `total / count` as the type says; 0 when there is nothing.
pub(crate) fn divide(total: u64, count: u64, signed: bool) -> u64 {
    match (count, signed) {
        (0, _) => 0,
        (count, true) => (i128::from(total as i64) / i128::from(count)) as u64,
        (count, false) => total / count,
    }
}

fn better(new: u64, old: u64, least: bool, signed: bool) -> bool {
    let less = if signed { (new as i64) < (old as i64) } else { new < old };
    if least { less } else { new != old && !less }
}

/// Merges what each CPU holds.
pub(crate) fn merge<'a>(map: &Map, mut parts: impl Iterator<Item = &'a [u8]>) -> Value {
    match &map.reduce {
        Reduce::Last => {
            let size = map.value.size() as usize;
            let first = parts.next().unwrap_or_default();
            Value::Bytes(first[..size.min(first.len())].to_vec())
        }
        Reduce::Count => Value::Number(sum(parts, 0), false),
        Reduce::Sum { signed } => Value::Number(sum(parts, 0), *signed),
        Reduce::Min { signed } | Reduce::Max { signed } => Value::Number(extreme(parts, map.reduce.order()), *signed),
        Reduce::Avg { signed } => {
            let (count, total) = pair(parts);
            Value::Number(divide(total, count, *signed), *signed)
        }
        Reduce::Stats { signed } => {
            let (count, total) = pair(parts);
            Value::Stats { count, average: divide(total, count, *signed), total, signed: *signed }
        }
        Reduce::Hist { .. } | Reduce::LHist { .. } => {
            let mut counts = vec![0u64; map.reduce.buckets() as usize];
            for part in parts {
                for (i, count) in counts.iter_mut().enumerate() {
                    *count = count.wrapping_add(le(part, i * 8));
                }
            }
            Value::Buckets(counts)
        }
        Reduce::TSeries { interval, buckets, aggregation, signed } => {
            Value::Series(series(parts, *interval, *buckets, aggregation, *signed), *signed)
        }
    }
}

fn sum<'a>(parts: impl Iterator<Item = &'a [u8]>, at: usize) -> u64 {
    parts.fold(0, |n, p| n.wrapping_add(le(p, at)))
}

fn pair<'a>(parts: impl Iterator<Item = &'a [u8]>) -> (u64, u64) {
    parts.fold((0, 0), |(a, b), p| (a.wrapping_add(le(p, 0)), b.wrapping_add(le(p, 8))))
}

/// The greatest of the numbers as [`Reduce::order`] makes them, made what it was; 0 where there is none.
fn extreme<'a>(parts: impl Iterator<Item = &'a [u8]>, order: u64) -> u64 {
    let (best, any) = parts.fold((0, 0), |(best, any), p| (le(p, 0).max(best), any | le(p, 0) | le(p, 8)));
    if any == 0 { 0 } else { best ^ order }
}

/// A bucket: value, what the aggregation needs besides (0: empty), number of the interval.
#[derive(Clone, Copy, Default)]
struct Bucket {
    value: u64,
    meta: u64,
    epoch: u64,
}

fn series<'a>(
    parts: impl Iterator<Item = &'a [u8]>,
    interval: u64,
    buckets: u32,
    aggregation: &str,
    signed: bool,
) -> Vec<Point> {
    let mut merged: Vec<Bucket> = Vec::new();
    for part in parts {
        for i in 0..buckets as usize {
            let at = 8 + i * 24;
            let new = Bucket { value: le(part, at), meta: le(part, at + 8), epoch: le(part, at + 16) };
            if new.meta == 0 {
                continue;
            }
            match merged.iter_mut().find(|b| b.epoch == new.epoch) {
                None => merged.push(new),
                Some(old) => join(old, new, aggregation, signed),
            }
        }
    }
    merged.sort_by_key(|b| b.epoch);
    // CPUs may hold intervals that others have left behind already.
    let from = merged.last().map_or(0, |b| b.epoch.saturating_sub(u64::from(buckets) - 1));
    merged
        .iter()
        .filter(|b| b.epoch >= from)
        .map(|b| Point {
            start: b.epoch.wrapping_mul(interval) as i64,
            value: if aggregation == "avg" { divide(b.value, b.meta, signed) } else { b.value },
        })
        .collect()
}

fn join(old: &mut Bucket, new: Bucket, aggregation: &str, signed: bool) {
    match aggregation {
        "avg" | "sum" => {
            old.value = old.value.wrapping_add(new.value);
            old.meta = old.meta.wrapping_add(new.meta);
        }
        "min" | "max" if better(new.value, old.value, aggregation == "min", signed) => old.value = new.value,
        "min" | "max" => {}
        // The latest value counts; `meta` is its time.
        _ if new.meta > old.meta => *old = new,
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use btc_abi::Encoding;

    use super::super::tests::map;
    use super::*;

    fn merged(reduce: Reduce, cpus: &[&[u64]]) -> Value {
        let map = map(Encoding::Int { size: 8, signed: true }, reduce);
        let parts: Vec<Vec<u8>> = cpus.iter().map(|c| c.iter().flat_map(|n| n.to_le_bytes()).collect()).collect();
        merge(&map, parts.iter().map(Vec::as_slice))
    }

    #[test]
    fn cpus_become_one_value() {
        assert_eq!(merged(Reduce::Count, &[&[2], &[3]]), Value::Number(5, false));
        let minus = (-9i64) as u64;
        let kept = |reduce: Reduce, numbers: [u64; 2]| {
            let parts = numbers.map(|n| [n ^ reduce.order(), u64::from(n == reduce.order())]);
            merged(reduce, &[&parts[0], &parts[1], &[0, 0]])
        };
        assert_eq!(kept(Reduce::Min { signed: true }, [3, minus]), Value::Number(minus, true));
        assert_eq!(kept(Reduce::Min { signed: true }, [i64::MAX as u64; 2]), Value::Number(i64::MAX as u64, true));
        assert_eq!(kept(Reduce::Min { signed: false }, [3, minus]), Value::Number(3, false));
        assert_eq!(kept(Reduce::Max { signed: true }, [minus, minus]), Value::Number(minus, true));
        assert_eq!(kept(Reduce::Max { signed: true }, [1 << 63; 2]), Value::Number(1 << 63, true));
        assert_eq!(kept(Reduce::Max { signed: false }, [u64::MAX, 1]), Value::Number(u64::MAX, false));
        assert_eq!(merged(Reduce::Min { signed: true }, &[&[0, 0]]), Value::Number(0, true));
        let total = (-30i64) as u64;
        assert_eq!(merged(Reduce::Avg { signed: true }, &[&[1, total], &[1, 0]]), Value::Number((-15i64) as u64, true));
        assert_eq!(
            merged(Reduce::Stats { signed: true }, &[&[3, 63], &[0, 0]]),
            Value::Stats { count: 3, average: 21, total: 63, signed: true }
        );
    }

    #[test]
    fn series_keep_the_latest() {
        let reduce = Reduce::TSeries { interval: 10, buckets: 2, aggregation: "none".into(), signed: true };
        let value = merged(reduce, &[&[2, 5, 100, 7, 6, 110, 8, 2], &[1, 9, 105, 7, 0, 0, 0, 1]]);
        let points = vec![Point { start: 70, value: 9 }, Point { start: 80, value: 6 }];
        assert_eq!(value, Value::Series(points, true));
    }
}
