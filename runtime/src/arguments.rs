//! Where arguments of functions and events are on the target, by their names.
//!
//! A pure function of an object and what a [`Kernel`] tells: its types, and the `format` files of its tracepoints.

mod field;

use btc_abi::{ArgumentPart, Attach, Manifest, Patch, PatchValue, Probe, Shape, Typed};

use crate::elf::Image;
use crate::types::{Prototype, Types, Value};
use crate::{Error, elf, glob, place};

/// What binding asks of a kernel.
pub trait Kernel {
    /// Lets `read` read the types of the kernel (empty, `vmlinux`) or of a module, if it has them.
    fn types(&self, module: &str, read: &mut dyn FnMut(&Types));
    /// The modules that have types.
    fn modules(&self) -> Vec<String>;
    /// The `format` file of a tracepoint.
    fn format(&self, category: &str, event: &str) -> Option<String>;
}

/// Where an argument is, and what its bits mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Bound {
    /// Offset in bytes in the context.
    pub offset: u32,
    /// Width in bytes of the load, where it is the target's.
    pub width: Option<u8>,
    /// How many bits count, of a number.
    pub bits: u8,
    /// Whether they have a sign.
    pub signed: bool,
    /// Whether the verifier lets a program load it, see [`ArgumentPart::Direct`].
    pub direct: bool,
}

/// A patched instruction with what it gets: for tests, and for who wants to know what an object reads.
#[derive(Clone, Debug, PartialEq)]
pub struct Argument {
    /// The function or event.
    pub of: Typed,
    /// The argument's name; empty for the result.
    pub name: String,
    /// Which part of its place the instruction holds.
    pub part: ArgumentPart,
    /// Where it is there, or why nowhere.
    pub bound: Result<Bound, String>,
}

/// All arguments that an object's programs read, as they are on a kernel.
///
/// # Errors
/// When the bytes are no object of btc's.
pub fn arguments(object: &[u8], kernel: &dyn Kernel) -> Result<Vec<Argument>, Error> {
    arguments_at(object, kernel, None)
}

/// The same where an event is one of many that a probe names: all tracepoints are taken for it.
///
/// # Errors
/// When the bytes are no object of btc's.
pub fn arguments_at(object: &[u8], kernel: &dyn Kernel, event: Option<&Typed>) -> Result<Vec<Argument>, Error> {
    let manifest = elf::manifest(object)?;
    let argument = |patch: &Patch| {
        let PatchValue::Argument { of, name, shape, part } = &patch.value else { return None };
        let of = event.filter(|_| matches!(of, Typed::Tracepoint { .. })).unwrap_or(of);
        let probe = manifest.probes.iter().find(|p| p.program == patch.program);
        let bound = bind(kernel, of, name, shape, Like::of(&manifest, probe));
        Some(Argument { of: of.clone(), name: name.clone(), part: *part, bound })
    };
    Ok(manifest.patches.iter().filter_map(argument).collect())
}

/// The arguments of one probe: numbers of patches, and what goes there.
pub(crate) type Bounds = Vec<(usize, Bound)>;

/// Binds the arguments of a probe. Of a probe that names many tracepoints: those of the one given.
pub(crate) fn of_probe(
    kernel: &dyn Kernel,
    manifest: &Manifest,
    probe: &Probe,
    event: Option<&Typed>,
) -> Result<Bounds, Error> {
    let mut bounds = Vec::new();
    let is_of_a_probe = |program: &str| manifest.probes.iter().any(|p| p.program == program);
    for (n, patch) in manifest.patches.iter().enumerate() {
        let PatchValue::Argument { of, name, shape, .. } = &patch.value else { continue };
        let is_own = match is_of_a_probe(&patch.program) {
            true => patch.program == probe.program,
            false => stands_for(&probe.attach, of) && (!name.is_empty() || is_return(&probe.attach)),
        };
        if !is_own {
            continue;
        }
        bounds.push((n, bind_for(kernel, manifest, probe, event, (of, name, shape))?));
    }
    for named in manifest.named.iter().filter(|named| named.program == probe.program) {
        bind_for(kernel, manifest, probe, event, (&named.of, &named.name, &named.shape))?;
        // The events of a pattern show what the first has.
        let others = others(kernel, &named.of, &named.all);
        if let (false, None, Some(other)) = (named.all.is_empty(), event, others.first()) {
            let place = place::show(manifest, &probe.place);
            return Err(Error::new(format!(
                "{place}: cannot show all `args` of {}: it has `{other}`, too, on this kernel; compile it for this one",
                probe.name
            )));
        }
    }
    Ok(bounds)
}

