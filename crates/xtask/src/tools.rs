//! `cargo xtask tools-test`: the tools that come with bpftrace.
//!
//! All of them are compiled here against each kernel's types, and the objects are loaded there.
//! Those with a workload in `testdata/tools` then run under it beside bpftrace itself: both see
//! the same events, and must print the same but for what `NAME.normalise.sh` takes away (times,
//! addresses, process ids, and lines of events that are not the workload's). A workload's first
//! line, `#: TEXT`, says what must then be among it.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::guest::Guest;
use crate::kernels::{self, Kernel};
use crate::modules;
use crate::options::Options;
use crate::payload;
use crate::programs;
use crate::report::Tally;
use crate::results::{PRELUDE, Results};
use crate::shell::{self, Failure, Result};
use crate::sid::Sid;

const PLAYER: &str = include_str!("tools.sh");
/// How long one emulated kernel may take.
const LIMIT: Duration = Duration::from_secs(3600);
/// bpftrace with its libraries lies in the guest's memory, packed and unpacked.
const MEMORY: u32 = 3072;
/// What the workloads use that is not in every kernel's image.
const MODULES: &[&str] = &["null_blk", "loop", "xfs", "raid1", "dummy"];
/// The flag that only loads the tools' objects.
const LOAD: &str = "--load";
/// Kernels of a plain run.
const KERNELS: &str = "6.1,6.12,new";

/// A tool on a kernel, before the guest ran.
struct Todo<'a> {
    name: String,
    lack: Option<&'a String>,
    /// What the compiler said.
    refused: Option<String>,
}

/// What came of one tool on one kernel; each is told in the closing table.
struct Fate {
    loaded: String,
    beside: String,
}

type Table = BTreeMap<String, Vec<Fate>>;

fn stem(path: &Path) -> String {
    path.file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default()
}

fn folder() -> PathBuf {
    shell::root().join("testdata/tools")
}

/// What kernels lack for tools, by tool and kernel: the words that the refusal must hold.
type Lacks = BTreeMap<(String, String), String>;

fn lacks() -> Result<Lacks> {
    let file = folder().join("lacks.txt");
    let mut all = Lacks::new();
    for line in shell::read_text(&file)?.lines().filter(|line| !line.starts_with('#')) {
        let parts = line.split_once(" @ ").and_then(|(tool, rest)| Some((tool, rest.split_once(": ")?)));
        let (tool, (names, what)) =
            parts.ok_or_else(|| Failure::new(format!("{}: cannot read `{line}`", file.display())))?;
        all.extend(names.split(", ").map(|name| ((tool.to_string(), name.to_string()), what.to_string())));
    }
    Ok(all)
}

/// The task.
pub fn run(args: &[String]) -> Result<u8> {
    let mut request = Options::read("tools-test", KERNELS, &[LOAD], args)?;
    request.names.iter_mut().for_each(|name| *name = name.trim_end_matches(".bt").to_string());
    kernels::ensure(&request.kernels)?;
    let sid = Sid::ensure()?;
    let mut tools = sid.tools()?;
    tools.retain(|t| request.wants(&stem(t)));
    if tools.is_empty() {
        return Err(Failure::new(format!("no tool named {}", request.names.join(", "))));
    }
    let payload = shell::scratch()?.join("payload-tools");
    prepare(&payload, &sid, &tools, request.has(LOAD))?;
    let mut tally = Tally::default();
    let mut table = Table::new();
    for kernel in &request.kernels {
        let start = Instant::now();
        let one = on_kernel(&request, kernel, &payload, &tools, &mut table)?;
        println!("kernel {}: {one} ({} s)", kernel.name, start.elapsed().as_secs());
        tally.add(&one);
    }
    show(&request.kernels, &table);
    println!("{tally}");
    Ok(tally.code())
}

