//! Times of day.

use std::ffi::CString;

use btc_abi::TimestampClock;

use super::{Context, le};

/// How far each clock is from the time of day, in nanoseconds.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Clocks {
    boot: i64,
    monotonic: i64,
    tai: i64,
}

/// Reads a clock in nanoseconds.
pub(crate) fn read(clock: libc::clockid_t) -> i64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `now` is writable; an unknown clock leaves it zero.
    unsafe { libc::clock_gettime(clock, &raw mut now) };
    now.tv_sec.saturating_mul(1_000_000_000).saturating_add(now.tv_nsec)
}

impl Clocks {
    pub(crate) fn now() -> Clocks {
        let real = read(libc::CLOCK_REALTIME);
        Clocks {
            boot: real - read(libc::CLOCK_BOOTTIME),
            monotonic: real - read(libc::CLOCK_MONOTONIC),
            tai: real - read(libc::CLOCK_TAI),
        }
    }

    /// The time of day of a clock's value.
    fn to_real(self, clock: TimestampClock, value: u64) -> i64 {
        (value as i64).wrapping_add(match clock {
            TimestampClock::Boot => self.boot,
            TimestampClock::Monotonic => self.monotonic,
            TimestampClock::Tai => self.tai,
            TimestampClock::Realtime => 0,
        })
    }
}

pub(super) fn timestamp(ctx: &Context, format: &str, clock: TimestampClock, bytes: &[u8], out: &mut Vec<u8>) {
    let nanoseconds = ctx.clocks.to_real(clock, le(bytes, 0));
    strftime(&with_fractions(format, nanoseconds), nanoseconds, out);
}

/// As bpftrace's strftime() has it: `%l` and `%k` are milli- and nanoseconds. For time() they are libc's.
fn with_fractions(format: &str, nanoseconds: i64) -> String {
    let fraction = nanoseconds.rem_euclid(1_000_000_000);
    let mut full = String::with_capacity(format.len() + 8);
    let mut chars = format.chars();
    while let Some(c) = chars.next() {
        match (c, if c == '%' { chars.next() } else { None }) {
            ('%', Some('l')) => full.push_str(&format!("{:03}", fraction / 1_000_000)),
            ('%', Some('k')) => full.push_str(&format!("{fraction:09}")),
            ('%', Some(letter)) => full.extend(['%', letter]),
            (c, _) => full.push(c),
        }
    }
    full
}

/// Appends the time of day of nanoseconds since 1970; `%f` are microseconds.
pub(crate) fn strftime(format: &str, nanoseconds: i64, out: &mut Vec<u8>) {
    let seconds: libc::time_t = nanoseconds.div_euclid(1_000_000_000);
    let fraction = nanoseconds.rem_euclid(1_000_000_000) / 1000;
    let mut full = String::with_capacity(format.len() + 8);
    let mut chars = format.chars();
    while let Some(c) = chars.next() {
        match (c, if c == '%' { chars.next() } else { None }) {
            ('%', Some('f')) => full.push_str(&format!("{fraction:06}")),
            ('%', Some(letter)) => full.extend(['%', letter]),
            (c, _) => full.push(c),
        }
    }
    // strftime gives 0 both for "no room" and for an empty result: the mark tells them apart.
    full.push('.');
    let Ok(full) = CString::new(full) else { return };
    let mut buffer = [0u8; 4096];
    // SAFETY: tm is plain data for which zeros are valid; localtime_r and strftime
    // get valid pointers and the true length of the buffer.
    let length = unsafe {
        let mut tm: libc::tm = std::mem::zeroed();
        if libc::localtime_r(&raw const seconds, &raw mut tm).is_null() {
            return;
        }
        libc::strftime(buffer.as_mut_ptr().cast(), buffer.len(), full.as_ptr(), &raw const tm)
    };
    out.extend_from_slice(&buffer[..length.saturating_sub(1)]);
}

#[cfg(test)]
mod tests {
    #[test]
    fn strftime_knows_microseconds() {
        let mut out = Vec::new();
        super::strftime("%%f %f %Y", 1_000_000_123_456_789, &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), "%f 123456 1970");
        assert_eq!(super::with_fractions("%k|%l|%%k|%f%", 5_012_345_678), "012345678|012|%%k|%f%");
        let mut out = Vec::new();
        super::strftime("", 0, &mut out);
        assert!(out.is_empty());
    }
}
