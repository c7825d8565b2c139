//! What an object says of itself, compared with what it is. The manifest is a word; maps, variables, code are facts.

use btc_abi::{Encoding, LOSSES, MOST_CPUS, Manifest, Map, MapKind, PLAIN_CPUS, Patch, Probe};
use btc_elf::definitions::MapDefinition;
use btc_elf::{Contents, Program, shape};

use crate::Error;

fn damaged(what: impl std::fmt::Display) -> Error {
    Error::new(format!("the object is damaged: {what}"))
}

/// Checks an object before libbpf sees it, and its manifest by it.
///
/// # Errors
/// The first thing that is not as told, or that btc does not write.
pub(crate) fn check(object: &[u8], manifest: &Manifest) -> Result<(), Error> {
    btc_elf::frame::check(object).map_err(damaged)?;
    let contents = btc_elf::read(object).map_err(damaged)?;
    let maps = shape::check(&contents).map_err(damaged)?;
    for map in &manifest.maps {
        check_map(map, &maps, &contents)?;
    }
    for table in &manifest.stacks {
        let is = |m: &&MapDefinition| m.symbol == table.symbol;
        let size = table.frames.saturating_mul(8);
        let is_hash = |m: &MapDefinition| [MapKind::Hash, MapKind::LruHash].iter().any(|kind| kind.number() == Some(m.kind));
        let fits = |m: &MapDefinition| is_hash(m) && (m.key_size, m.value_size) == (8, size);
        if !maps.iter().find(is).is_some_and(fits) {
            return Err(damaged(format_args!("its table of stacks `{}` is none of {} frames", table.symbol, table.frames)));
        }
    }
    check_variables(manifest, &contents)?;
    manifest.patches.iter().try_for_each(|patch| check_patch(patch, &contents))?;
    manifest.probes.iter().try_for_each(|probe| check_probe(probe, &contents))
}

/// The section makes the program what it is loaded as: not for another kind of attach point than the manifest tells.
fn check_probe(probe: &Probe, contents: &Contents) -> Result<(), Error> {
    let section = |p: &Program| contents.sections[p.section].name.as_str();
    let program = contents.programs.iter().find(|p| p.name == probe.program && section(p) != ".text");
    let program = program.ok_or_else(|| damaged(format_args!("{} has no program `{}`", probe.name, probe.program)))?;
    let (told, real) = (probe.attach.section(), section(program));
    if told != real {
        return Err(damaged(format_args!("the program of {} is in the section `{real}`, and not in `{told}`", probe.name)));
    }
    Ok(())
}

fn check_map(map: &Map, maps: &[MapDefinition], contents: &Contents) -> Result<(), Error> {
    let (name, symbol) = (&map.name, &map.symbol);
    let Some(kind) = map.kind.number() else {
        let parts = if map.kind.is_spread() { MOST_CPUS } else { 1 };
        let needed = u64::from(map.value_size) * u64::from(parts);
        let fits = contents.variable(symbol, ".bss").is_some_and(|size| size >= needed);
        return if fits { Ok(()) } else { Err(damaged(format_args!("{name} has no variable of {needed} bytes"))) };
    };
    let parts = if map.kind.is_spread() { PLAIN_CPUS } else { 1 };
    let told = MapDefinition {
        symbol: symbol.clone(),
        kind,
        key_size: map.key.as_ref().map_or(4, Encoding::size),
        value_size: map.value_size.saturating_mul(parts),
        max_entries: map.max_entries,
        flags: 0,
    };
    match maps.iter().find(|m| m.symbol == *symbol) {
        // Keys of several parts are padded behind the last one.
        Some(real) if MapDefinition { key_size: told.key_size, ..real.clone() } == told && is_padded(told.key_size, real.key_size) => Ok(()),
        Some(real) => Err(damaged(format_args!(
            "{name} is said to have keys of {} bytes and values of {}, and has such of {} and {} (kinds {} and {})",
            told.key_size, told.value_size, real.key_size, real.value_size, told.kind, real.kind
        ))),
        None => Err(damaged(format_args!("it has no map `{symbol}`"))),
    }
}

/// Whether a key of so many bytes may take so many in the map: up to the next multiple of 8.
pub(crate) fn is_padded(key: u32, real: u32) -> bool {
    (key..=key.next_multiple_of(8)).contains(&real)
}

/// Variables that the runtime reads or writes.
fn check_variables(manifest: &Manifest, contents: &Contents) -> Result<(), Error> {
    let params = manifest.params.iter().flat_map(|p| {
        let number = (p.symbol.as_str(), ".rodata", 8);
        [number, (p.text_symbol.as_str(), ".rodata", u64::from(p.text_capacity))]
    });
    let globals = manifest.globals.iter().map(|g| (g.symbol.as_str(), ".rodata", 8));
    let losses = (LOSSES, ".bss", 8 * manifest.losses.len() as u64);
    for (symbol, section, size) in params.chain(globals).chain([losses]).filter(|(symbol, _, size)| !symbol.is_empty() && *size > 0) {
        if contents.variable(symbol, section).is_none_or(|real| real < size) {
            return Err(damaged(format_args!("it has no variable `{symbol}` of {size} bytes in `{section}`")));
        }
    }
    Ok(())
}

/// What is patched must be no call and no jump.
fn check_patch(patch: &Patch, contents: &Contents) -> Result<(), Error> {
    let program = contents.programs.iter().find(|p| p.name == patch.program);
    let insn = program.and_then(|p| p.insns.get(patch.insn as usize));
    match insn {
        Some(insn) if !shape::decides(insn) => Ok(()),
        Some(_) => Err(damaged(format_args!("it patches a call or jump, {} of `{}`", patch.insn, patch.program))),
        None => Err(damaged(format_args!("it patches instruction {} of `{}`, which does not exist", patch.insn, patch.program))),
    }
}