/// The arguments that there are besides these.
fn others(kernel: &dyn Kernel, of: &Typed, all: &str) -> Vec<String> {
    let there = match of {
        Typed::Tracepoint { category, event } => field::names(kernel, category, event),
        Typed::Function { module, function } => names(ask(kernel, module, |types| types.function(function))),
        Typed::RawTracepoint { event } => names(ask(kernel, "", |types| of_event(types, event))),
    };
    there.into_iter().filter(|name| !all.split(',').any(|own| own == name)).collect()
}

fn names(prototype: Option<Prototype>) -> Vec<String> {
    prototype.into_iter().flat_map(|p| p.params).map(|(name, _)| name).collect()
}

/// Binds an argument of a probe; of one that names many tracepoints, that of the one given.
fn bind_for(
    kernel: &dyn Kernel,
    manifest: &Manifest,
    probe: &Probe,
    event: Option<&Typed>,
    (of, name, shape): (&Typed, &str, &Shape),
) -> Result<Bound, Error> {
    let like = Like::of(manifest, Some(probe));
    bind(kernel, event.unwrap_or(of), name, shape, like).map_err(|why| {
        let place = place::show(manifest, &probe.place);
        // Where the kernel is the right one, the events that the wildcard matches differ.
        let is_right = || bind(kernel, of, name, shape, like).is_ok();
        let why = event.filter(|_| is_right()).and_then(|e| field::unlike(kernel, e, of, name)).unwrap_or(why);
        let what = if name.is_empty() { "`retval`".to_string() } else { format!("`args.{name}`") };
        Error::new(format!("{place}: cannot bind {what} of {}: {why}", probe.name))
    })
}

/// Whether an attach point is the function or event, or a pattern that matches it: functions that are called back belong
/// to no program by their names.
fn stands_for(attach: &Attach, of: &Typed) -> bool {
    match (attach.typed(), of) {
        (Some(Typed::Tracepoint { category, event }), Typed::Tracepoint { category: c, event: e }) => {
            glob::matches(&category, c) && glob::matches(&event, e)
        }
        (Some(own), of) => own == *of,
        (None, _) => false,
    }
}

/// Whether there is a result.
fn is_return(attach: &Attach) -> bool {
    matches!(attach, Attach::Fentry { ret: true, .. } | Attach::FentryProgram { ret: true, .. })
}

/// Puts arguments into the instructions of an object that is not loaded yet. CO-RE relocations of those instructions,
/// which other loaders go by, are taken out.
pub(crate) fn put(image: &mut Image, manifest: &Manifest, bounds: &Bounds) -> Result<(), Error> {
    for (n, bound) in bounds {
        let Some(Patch { program, insn, value: PatchValue::Argument { part, .. } }) = manifest.patches.get(*n) else {
            continue;
        };
        image.unrelocate(program, *insn)?;
        let mut code = image.instruction(program, *insn)?;
        bound.put(*part, &mut code);
        image.set_instruction(program, *insn, code)?;
    }
    Ok(())
}

/// An instruction: its operation, its offset, its immediate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code {
    /// Operation.
    pub code: u8,
    /// Offset.
    pub off: i16,
    /// Immediate.
    pub imm: i32,
}

