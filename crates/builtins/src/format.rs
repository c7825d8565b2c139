//! Formats of `printf` and its kin: checked against the arguments and split.

use btc_abi::{Conversion, FormatSpec, Segment};
use btc_diagnostics::{Code, Diagnostic};
use btc_types::Type;

use crate::definition::{Arg, Check, Literal};

/// A piece of a format before it is tied to an argument.
enum Piece {
    Text(Vec<u8>),
    /// What begins like a conversion and is none: text, as bpftrace has it.
    Stray(String),
    Spec(FormatSpec, String),
}

/// Checks the format in argument `at` against the arguments behind it.
pub fn check(c: &mut Check, at: usize) {
    let Some(Literal::Str(format)) = c.args.get(at).and_then(|a| a.literal.clone()) else { return };
    let (span, name) = (c.span, c.function.name);
    let pieces = match parse(&format) {
        Ok(pieces) => pieces,
        Err(message) => return c.error(Code::BadFormat, span, format!("{name}: {message}")),
    };
    let stray = pieces.iter().find_map(|p| if let Piece::Stray(stray) = p { Some(stray) } else { None });
    let stray = stray.map(|stray| format!("`{stray}` is no conversion and is printed as it is"));
    let specs: Vec<_> =
        pieces.iter().filter_map(|p| if let Piece::Spec(s, t) = p { Some((s, t)) } else { None }).collect();
    let given = c.args.len() - at - 1;
    if specs.len() != given {
        let plural = if specs.len() == 1 { "" } else { "s" };
        let message = format!("{name}: the format wants {} value{plural}, not {given}", specs.len());
        return c.diagnostics.push(Diagnostic::error(Code::BadFormat, span, message).help_opt(stray));
    }
    if let Some(stray) = stray {
        let warning = Diagnostic::warning(Code::BadFormat, span, format!("{name}: {stray}"));
        c.diagnostics.push(warning.help("write `%%` for a percent sign"));
    }
    for (i, (spec, text)) in specs.iter().enumerate() {
        let ty = &c.args[at + 1 + i].ty;
        if !accepts(spec.conversion, ty) {
            let message = format!("{name}: `{text}` does not take a value of type `{ty}`");
            c.error(Code::BadFormat, span, message);
        }
    }
}

/// The segments of a checked format; fields count from 0.
pub fn segments(args: &[Arg], at: usize) -> Vec<Segment> {
    let Some(Literal::Str(format)) = args.get(at).and_then(|a| a.literal.as_ref()) else {
        return Vec::new();
    };
    let mut field = 0;
    let pieces = parse(format).unwrap_or_default();
    pieces
        .into_iter()
        .map(|piece| match piece {
            Piece::Text(text) => Segment::Text(text),
            Piece::Stray(stray) => Segment::Text(stray.into_bytes()),
            Piece::Spec(mut spec, _) => {
                widen(&mut spec, args.get(at + 1 + field as usize));
                field += 1;
                Segment::Value { field: field - 1, spec }
            }
        })
        .collect()
}

/// Symbols, stacks and the like print in their own form whatever integer conversion is asked.
fn widen(spec: &mut FormatSpec, arg: Option<&Arg>) {
    if let (Conversion::Pointer, Some(arg)) = (spec.conversion, arg)
        && arg.ty.is_scalar()
    {
        spec.size = 8;
    }
}

fn accepts(conversion: Conversion, ty: &Type) -> bool {
    match conversion {
        Conversion::Text => !matches!(ty, Type::None),
        Conversion::Buffer | Conversion::BufferHex | Conversion::BufferDump => {
            matches!(ty, Type::Buffer { .. } | Type::Str { .. } | Type::Array { .. } | Type::Unknown)
        }
        _ => {
            ty.is_numeric()
                || ty.is_pointer()
                || matches!(ty, Type::Unknown | Type::Timestamp { .. } | Type::KernelSymbol)
                || matches!(ty, Type::Aggregation(a) if a.as_number().is_some())
        }
    }
}

