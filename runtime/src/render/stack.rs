//! Stacks: frames by name, one a line, after a line break.

use std::io::Write;

use btc_abi::StackMode;

use super::{Context, le, le32};
use crate::maps::raw;
use crate::symbols::Found;

/// The frames of a stack, innermost first.
fn frames(ctx: &Context, table: u32, id: u64) -> Vec<u64> {
    let (Some(stacks), Some(fd)) = (ctx.manifest.stacks.get(table as usize), ctx.stacks.get(table as usize)) else {
        return Vec::new();
    };
    if id == 0 || *fd < 0 {
        return Vec::new();
    }
    let mut buffer = vec![0; stacks.frames as usize * 8];
    if !raw::lookup(*fd, &id.to_le_bytes(), &mut buffer) {
        return Vec::new();
    }
    buffer.chunks_exact(8).map(|f| le(f, 0)).take_while(|f| *f != 0).collect()
}

fn frame(mode: StackMode, address: u64, found: Option<Found>, out: &mut Vec<u8>) {
    let _ = match (mode, found) {
        (StackMode::Bpftrace, Some(f)) => writeln!(out, "        {}+{}", f.name, f.offset),
        (StackMode::Bpftrace, None) => writeln!(out, "        {address:#x}"),
        (StackMode::Perf, Some(f)) => {
            writeln!(out, "\t{address:16x} {}+{} ({})", f.name, f.offset, f.module)
        }
        (StackMode::Perf, None) => writeln!(out, "\t{address:16x} {address:#x} ([unknown])"),
        (StackMode::BuildId, Some(f)) => match f.build_id {
            Some((id, offset)) => writeln!(out, "        {id} {offset:#x}"),
            None => writeln!(out, "        {address:#x}"),
        },
        (StackMode::Raw | StackMode::BuildId, _) => writeln!(out, "        {address:#x}"),
    };
}

pub(super) fn kernel(ctx: &Context, mode: StackMode, table: u32, bytes: &[u8], out: &mut Vec<u8>) {
    out.push(b'\n');
    let mut symbols = ctx.symbols.borrow_mut();
    for address in frames(ctx, table, le(bytes, 0)) {
        let found = if mode == StackMode::Raw { None } else { symbols.kernel(address) };
        frame(mode, address, found, out);
    }
}

pub(super) fn user(ctx: &Context, mode: StackMode, table: u32, bytes: &[u8], out: &mut Vec<u8>) {
    out.push(b'\n');
    let pid = le32(bytes, 8);
    let addresses = frames(ctx, table, le(bytes, 0));
    let mut symbols = ctx.symbols.borrow_mut();
    let found = match mode {
        StackMode::Raw => Vec::new(),
        _ => symbols.user_all(pid, &addresses),
    };
    let mut found = found.into_iter();
    for address in addresses {
        frame(mode, address, found.next().flatten(), out);
    }
}
