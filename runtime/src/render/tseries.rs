//! Time series: one point an interval, drawn from left to right by value.

use std::io::Write;

use super::int;
use super::time::strftime;

/// Columns of the graph.
const WIDTH: i128 = 51;
/// Columns before the graph.
const LEFT: usize = 19;

/// An interval's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Point {
    /// Start of the interval: nanoseconds since 1970.
    pub start: i64,
    pub value: u64,
}

fn number(value: u64, signed: bool) -> i128 {
    if signed { i128::from(value as i64) } else { i128::from(value) }
}

/// Appends the graph.
pub(crate) fn text(points: &[Point], signed: bool, out: &mut Vec<u8>) {
    let values = || points.iter().map(|p| number(p.value, signed));
    let (Some(mut low), Some(mut high)) = (values().min(), values().max()) else {
        out.extend_from_slice(b"<no data>");
        return;
    };
    if low == high {
        low -= 1;
        high += 1;
    }
    let ends = format!("{:LEFT$}{:<52}{}", "", low.to_string(), high);
    let line = "_".repeat(WIDTH as usize);
    let _ = writeln!(out, "{ends}");
    let _ = writeln!(out, "{:<LEFT$}|{line}|", "hh:mm:ss.ns");
    for point in points {
        let column = ((number(point.value, signed) - low) * (WIDTH - 1) / (high - low)) as usize;
        strftime("%H:%M:%S", point.start, out);
        let fraction = point.start.rem_euclid(1_000_000_000);
        let _ = write!(out, ".{fraction:09} |{:column$}*{:2$}| ", "", "", WIDTH as usize - 1 - column);
        int::decimal(point.value, signed, out);
        out.push(b'\n');
    }
    let _ = writeln!(out, "{:LEFT$}v{line}v", "");
    let _ = writeln!(out, "{ends}");
}

/// Appends the points as a JSON list.
pub(crate) fn json(points: &[Point], signed: bool, out: &mut Vec<u8>) {
    out.push(b'[');
    for (i, point) in points.iter().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        out.extend_from_slice(b"{\"interval_start\":\"");
        strftime("%Y-%m-%d %H:%M:%S", point.start, out);
        let _ = write!(out, ".{:09}\",\"value\":", point.start.rem_euclid(1_000_000_000));
        int::decimal_json(point.value, signed, out);
        out.push(b'}');
    }
    out.push(b']');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_point_stands_in_the_middle() {
        let mut out = Vec::new();
        text(&[Point { start: 0, value: 3 }], true, &mut out);
        let all = String::from_utf8(out).unwrap();
        let lines: Vec<_> = all.lines().collect();
        assert_eq!(lines[0], "                   2                                                   4");
        assert_eq!(lines[1], "hh:mm:ss.ns        |___________________________________________________|");
        assert!(lines[2].ends_with(":00.000000000 |                         *                         | 3"), "{}", lines[2]);
        assert_eq!(lines[3], "                   v___________________________________________________v");
    }
}