/// All that is the same on every kernel.
fn prepare(payload: &Path, sid: &Sid, tools: &[PathBuf], load: bool) -> Result<()> {
    payload::fill(payload)?;
    for name in ["tools", "workloads", "objects"] {
        shell::make_folder(&payload.join(name))?;
    }
    for tool in tools {
        shell::copy(tool, &payload.join("tools").join(format!("{}.bt", stem(tool))))?;
    }
    for file in shell::entries(&folder()) {
        match file.extension().and_then(|e| e.to_str()) {
            Some("sh") => {
                let name = file.file_name().map(PathBuf::from).unwrap_or_default();
                shell::copy(&file, &payload.join("workloads").join(name))?;
            }
            Some("c") => programs::compile_c(&file, &payload.join("bin").join(stem(&file)), true)?,
            _ => {}
        }
    }
    if load { Ok(()) } else { sid.add(payload) }
}

/// Compiles with the very binary that the guests get.
fn compile(payload: &Path, tool: &Path, btf: &Path) -> Result<std::result::Result<(), String>> {
    let object = payload.join("objects").join(format!("{}.o", stem(tool)));
    let _ = std::fs::remove_file(&object);
    let mut command = Command::new(payload.join("bin/btc"));
    command.arg("compile").arg("--btf").arg(btf).arg(tool).arg("-o").arg(object);
    let done = command.output().map_err(|e| Failure::new(format!("cannot run the static btc: {e}")))?;
    Ok(if done.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&done.stderr).into_owned()) })
}

fn on_kernel(
    request: &Options,
    kernel: &Kernel,
    payload: &Path,
    tools: &[PathBuf],
    table: &mut Table,
) -> Result<Tally> {
    let mut tally = Tally::default();
    let btf = shell::scratch()?.join(format!("{}.btf", kernel.name));
    shell::write(&btf, crate::image::btf(&kernel.image()?)?)?;
    modules::add(kernel, MODULES, &payload.join("modules"))?;
    let (mut plan, mut beside, mut todo) = (format!("{PRELUDE}{PLAYER}"), Vec::new(), Vec::new());
    let lacks = lacks()?;
    for tool in tools {
        let name = stem(tool);
        let lack = lacks.get(&(name.clone(), kernel.name.to_string()));
        let refused = compile(payload, tool, &btf)?.err();
        if refused.is_none() {
            plan += &format!("load_tool {name}\n");
        }
        if refused.is_none() && !request.has(LOAD) {
            beside.extend(folder().join(format!("{name}.workload.sh")).exists().then(|| name.clone()));
        }
        todo.push(Todo { name, lack, refused });
    }
    for name in &beside {
        plan += &format!("run_beside {name}\n");
    }
    let guest =
        Guest { kernel, payload: Some(payload), command: &plan, limit: LIMIT, memory: MEMORY, echo: request.verbose };
    let outcome = guest.run()?;
    let results = Results::read(&outcome);
    keep(kernel, &results, &beside)?;
    for Todo { name, lack, refused } in todo {
        let refused = refused.or_else(|| refusal(&name, &results));
        let told = format!("{}: {name}", kernel.name);
        let loaded = match (&refused, lack) {
            (None, _) => {
                tally.pass();
                "loaded".to_string()
            }
            (Some(said), Some(what)) if said.contains(what.as_str()) => {
                tally.skip(&told, &format!("this kernel lacks: {what}"));
                format!("lacks: {what}")
            }
            (Some(said), _) => {
                tally.fail(&format!("{told} is refused"), said);
                "refused".into()
            }
        };
        let ran = refused.is_none() && beside.contains(&name);
        let beside = if ran { judge(&name, &told, lack, &results, &mut tally) } else { "-".into() };
        table.entry(name).or_default().push(Fate { loaded, beside });
    }
    if outcome.code.is_none() {
        println!("    the guest did not come to its end; its console:\n{}", outcome.console);
    }
    Ok(tally)
}

/// What came of a run beside bpftrace, in words for the table.
fn judge(name: &str, told: &str, lack: Option<&String>, results: &Results, tally: &mut Tally) -> String {
    if let Some(what) = lack {
        // The tool goes on without what is missing, and nothing of use is left.
        if results.text(name, "ours.err").contains(&format!("{what} is left out")) {
            tally.skip(&format!("{told} is left without probes"), &format!("this kernel lacks: {what}"));
            return format!("lacks: {what}");
        }
        tally.fail(&format!("{told} runs now"), &format!("take it out of lacks.txt: {what}"));
        return "-".into();
    }
    match compare(name, results) {
        Ok(lines) => {
            tally.pass();
            format!("same ({lines} lines)")
        }
        Err(why) => {
            tally.fail(&format!("{told} beside bpftrace"), &why);
            "differs".into()
        }
    }
}

