//! `btc inspect`: what an object holds, as text or JSON.

use std::collections::HashMap;
use std::fmt::Write;
use std::process::ExitCode;

use btc_abi::{Manifest, ParamKind, RequirementKind};
use btc_driver::elf::{self, Contents};
use serde_json::{Value, json};

use crate::cli::InspectArgs;
use crate::report;
use crate::script::Input;

/// Names of CO-RE relocation kinds (kernel: `enum bpf_core_relo_kind`).
const CORE_KINDS: &[&str] = &[
    "field offset", "field size", "field exists", "field signed", "left shift", "right shift", "local type",
    "target type", "type exists", "type size", "enumerator exists", "enumerator value", "type matches",
];

pub fn run(args: &InspectArgs) -> ExitCode {
    match inspect(args) {
        Ok(text) => report::printed(text),
        Err(message) => report::error(message),
    }
}

fn inspect(args: &InspectArgs) -> Result<String, String> {
    let input = Input::read(&args.file)?;
    let wrong = |e: &dyn std::fmt::Display| format!("`{}`: {e}", args.file);
    let contents = elf::read(&input.bytes).map_err(|e| wrong(&e))?;
    let bytes = contents.manifest.as_deref();
    let bytes = bytes.ok_or_else(|| wrong(&"a BPF object, but not one of btc's: it has no manifest"))?;
    let manifest = btc_abi::wire::decode(bytes).map_err(|e| wrong(&e))?;
    if args.json {
        return serde_json::to_string_pretty(&as_json(&manifest, &contents)).map(|t| t + "\n").map_err(|e| wrong(&e));
    }
    Ok(as_text(&manifest, &contents))
}

fn as_text(manifest: &Manifest, contents: &Contents) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "compiler  {}", manifest.compiler);
    for source in &manifest.sources {
        let hash: String = source.hash.iter().take(8).map(|b| format!("{b:02x}")).collect();
        let _ = writeln!(out, "source    {} (sha256 {hash}…)", source.name);
    }
    for (name, value) in &manifest.settings {
        let _ = writeln!(out, "setting   {name} = {value}");
    }
    for r in &manifest.requirements {
        let optional = if r.optional { ", with fallback" } else { "" };
        let _ = writeln!(out, "needs     {} {}{optional}", requirement(r.kind), r.name);
    }
    section(&mut out, "probes", manifest.probes.iter().map(|p| format!("{}  ({})", p.name, p.program)));
    section(&mut out, "maps", manifest.maps.iter().map(map_line));
    section(
        &mut out,
        "parameters",
        manifest.params.iter().map(|p| format!("{}  {:?}  default {:?}  {}", param_name(&p.kind), p.ty, p.default, p.help)),
    );
    section(&mut out, "records", manifest.records.iter().enumerate().map(|(id, r)| {
        let fields: Vec<String> = r.fields.iter().map(|f| format!("{} @{}", f.encoding, f.offset)).collect();
        format!("{id}: line {}: {}  {} bytes  [{}]", r.place.line, action_name(&r.action), r.size, fields.join(", "))
    }));
    section(&mut out, "loss counters", manifest.losses.iter().map(|l| {
        format!("line {}:{}: {:?} {}", l.place.line, l.place.column, l.kind, l.subject)
    }));
    section(&mut out, "patched by the runtime", manifest.patches.iter().map(|p| {
        format!("{} +{}: {:?}", p.program, p.insn, p.value)
    }));
    for program in &contents.programs {
        out.push_str(&program_text(program, contents));
    }
    out
}

fn section(out: &mut String, title: &str, rows: impl Iterator<Item = String>) {
    let rows: Vec<String> = rows.collect();
    if !rows.is_empty() {
        let _ = writeln!(out, "\n{title}");
        rows.iter().for_each(|row| {
            let _ = writeln!(out, "  {}", row.trim_end());
        });
    }
}

fn map_line(m: &btc_abi::Map) -> String {
    let key = m.key.as_ref().map_or(String::new(), |k| format!("[{k}]"));
    let value = match m.reduce {
        btc_abi::Reduce::Last => m.value.to_string(),
        ref aggregation => aggregation.to_string(),
    };
    let entries = if m.key.is_some() { format!(", {} entries", m.max_entries) } else { String::new() };
    format!("{}{key}: {value}  ({}, {} bytes a value{entries})", m.name, m.kind, m.value_size)
}

