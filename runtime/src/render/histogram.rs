//! Histograms: logarithmic and linear.

use std::io::Write;

use btc_abi::Reduce;

use super::int::number_json;

/// Characters of the longest bar.
const BAR: u128 = 52;

/// A bucket's bounds: from, and the first number beyond; `None` where there is none.
type Bounds = (Option<i128>, Option<i128>);

/// The bounds of bucket `index` of `hist(n, bits)`.
fn log_bounds(index: usize, bits: u8) -> Bounds {
    let Some(m) = index.checked_sub(1) else { return (None, Some(0)) };
    let fine = 1usize << bits;
    if m < fine {
        return (Some(m as i128), Some(m as i128 + 1));
    }
    let exponent = (m >> bits) + usize::from(bits) - 1;
    let shift = exponent - usize::from(bits);
    let low = ((fine + (m & (fine - 1))) as i128) << shift;
    (Some(low), Some(low + (1i128 << shift)))
}

/// The bounds of bucket `index` of `lhist(n, min, max, step)`. What is left of the width when it
/// is no multiple of the step belongs to the last one.
fn linear_bounds(index: usize, count: usize, min: i64, step: u64) -> Bounds {
    if index == 0 {
        return (None, Some(i128::from(min)));
    }
    let low = i128::from(min) + (index as i128 - 1) * i128::from(step);
    let high = low + i128::from(step);
    (Some(low), (index + 1 < count).then_some(high))
}

fn bounds(reduce: &Reduce, index: usize, count: usize) -> Bounds {
    match reduce {
        Reduce::LHist { min, step, .. } => linear_bounds(index, count, *min, *step),
        Reduce::Hist { bits } => log_bounds(index, *bits),
        _ => (None, None),
    }
}

/// `1024` as `1K`, as far as it divides, at least `fine` are left (what a power of two is cut into keeps its unit), and there
/// are `units`.
fn scaled(mut n: i128, fine: i128, units: &[&str]) -> String {
    let mut units = units.iter();
    let mut unit = "";
    while n >= 1024 * fine && n % 1024 == 0 {
        let Some(next) = units.next() else { break };
        unit = next;
        n /= 1024;
    }
    format!("{n}{unit}")
}

fn label(reduce: &Reduce, bounds: Bounds) -> String {
    const UNITS: [&str; 6] = ["K", "M", "G", "T", "P", "E"];
    // As in bpftrace, linear ones have units where each step is some.
    let (fine, units) = match reduce {
        Reduce::Hist { bits } => (1 << bits, &UNITS[..]),
        Reduce::LHist { step, .. } if step % 1024 == 0 => (1, &UNITS[..2]),
        _ => (1, &[][..]),
    };
    let scaled = |n| scaled(n, fine, units);
    match bounds {
        (Some(low), Some(high)) if high - low == 1 => format!("[{low}]"),
        (Some(low), Some(high)) => format!("[{}, {})", scaled(low), scaled(high)),
        (None, Some(high)) => format!("(..., {})", scaled(high)),
        (Some(low), None) => format!("[{}, ...)", scaled(low)),
        (None, None) => String::new(),
    }
}

/// What counts are divided by: as in bpftrace, those of linear histograms are not.
fn divisor(reduce: &Reduce, div: u64) -> u64 {
    if matches!(reduce, Reduce::LHist { .. }) { 1 } else { div.max(1) }
}

/// First and last bucket that hold anything.
fn used(counts: &[u64]) -> Option<(usize, usize)> {
    let first = counts.iter().position(|c| *c != 0)?;
    let last = counts.iter().rposition(|c| *c != 0)?;
    Some((first, last))
}

/// Appends the buckets that are used, one a line.
pub(crate) fn text(reduce: &Reduce, counts: &[u64], div: u64, out: &mut Vec<u8>) {
    let Some((first, last)) = used(counts) else { return };
    let div = divisor(reduce, div);
    let most = counts.iter().max().map_or(1, |m| m / div).max(1);
    for (index, count) in counts.iter().enumerate().take(last + 1).skip(first) {
        let count = count / div;
        let bar = (u128::from(count) * BAR / u128::from(most)) as usize;
        let label = label(reduce, bounds(reduce, index, counts.len()));
        let _ = writeln!(out, "{label:<16}{count:>8} |{:<52}|", "@".repeat(bar));
    }
}

