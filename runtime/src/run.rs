//! A run from the object's bytes to the last printed map.

use std::collections::HashMap;
use std::io::{ErrorKind, Read};
use std::os::fd::OwnedFd;

use btc_abi::{Attach, MOST_CPUS, Manifest, MapKind, RequirementKind};

use crate::actions::State;
use crate::actions::backlog::Backlog;
use crate::attach::{self, Attached, namesakes};
use crate::binding::{bind, possible_cpus};
use crate::child::Child;
use crate::elf::{self, Image};
use crate::error::reason;
use crate::events::{self, Reader};
use crate::modes;
use crate::options::Mode;
use crate::load::{self, Loaded};
use crate::maps::raw::BpfMap;
use crate::maps::{Baseline, Handle, Storage};
use crate::named_files::NamedFiles;
use crate::options::Settings;
use crate::output::{self, Sink};
use crate::render::Context;
use crate::signals::{self, Phase, Signals, watch_process};
use crate::{Error, Options, effects, inputs, losses, notify, privileges, refusal, short_keys, symbols, unwinding};

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The exit code: that of `exit()`, 1 after a failed check or when output was lost, else 0.
    pub exit_code: i32,
}

/// Runs an object to its end.
///
/// # Errors
/// When it cannot be loaded or attached; nothing stays behind then.
pub fn run(object: &[u8], options: &Options) -> Result<Outcome, Error> {
    let mut manifest = elf::manifest(object)?;
    let settings = Settings::new(&manifest, options)?;
    check_permissions(object, &manifest, options)?;
    let files = NamedFiles::new(&manifest, options)?;
    privileges::check()?;
    check_kernel(&manifest)?;
    short_keys::apply(&mut manifest)?;
    let manifest = manifest;
    privileges::check_files(0)?;
    let unwinds = unwinding::wanted(object, options)?;
    let programs = attach::signals(&manifest)?;
    let numbers: Vec<i32> = programs.keys().copied().collect();
    // A signal that comes before the next lines ends this process, and the child with it.
    let mut child = options.child.as_deref().map(Child::spawn).transpose()?;
    let child_pid = child.as_ref().map(Child::pid);
    // After the child has started: the limit is ours alone.
    privileges::allow_files();
    let mut signals = Signals::block(&numbers)?;
    let process = child_pid.or(options.pid).map(watch_process).transpose()?;

    let mut ctx = Context::new(&manifest, settings);
    let traced = child_pid.or(options.pid);
    if unwinds {
        ctx.settings.unwind_rows = Some(unwinding::prepare(&ctx, options, traced));
    }
    let plans = attach::plan(&manifest, options, traced)?;
    refusal::check_static_arguments(&manifest, &plans)?;
    let targets: usize = plans.iter().map(|p| p.targets.len()).sum();
    privileges::check_files(manifest.maps.len() + manifest.probes.len() + targets)?;
    let mut image = Image::new(object)?;
    bind(&mut image, &ctx, options, child_pid, &plans)?;
    let loaded = load::load(&mut image, &manifest, &ctx.settings, options, &plans)?;
    drop(image);
    let mut state = state(ctx, options, files, &loaded)?;
    if options.dry_run {
        return Ok(Outcome { exit_code: 0 });
    }
    // Mappings are of use only together with stacks, and none may be missed that a stack has.
    let shows_processes = symbols::are_of_processes(&manifest);
    let watched = traced.filter(|_| options.unwound.is_empty());
    if shows_processes || unwinds {
        state.ctx.symbols.borrow_mut().watch(watched);
    }
    if unwinds {
        unwinding::start(&state.ctx, &loaded)?;
    }
    // What BEGIN sets must be there when the first event comes: nothing else is attached before it has run. What it
    // prints is shown only when everything is attached.
    begin(&manifest, &loaded)?;
    let mut attached = attach::attach(&manifest, options, &plans, &loaded)?;
    state.watchpoints = std::mem::take(&mut attached.watchpoints);
    drop(plans);
    if attached.count == 0 && !manifest.probes.is_empty() {
        return Err(nothing_to_do(&manifest));
    }
    state.ctx.points.clone_from(&attached.points.names);
    state.ctx.functions.clone_from(&attached.functions);

    let mut session = Session { manifest: &manifest, options, loaded: &loaded, attached, unwinds };
    session.announce(&mut state)?;
    if shows_processes {
        state.ctx.symbols.borrow_mut().look_around(watched);
    }
    // Commands and files that the script names later are the user's own business.
    if !options.allow_unsafe {
        privileges::drop_rest();
    }
    notify::notify("READY=1");
    let mut reader = Reader::new(&loaded, &mut state)?;
    session.play(&mut reader, &mut signals, child.as_mut(), process.as_ref(), &programs)?;
    drop(reader);
    notify::notify("STOPPING=1");
    session.finish(&mut state);
    drop(child);
    let code = state.exit.unwrap_or(i32::from(state.failed));
    // Whatever the script says: what it printed is not all there.
    let lost = state.lost_output || state.sink.failure().is_some();
    Ok(Outcome { exit_code: if code == 0 { i32::from(lost) } else { code } })
}

