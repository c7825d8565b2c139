//! Attach points by number.

use btc_abi::FUNCTION_MARK;

use super::{Context, PointName, le};
use crate::symbols::demangle;

fn point(ctx: &Context, number: u64) -> Option<PointName> {
    let number = usize::try_from(number).ok()?;
    let probes = &ctx.manifest.probes;
    match probes.get(number) {
        Some(probe) => {
            let own = || probe.name.rsplit(':').next().unwrap_or_default().to_string();
            let function = ctx.functions.get(&number).cloned().unwrap_or_else(own);
            Some(PointName { name: probe.name.clone(), function })
        }
        None => ctx.points.get(number - probes.len()).cloned(),
    }
}

pub(super) fn name(ctx: &Context, bytes: &[u8], out: &mut Vec<u8>) {
    if let Some(point) = point(ctx, le(bytes, 0)) {
        out.extend_from_slice(point.name.as_bytes());
    }
}

pub(super) fn function(ctx: &Context, bytes: &[u8], out: &mut Vec<u8>) {
    if let Some(point) = point(ctx, le(bytes, 0) & !FUNCTION_MARK) {
        let full = Some(&point.function).filter(|_| ctx.settings.symbols.demangle).and_then(|name| demangle(name));
        out.extend_from_slice(full.as_ref().unwrap_or(&point.function).as_bytes());
    }
}