/// Appends the buckets that are used as a JSON list.
pub(crate) fn json(reduce: &Reduce, counts: &[u64], div: u64, out: &mut Vec<u8>) {
    out.push(b'[');
    if let Some((first, last)) = used(counts) {
        for (index, count) in counts.iter().enumerate().take(last + 1).skip(first) {
            if index > first {
                out.push(b',');
            }
            let (low, high) = bounds(reduce, index, counts.len());
            out.push(b'{');
            if let Some(low) = low {
                out.extend_from_slice(b"\"min\": ");
                number_json(low, out);
                out.extend_from_slice(b", ");
            }
            if let Some(high) = high {
                out.extend_from_slice(b"\"max\": ");
                number_json(high - 1, out);
                out.extend_from_slice(b", ");
            }
            out.extend_from_slice(b"\"count\": ");
            number_json(i128::from(count / divisor(reduce, div)), out);
            out.push(b'}');
        }
    }
    out.push(b']');
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The bucket of a number, as the definition of `Reduce::Hist` has it.
    fn bucket(v: u64, bits: u8) -> usize {
        let b = u32::from(bits);
        if v < 1 << b {
            return 1 + v as usize;
        }
        let e = 63 - v.leading_zeros();
        (1 + u64::from((e - b + 1) << b) + ((v >> (e - b)) & ((1 << b) - 1))) as usize
    }

    fn of(values: &[u64], bits: u8) -> (Reduce, Vec<u64>) {
        let reduce = Reduce::Hist { bits };
        let mut counts = vec![0; reduce.buckets() as usize];
        for v in values {
            counts[bucket(*v, bits)] += 1;
        }
        (reduce, counts)
    }

    fn lines(reduce: &Reduce, counts: &[u64], div: u64) -> Vec<String> {
        let mut out = Vec::new();
        text(reduce, counts, div, &mut out);
        String::from_utf8(out).unwrap().lines().map(str::to_string).collect()
    }

    #[test]
    fn every_number_lies_in_its_bucket() {
        for bits in 0..=5 {
            for shift in 0..64 {
                for near in [0u64, 1, 2] {
                    let v = (1u64 << shift).wrapping_add(near).wrapping_sub(1);
                    let (low, high) = log_bounds(bucket(v, bits), bits);
                    assert!(low.unwrap() <= i128::from(v) && i128::from(v) < high.unwrap(), "{v} {bits}");
                }
            }
            let last = bucket(u64::MAX, bits);
            assert_eq!(last + 1, Reduce::Hist { bits }.buckets() as usize);
        }
    }

    #[test]
    fn a_histogram_is_drawn() {
        let (reduce, counts) = of(&[1, 2, 3, 9], 0);
        let all = lines(&reduce, &counts, 1);
        assert_eq!(all.len(), 4);
        assert_eq!(all[0], format!("[1]                    1 |{:<52}|", "@".repeat(26)));
        assert_eq!(all[1], format!("[2, 4)                 2 |{}|", "@".repeat(52)));
        assert_eq!(all[3], format!("[8, 16)                1 |{:<52}|", "@".repeat(26)));
    }

    #[test]
    fn large_and_fine_buckets() {
        let (reduce, counts) = of(&[1000, 1024], 0);
        let all = lines(&reduce, &counts, 1);
        assert!(all[0].starts_with("[512, 1K) ") && all[1].starts_with("[1K, 2K) "));
        let (reduce, counts) = of(&[63, 64, 67, 67], 5);
        let all = lines(&reduce, &counts, 1);
        assert!(all[0].starts_with("[63] ") && all[1].starts_with("[64, 66) ") && all[2].starts_with("[66, 68) "));
        // Numbers and labels, as bpftrace 0.27.1 prints them.
        for (number, bits, label) in [
            (1000, 1, "[768, 1024)"), (1024, 1, "[1024, 1536)"), (2048, 1, "[2K, 3K)"), (3000, 3, "[2816, 3072)"),
            (7999, 3, "[7680, 8K)"), (1 << 20, 1, "[1024K, 1536K)"), (1 << 20, 3, "[1024K, 1152K)"), (9000, 5, "[8960, 9216)"),
            (32768, 5, "[32K, 33K)"), ((1 << 30) - 1, 1, "[768M, 1024M)"),
        ] {
            let (reduce, counts) = of(&[number], bits);
            assert!(lines(&reduce, &counts, 1)[0].starts_with(&format!("{label} ")), "{number} {bits}: {label}");
        }
    }

    #[test]
    fn division_keeps_the_range() {
        let (reduce, counts) = of(&[4, 4, 8], 0);
        let all = lines(&reduce, &counts, 2);
        assert!(all[0].contains(&"@".repeat(52)) && all[1].contains("0 |   "));
    }

    #[test]
    fn linear_histograms() {
        let reduce = Reduce::LHist { min: 0, max: 10, step: 2 };
        let counts = [1, 0, 0, 0, 0, 1, 2];
        let all = lines(&reduce, &counts, 1);
        assert!(all[0].starts_with("(..., 0)               1 |"));
        assert!(all[5].starts_with("[8, 10)                1 |"));
        assert!(all[6].starts_with("[10, ...)              2 |"));
        assert_eq!(lines(&reduce, &counts, 2), all, "their counts are not divided");
        // What is left of the width belongs to the last one; widths of 1 have one bound.
        let (odd, narrow) = (Reduce::LHist { min: 0, max: 10, step: 4 }, Reduce::LHist { min: 7, max: 9, step: 1 });
        assert_eq!((odd.buckets(), narrow.buckets()), (4, 4));
        assert!(lines(&odd, &[0, 0, 1, 1], 1)[1].starts_with("[8, ...)  "));
        assert!(lines(&narrow, &[0, 1, 0, 0], 1)[0].starts_with("[7]  "));
        let wide = Reduce::LHist { min: 0, max: 10240, step: 1024 };
        assert!(lines(&wide, &[0, 0, 0, 1, 0], 1)[0].starts_with("[2K, 3K)  "));
        let reduce = Reduce::LHist { min: 0, max: 5000, step: 1000 };
        assert!(lines(&reduce, &[0, 0, 1, 0, 0, 1, 0], 1)[0].starts_with("[1000, 2000) "));
    }

    #[test]
    fn as_json() {
        let (reduce, mut counts) = of(&[0, 1, 6], 0);
        counts[0] = 1;
        let mut out = Vec::new();
        json(&reduce, &counts, 1, &mut out);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "[{\"max\": -1, \"count\": 1},{\"min\": 0, \"max\": 0, \"count\": 1},{\"min\": 1, \"max\": 1, \"count\": 1},\
             {\"min\": 2, \"max\": 3, \"count\": 0},{\"min\": 4, \"max\": 7, \"count\": 1}]"
        );
    }
}
