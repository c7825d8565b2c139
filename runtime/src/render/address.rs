//! Network addresses.

use std::io::Write;
use std::net::{Ipv4Addr, Ipv6Addr};

use super::le32;

pub(super) fn inet(bytes: &[u8], out: &mut Vec<u8>) {
    let mut address = [0; 16];
    for (to, from) in address.iter_mut().zip(bytes.iter().skip(4)) {
        *to = *from;
    }
    let [a, b, c, d, ..] = address;
    let _ = match i32::try_from(le32(bytes, 0)) {
        Ok(libc::AF_INET) => write!(out, "{}", Ipv4Addr::new(a, b, c, d)),
        Ok(libc::AF_INET6) => write!(out, "{}", Ipv6Addr::from(address)),
        _ => Ok(()),
    };
}

pub(super) fn mac(bytes: &[u8], out: &mut Vec<u8>) {
    for (i, b) in bytes.iter().take(6).enumerate() {
        let _ = write!(out, "{}{b:02X}", if i == 0 { "" } else { ":" });
    }
}

#[cfg(test)]
mod tests {
    use btc_abi::{Encoding, Manifest};

    use super::super::testing::both;

    #[test]
    fn addresses() {
        let m = Manifest::default();
        let mut v6 = vec![10, 0, 0, 0];
        v6.extend([0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9]);
        assert_eq!(both(&m, &Encoding::Inet, &v6).0, "2001:db8::9");
        let mut v4 = vec![2, 0, 0, 0, 1, 2, 3, 4];
        v4.resize(20, 0);
        assert_eq!(both(&m, &Encoding::Inet, &v4), ("1.2.3.4".into(), "\"1.2.3.4\"".into()));
        assert_eq!(both(&m, &Encoding::Mac, &[10, 0xbb, 0xcc, 0xdd, 0xee, 0xff]).0, "0A:BB:CC:DD:EE:FF");
    }
}
