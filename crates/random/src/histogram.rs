//! Labels of histogram buckets.

use crate::tree::LHIST;

/// `4096` as `4K`.
fn scaled(mut n: i128) -> String {
    let mut units = ["K", "M", "G", "T", "P", "E"].iter();
    let mut unit = "";
    while n >= 1024 && n % 1024 == 0 {
        let Some(next) = units.next() else { break };
        (unit, n) = (next, n / 1024);
    }
    format!("{n}{unit}")
}

/// The label of the bucket that a number falls into: of `hist(n)` or `lhist(n, …)`.
pub fn bucket(function: &str, n: i64) -> String {
    let (min, max, step) = LHIST;
    match (function, n) {
        ("hist", i64::MIN..0) => "(..., 0)".into(),
        ("hist", 0 | 1) => format!("[{n}]"),
        ("hist", _) => {
            let low = 1i128 << (63 - n.leading_zeros());
            format!("[{}, {})", scaled(low), scaled(low * 2))
        }
        _ if n < min => format!("(..., {min})"),
        _ if n >= max => format!("[{max}, ...)"),
        _ => {
            let low = min + (n - min) / step * step;
            format!("[{low}, {})", (low + step).min(max))
        }
    }
}
