//! `btc inspect`: what an object holds, as text or JSON.

use std::collections::{HashMap, HashSet};
use std::process::ExitCode;

use btc_abi::{Manifest, ParamKind, RequirementKind};
use btc_driver::elf::{self, Contents};
use btc_providers::normal;
use btc_runtime::{Effect, Keep, shown};
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
        Ok((text, None)) => report::printed(text),
        Ok((text, Some(refusal))) => match report::print(text) {
            Ok(()) => report::error(format!("`{}`: no run takes this object: {refusal}", args.file.display())),
            Err(problem) => report::error(problem),
        },
        Err(message) => report::error(message),
    }
}

/// What it holds, and why a run would refuse it.
fn inspect(args: &InspectArgs) -> Result<(String, Option<String>), String> {
    let input = Input::read(&args.file)?;
    let wrong = |e: &dyn std::fmt::Display| format!("`{}`: {e}", args.file.display());
    let contents = elf::read(&input.bytes).map_err(|e| wrong(&e))?;
    let bytes = contents.manifest.as_deref();
    let bytes = bytes.ok_or_else(|| wrong(&"a BPF object, but not one of btc's: it has no manifest"))?;
    let manifest = btc_abi::wire::decode(bytes).map_err(|e| wrong(&e))?;
    let effects = btc_runtime::effects(&input.bytes, &manifest).map_err(|e| wrong(&e))?;
    let refusal = btc_runtime::manifest(&input.bytes).err().map(|e| e.to_string());
    let text = if args.json {
        serde_json::to_string_pretty(&as_json(&manifest, &contents, &effects, refusal.as_deref())).map_err(|e| wrong(&e))? + "\n"
    } else {
        as_text(&manifest, &contents, &effects, refusal.as_deref())
    };
    Ok((text, refusal))
}

fn as_text(manifest: &Manifest, contents: &Contents, effects: &[Effect], refusal: Option<&str>) -> String {
    let mut out = String::new();
    if let Some(refusal) = refusal {
        line(&mut out, &format!("refused   {refusal}"));
    }
    line(&mut out, "effects on this host");
    for p in &manifest.probes {
        line(&mut out, &format!("  runs at {}, line {}", normal(&p.attach), p.place.line));
    }
    effects.iter().for_each(|e| line(&mut out, &format!("  {e}")));
    out.push('\n');
    line(&mut out, &format!("compiler  {}", manifest.compiler));
    for source in &manifest.sources {
        let hash: String = source.hash.iter().take(8).map(|b| format!("{b:02x}")).collect();
        let note = match is_its_text(source) {
            Some(true) => "",
            Some(false) => ": THE TEXT IN THE OBJECT IS ANOTHER ONE, and not shown",
            None => "; its text was left out",
        };
        line(&mut out, &format!("source    {} (sha256 {hash}…{note})", source.name));
    }
    for (name, value) in &manifest.settings {
        line(&mut out, &format!("setting   {name} = {value}"));
    }
    for r in &manifest.requirements {
        let optional = if r.optional { ", with fallback" } else { "" };
        line(&mut out, &format!("needs     {} {}{optional}", requirement(r.kind), r.name));
    }
    section(&mut out, "probes", manifest.probes.iter().map(|p| {
        // Names are for people; the attach point is where the code runs.
        let real = normal(&p.attach);
        let other = if real == p.name { String::new() } else { format!(", at {real}") };
        format!("{}  ({}{other})", p.name, p.program)
    }));
    section(&mut out, "maps", manifest.maps.iter().map(map_line));
    section(
        &mut out,
        "parameters",
        manifest.params.iter().map(|p| format!("{}  {:?}  default {:?}  {}", param_name(&p.kind), p.ty, p.default, p.help)),
    );
    section(&mut out, "records", manifest.records.iter().enumerate().map(|(id, r)| {
        let fields: Vec<String> = r.fields.iter().map(|f| format!("{} @{}", f.encoding, f.offset)).collect();
        let literal = r.literal().map_or(String::new(), |text| format!(" {text:?}"));
        format!("{id}: line {}: {}{literal}  {} bytes  [{}]", r.place.line, action_name(&r.action), r.size, fields.join(", "))
    }));
    section(&mut out, "loss counters", manifest.losses.iter().map(|l| {
        format!("line {}:{}: {:?} {}", l.place.line, l.place.column, l.kind, l.subject)
    }));
    section(&mut out, "patched by the runtime", manifest.patches.iter().map(|p| {
        format!("{} +{}: {:?}", p.program, p.insn, p.value)
    }));
    let (lines, notes) = (source_lines(manifest, contents), notes(contents));
    for program in &contents.programs {
        program_text(&mut out, program, contents, &lines, &notes);
    }
    out
}

