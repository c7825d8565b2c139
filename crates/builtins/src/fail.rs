//! `fail(format, …)`: refuses the script.

use btc_abi::{Conversion, FormatSpec, Segment};
use btc_diagnostics::Code;
use btc_types::Type;

use crate::definition::Literal;
use crate::{Check, Function, Kind, Lowered, Param, ParamKind, Probes, Returns, format};

/// The definition.
pub static FAIL: Function = Function {
    name: "fail",
    aliases: &[],
    kind: Kind::Call,
    params: &[Param::new("format", ParamKind::LiteralStr), Param::new("values", ParamKind::Rest)],
    returns: Returns::Infer(check),
    probes: Probes::Any,
    is_unsafe: false,
    doc: "Refuses the script with a message of literals in a format as for printf().",
    lower: |_, _| Lowered::None,
};

fn check(c: &mut Check) -> Type {
    format::check(c, 0);
    let mut text = String::new();
    for segment in format::segments(c.args, 0) {
        match segment {
            Segment::Text(bytes) => text.push_str(&String::from_utf8_lossy(&bytes)),
            Segment::Value { field, spec } => {
                let arg = &c.args[field as usize + 1];
                match &arg.literal {
                    Some(value) => text.push_str(&show(value, &spec)),
                    None => {
                        let span = arg.span;
                        c.error(Code::BadLiteral, span, "fail() takes literals");
                        return Type::None;
                    }
                }
            }
        }
    }
    c.error(Code::UserError, c.span, text);
    Type::None
}

/// A literal in a conversion, padded to its width.
fn show(value: &Literal, spec: &FormatSpec) -> String {
    let text = match value {
        Literal::Str(text) => String::from_utf8_lossy(text).into_owned(),
        Literal::Word(word) => word.clone(),
        Literal::Bool(truth) => truth.to_string(),
        Literal::Int(n) => match spec.conversion {
            Conversion::Unsigned => (*n as u64).to_string(),
            Conversion::HexLower => format!("{n:x}"),
            Conversion::HexUpper => format!("{n:X}"),
            Conversion::Pointer => format!("{n:#x}"),
            Conversion::Octal => format!("{n:o}"),
            Conversion::Char => String::from(*n as u8 as char),
            _ => n.to_string(),
        },
    };
    let width = spec.width.unwrap_or(0) as usize;
    if spec.left { format!("{text:<width$}") } else { format!("{text:>width$}") }
}