impl Bound {
    /// Puts a part into an instruction.
    pub fn put(&self, part: ArgumentPart, insn: &mut Code) {
        // Classes of instructions, sizes of loads, and shifts to the right (kernel: uapi/linux/bpf.h).
        const LOADS: u8 = 0x03;
        const SIZES: [(u8, u8); 4] = [(1, 0x10), (2, 0x08), (4, 0x00), (8, 0x18)];
        const OPERATION: u8 = 0xf0;
        const LOGICAL: u8 = 0x70;
        const ARITHMETIC: u8 = 0xc0;
        match part {
            ArgumentPart::Offset if insn.code & 7 <= LOADS => {
                insn.off = self.offset as i16;
                let size = SIZES.iter().find(|(width, _)| self.width == Some(*width));
                if let Some((_, size)) = size {
                    insn.code = insn.code & !0x18 | size;
                }
            }
            ArgumentPart::Offset => (insn.off, insn.imm) = (0, self.offset as i32),
            ArgumentPart::Direct => (insn.off, insn.imm) = (0, i32::from(self.direct)),
            ArgumentPart::Extend => {
                (insn.off, insn.imm) = (0, 64 - i32::from(self.bits));
                if matches!(insn.code & OPERATION, LOGICAL | ARITHMETIC) {
                    insn.code = insn.code & !OPERATION | if self.signed { ARITHMETIC } else { LOGICAL };
                }
            }
        }
    }
}

/// Where an argument is on a kernel.
fn bind(kernel: &dyn Kernel, of: &Typed, name: &str, shape: &Shape, like: Like) -> Result<Bound, String> {
    let (prototype, words) = match of {
        Typed::Tracepoint { category, event } => return field::bind(kernel, (category, event), name, shape, like),
        Typed::Function { module, function } => {
            let found = ask(kernel, module, |types| types.function(function));
            let why = || format!("this kernel has no function {function} with known types");
            (found.ok_or_else(why)?, (|v| v.size.div_ceil(8)) as fn(&Value) -> u32)
        }
        Typed::RawTracepoint { event } => {
            let found = ask(kernel, "", |types| of_event(types, event));
            let why = || format!("this kernel does not name the arguments of the raw tracepoint {event}");
            (found.ok_or_else(why)?, (|_| 1) as fn(&Value) -> u32)
        }
    };
    let mut offset = 0;
    for (own, value) in &prototype.params {
        if own == name && !name.is_empty() {
            return fit(shape, value, offset, like);
        }
        offset += words(value) * 8;
    }
    if name.is_empty() {
        return fit(shape, &prototype.result, offset, like);
    }
    let names: Vec<String> = prototype.params.iter().map(|(name, _)| format!("`{name}`")).collect();
    Err(match names.len() {
        0 => "it takes none on this kernel".to_string(),
        _ => format!("on this kernel it takes {}", names.join(", ")),
    })
}

fn ask<T>(kernel: &dyn Kernel, module: &str, question: impl Fn(&Types) -> Option<T>) -> Option<T> {
    let mut answer = None;
    kernel.types(module, &mut |types| answer = question(types));
    answer
}

/// The arguments of a raw tracepoint. What they are called tells what calls all that is attached, and, last, what hands
/// the arguments of a class to BPF, for the class may be another event's (kernel: include/linux/tracepoint.h,
/// include/trace/bpf_probe.h). How many there are tells the typedef, which names none.
fn of_event(types: &Types, event: &str) -> Option<Prototype> {
    let count = types.callback(&format!("btf_trace_{event}"))?.params.len();
    let prefixes = ["__traceiter_", "__probestub_", "__bpf_trace_"].iter();
    let mut named = prefixes.filter_map(|prefix| types.function(&format!("{prefix}{event}")));
    let mut found = named.find(|p| p.params.len() == count)?;
    // The first is the kernel's own.
    found.params.remove(0);
    Some(found)
}

