//! `uprobe` and `uretprobe`: a place in a user-space binary or library.

use btc_abi::Attach;
use btc_target::{Parameter, Place, Target, glob, is_glob};
use btc_types::Type;

use crate::definition::sound;
use crate::{Argument, Context, Location, Parse, ProbeError, Provider, kprobe::number};

/// `uprobe`
pub static UPROBE: Provider = Provider {
    name: "uprobe",
    aliases: &["u"],
    syntax: "uprobe:path:function[+offset]",
    doc: "Fires when a function of a binary or library is entered, or at an offset or address, \
          where an instruction must begin (what cannot be checked needs `--unsafe`). The path may be a library's name, such as `libc`. `uprobe:path@file.c:line[:column]` fires where a \
          statement of that line begins, by the line table of the binary that the host has. Where the binary has \
          debug information when the script is compiled, the function's arguments are `args.name`, and its types \
          can be used in casts; their layout is that of this binary.",
    parse: |p| place(p, false),
    has_registers: true,
    arguments,
    no_arguments,
    fields,
    ..USER_FUNCTION
};

/// `uretprobe`
pub static URETPROBE: Provider = Provider {
    name: "uretprobe",
    aliases: &["ur"],
    syntax: "uretprobe:path:function",
    doc: "Fires when a function of a binary or library returns; `retval` is its result.",
    parse: |p| place(p, true),
    result: Some(|_, _| Type::UINT64),
    ..USER_FUNCTION
};

const USER_FUNCTION: Provider = Provider {
    context: Context::Registers,
    // Binaries belong to the host that runs the object.
    list,
    normal,
    is_function: true,
    is_user: true,
    nests: true,
    ..Provider::DEFAULT
};

/// Functions of the binaries that a path means.
fn list(target: &Target, search: &str, found: &mut dyn FnMut(&str)) {
    // Before the last colon there may be a language, too: names as the file has them need none.
    let Some((path, symbol)) = search.split_once(':') else { return };
    for (path, name) in target.binary_functions(path) {
        if glob(symbol, &name) {
            found(&format!("{path}:{name}"));
        }
    }
}

/// Parameters of the function whose entry is probed, as far as they can be read.
fn arguments(target: &Target, attach: &Attach) -> Option<Vec<Argument>> {
    let (path, symbol) = entry(attach)?;
    let parameters = target.user_types(path).ok()??.parameters(symbol).ok()??;
    let argument = |p: Parameter| {
        let location = match p.place? {
            Place::Register(n) => Location::Register(n),
            Place::Stack(bytes) => Location::Stack(bytes),
        };
        Some(Argument { name: p.name, ty: p.ty, spelling: p.spelling, location, dynamic: None })
    };
    Some(parameters.into_iter().filter_map(argument).collect())
}

/// The binary and the function where arguments are where the calling convention puts them.
fn entry(attach: &Attach) -> Option<(&str, &str)> {
    let Attach::Uprobe { path, symbol, offset: 0, ret: false, demangle: false } = attach else { return None };
    (!symbol.is_empty() && !is_glob(symbol) && !is_glob(path)).then_some((path, symbol))
}

fn no_arguments(target: &Target, attach: &Attach, name: Option<&str>) -> Option<String> {
    let Some((path, symbol)) = entry(attach) else {
        return Some("arguments have names only where one function, named as the file's symbols have it, begins".into());
    };
    let types = match target.user_types(path) {
        Ok(Some(types)) => types,
        Ok(None) => {
            return Some(format!(
                "`{path}` has no debug information here: compile it with -g, or name the folder of its debug file \
                 with `--debuginfo DIR`; `arg0`, `arg1` … need none"
            ));
        }
        Err(problem) => return Some(format!("{problem}; `arg0`, `arg1` … need no debug information")),
    };
    let parameters = match types.parameters(symbol) {
        Ok(Some(parameters)) => parameters,
        Ok(None) => return Some(format!("the debug information of `{path}` does not have the function `{symbol}`")),
        Err(problem) => return Some(problem),
    };
    let parameter = parameters.into_iter().find(|p| Some(p.name.as_str()) == name)?;
    if parameter.ty.is_scalar() {
        return Some(
            "where the function gets it is not known: that depends on the result or on a parameter before it, whose \
             passing debug information does not settle"
                .into(),
        );
    }
    Some(format!("it is of type `{}`: only integers, enums and pointers can be read", parameter.spelling))
}

