//! Addresses by name.

use std::io::Write;

use btc_abi::FUNCTION_MARK;

use super::{Context, le, le32, probe};
use crate::symbols::Found;

/// The bits that tell a kernel address, which has all of them, from a marked number.
const KIND: u64 = 3 << 62;

pub(super) fn kernel(ctx: &Context, bytes: &[u8], out: &mut Vec<u8>) {
    let address = le(bytes, 0);
    if address & KIND == FUNCTION_MARK {
        return probe::function(ctx, bytes, out);
    }
    let mut symbols = ctx.symbols.borrow_mut();
    match symbols.kernel(address) {
        Some(found) => out.extend_from_slice(found.name.as_bytes()),
        None => bare(address, out),
    }
}

/// An address that has no name.
fn bare(address: u64, out: &mut Vec<u8>) {
    let _ = if address == 0 { write!(out, "0") } else { write!(out, "{address:#x}") };
}

pub(super) fn user(ctx: &Context, bytes: &[u8], out: &mut Vec<u8>) {
    let (address, pid) = (le(bytes, 0), le32(bytes, 8));
    let mut symbols = ctx.symbols.borrow_mut();
    let found = symbols.user(pid, address);
    match if ctx.settings.visible { found.map(Found::visible) } else { found } {
        Some(found) => out.extend_from_slice(found.name.as_bytes()),
        None => bare(address, out),
    }
}