fn parse(format: &[u8]) -> Result<Vec<Piece>, String> {
    let mut pieces = Vec::new();
    let mut text = Vec::new();
    let mut rest = format;
    while let Some((&c, tail)) = rest.split_first() {
        rest = tail;
        if c != b'%' {
            text.push(c);
            continue;
        }
        let (found, used) = parse_spec(rest)?;
        let spelling = || format!("%{}", String::from_utf8_lossy(&rest[..used]));
        let piece = match found {
            Found::Percent => {
                text.push(b'%');
                None
            }
            Found::Spec(spec) => Some(Piece::Spec(spec, spelling())),
            Found::Nothing => Some(Piece::Stray(spelling())),
        };
        rest = &rest[used..];
        if let Some(piece) = piece {
            if !text.is_empty() {
                pieces.push(Piece::Text(std::mem::take(&mut text)));
            }
            pieces.push(piece);
        }
    }
    if !text.is_empty() {
        pieces.push(Piece::Text(text));
    }
    Ok(pieces)
}

/// What a `%` begins.
enum Found {
    Spec(FormatSpec),
    /// A percent sign.
    Percent,
    Nothing,
}

/// What stands behind a `%`, and its length.
fn parse_spec(text: &[u8]) -> Result<(Found, usize), String> {
    let mut spec = FormatSpec { size: 4, ..FormatSpec::default() };
    let mut at = 0;
    while let Some(flag) = text.get(at) {
        match flag {
            b'-' => spec.left = true,
            b'0' => spec.zero = true,
            b'+' => spec.plus = true,
            b' ' => spec.space = true,
            b'#' => spec.alternate = true,
            b'\'' => {}
            _ => break,
        }
        at += 1;
    }
    spec.width = number(text, &mut at)?;
    if text.get(at) == Some(&b'.') {
        at += 1;
        spec.precision = Some(number(text, &mut at)?.unwrap_or(0));
    }
    let length = text[at..].iter().take_while(|c| matches!(c, b'h' | b'l' | b'j' | b'z' | b't')).count();
    spec.size = match &text[at..at + length] {
        b"hh" => 1,
        b"h" => 2,
        b"" => 4,
        _ => 8,
    };
    at += length;
    let (conversion, used) = match text.get(at..).unwrap_or(&[]) {
        [b'r', b'x', ..] => (Conversion::BufferHex, 2),
        [b'r', b'h', ..] => (Conversion::BufferDump, 2),
        [b'g', b'r', ..] => (Conversion::GfpFlags, 2),
        [b'r', ..] => (Conversion::Buffer, 1),
        [b'd' | b'i', ..] => (Conversion::Signed, 1),
        [b'u', ..] => (Conversion::Unsigned, 1),
        [b'x', ..] => (Conversion::HexLower, 1),
        [b'X', ..] => (Conversion::HexUpper, 1),
        [b'o', ..] => (Conversion::Octal, 1),
        [b'p', ..] => (Conversion::Pointer, 1),
        [b'c', ..] => (Conversion::Char, 1),
        [b's', ..] => (Conversion::Text, 1),
        [b'%', ..] => return Ok((Found::Percent, at + 1)),
        // Conversions of C that the language has no values for.
        [c @ (b'e' | b'E' | b'f' | b'F' | b'g' | b'G' | b'a' | b'A' | b'n'), ..] => {
            return Err(format!("unknown conversion `%{}`", *c as char));
        }
        [c, ..] if c.is_ascii_graphic() => return Ok((Found::Nothing, at + 1)),
        _ => return Ok((Found::Nothing, at)),
    };
    spec.conversion = conversion;
    Ok((Found::Spec(spec), at + used))
}

fn number(text: &[u8], at: &mut usize) -> Result<Option<u32>, String> {
    let start = *at;
    while text.get(*at).is_some_and(u8::is_ascii_digit) {
        *at += 1;
    }
    if start == *at {
        return Ok(None);
    }
    let digits = std::str::from_utf8(&text[start..*at]).unwrap_or("");
    match digits.parse::<u32>() {
        Ok(n) if n <= 4096 => Ok(Some(n)),
        _ => Err(format!("the width {digits} is too large")),
    }
}
