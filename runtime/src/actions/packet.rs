//! `skboutput(path, …)`: packets into pcap files.

use std::io::Write;

use super::{Arrived, State};
use crate::render::time::read;
use crate::{error, place};

/// An open pcap file; `None` after an error, which was told then.
pub(crate) struct File(Option<std::io::BufWriter<std::fs::File>>);

fn write(file: &mut impl Write, time: u64, length: u32, data: &[u8]) -> std::io::Result<()> {
    let head = [(time / 1_000_000_000) as u32, (time % 1_000_000_000) as u32, data.len() as u32, length];
    for word in head {
        file.write_all(&word.to_le_bytes())?;
    }
    file.write_all(data)
}

pub(super) fn packet(state: &mut State, arrived: Arrived, path: &str) {
    let Some(field) = arrived.record.fields.get(2) else { return };
    let boot_to_real = read(libc::CLOCK_REALTIME) - read(libc::CLOCK_BOOTTIME);
    let time = (arrived.number(0).unwrap_or(0) as i64).wrapping_add(boot_to_real) as u64;
    let length = arrived.number(1).unwrap_or(0) as u32;
    let bytes = arrived.field_bytes(field);
    let data = match field.encoding {
        btc_abi::Encoding::Buffer { .. } => bytes.get(4..).unwrap_or_default(),
        _ => bytes,
    };
    let data = &data[..data.len().min(length as usize)];
    let place = &arrived.record.place;
    let manifest = state.ctx.manifest;
    let lost = &mut state.lost_output;
    let mut tell = |problem: &std::io::Error| {
        *lost = true;
        let place = place::show(manifest, place);
        say!("{place}: ERROR: cannot write packets to `{path}`: {}", error::reason(problem));
    };
    let file = state.packets.entry(path.to_string()).or_insert_with(|| match state.files.capture(path.as_ref()) {
        Ok(file) => File(Some(std::io::BufWriter::new(file))),
        Err(problem) => {
            tell(&problem);
            File(None)
        }
    });
    if let Some(open) = &mut file.0
        && let Err(problem) = write(open, time, length, data)
    {
        tell(&problem);
        file.0 = None;
    }
}