/// Bytecode with the script's lines and the relocations beside it.
fn program_text(program: &elf::Program, contents: &Contents) -> String {
    let name = contents.sections.get(program.section).map_or("", |s| s.name.as_str());
    let mut out = format!("\n{}  (section {name}, {} instructions)\n", program.name, program.insns.len());
    let notes = notes(program, name, contents);
    let mut last = "";
    for (at, text) in btc_driver::disassemble(&program.insns) {
        let byte = program.offset + at as u64 * 8;
        let line = contents.lines.iter().find(|l| l.section == name && u64::from(l.offset) == byte);
        if let Some(line) = line.filter(|l| l.text != last) {
            let _ = writeln!(out, "; {}", line.text.trim());
            last = &line.text;
        }
        let note = notes.get(&byte).map_or(String::new(), |n| format!("  <{n}>"));
        let _ = writeln!(out, "{at:5}: {text}{note}");
    }
    out
}

/// What the loader puts into instructions, by byte offset in the section.
fn notes(program: &elf::Program, section: &str, contents: &Contents) -> HashMap<u64, String> {
    let mut notes: HashMap<u64, String> =
        program.relocations.iter().map(|r| (r.offset, r.symbol.clone())).collect();
    for core in contents.core.iter().filter(|c| c.section == section) {
        let kind = CORE_KINDS.get(core.kind as usize).copied().unwrap_or("?");
        notes.insert(u64::from(core.offset), format!("{kind} of {} {}", core.root, core.access));
    }
    notes
}

fn as_json(manifest: &Manifest, contents: &Contents) -> Value {
    json!({
        "compiler": manifest.compiler,
        "sources": manifest.sources.iter().map(|s| json!({
            "name": s.name,
            "sha256": s.hash.iter().map(|b| format!("{b:02x}")).collect::<String>(),
            "text": s.text,
        })).collect::<Vec<_>>(),
        "settings": manifest.settings.iter().cloned().collect::<HashMap<_, _>>(),
        "requirements": manifest.requirements.iter().map(|r| json!({
            "kind": requirement(r.kind), "name": r.name, "optional": r.optional,
        })).collect::<Vec<_>>(),
        "probes": manifest.probes.iter().map(|p| json!({
            "name": p.name, "program": p.program, "line": p.place.line, "missing": format!("{:?}", p.missing).to_lowercase(),
        })).collect::<Vec<_>>(),
        "maps": manifest.maps.iter().map(|m| json!({
            "name": m.name, "symbol": m.symbol, "kind": m.kind.to_string(),
            "key": m.key.as_ref().map(ToString::to_string), "value": m.value.to_string(),
            "aggregation": m.reduce.to_string(), "value_size": m.value_size, "max_entries": m.max_entries,
        })).collect::<Vec<_>>(),
        "parameters": manifest.params.iter().map(|p| json!({
            "name": param_name(&p.kind), "type": format!("{:?}", p.ty).to_lowercase(), "default": p.default, "help": p.help,
        })).collect::<Vec<_>>(),
        "records": manifest.records.iter().enumerate().map(|(id, r)| json!({
            "id": id, "action": action_name(&r.action), "size": r.size, "line": r.place.line, "column": r.place.column,
            "fields": r.fields.iter().map(|f| json!({
                "name": f.name, "offset": f.offset, "size": f.encoding.size(), "type": f.encoding.to_string(),
            })).collect::<Vec<_>>(),
        })).collect::<Vec<_>>(),
        "relocations": contents.core.iter().map(|c| json!({
            "section": c.section, "offset": c.offset, "root": c.root, "access": c.access,
            "kind": CORE_KINDS.get(c.kind as usize),
        })).collect::<Vec<_>>(),
        "programs": contents.programs.iter().map(|p| json!({
            "name": p.name,
            "section": contents.sections.get(p.section).map(|s| &s.name),
            "instructions": p.insns.len(),
            "code": btc_driver::disassemble(&p.insns).into_iter().map(|(at, text)| json!([at, text])).collect::<Vec<_>>(),
        })).collect::<Vec<_>>(),
    })
}

fn requirement(kind: RequirementKind) -> &'static str {
    match kind {
        RequirementKind::Helper => "helper",
        RequirementKind::Kfunc => "kfunc",
        RequirementKind::Type => "type",
        RequirementKind::Field => "field",
        RequirementKind::EnumValue => "enumerator",
        RequirementKind::Kernel => "Linux",
        RequirementKind::Unsafe => "--unsafe for",
    }
}

fn param_name(kind: &ParamKind) -> String {
    match kind {
        ParamKind::Positional(n) => format!("${n}"),
        ParamKind::Count => "$#".to_string(),
        ParamKind::Named(name) => format!("--{name}"),
    }
}

/// The first word of the action's form, in lower case: `printf`, `printmap`.
fn action_name(action: &btc_abi::Action) -> String {
    let text = format!("{action:?}");
    text.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default().to_lowercase()
}