/// Whether the target's value may stand where the program takes it for `shape`.
fn fit(shape: &Shape, value: &Value, offset: u32, like: Like) -> Result<Bound, String> {
    let Some(there) = &value.shape else {
        return Err("there is nothing that can be read on this kernel".to_string());
    };
    let bound = |bits, signed| Bound { offset, width: None, bits, signed, direct: value.direct };
    match (shape, there) {
        (Shape::Int { size, signed }, Shape::Int { size: s, signed: n }) if holds((*size, *signed), (*s, *n), like) => {
            Ok(bound(s * 8, *n))
        }
        (Shape::Pointer { to }, Shape::Pointer { to: other }) if points(to, other) => Ok(bound(64, false)),
        (Shape::Record { .. }, Shape::Record { .. }) if shape == there => Ok(bound(64, false)),
        _ => Err(differs(&spell(there), &spell(shape))),
    }
}

/// Whether a pointer to `other` may be taken for one to `to`, which may be a pointer to anything. Whether the `char` of a
/// string has a sign, each build of a kernel decides anew (it has none since Linux 6.2).
pub(crate) fn points(to: &str, other: &str) -> bool {
    let bytes = |to: &str| to.strip_suffix("s1").or(to.strip_suffix("u1")).map(str::len);
    // A truth value may be taken for a number, but not the other way round.
    let there = |other: &str| bytes(other).or(other.strip_suffix("b1").map(str::len));
    to == other || bytes(to).is_some_and(|stars| there(other) == Some(stars)) || to.bytes().all(|b| b == b'*') && other.starts_with(to)
}

/// How like the number of the target must be to the one that a program takes it for.
#[derive(Clone, Copy)]
enum Like {
    /// It has all its values: the program is for the events of a pattern, of which each may have another.
    Values,
    /// The same sign, too, which tells what operations yield.
    Sign,
    /// The same size, too: the script asks for more than values.
    Size,
}

impl Like {
    fn of(manifest: &Manifest, probe: Option<&Probe>) -> Like {
        let is_pattern = |probe: &Probe| match probe.attach.typed() {
            Some(Typed::Tracepoint { category, event }) => glob::is_pattern(&category) || glob::is_pattern(&event),
            _ => false,
        };
        match probe {
            Some(probe) if is_pattern(probe) => Like::Values,
            _ if manifest.exact => Like::Size,
            _ => Like::Sign,
        }
    }
}

/// Whether a number of one size and sign may be taken for another.
fn holds((size, signed): (u8, bool), (other, minus): (u8, bool), like: Like) -> bool {
    match (like, signed, minus) {
        (Like::Size, ..) => (size, signed) == (other, minus),
        (Like::Sign, true, false) | (_, false, true) => false,
        (Like::Values, true, false) => other < size,
        _ => other <= size,
    }
}

pub(crate) fn differs(there: &str, here: &str) -> String {
    format!("it is {there} on this kernel, and {here} on the one that the script was compiled for; compile it for this one")
}

fn spell(shape: &Shape) -> String {
    match shape {
        Shape::Int { size, signed } => number(*size, *signed),
        Shape::Pointer { to } => match (to.split_at_checked(1), to.trim_start_matches(['u', 's']).parse()) {
            (Some((sign, _)), Ok(size)) => format!("a pointer to {}", number(size, sign == "s")),
            (Some(("*", _)), _) => "a pointer to a pointer".to_string(),
            (Some(_), _) => format!("a pointer to `{to}`"),
            (None, _) => "a pointer to something else".to_string(),
        },
        Shape::Record { name, size } => format!("a `{name}` of {size} bytes"),
        Shape::Field { spelling, .. } => format!("`{spelling}`"),
    }
}

pub(crate) fn number(size: u8, signed: bool) -> String {
    format!("{} number of {} bits", if signed { "a signed" } else { "an unsigned" }, u32::from(size) * 8)
}

#[cfg(test)]
mod tests {
    use btc_abi::{Missing, NamedArgument, Place, ProbeIdentity, Source};

    use super::*;

    /// A kernel without types: nothing can be bound.
    struct Bare;

    impl Kernel for Bare {
        fn types(&self, _: &str, _: &mut dyn FnMut(&Types)) {}
        fn modules(&self) -> Vec<String> {
            Vec::new()
        }
        fn format(&self, _: &str, _: &str) -> Option<String> {
            None
        }
    }

