//! Attaching: what each probe means on this machine, and doing it.
//!
//! First every probe is *planned*: names are resolved and wildcards expanded to
//! [`Target`]s, before anything is loaded. Then, with the programs in the kernel,
//! every target becomes a [`Link`]. A link is nothing but descriptors, so that
//! the end of the process, however it comes, leaves nothing attached.

mod boundary;
mod breakpoint;
mod clone;
mod fentry;
mod filter;
mod functions;
pub(crate) mod iter;
mod kernel_types;
mod kprobe;
mod libraries;
mod lines;
pub(crate) mod multi;
pub(crate) mod namesakes;
mod order;
pub(crate) mod perf;
mod points;
pub(crate) mod programs;
mod progress;
mod raw_tracepoint;
mod run;
mod segments;
mod syscalls;
mod timer;
mod counter;
pub(crate) mod tracefs;
mod tracepoint;
pub(crate) mod uprobe;
mod usdt;

use std::collections::{BTreeSet, HashMap};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use btc_abi::{Attach, Manifest, Missing, Probe, ProbeIdentity, Typed};
use btc_dwarf::Line;
use libbpf_sys as sys;

use crate::arguments::{self, Bounds};
use crate::error::last_os;
use crate::load::{Loaded, Program};
use crate::render::PointName;
use points::Points;
use progress::Progress;
use usdt::Operand;

use crate::options::Mode;
use crate::{Error, Options, glob, place, reads};
pub(crate) use clone::is_in_kernel_types;
pub use programs::bpf_functions;
pub(crate) use run::run as run_program;
pub(crate) use uprobe::find_binaries;
pub use uprobe::{binary_functions, symbol_size};
pub use usdt::{static_probes, static_signs};
#[cfg(feature = "fuzzing")]
pub(crate) use {libraries::look_up, usdt::parse_operands};

/// A thing to attach to.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Point {
    /// Run by the tracer itself.
    Run,
    /// An iterator of a kind, and the name to pin it under.
    Iter { pin: String },
    /// A raw tracepoint.
    RawTracepoint { event: String },
    /// The program knows its place itself (fentry, tp_btf).
    Typed,
    /// Perf events.
    Perf(Vec<perf::Event>),
    /// A perf event of each thread of a process.
    Threads { process: u32, event: perf::Event },
    /// Many functions by one link.
    Multi(multi::Multi),
    /// Many system calls by one event.
    Syscalls(syscalls::Calls),
}

/// A point with the names that scripts see.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Target {
    pub point: Point,
    pub name: PointName,
    /// The event that it is, of a probe that may name many.
    pub of: Option<Typed>,
    /// Where its arguments are.
    pub arguments: Bounds,
    /// Where the arguments of a static probe are.
    pub operands: Option<Vec<Operand>>,
    /// What a typed program is for, where several have one program: it is loaded for the first.
    pub typed: Option<TypedFunction>,
    /// What whoever counts its events should know.
    pub doubt: Option<String>,
}

/// A function with known types.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct TypedFunction {
    /// Number of its type.
    pub btf_id: u32,
    /// Whose types these are.
    pub of: Owner,
}

/// What a function with known types is part of.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Owner {
    Kernel,
    /// A module, and the number of its types.
    Module { name: String, types: u32 },
    /// The BPF program of that number.
    Program(u32),
}

impl Target {
    fn new(point: Point, name: impl Into<String>, function: impl Into<String>) -> Target {
        Target { point, name: PointName { name: name.into(), function: function.into() }, operands: None, typed: None, of: None, arguments: Bounds::new(), doubt: None }
    }
}

/// Why a probe has no target.
pub(crate) enum Problem {
    /// It does not exist here: the probe's policy decides.
    Missing(String),
    /// It is none of those that the probe means: of many it is left out without a word, alone it is missing.
    Unfit(String),
    /// The kernel does not let this one be attached: of many, it is left out.
    Refused(Error),
    /// Nothing can be done.
    Error(Error),
}

impl From<Error> for Problem {
    fn from(error: Error) -> Problem {
        Problem::Error(error)
    }
}

fn missing<T>(what: impl Into<String>) -> Result<T, Problem> {
    Err(Problem::Missing(what.into()))
}

/// The targets of a probe.
#[derive(Clone, Debug, Default)]
pub(crate) struct Plan {
    pub targets: Vec<Target>,
}