/// Whether a source's text is what the compiler read; `None` where there is none.
fn is_its_text(source: &btc_abi::Source) -> Option<bool> {
    source.text.as_ref().map(|text| btc_driver::sha256(text) == source.hash)
}

/// What stands beside instructions, by section and byte in it.
type Beside<'c, T> = HashMap<(&'c str, u64), T>;

/// The script's lines. Only those of sources whose text is what the compiler read: others may be anything.
fn source_lines<'c>(manifest: &Manifest, contents: &'c Contents) -> Beside<'c, &'c str> {
    let whole = manifest.sources.iter().filter(|s| is_its_text(s) == Some(true)).filter_map(|s| s.text.as_deref());
    let known: HashSet<&str> = whole.flat_map(str::lines).map(str::trim).collect();
    let lines = contents.lines.iter().filter(|l| known.contains(l.text.trim()));
    lines.map(|l| ((l.section.as_str(), u64::from(l.offset)), l.text.trim())).collect()
}

/// Adds a line that is what it looks like: an object may hold any names.
fn line(out: &mut String, text: &str) {
    out.push_str(&shown(text, Keep::Seen));
    out.push('\n');
}

fn section(out: &mut String, title: &str, rows: impl Iterator<Item = String>) {
    let rows: Vec<String> = rows.collect();
    if !rows.is_empty() {
        out.push('\n');
        line(out, title);
        rows.iter().for_each(|row| line(out, &format!("  {}", row.trim_end())));
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

/// Bytecode with the script's lines, where they are its, and the relocations beside it.
fn program_text(
    out: &mut String,
    program: &elf::Program,
    contents: &Contents,
    lines: &Beside<'_, &str>,
    notes: &Beside<'_, String>,
) {
    let name = contents.sections.get(program.section).map_or("", |s| s.name.as_str());
    out.push('\n');
    line(out, &format!("{}  (section {name}, {} instructions)", program.name, program.insns.len()));
    let mut last = "";
    for (at, text) in btc_driver::disassemble(&program.insns) {
        let byte = program.offset + at as u64 * 8;
        if let Some(source) = lines.get(&(name, byte)).filter(|text| **text != last) {
            line(out, &format!("; {source}"));
            last = source;
        }
        let note = notes.get(&(name, byte)).map_or(String::new(), |n| format!("  <{n}>"));
        line(out, &format!("{at:5}: {text}{note}"));
    }
}

/// What the loader puts into instructions.
fn notes(contents: &Contents) -> Beside<'_, String> {
    let mut notes = HashMap::new();
    for program in &contents.programs {
        let section = contents.sections.get(program.section).map_or("", |s| s.name.as_str());
        notes.extend(program.relocations.iter().map(|r| ((section, program.offset + r.offset), r.symbol.clone())));
    }
    for core in &contents.core {
        let kind = CORE_KINDS.get(core.kind as usize).copied().unwrap_or("?");
        notes.insert((core.section.as_str(), u64::from(core.offset)), format!("{kind} of {} {}", core.root, core.access));
    }
    notes
}

fn as_json(manifest: &Manifest, contents: &Contents, effects: &[Effect], refusal: Option<&str>) -> Value {
    json!({
        "refused": refusal,
        "effects": manifest.probes.iter().map(|p| json!({
            "kind": "attaches", "what": normal(&p.attach), "line": p.place.line, "unsafe": false,
        })).chain(effects.iter().map(|e| json!({
            "kind": format!("{:?}", e.kind).to_lowercase(), "what": e.what, "line": e.line, "unsafe": e.is_unsafe(),
        }))).collect::<Vec<_>>(),
        "compiler": manifest.compiler,
        "sources": manifest.sources.iter().map(|s| json!({
            "name": s.name,
            "sha256": s.hash.iter().map(|b| format!("{b:02x}")).collect::<String>(),
            "text": s.text,
            "is_hashed_text": is_its_text(s),
        })).collect::<Vec<_>>(),
        "settings": manifest.settings.iter().cloned().collect::<HashMap<_, _>>(),
        "requirements": manifest.requirements.iter().map(|r| json!({
            "kind": requirement(r.kind), "name": r.name, "optional": r.optional,
        })).collect::<Vec<_>>(),
        "probes": manifest.probes.iter().map(|p| json!({
            "name": p.name, "attach": normal(&p.attach), "program": p.program, "line": p.place.line, "missing": format!("{:?}", p.missing).to_lowercase(),
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
            "id": id, "action": action_name(&r.action), "literal": r.literal(), "size": r.size, "line": r.place.line, "column": r.place.column,
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