/// Why nothing was attached.
fn nothing_to_do(manifest: &Manifest) -> Error {
    let only = |kind: fn(&Attach) -> bool| manifest.probes.iter().all(|p| kind(&p.attach));
    Error::new(if only(|a| matches!(a, Attach::Test { .. })) {
        "the script holds tests only; run them with --test"
    } else if only(|a| matches!(a, Attach::Bench { .. })) {
        "the script holds benchmarks only; run them with --bench"
    } else {
        "nothing that the script wants to trace exists here"
    })
}

/// Runs BEGIN, of several as many as none before has ended the run.
fn begin(manifest: &Manifest, loaded: &Loaded) -> Result<(), Error> {
    for program in attach::run_by_tracer(manifest, loaded, |a| matches!(a, Attach::Begin)) {
        if loaded.stopped().is_none() {
            attach::run_program(program.fd)?;
        }
    }
    Ok(())
}

/// What a script asks leave for by its functions' names, and what an object does whatever it asks for.
fn check_permissions(object: &[u8], manifest: &Manifest, options: &Options) -> Result<(), Error> {
    if options.allow_unsafe {
        return Ok(());
    }
    match manifest.requirements.iter().find(|r| r.kind == RequirementKind::Unsafe && !r.optional) {
        Some(function) => Err(Error::new(format!(
            "the script calls {}(), which changes the system; allow it with --unsafe",
            function.name
        ))),
        None => effects::refuse_unsafe(object, manifest),
    }
}

/// What the kernel calls itself, such as `6.1.0-9-amd64`.
pub(crate) fn kernel_release() -> String {
    std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default().trim().to_string()
}

/// Says before loading that the kernel is too old for what the script uses.
fn check_kernel(manifest: &Manifest) -> Result<(), Error> {
    let release = kernel_release();
    let numbers = |text: &str| -> Vec<u32> {
        text.split(|c: char| !c.is_ascii_digit()).take(2).map(|n| n.parse().unwrap_or(0)).collect()
    };
    let needed = manifest.requirements.iter().filter(|r| r.kind == RequirementKind::Kernel && !r.optional);
    for requirement in needed {
        if numbers(&release) < numbers(&requirement.name) {
            let told = refusal::of_release(manifest, &requirement.name);
            let (wanted, have) = (&requirement.name, &release);
            return Err(Error::new(told.unwrap_or_else(|| format!("the script needs Linux {wanted} or later; this is {have}"))));
        }
    }
    Ok(())
}

fn state<'m>(mut ctx: Context<'m>, options: &'m Options, files: NamedFiles, loaded: &Loaded) -> Result<State<'m>, Error> {
    let manifest = ctx.manifest;
    for (slot, table) in ctx.stacks.iter_mut().zip(&manifest.stacks) {
        *slot = loaded.map(&table.symbol).and_then(BpfMap::open);
    }
    let cpus = possible_cpus();
    let maps = manifest.maps.iter().map(|map| {
        let storage = match map.kind {
            MapKind::Variable | MapKind::SpreadVariable => loaded.variable(map).map(Storage::Variable),
            _ => loaded.map(&map.symbol).and_then(BpfMap::open).map(Storage::Map),
        };
        let storage = storage
            .ok_or_else(|| Error::new(format!("the object is damaged: it has no map `{}`", map.symbol)))?;
        let limit = match ctx.settings.max_map_keys {
            Some(size) if map.default_size && map.key.is_some() => size,
            _ => map.max_entries,
        };
        let cpus = if map.kind.is_spread() { cpus.min(MOST_CPUS as usize) } else { cpus };
        let handle = Handle { map, storage, cpus, limit, baseline: Baseline::default() };
        // What it is defined as was checked; this is what the kernel made of that.
        let told = || Error::new(format!("the object is damaged: the kernel's map of {} has other sizes", map.name));
        handle.is_as_told().then_some(handle).ok_or_else(told)
    });
    let maps = maps.collect::<Result<_, Error>>()?;
    let output = options.output.as_deref();
    // A list that the user names is an input, whether any probe needed it or not.
    options.traceable_functions.as_deref().into_iter().for_each(inputs::note);
    output.map_or(Ok(()), inputs::check_output).map_err(Error::new)?;
    // A dry run has no output.
    let mut sink = Sink::new(output.filter(|_| !options.dry_run), options.buffering)?;
    // What tests print is shown when they are known to fail.
    sink.hold(options.mode != Mode::Trace);
    Ok(State {
        sink,
        output: output::of(options.format),
        ctx,
        options,
        files,
        maps,
        exit: None,
        discard: false,
        backlog: Backlog::default(),
        failed: false,
        lost_output: false,
        errors: 0,
        warned: HashMap::new(),
        scratch: Vec::new(),
        packets: HashMap::new(),
        taken: HashMap::new(),
        told: Vec::new(),
        watchpoints: Vec::new(),
    })
}