/// Something attached; dropping it detaches.
pub(crate) struct Link {
    // Order matters: the link goes before the event that it sits on.
    _link: Option<OwnedFd>,
    _event: Option<OwnedFd>,
}

/// Links that are closed at the same time.
const DETACHING: usize = 64;

/// Detaches everything, and returns when none of the programs runs any more. The kernel waits at many a link until no
/// CPU runs its program: threads wait together where one would wait for hundreds of perf events in a row.
///
/// # Errors
/// When programs may still be running.
pub(crate) fn detach(mut links: Vec<Link>) -> Result<(), Error> {
    if links.is_empty() {
        return Ok(());
    }
    std::thread::scope(|scope| {
        let share = links.len().div_ceil(DETACHING).max(1);
        while links.len() > share {
            let some = links.split_off(links.len() - share);
            // Without a thread they are closed here.
            let _ = std::thread::Builder::new().spawn_scoped(scope, || drop(some));
        }
        drop(links);
    });
    await_programs()
}

/// Waits until the programs that run now have ended: at links of raw tracepoints and of trampolines the kernel does
/// not. It does when a map in a map is replaced (kernel: `maybe_wait_bpf_programs`).
fn await_programs() -> Result<(), Error> {
    let create = |kind, options: *const sys::bpf_map_create_opts| {
        // SAFETY: a text that ends with NUL, and options that are none or initialised.
        let fd = unsafe { sys::bpf_map_create(kind, c"btc_wait".as_ptr(), 4, 4, 1, options) };
        if fd < 0 {
            return Err(Error::os("cannot wait for the last probes", &last_os()));
        }
        // SAFETY: the descriptor is new and nobody else's.
        Ok(unsafe { OwnedFd::from_raw_fd(fd) })
    };
    let inner = create(sys::BPF_MAP_TYPE_ARRAY, std::ptr::null())?;
    let options = sys::bpf_map_create_opts {
        sz: size_of::<sys::bpf_map_create_opts>() as sys::size_t,
        inner_map_fd: inner.as_raw_fd() as u32,
        ..Default::default()
    };
    let outer = create(sys::BPF_MAP_TYPE_ARRAY_OF_MAPS, &raw const options)?;
    let (key, value) = (0u32, inner.as_raw_fd());
    // SAFETY: key and value are of the sizes that the map has.
    let code = unsafe { sys::bpf_map_update_elem(outer.as_raw_fd(), (&raw const key).cast(), (&raw const value).cast(), 0) };
    if code == 0 { Ok(()) } else { Err(Error::os("cannot wait for the last probes", &last_os())) }
}

/// Resolves all probes; `process` is the one whose events count.
pub(crate) fn plan(manifest: &Manifest, options: &Options, process: Option<u32>) -> Result<Vec<Plan>, Error> {
    let (mut plans, mut lacking) = (Vec::new(), Vec::new());
    let kernel = kernel_types::Host::default();
    let filter = options.probe_filter.as_deref().map(filter::Filter::new).transpose()?;
    for probe in &manifest.probes {
        plans.push(match targets(probe, options, process) {
            Ok(targets) => {
                let mut targets = bind(manifest, probe, targets, &kernel, options)?;
                if let Some(filter) = &filter {
                    filter.apply(probe, &mut targets);
                }
                tell_doubts(manifest, probe, options, &targets);
                Plan { targets }
            }
            Err(Problem::Refused(error) | Problem::Error(error)) => return Err(error),
            Err(Problem::Missing(what) | Problem::Unfit(what)) => {
                lacking.push((probe, what));
                Plan::default()
            }
        });
    }
    for (probe, what) in lacking {
        let found = |(other, plan): (&Probe, &Plan)| other.clause == probe.clause && !plan.targets.is_empty();
        let replaced = glob::is_pattern(&probe.name) && manifest.probes.iter().zip(&plans).any(found);
        if !replaced {
            excuse(manifest, probe, options, &what)?;
        }
    }
    let left = || manifest.probes.iter().zip(&plans).any(|(p, plan)| !filter::is_of_the_run(p) && !plan.targets.is_empty());
    if filter.is_some() && !left() {
        return Err(Error::new("no probe of the script matches --probe-filter"));
    }
    reads::check(manifest, &kernel)?;
    order::unite(&manifest.probes, &mut plans);
    Ok(plans)
}

