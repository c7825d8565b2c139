//! Numbers that have names: users, errors, signals, system calls, allocation flags.

use std::collections::HashMap;
use std::io::Write;

use super::{Context, le};

pub(super) fn user(ctx: &Context, bytes: &[u8], out: &mut Vec<u8>) {
    let id = le(bytes, 0) as u32;
    let mut users = ctx.users.borrow_mut();
    // Read once, and from the file itself: a static binary has no name services.
    let users = users.get_or_insert_with(|| parse_users(&std::fs::read_to_string("/etc/passwd").unwrap_or_default()));
    match users.get(&id) {
        Some(name) => out.extend_from_slice(name.as_bytes()),
        None => {
            let _ = write!(out, "{id}");
        }
    }
}

fn parse_users(text: &str) -> HashMap<u32, String> {
    let mut users = HashMap::new();
    for line in text.lines() {
        let mut parts = line.split(':');
        if let (Some(name), Some(id)) = (parts.next(), parts.nth(1).and_then(|id| id.parse().ok())) {
            users.entry(id).or_insert_with(|| name.to_string());
        }
    }
    users
}

pub(super) fn error(bytes: &[u8], out: &mut Vec<u8>) {
    // The parameter is a C int, and system calls give the negative of an error.
    let text = crate::error::errno_text((le(bytes, 0) as i32).wrapping_abs());
    out.extend_from_slice(text.as_bytes());
}

/// Names of the signals from 1 up, as on all architectures that we trace.
const SIGNALS: [&str; 31] = [
    "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE", "ALRM",
    "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ", "VTALRM", "PROF",
    "WINCH", "IO", "PWR", "SYS",
];

/// What the signal is called in words, as strsignal(3) has it.
pub(super) fn signal(bytes: &[u8], out: &mut Vec<u8>) {
    let number = le(bytes, 0);
    if number == 0 || number > SIGNALS.len() as u64 {
        return out.extend_from_slice(b"N/A");
    }
    // SAFETY: the number is that of a signal, and the text is read before another call.
    let text = unsafe { std::ffi::CStr::from_ptr(libc::strsignal(number as i32)) };
    out.extend_from_slice(text.to_bytes());
}

/// The number of a signal by name, with or without `SIG`.
pub(crate) fn signal_number(name: &str) -> Option<i32> {
    let name = name.to_ascii_uppercase();
    let short = name.strip_prefix("SIG").unwrap_or(&name);
    let index = SIGNALS.iter().position(|s| *s == short)?;
    i32::try_from(index + 1).ok()
}

pub(super) fn syscall(bytes: &[u8], out: &mut Vec<u8>) {
    let number = le(bytes, 0);
    match super::syscalls::name(number) {
        Some(name) => out.extend_from_slice(name.as_bytes()),
        None => {
            let _ = write!(out, "[unknown: {number}]");
        }
    }
}

/// Common combinations of allocation flags, largest first, then single bits, of Linux 5.10 to 7.3:
/// bits have kept their places, but for that of `__GFP_ATOMIC`, which means nothing since 6.3.
const GFP: [(u64, &str); 35] = [
    (0x001c_24ca, "GFP_TRANSHUGE"),
    (0x001c_20ca, "GFP_TRANSHUGE_LIGHT"),
    (0x0014_0cca, "GFP_HIGHUSER_MOVABLE"),
    (0x0010_0cc2, "GFP_HIGHUSER"),
    (0x0010_0cc0, "GFP_USER"),
    (0x0040_0cc0, "GFP_KERNEL_ACCOUNT"),
    (0x0000_0cc0, "GFP_KERNEL"),
    (0x0000_0c40, "GFP_NOFS"),
    (0x0000_0a20, "GFP_ATOMIC"),
    (0x0000_0820, "GFP_ATOMIC"),
    (0x0000_0c00, "GFP_NOIO"),
    (0x0000_0800, "GFP_NOWAIT"),
    (0x0001, "GFP_DMA"),
    (0x0002, "__GFP_HIGHMEM"),
    (0x0004, "GFP_DMA32"),
    (0x0008, "__GFP_MOVABLE"),
    (0x0010, "__GFP_RECLAIMABLE"),
    (0x0020, "__GFP_HIGH"),
    (0x0040, "__GFP_IO"),
    (0x0080, "__GFP_FS"),
    (0x0100, "__GFP_ZERO"),
    (0x0200, "__GFP_ATOMIC"),
    (0x0400, "__GFP_DIRECT_RECLAIM"),
    (0x0800, "__GFP_KSWAPD_RECLAIM"),
    (0x1000, "__GFP_WRITE"),
    (0x2000, "__GFP_NOWARN"),
    (0x4000, "__GFP_RETRY_MAYFAIL"),
    (0x8000, "__GFP_NOFAIL"),
    (0x1_0000, "__GFP_NORETRY"),
    (0x2_0000, "__GFP_MEMALLOC"),
    (0x4_0000, "__GFP_COMP"),
    (0x8_0000, "__GFP_NOMEMALLOC"),
    (0x10_0000, "__GFP_HARDWALL"),
    (0x20_0000, "__GFP_THISNODE"),
    (0x40_0000, "__GFP_ACCOUNT"),
];

/// Appends allocation flags with `|` between them.
pub(super) fn gfp(mut flags: u64, out: &mut Vec<u8>) {
    if flags == 0 {
        out.push(b'0');
        return;
    }
    let mut first = true;
    for (bits, name) in GFP {
        if flags & bits == bits {
            flags &= !bits;
            let _ = write!(out, "{}{name}", if first { "" } else { "|" });
            first = false;
        }
    }
    if flags != 0 {
        let _ = write!(out, "{}{flags:#x}", if first { "" } else { "|" });
    }
}

#[cfg(test)]
mod tests {
    use btc_abi::{Encoding, Manifest};

    use super::super::testing::both;
    use super::*;

    #[test]
    fn names_of_numbers() {
        let m = Manifest::default();
        let show = |e: &Encoding, n: u64| both(&m, e, &n.to_le_bytes()).0;
        assert_eq!(show(&Encoding::ErrorText, 2), "No such file or directory");
        assert_eq!(show(&Encoding::SignalName, 9), "Killed");
        assert_eq!(show(&Encoding::SignalName, 0), "N/A");
        #[cfg(target_arch = "x86_64")]
        assert_eq!(show(&Encoding::SyscallName, 257), "openat");
        assert_eq!(signal_number("usr1"), Some(10));
        assert_eq!(signal_number("SIGTERM"), Some(15));
    }

    #[test]
    fn users_are_read_from_the_file() {
        let users = parse_users("root:x:0:0:root:/root:/bin/sh\nbad\nx:y:z:\n");
        assert_eq!(users.get(&0).map(String::as_str), Some("root"));
        assert_eq!(users.len(), 1);
    }

    #[test]
    fn gfp_flags() {
        let show = |flags| {
            let mut out = Vec::new();
            gfp(flags, &mut out);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(show(0xcc0), "GFP_KERNEL");
        assert_eq!(show(0xdc0), "GFP_KERNEL|__GFP_ZERO");
        // Before Linux 6.3 and since.
        assert_eq!((show(0xa20).as_str(), show(0x820).as_str()), ("GFP_ATOMIC", "GFP_ATOMIC"));
        assert_eq!(show(0x28_0000), "__GFP_NOMEMALLOC|__GFP_THISNODE");
        assert_eq!(show(0), "0");
    }
}