/// What is attached, and how it plays.
struct Session<'a> {
    manifest: &'a Manifest,
    options: &'a Options,
    loaded: &'a Loaded,
    attached: Attached,
    /// Whether the child is held where its program begins, to know what it has mapped.
    unwinds: bool,
}

impl Session<'_> {
    fn announce(&self, state: &mut State) -> Result<(), Error> {
        signals::enter(Phase::Running);
        state.sink.start()?;
        state.output.attached(self.attached.count, self.options.quiet, state.sink.buffer());
        if self.options.notify_attached {
            state.sink.buffer().extend_from_slice(b"__BPFTRACE_NOTIFY_PROBES_ATTACHED\n");
        }
        state.sink.flush();
        Ok(())
    }

    /// From what BEGIN printed to the last word of END.
    fn play(
        &mut self,
        reader: &mut Reader,
        signals: &mut Signals,
        child: Option<&mut Child>,
        process: Option<&OwnedFd>,
        programs: &HashMap<i32, Vec<String>>,
    ) -> Result<(), Error> {
        let start = reader.state().sink.buffer().len();
        reader.consume();
        match self.options.mode {
            Mode::Trace => {}
            Mode::Test => {
                let passed = modes::test(self.manifest, self.loaded, reader, start)?;
                reader.state().failed = !passed;
                return self.end(reader);
            }
            Mode::Bench => {
                modes::bench(self.manifest, self.loaded, reader)?;
                return self.end(reader);
            }
        }
        if !reader.is_over() {
            match child {
                Some(child) if self.unwinds => unwinding::release(child, &reader.state().ctx),
                Some(child) => child.release(),
                None => {}
            }
            self.read_iterators(reader);
        }
        let more = self.attached.has_events || !programs.is_empty() || process.is_some();
        if more && !reader.is_over() {
            let loaded = self.loaded;
            events::wait(reader, signals, process, |signal| {
                for program in programs.get(&signal).into_iter().flatten() {
                    if let Some(program) = loaded.program(program) {
                        attach::run_program(program.fd)?;
                    }
                }
                Ok(())
            })?;
        }
        self.end(reader)
    }

    fn end(&mut self, reader: &mut Reader) -> Result<(), Error> {
        reader.state().sink.hold(false);
        let links = std::mem::take(&mut self.attached.links);
        signals::enter(Phase::Detaching);
        attach::detach(links.into_iter().chain(reader.state().watchpoints.drain(..).map(|(_, link)| link)).collect())?;
        self.attached.copies = Default::default();
        signals::enter(Phase::Running);
        // What other CPUs sent behind an exit() is dropped here.
        reader.drain();
        reader.state().discard = false;
        reader.state().backlog.is_over = true;
        self.loaded.unstop();
        for program in attach::run_by_tracer(self.manifest, self.loaded, |a| matches!(a, Attach::End)) {
            if reader.state().sink.is_closed() {
                break;
            }
            attach::run_program(program.fd)?;
            reader.drain();
        }
        Ok(())
    }

    /// Reads iterators out: every read runs their programs. An `exit()` keeps the next one from its start, but what has
    /// begun is walked to its end: a count of all tasks is of all tasks.
    fn read_iterators(&mut self, reader: &mut Reader) {
        for iterator in self.attached.iterators.drain(..) {
            if reader.is_over() {
                return;
            }
            let mut file = std::fs::File::from(iterator);
            let mut buffer = [0; 4096];
            loop {
                let read = file.read(&mut buffer);
                if let Ok(length) = read
                    && !reader.state().discard
                {
                    let sink = &mut reader.state().sink;
                    sink.buffer().extend_from_slice(&buffer[..length]);
                    sink.appended();
                }
                reader.consume();
                match read {
                    _ if reader.state().sink.is_closed() => return,
                    Ok(0) => break,
                    Ok(_) => {}
                    // After a million objects the kernel wants to be asked again.
                    Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
                    Err(error) => {
                        reader.state().sink.flush();
                        say!("WARNING: an iterator ended early: {}", reason(&error));
                        break;
                    }
                }
            }
        }
    }

    /// Maps and losses.
    fn finish(&self, state: &mut State) {
        state.output.end(state.sink.buffer());
        // A benchmark leaves maps of no meaning.
        if state.ctx.settings.print_maps_on_exit && self.options.mode != Mode::Bench {
            state.print_maps();
        }
        state.sink.flush();
        losses::report(state, self.loaded, &self.attached);
        state.sink.flush();
        namesakes::tell(self.manifest, self.options, &self.attached.by_name);
    }
}