/// Finds the arguments of each target. Of many matches of a wildcard those are left out that do not have them.
fn bind(
    manifest: &Manifest,
    probe: &Probe,
    targets: Vec<Target>,
    kernel: &kernel_types::Host,
    options: &Options,
) -> Result<Vec<Target>, Error> {
    let (mut bound, mut refused) = (Vec::new(), Vec::new());
    for mut target in targets {
        match arguments::of_probe(kernel, manifest, probe, target.of.as_ref()) {
            Ok(arguments) => {
                target.arguments = arguments;
                bound.push(target);
            }
            Err(error) => refused.push(error),
        }
    }
    match refused.first() {
        Some(error) if bound.is_empty() || !glob::is_pattern(&probe.name) => Err(error.clone()),
        _ => {
            leave_out(manifest, probe, options, &refused);
            Ok(bound)
        }
    }
}

/// What the probe's policy makes of a missing target.
fn excuse(manifest: &Manifest, probe: &Probe, options: &Options, what: &str) -> Result<(), Error> {
    let (place, title) = (place::show(manifest, &probe.place), probe.title());
    match probe.missing {
        Missing::Error => Err(Error::new(format!("{place}: cannot attach {title}: {what}"))),
        Missing::Warn if !options.no_warnings => {
            say!("{place}: WARNING: {title} is left out: {what}");
            Ok(())
        }
        Missing::Ignore if options.verbose => {
            say!("{place}: {title} is left out: {what}");
            Ok(())
        }
        Missing::Warn | Missing::Ignore => Ok(()),
    }
}

/// Tells what of a probe's targets may not be what its name says.
fn tell_doubts(manifest: &Manifest, probe: &Probe, options: &Options, targets: &[Target]) {
    let doubts: BTreeSet<&str> = targets.iter().filter_map(|t| t.doubt.as_deref()).collect();
    for doubt in doubts.into_iter().filter(|_| !options.no_warnings) {
        say!("{}: WARNING: {}: {doubt}", place::show(manifest, &probe.place), probe.title());
    }
}

/// Tells that some matches of a wildcard could not be attached: why the first could not, and how many they are.
fn leave_out(manifest: &Manifest, probe: &Probe, options: &Options, errors: &[Error]) {
    let place = place::show(manifest, &probe.place);
    // Some errors begin with that place themselves.
    let told = |error: &Error| {
        let text = error.to_string();
        text.strip_prefix(&format!("{place}: ")).map(str::to_string).unwrap_or(text)
    };
    match errors {
        [error, more @ ..] if !options.no_warnings => {
            let which = match more.len() {
                0 => "it is".to_string(),
                more => format!("it and {more} more are"),
            };
            say!("{place}: WARNING: {}; {which} left out", told(error));
            for error in more.iter().filter(|_| options.verbose) {
                say!("{place}: WARNING: {}; it is left out", told(error));
            }
        }
        _ => {}
    }
}

fn targets(probe: &Probe, options: &Options, process: Option<u32>) -> Result<Vec<Target>, Problem> {
    let name = &probe.name;
    let by_tracer = || Ok(vec![Target::new(Point::Run, name, name)]);
    // Tests and benchmarks are run instead of the trace, after BEGIN and before END.
    let wanted = match &probe.attach {
        Attach::Begin | Attach::End => return by_tracer(),
        Attach::Test { .. } => Mode::Test,
        Attach::Bench { .. } => Mode::Bench,
        _ => Mode::Trace,
    };
    if wanted != options.mode {
        return Ok(Vec::new());
    }
    match &probe.attach {
        Attach::Begin | Attach::End | Attach::SelfSignal { .. } | Attach::Test { .. } | Attach::Bench { .. } => {
            by_tracer()
        }
        Attach::Tracepoint { category, event } => tracepoint::targets(category, event),
        Attach::RawTracepoint { module, event, typed } => raw_tracepoint::targets(name, module, event, *typed, options),
        Attach::Kprobe { module, function, offset, ret } => kprobe::targets(module, function, *offset, *ret, options),
        Attach::Fentry { module, function, ret } => fentry::targets(module, function, *ret, options),
        Attach::FentryProgram { id, name, ret } => programs::targets(*id, name, *ret),
        Attach::Uprobe { path, symbol, offset, ret, demangle } => {
            uprobe::targets(&uprobe::Wanted { path, symbol, offset: *offset, ret: *ret, demangle: *demangle }, options)
        }
        Attach::SourceLine { path, file, line, column } => {
            lines::targets(path, &Line { file, line: *line, column: *column }, options)
        }
        Attach::Usdt { path, provider, name } => usdt::targets(&usdt::Wanted { path, provider, name }, options),
        Attach::Interval { unit, value } => Ok(timer::interval(name, *unit, *value)),
        Attach::Profile { unit, value } => Ok(timer::profile(name, *unit, *value)),
        Attach::Software { event, count } => counter::software(name, event, *count, process),
        Attach::Hardware { event, count } => counter::hardware(name, event, *count, process),
        Attach::Watchpoint { address, length, mode } => breakpoint::targets(name, *address, *length, mode),
        Attach::Iter { kind, pin } => Ok(iter::targets(name, kind, pin)),
    }
}