/// What was printed stays behind, for a look at more than the first difference.
fn keep(kernel: &Kernel, results: &Results, names: &[String]) -> Result<()> {
    let place = shell::scratch()?.join(format!("tools-{}", kernel.name));
    shell::make_folder(&place)?;
    for name in names {
        for part in ["ours", "theirs", "ours.err", "theirs.err", "workload"] {
            shell::write(&place.join(format!("{name}.{part}")), results.text(name, part))?;
        }
    }
    Ok(())
}

/// Why a tool's object does not load.
fn refusal(name: &str, results: &Results) -> Option<String> {
    let test = format!("load/{name}");
    match results.text(&test, "code").trim() {
        "0" => None,
        "" => Some("no result: the guest ended before".into()),
        code => Some(format!("exit code {code}\n{}", results.text(&test, "err"))),
    }
}

/// An output without what differs by nature.
fn normalised(name: &str, text: &str) -> Result<String> {
    let own = |line: &&str| {
        let attached = line.starts_with("Attach") && line.contains(" probe");
        !attached && !line.starts_with("__BPFTRACE_NOTIFY")
    };
    let text: String = text.lines().filter(own).map(|line| format!("{}\n", line.trim_end())).collect();
    let script = folder().join(format!("{name}.normalise.sh"));
    if !script.exists() {
        return Ok(text);
    }
    let mut command = Command::new("sh");
    command.arg(&script).stdin(Stdio::piped()).stdout(Stdio::piped());
    let failure = |e| Failure::new(format!("cannot run `{}`: {e}", script.display()));
    let mut child = command.spawn().map_err(failure)?;
    if let Some(mut input) = child.stdin.take() {
        // A script that reads less than all is no error.
        std::thread::spawn(move || drop(input.write_all(text.as_bytes())));
    }
    let done = child.wait_with_output().map_err(failure)?;
    if !done.status.success() {
        return Err(Failure::new(format!("failed: {}", script.display())));
    }
    Ok(String::from_utf8_lossy(&done.stdout).into_owned())
}

/// The number of lines that both printed, or how they differ.
fn compare(name: &str, results: &Results) -> std::result::Result<usize, String> {
    let side = |part: &str| normalised(name, &results.text(name, part)).map_err(|e| e.to_string());
    let (ours, theirs) = (side("ours")?, side("theirs")?);
    let said = || {
        let parts = ["ours.err", "theirs.err", "workload"];
        parts.map(|part| format!("{part}:\n{}", results.text(name, part))).join("\n")
    };
    if results.text(name, "code").split_whitespace().ne(["0", "0"]) {
        return Err(format!("exit codes {:?}\n{}", results.text(name, "code"), said()));
    }
    if ours != theirs {
        return Err(format!("ours:\n{ours}\ntheirs:\n{theirs}\n{}", said()));
    }
    let workload = shell::read_text(&folder().join(format!("{name}.workload.sh"))).map_err(|e| e.to_string())?;
    let shows = workload.lines().find_map(|line| line.strip_prefix("#: ")).unwrap_or("?");
    if !ours.contains(shows) {
        return Err(format!("neither printed `{shows}`:\n{ours}\n{}", said()));
    }
    Ok(ours.lines().count())
}

fn show(kernels: &[Kernel], table: &Table) {
    let names: Vec<&str> = kernels.iter().map(|k| k.name).collect();
    println!("| tool | loaded, and beside bpftrace, on {} |", names.join(" | "));
    for (tool, fates) in table {
        let cell = |fate: &Fate| format!("{}; {}", fate.loaded.lines().next().unwrap_or_default(), fate.beside);
        println!("| {tool} | {} |", fates.iter().map(cell).collect::<Vec<_>>().join(" | "));
    }
}
