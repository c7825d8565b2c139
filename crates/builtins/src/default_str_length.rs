//! `default_str_length`: how much of a text without a length is read.

use btc_types::Type;

use crate::{Function, Kind, Lowered, Probes, Returns};

/// The definition.
pub static DEFAULT_STR_LENGTH: Function = Function {
    name: "default_str_length",
    aliases: &[],
    kind: Kind::Variable,
    params: &[],
    returns: Returns::Known(Type::UINT64, |c| i64::from(c.settings.max_strlen)),
    probes: Probes::Any,
    is_unsafe: false,
    doc: "The most bytes of a text at an address that `str()` reads when it is told no length: `max_strlen`.",
    lower: |_, _| Lowered::None,
};