/// Everything that is attached.
#[derive(Default)]
pub(crate) struct Attached {
    pub links: Vec<Link>,
    /// Watchpoints with their addresses: the script may take them away.
    pub watchpoints: Vec<(u64, Link)>,
    /// Iterators to read out.
    pub iterators: Vec<OwnedFd>,
    /// Copies of programs, which must live as long as their links.
    pub copies: clone::Copies,
    /// Timers that wait for all others.
    pub timers: timer::Timers,
    /// The numbers of attach points whose names are known here only.
    pub points: Points,
    /// Functions of the kernel that are attached to by name, each with its first probe.
    pub by_name: HashMap<String, usize>,
    /// Functions around places within them, by the probe.
    pub functions: HashMap<usize, String>,
    /// Attach points, those that the tracer runs included.
    pub count: usize,
    /// Whether events may arrive by themselves.
    pub has_events: bool,
}

/// What came of a probe's targets.
#[derive(Default)]
struct Tried {
    /// Attach points that it has now.
    count: usize,
    /// Why some do not exist.
    missing: Vec<String>,
    /// Why one is none of those that the probe means.
    unfit: Option<String>,
    /// Those that the kernel does not let be attached.
    refused: Vec<Error>,
}

/// Attaches all targets that events lead to, or that the tracer runs.
pub(crate) fn attach(
    manifest: &Manifest,
    options: &Options,
    plans: &[Plan],
    loaded: &Loaded,
) -> Result<Attached, Error> {
    let mut all = Attached { points: Points::new(&manifest.probes), by_name: namesakes::by_name(plans), ..Attached::default() };
    let cookies = clone::has_cookies();
    let mut progress = Progress::new(plans.iter().map(|p| p.targets.len()).sum(), !options.quiet);
    let mut tried: Vec<Tried> = plans.iter().map(|_| Tried::default()).collect();
    for n in order::sequence(&manifest.probes, plans) {
        for target in &plans[n].targets {
            if manifest.probes[n].attach.is_within_function() {
                all.functions.insert(n, target.name.function.clone());
            }
            let one = attach_one(manifest, &manifest.probes[n], &plans[n], target, loaded, cookies, &mut all);
            match one {
                Ok((count, refused)) => {
                    tried[n].count += count;
                    tried[n].refused.extend(refused);
                }
                Err(Problem::Error(error)) => return Err(error),
                Err(Problem::Missing(what)) => tried[n].missing.push(what),
                Err(Problem::Unfit(what)) => tried[n].unfit = Some(what),
                Err(Problem::Refused(error)) => tried[n].refused.push(error),
            }
            progress.step();
        }
    }
    std::mem::take(&mut all.timers).start()?;
    for (probe, tried) in manifest.probes.iter().zip(tried) {
        all.count += tried.count;
        if tried.count == 0 {
            match (tried.refused.first(), tried.missing.last().or(tried.unfit.as_ref())) {
                (Some(error), _) => return Err(error.clone()),
                (None, Some(what)) => excuse(manifest, probe, options, what)?,
                (None, None) => {}
            }
            continue;
        }
        // Of many matches of a wildcard some may refuse.
        let missing = tried.missing.into_iter().map(|what| Error::new(format!("cannot attach: {what}")));
        leave_out(manifest, probe, options, &tried.refused.into_iter().chain(missing).collect::<Vec<_>>());
    }
    Ok(all)
}