    fn probe(line: u32, ret: bool) -> Probe {
        let attach = Attach::Fentry { module: "vmlinux".into(), function: "f".into(), ret };
        Probe {
            name: format!("{}:vmlinux:f", if ret { "fexit" } else { "fentry" }),
            program: format!("p{line}"),
            attach,
            missing: Missing::Error,
            identity: ProbeIdentity::Static,
            clause: 0,
            table: String::new(),
            place: Place { file: 0, line, column: 1, end_line: line, end_column: 9 },
        }
    }

    /// A kernel with one tracepoint.
    struct Traced;

    impl Kernel for Traced {
        fn types(&self, _: &str, _: &mut dyn FnMut(&Types)) {}
        fn modules(&self) -> Vec<String> {
            Vec::new()
        }
        fn format(&self, _: &str, _: &str) -> Option<String> {
            let field = |name, at| format!("\tfield:int {name};\toffset:{at};\tsize:4;\tsigned:1;\n");
            Some([field("common_pid", 4), field("a", 8), field("b", 12)].concat())
        }
    }

    /// `print(args)` shows all that there is.
    #[test]
    fn all_arguments_are_all() {
        let of = Typed::Tracepoint { category: "c".into(), event: "e".into() };
        let shape = Shape::Field { spelling: "int".into(), size: 4, signed: true };
        for (all, fits) in [("", true), ("a,b", true), ("a", false)] {
            let (of, shape) = (of.clone(), shape.clone());
            let manifest = Manifest {
                sources: vec![Source { name: "b.bt".into(), ..Source::default() }],
                probes: vec![probe(1, false)],
                named: vec![NamedArgument { program: "p1".into(), of, name: "a".into(), shape, all: all.into() }],
                ..Manifest::default()
            };
            let bound = of_probe(&Traced, &manifest, &manifest.probes[0], None).map_err(|e| e.to_string());
            assert_eq!(bound.is_ok(), fits, "{all}: {bound:?}");
            assert!(fits || bound.is_err_and(|e| e.contains("has `b`, too")), "{all}");
        }
    }

    /// What a program names and no instruction reads must be there, too: it gives others their types.
    #[test]
    fn what_is_named_is_bound() {
        let of = Typed::Function { module: "vmlinux".into(), function: "f".into() };
        let named = NamedArgument { program: "p1".into(), of, name: "a".into(), shape: Shape::Int { size: 4, signed: true }, all: String::new() };
        let manifest = Manifest {
            sources: vec![Source { name: "b.bt".into(), ..Source::default() }],
            probes: vec![probe(1, false), probe(2, false)],
            named: vec![named],
            ..Manifest::default()
        };
        let error = of_probe(&Bare, &manifest, &manifest.probes[0], None).expect_err("nothing has types").to_string();
        assert!(error.starts_with("b.bt:1:") && error.contains("`args.a` of fentry:"), "{error}");
        assert!(of_probe(&Bare, &manifest, &manifest.probes[1], None).is_ok());
    }

    /// The probe that an error names is the one that asks, not another one of the same function.
    #[test]
    fn a_result_is_bound_for_its_own_probe() {
        let of = Typed::Function { module: "vmlinux".into(), function: "f".into() };
        for program in ["p2", "loop_p2"] {
            let shape = Shape::Int { size: 8, signed: true };
            let value = PatchValue::Argument { of: of.clone(), name: String::new(), shape, part: ArgumentPart::Offset };
            let manifest = Manifest {
                sources: vec![Source { name: "b.bt".into(), ..Source::default() }],
                probes: vec![probe(1, false), probe(2, true)],
                patches: vec![Patch { program: program.into(), insn: 0, value }],
                ..Manifest::default()
            };
            let bound = |n: usize| of_probe(&Bare, &manifest, &manifest.probes[n], None);
            assert!(bound(0).is_ok_and(|bounds| bounds.is_empty()), "{program}");
            let error = bound(1).expect_err("nothing has types").to_string();
            assert!(error.starts_with("b.bt:2:") && error.contains("`retval` of fexit:"), "{error}");
        }
    }
}
