//! How whole numbers are written, in scripts and in parameters.

/// What a suffix multiplies a number by: C's size suffixes nothing, durations to nanoseconds.
const SUFFIXES: &[(&str, u64)] = &[
    ("", 1),
    ("ns", 1),
    ("us", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
    ("d", 86_400_000_000_000),
    ("u", 1),
    ("l", 1),
    ("ul", 1),
    ("lu", 1),
    ("ll", 1),
    ("ull", 1),
    ("llu", 1),
];

/// A number without sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Literal {
    /// Its value.
    pub value: u64,
    /// Whether its digits are decimal.
    pub decimal: bool,
    /// What follows them.
    pub suffix: Suffix,
}

/// What follows the digits of a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Suffix {
    /// Nothing.
    None,
    /// Letters by which C tells a size and a sign.
    Size {
        /// There is a `u`.
        unsigned: bool,
        /// There is an `l`.
        long: bool,
    },
    /// A unit of time.
    Duration,
}

/// Why a text is no number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// It has no digits.
    NoDigits,
    /// It begins with 0 and has digits that are not octal.
    Octal,
    /// It is beyond 64 bits.
    TooLarge,
    /// Its exponent is no whole number.
    Exponent,
    /// Nothing ends in what stands at this byte.
    Suffix(usize),
}

/// Reads a number without sign: decimal, with an exponent if need be, hexadecimal, octal or binary; `_` stands between digits.
///
/// # Errors
/// Says what is wrong with one that is none.
pub fn literal(text: &str) -> Result<Literal, Wrong> {
    let radix = match text.as_bytes() {
        [b'0', b'x' | b'X', ..] => 16,
        [b'0', b'b' | b'B', ..] => 2,
        _ => 10,
    };
    let from = if radix == 10 { 0 } else { 2 };
    let is_digit = |c: char| c == '_' || if radix == 16 { c.is_ascii_hexdigit() } else { c.is_ascii_digit() };
    let end = text[from..].find(|c| !is_digit(c)).map_or(text.len(), |n| from + n);
    let digits: String = text[from..end].chars().filter(|c| *c != '_').collect();
    let suffix = &text[end..];
    if digits.is_empty() {
        return Err(Wrong::NoDigits);
    }
    let octal = radix == 10 && digits.len() > 1 && digits.starts_with('0');
    if octal && digits.contains(['8', '9']) {
        return Err(Wrong::Octal);
    }
    if let Some(at) = text[from..end].find(|c: char| radix == 2 && !matches!(c, '0' | '1' | '_')) {
        return Err(Wrong::Suffix(from + at));
    }
    let decimal = radix == 10 && !octal;
    let value = u64::from_str_radix(&digits, if octal { 8 } else { radix }).map_err(|_| Wrong::TooLarge)?;
    if let (10, Some(exponent)) = (radix, suffix.strip_prefix(['e', 'E'])) {
        return with_exponent(value, exponent);
    }
    let of_c = |s: &str, scale: u64| scale == 1 && s != "ns" && s == suffix.to_ascii_lowercase();
    let known = SUFFIXES.iter().find(|(s, scale)| *s == suffix || of_c(s, *scale));
    let (unit, scale) = known.ok_or(Wrong::Suffix(end))?;
    let value = value.checked_mul(*scale).ok_or(Wrong::TooLarge)?;
    let suffix = match (*unit, *scale) {
        ("", _) => Suffix::None,
        ("ns", _) | (_, 2..) => Suffix::Duration,
        _ => Suffix::Size { unsigned: unit.contains('u'), long: unit.contains('l') },
    };
    Ok(Literal { value, decimal, suffix })
}

/// `2e3`, and `1e3ms`.
fn with_exponent(value: u64, rest: &str) -> Result<Literal, Wrong> {
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    let (exponent, unit) = rest.split_at(end);
    let scale = SUFFIXES.iter().find(|(s, scale)| *s == unit && (unit.is_empty() || *scale > 1 || unit == "ns"));
    let (false, Some((_, scale))) = (exponent.is_empty(), scale) else { return Err(Wrong::Exponent) };
    // An exponent that does not fit is as good as the largest one.
    let power = exponent.parse::<u32>().unwrap_or(u32::MAX);
    let power = if value == 0 { Some(0) } else { 10u64.checked_pow(power) };
    let value = power.and_then(|p| value.checked_mul(p)?.checked_mul(*scale)).ok_or(Wrong::TooLarge)?;
    let suffix = if unit.is_empty() { Suffix::None } else { Suffix::Duration };
    Ok(Literal { value, decimal: true, suffix })
}

/// The number that a parameter's text is, from `i64::MIN` to `u64::MAX`, 0 of an empty one; `None` where it is a text.
pub fn parameter(text: &str) -> Option<i128> {
    if text.is_empty() {
        return Some(0);
    }
    let text = text.trim_ascii_start();
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let value = i128::from(literal(digits).ok()?.value);
    let value = if negative { -value } else { value };
    (value >= i128::from(i64::MIN)).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_numbers_as_scripts_have_them() {
        // What bpftrace 0.27.1 makes of each, but for exponents with a unit.
        for (text, value) in [
            ("5ms", 5_000_000), ("1e3", 1000), ("1_0", 10), ("1__0", 10), ("0b101", 5), ("0B1", 1), ("0X1F", 31), ("-5", -5),
            ("-0x10", -16), ("-5ms", -5_000_000), ("+5", 5), ("1_", 1), ("_1", 1), (" 5", 5), ("017", 15), ("5u", 5), ("5ul", 5),
            ("5LL", 5), ("5h", 18_000_000_000_000), ("", 0), ("1e3ms", 1_000_000_000), ("0x10ms", 16_000_000), ("0", 0),
            ("1e19", 10_000_000_000_000_000_000), ("18446744073709551615", i128::from(u64::MAX)),
            ("-9223372036854775808", i128::from(i64::MIN)),
        ] {
            assert_eq!(parameter(text), Some(value), "{text}");
        }
        for text in
            ["08", "18446744073709551616", "-9223372036854775809", "1.5", " ", "5 ", "0o17", "1e20", "1e", "0x", "0b2", "true", "--5", "5mss"]
        {
            assert_eq!(parameter(text), None, "{text}");
        }
    }
}