/// Attaches one; yields how many attach points it was, and those of them that the kernel refused.
fn attach_one(
    manifest: &Manifest,
    probe: &Probe,
    plan: &Plan,
    target: &Target,
    loaded: &Loaded,
    cookies: bool,
    all: &mut Attached,
) -> Result<(usize, Vec<Error>), Problem> {
    let program = loaded.program(&probe.program).ok_or_else(|| no_program(&probe.program))?;
    let dynamic = probe.identity == ProbeIdentity::Dynamic;
    if let Point::Multi(multi) = &target.point {
        return attach_many(dynamic, multi, program, all);
    }
    let own = Some(&target.arguments).filter(|own| **own != plan.targets[0].arguments);
    if let Point::Syscalls(calls) = &target.point {
        return Ok((calls.attach(manifest, probe, loaded, own, all)?, Vec::new()));
    }
    let mut cookie = None;
    let mut wanted = clone::Values {
        identity: None,
        operands: target.operands.as_deref(),
        function: target.typed.as_ref(),
        arguments: own,
        is_other: target.typed != plan.targets[0].typed,
        table: None,
    };
    if dynamic {
        let number = all.points.number(&target.name);
        match target.point {
            Point::Perf(_) if cookies => cookie = Some(number),
            Point::Run => {}
            _ => wanted.identity = Some(number),
        }
    }
    // What the kernel refuses to load for one of many functions concerns that function.
    let fd = all.copies.program(manifest, loaded, &probe.program, &wanted).map_err(|error| match wanted.is_other {
        true => Problem::Refused(Error::new(format!("cannot attach {}: {error}", target.name.name))),
        false => Problem::Error(error),
    })?;
    match &target.point {
        Point::Run | Point::Multi(_) | Point::Syscalls(_) => return Ok((1, Vec::new())),
        Point::Iter { pin } => {
            let (link, iterator) = iter::attach(&probe.name, fd, pin)?;
            all.links.push(link);
            all.iterators.extend(iterator);
            return Ok((1, Vec::new()));
        }
        Point::RawTracepoint { event } => all.links.push(raw_tracepoint::attach(event, fd)?),
        Point::Typed => all.links.push(fentry::attach(&target.name.name, fd)?),
        Point::Threads { process, event } => all.links.extend(perf::attach_threads(*process, event, fd)?),
        Point::Perf(events) => {
            for event in events {
                let link = match timer::is_timer(event) {
                    true => all.timers.attach(event, fd, cookie)?,
                    false => perf::attach(event, fd, cookie)?,
                };
                match &probe.attach {
                    Attach::Watchpoint { address, .. } => all.watchpoints.push((*address, link)),
                    _ => all.links.push(link),
                }
            }
        }
    }
    all.has_events = true;
    Ok((1, Vec::new()))
}

fn no_program(symbol: &str) -> Error {
    Error::new(format!("the object is damaged: it has no program `{symbol}`"))
}

/// Attaches a program to many functions; yields how many, and those that the kernel refused.
fn attach_many(
    dynamic: bool,
    multi: &multi::Multi,
    program: Program,
    all: &mut Attached,
) -> Result<(usize, Vec<Error>), Problem> {
    let mut cookies = Vec::new();
    if dynamic {
        cookies.extend(multi.places.iter().map(|place| all.points.number(&place.name)));
    }
    let multi::Made { links, count, refused } = multi.attach(program.fd, &cookies)?;
    all.links.extend(links);
    all.has_events = true;
    Ok((count, refused))
}

/// Programs of the probes that the tracer runs itself, in the order of the script.
pub(crate) fn run_by_tracer<'a>(
    manifest: &'a Manifest,
    loaded: &'a Loaded,
    wanted: impl Fn(&Attach) -> bool + 'a,
) -> impl Iterator<Item = Program> + 'a {
    let probes = manifest.probes.iter().filter(move |p| wanted(&p.attach));
    probes.filter_map(|p| loaded.program(&p.program))
}

/// Signals that probes wait for, with their programs.
pub(crate) fn signals(manifest: &Manifest) -> Result<HashMap<i32, Vec<String>>, Error> {
    let mut all: HashMap<i32, Vec<String>> = HashMap::new();
    for probe in &manifest.probes {
        if let Attach::SelfSignal { signal } = &probe.attach {
            let number = crate::render::names::signal_number(signal)
                .ok_or_else(|| Error::new(format!("{}: there is no signal `{signal}`", probe.name)))?;
            all.entry(number).or_default().push(probe.program.clone());
        }
    }
    Ok(all)
}
