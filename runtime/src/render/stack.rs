//! Stacks: frames by name, one a line, after a line break.

use std::io::Write;

use btc_abi::StackMode;

use super::{Context, le, le32};
use crate::symbols::{Found, Inlined};

/// The frames of a stack, innermost first.
fn frames(ctx: &Context, table: u32, id: u64) -> Vec<u64> {
    let (Some(stacks), Some(Some(map))) = (ctx.manifest.stacks.get(table as usize), ctx.stacks.get(table as usize)) else {
        return Vec::new();
    };
    let mut buffer = vec![0; stacks.frames as usize * 8];
    if id == 0 || !map.lookup(&id.to_le_bytes(), &mut buffer) {
        return Vec::new();
    }
    buffer.chunks_exact(8).map(|f| le(f, 0)).take_while(|f| *f != 0).collect()
}

/// A frame, and before it the functions that the compiler put into its function.
fn frame(mode: StackMode, visible: bool, address: u64, found: Option<Found>, unknown: &str, out: &mut Vec<u8>) {
    let perf = mode == StackMode::Perf;
    let found = if visible { found.map(Found::visible) } else { found };
    let Some(found) = found else {
        let _ = if perf { writeln!(out, "\t{address:x} {address:#x}{unknown}") } else { writeln!(out, "        {address:#x}") };
        return;
    };
    for Inlined { name, line } in found.inlined.iter().rev() {
        let _ = if perf {
            writeln!(out, "\t{address:x} {name} (inlined)")
        } else {
            writeln!(out, "        [inlined] {name}{}", At(line))
        };
    }
    let Found { name, offset, module, line, .. } = &found;
    let _ = match module {
        Some(module) if perf => writeln!(out, "\t{address:x} {name}+{offset} ({module})"),
        None if perf => writeln!(out, "\t{address:x} {name}+{offset}{unknown}"),
        _ => writeln!(out, "        {name}+{offset}{}", At(line)),
    };
}

/// `@file:line`, or nothing.
struct At<'a>(&'a Option<String>);

impl std::fmt::Display for At<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Some(line) => write!(f, "@{line}"),
            None => Ok(()),
        }
    }
}

fn bare(address: u64, out: &mut Vec<u8>) {
    let _ = writeln!(out, "{address:x}");
}

pub(super) fn kernel(ctx: &Context, mode: StackMode, table: u32, bytes: &[u8], out: &mut Vec<u8>) {
    out.push(b'\n');
    let mut symbols = ctx.symbols.borrow_mut();
    for address in frames(ctx, table, le(bytes, 0)) {
        match mode {
            // The kernel's code has no build ids of its own: the compiler refuses that mode.
            StackMode::Raw | StackMode::BuildId => bare(address, out),
            StackMode::Bpftrace | StackMode::Perf => frame(mode, ctx.settings.visible, address, symbols.kernel(address), "", out),
        }
    }
}

pub(super) fn user(ctx: &Context, mode: StackMode, table: u32, bytes: &[u8], out: &mut Vec<u8>) {
    out.push(b'\n');
    let pid = le32(bytes, 8);
    let addresses = frames(ctx, table, le(bytes, 0));
    let mut symbols = ctx.symbols.borrow_mut();
    match mode {
        StackMode::Raw => addresses.into_iter().for_each(|address| bare(address, out)),
        StackMode::BuildId => {
            for (address, found) in addresses.iter().zip(symbols.build_ids(pid, &addresses)) {
                match found {
                    Some((id, offset)) => drop(writeln!(out, "{id} {offset:#x}")),
                    None => bare(*address, out),
                }
            }
        }
        StackMode::Bpftrace | StackMode::Perf => {
            for (address, found) in addresses.iter().zip(symbols.user_all(pid, &addresses)) {
                frame(mode, ctx.settings.visible, *address, found, " ([unknown])", out);
            }
        }
    }
}
