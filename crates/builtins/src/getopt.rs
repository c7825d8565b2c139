//! `getopt(name, default, help)`: a parameter that the user of the script gives by name.

use btc_types::Type;

use crate::{Function, Kind, Lowered, Param, ParamKind, Probes, Returns};

/// The definition. A call never reaches the hook: it is the parameter itself.
pub static GETOPT: Function = Function {
    name: "getopt",
    aliases: &[],
    kind: Kind::Call,
    params: &[
        Param::new("name", ParamKind::Option),
        Param::optional("default", ParamKind::Any),
        Param::optional("help", ParamKind::LiteralStr),
    ],
    returns: Returns::Fixed(Type::INT64),
    probes: Probes::Any,
    is_unsafe: false,
    doc: "The parameter `--name=value` of the script, of the type of the default: a number, a truth \
          value or a text. Without a default it is a switch.",
    lower: |_, _| Lowered::None,
};