/// Parameters as C declares them, those included that cannot be read.
fn fields(target: &Target, attach: &Attach) -> Vec<String> {
    let known = entry(attach).and_then(|(path, symbol)| target.user_types(path).ok()??.parameters(symbol).ok()?);
    known.into_iter().flatten().map(|p| format!("{} {}", p.spelling, p.name)).collect()
}

/// `path@file:line` or `path@file:line:column`.
fn source_line(parts: &[String], ret: bool) -> Option<Result<Attach, ProbeError>> {
    let [first, numbers @ ..] = parts else { return None };
    let (path, file) = first.rsplit_once('@')?;
    let is_number = |n: &String| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit());
    if !matches!(numbers.len(), 1 | 2) || !numbers.iter().all(is_number) {
        return None;
    }
    let numbers: Option<Vec<u64>> = numbers.iter().map(|n| n.parse().ok().filter(|n| *n > 0)).collect();
    let refuse = |message: &str| Err(ProbeError::syntax(message).help(LINE_SYNTAX));
    Some(match numbers.as_deref() {
        _ if ret => refuse("a line of a source file has no return"),
        _ if is_glob(file) => refuse("the source file of a line is named without wildcards"),
        Some([line, column @ ..]) if !path.is_empty() && !file.is_empty() => {
            let (path, file) = (path.to_string(), file.to_string());
            Ok(Attach::SourceLine { path, file, line: *line, column: column.first().copied().unwrap_or(0) })
        }
        _ => refuse("lines and columns are counted from 1"),
    })
}

const LINE_SYNTAX: &str = "it is written as `uprobe:path@file:line[:column]`";

fn place(parse: &Parse, ret: bool) -> Result<Attach, ProbeError> {
    let syntax = if ret { URETPROBE.syntax } else { UPROBE.syntax };
    if let Some(line) = source_line(&parse.parts, ret) {
        return line;
    }
    let (path, target, demangle) = match parse.parts.as_slice() {
        [path, target] => (path, target.as_str(), false),
        [path, language, target] if language == "cpp" => (path, target.as_str(), true),
        _ => return Err(ProbeError::syntax(format!("this is not written as `{syntax}`"))),
    };
    if path.is_empty() || target.is_empty() {
        return Err(ProbeError::syntax(format!("this is not written as `{syntax}`")));
    }
    let (symbol, offset) = match target.rsplit_once('+') {
        Some((symbol, offset)) if !demangle => (symbol, number(offset)?),
        _ if target.starts_with(|c: char| c.is_ascii_digit()) => ("", number(target)?),
        _ => (target, 0),
    };
    let (path, symbol) = (path.clone(), symbol.to_string());
    sound(Attach::Uprobe { path, symbol, offset, ret, demangle })
}

fn normal(attach: &Attach) -> String {
    if let Attach::SourceLine { path, file, line, column } = attach {
        let column = if *column > 0 { format!(":{column}") } else { String::new() };
        return format!("uprobe:{path}@{file}:{line}{column}");
    }
    let Attach::Uprobe { path, symbol, offset, ret, demangle } = attach else { return String::new() };
    let kind = if *ret { "uretprobe" } else { "uprobe" };
    let language = if *demangle { "cpp:" } else { "" };
    match (symbol.as_str(), offset) {
        ("", offset) => format!("{kind}:{path}:{offset}"),
        (symbol, 0) => format!("{kind}:{path}:{language}{symbol}"),
        (symbol, offset) => format!("{kind}:{path}:{language}{symbol}+{offset}"),
    }
}
