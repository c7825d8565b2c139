//! What a run of an object does to the host: taken from its code and from what the runtime will do for it, never from what the
//! manifest asks leave for. For `btc inspect`, and for what only `--unsafe` allows.

use std::fmt;

use btc_abi::{Action, Attach, Manifest, Place};

use crate::{Error, sizes};

/// Bytes of maps from which they are told: more than 65,536 events of a kilobyte and a few maps of the default size.
const MUCH_MEMORY: u64 = 256 << 20;

/// Kinds of effects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum EffectKind {
    /// Its code calls a helper or kernel function that changes the system, or that btc does not know; needs `--unsafe`.
    Calls,
    /// It runs a command; needs `--unsafe`.
    Runs,
    /// It writes packets into a file.
    Writes,
    /// It prints a file.
    Reads,
    /// It pins something under a name, which outlives it.
    Pins,
    /// Its maps take so much of the kernel's memory that it should be known.
    Takes,
}

/// Something that a run does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Effect {
    /// Its kind.
    pub kind: EffectKind,
    /// The function, command, path, or size. What is known at run time only stands in it as its type: `/proc/{uint32}/maps`.
    pub what: String,
    /// The line of the script from 1; 0 for none.
    pub line: u32,
}

impl Effect {
    /// Whether it needs `--unsafe`.
    pub fn is_unsafe(&self) -> bool {
        matches!(self.kind, EffectKind::Calls | EffectKind::Runs)
    }
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verb = match self.kind {
            EffectKind::Calls => "calls",
            EffectKind::Runs => "runs the command",
            EffectKind::Writes => "writes packets into",
            EffectKind::Reads => "reads",
            EffectKind::Pins => "pins",
            EffectKind::Takes => "takes",
        };
        match self.kind {
            EffectKind::Calls | EffectKind::Takes => write!(f, "{verb} {}", self.what)?,
            _ => write!(f, "{verb} `{}`", self.what)?,
        }
        if self.is_unsafe() {
            f.write_str(" (needs --unsafe)")?;
        }
        match self.line {
            0 => Ok(()),
            line => write!(f, ", line {line}"),
        }
    }
}

/// All effects of an object but that its code runs at its attach points, in order of their kinds.
///
/// # Errors
/// When the object cannot be taken apart.
pub fn effects(object: &[u8], manifest: &Manifest) -> Result<Vec<Effect>, Error> {
    let contents = btc_elf::read(object).map_err(|e| Error::new(format!("the object is damaged: {e}")))?;
    let pins = manifest.probes.iter().filter_map(|p| match &p.attach {
        Attach::Iter { pin, .. } if !pin.is_empty() => Some(effect(EffectKind::Pins, pin.clone(), &p.place)),
        _ => None,
    });
    let calls = btc_elf::effects::all(&contents).into_iter().map(|e| Effect { kind: EffectKind::Calls, what: e.calls, line: 0 });
    let records = manifest.records.iter().filter_map(|r| {
        let kind = match &r.action {
            Action::System(_) => EffectKind::Runs,
            Action::Cat(_) => EffectKind::Reads,
            Action::Packet { .. } => EffectKind::Writes,
            _ => return None,
        };
        Some(effect(kind, r.literal()?, &r.place))
    });
    let maps = btc_elf::definitions::maps(&contents).map_err(|e| Error::new(format!("the object is damaged: {e}")))?;
    let memory = maps.iter().map(sizes::bytes).fold(0, u64::saturating_add);
    let takes = (memory >= MUCH_MEMORY).then(|| Effect {
        kind: EffectKind::Takes,
        what: format!("{} of the kernel's memory for maps", sizes::in_words(memory)),
        line: 0,
    });
    let mut all: Vec<Effect> = pins.chain(calls).chain(records).chain(takes).collect();
    all.sort_by_key(|e| e.kind);
    all.dedup();
    Ok(all)
}

/// Refuses an object that does what only `--unsafe` allows.
///
/// # Errors
/// When it does.
pub(crate) fn refuse_unsafe(object: &[u8], manifest: &Manifest) -> Result<(), Error> {
    let effects = effects(object, manifest)?;
    let calls = effects.iter().filter(|e| e.kind == EffectKind::Calls).map(|e| e.what.clone());
    let mut calls: Vec<String> = calls.chain(effects.iter().any(|e| e.kind == EffectKind::Runs).then(|| "system()".into())).collect();
    calls.sort_unstable();
    calls.dedup();
    if calls.is_empty() {
        return Ok(());
    }
    Err(Error::new(format!(
        "the script's code calls {}, which changes the system, or which btc does not know; allow it with --unsafe",
        calls.join(", ")
    )))
}

fn effect(kind: EffectKind, what: String, place: &Place) -> Effect {
    Effect { kind, what, line: place.line }
}
