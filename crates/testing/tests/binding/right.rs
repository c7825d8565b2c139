//! Where arguments are by the compiler's reading of a kernel, and scripts that read them.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use btc_abi::Typed;
use btc_target::Tracepoint;
use btc_types::Type;

use crate::Script;
use crate::kernel::Known;

/// A place in the context, and what its bits mean.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Place {
    pub offset: u32,
    pub bits: u8,
    pub signed: bool,
}

impl Place {
    /// Of what is no number only the offset counts: its bits are 0 here.
    pub fn is(&self, other: &Place) -> bool {
        self.offset == other.offset && (self.bits == 0 || self == other)
    }
}

/// Where an argument is, and its type as text.
#[derive(Clone, Debug, PartialEq)]
pub struct Right {
    pub place: Place,
    pub ty: String,
}

impl Right {
    /// Whether all values of this number are among another's, or it points where that points: anywhere, or at what this
    /// kernel only declares.
    pub fn fits(&self, other: &Right, kernel: &Known) -> bool {
        let (own, other_place) = (self.place, other.place);
        let number = own.bits > 0 && other_place.bits > 0;
        let holds = match (other_place.signed, own.signed) {
            (false, true) => false,
            (true, false) => own.bits < other_place.bits,
            _ => own.bits <= other_place.bits,
        };
        let plain = |ty: &str| ty.replace("const ", "").replace("volatile ", "").replace("__seg_gs ", "").replace(' ', "").replace("uint8*", "int8*");
        let (own, wanted) = (plain(&self.ty), plain(&other.ty));
        let anything = |ty: &str, stars: &str| ty.strip_prefix("void").is_some_and(|s| !s.is_empty() && stars.ends_with(s));
        let tag = other.ty.strip_prefix("struct ").and_then(|ty| ty.split(' ').next());
        let declared = || tag.is_some_and(|tag| kernel.declared.contains(tag));
        (number && holds) || own == wanted || anything(&wanted, &own) || anything(&own, &wanted) && declared()
    }
}

/// The parameters of a function or raw tracepoint, each with its words, and the result.
fn prototype(kernel: &Known, of: &Typed) -> Option<(Vec<(String, Type, u32)>, Option<Type>)> {
    match of {
        Typed::Function { function, .. } => {
            let found = kernel.btf.function(function)?;
            let words = |ty: &Type| ty.size().div_ceil(8);
            let params = found.params.into_iter().map(|(name, ty)| (name, ty.clone(), words(&ty)));
            Some((params.collect(), Some(found.returns)))
        }
        Typed::RawTracepoint { event } => {
            let count = kernel.btf.typedef_prototype(&format!("btf_trace_{event}"))?.params.len();
            let mut named = ["__traceiter_", "__probestub_", "__bpf_trace_"]
                .iter()
                .filter_map(|p| kernel.btf.function(&format!("{p}{event}")));
            let found = named.find(|p| p.params.len() == count)?;
            Some((found.params.into_iter().skip(1).map(|(name, ty)| (name, ty, 1)).collect(), None))
        }
        Typed::Tracepoint { .. } => None,
    }
}

fn value(ty: &Type, offset: u32) -> Option<Right> {
    let number = matches!(ty, Type::Int { .. } | Type::Bool | Type::Enum(_));
    let bits = if number { ty.size() as u8 * 8 } else { 0 };
    // What is pointed at is a number, whatever its values are called.
    let spelled = match ty {
        Type::Pointer { to, space } if matches!(**to, Type::Enum(_)) => {
            Type::pointer(Type::int(to.size() as u8, to.is_signed()), *space).to_string()
        }
        _ => ty.to_string(),
    };
    (ty.size() > 0).then(|| Right { place: Place { offset, bits, signed: number && ty.is_signed() }, ty: spelled })
}

/// Where an argument is on a kernel; the result has no name.
pub fn right(kernel: &Known, of: &Typed, name: &str) -> Option<Right> {
    if let Typed::Tracepoint { category, event } = of {
        let format = kernel.formats.get(&(category.clone(), event.clone()))?;
        let found = Tracepoint::parse(category, event, format, None);
        let field = found.field(name)?;
        let number = !field.spelling.contains(['*', '[']) && !field.spelling.starts_with("enum ");
        let bits = if number && field.size <= 8 { field.size as u8 * 8 } else { 0 };
        let ty = format!("{} {}{}", field.spelling, field.size, if number && field.signed { "s" } else { "" });
        let ty = if field.spelling.ends_with('*') { field.spelling.clone() } else { ty };
        return Some(Right { place: Place { offset: field.offset, bits, signed: number && field.signed }, ty });
    }
    let (params, result) = prototype(kernel, of)?;
    let mut offset = 0;
    for (own, ty, words) in params {
        if own == name && !name.is_empty() {
            return value(&ty, offset);
        }
        offset += words * 8;
    }
    if name.is_empty() { value(&result?, offset) } else { None }
}

/// All that has arguments on a kernel, with a text that tells them.
fn everything(kernel: &Known) -> BTreeMap<(u8, String), String> {
    let mut all = BTreeMap::new();
    let told = |of: &Typed| {
        let (params, result) = prototype(kernel, of)?;
        let mut text: String = params.iter().map(|(name, ty, words)| format!("{name}:{ty}:{words},")).collect();
        text += &result.map_or_else(String::new, |ty| ty.to_string());
        Some(text)
    };
    for function in kernel.btf.function_names().to_vec() {
        let of = Typed::Function { module: "vmlinux".into(), function: function.clone() };
        all.extend(told(&of).map(|text| ((0, function), text)));
    }
    for event in kernel.btf.typedef_names("btf_trace_").to_vec() {
        all.extend(told(&Typed::RawTracepoint { event: event.clone() }).map(|text| ((1, event), text)));
    }
    for ((category, event), format) in &kernel.formats {
        if category != "ftrace" {
            all.insert((2, format!("{category}:{event}")), format.clone());
        }
    }
    all
}

/// A script for each function and event of a kernel that is another on one of the others.
pub fn scripts(kernel: &Known, kernels: &[Known]) -> Vec<Script> {
    let others: Vec<_> = kernels.iter().filter(|k| k.name != kernel.name).map(everything).collect();
    let differs = |(key, text): &(&(u8, String), &String)| {
        others.iter().any(|other| other.get(*key).is_some_and(|o| o != *text))
    };
    let own = everything(kernel);
    own.iter().filter(differs).filter_map(|((kind, name), _)| script(kernel, *kind, name)).collect()
}

/// Whether a script can write a name.
fn is_plain(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
}

fn script(kernel: &Known, kind: u8, name: &str) -> Option<Script> {
    let readable = |ty: &Type| matches!(ty, Type::Int { .. } | Type::Bool | Type::Enum(_) | Type::Pointer { .. });
    let mut names: BTreeSet<String> = BTreeSet::new();
    let mut seen: HashMap<String, u32> = HashMap::new();
    let mut result = false;
    let head = match kind {
        2 => {
            let (category, event) = name.split_once(':')?;
            let format = kernel.formats.get(&(category.to_string(), event.to_string()))?;
            let found = Tracepoint::parse(category, event, format, None);
            for field in found.fields {
                *seen.entry(field.name.clone()).or_default() += 1;
                names.insert(field.name);
            }
            format!("tracepoint:{name}")
        }
        _ => {
            let of = match kind {
                0 => Typed::Function { module: "vmlinux".into(), function: name.to_string() },
                _ => Typed::RawTracepoint { event: name.to_string() },
            };
            let (params, returns) = prototype(kernel, &of)?;
            for (name, ty, _) in params {
                *seen.entry(name.clone()).or_default() += 1;
                // A struct is read by what its first member is.
                names.extend(readable(&ty).then_some(name));
            }
            result = returns.is_some_and(|ty| readable(&ty));
            format!("{}:{name}", if kind == 0 { "fexit" } else { "rawtracepoint" })
        }
    };
    // Of two with one name no script can mean the second.
    names.retain(|name| is_plain(name) && seen.get(name) == Some(&1));
    let mut values: Vec<String> = names.iter().map(|name| format!("args.{name}")).collect();
    values.extend(result.then(|| "retval".to_string()));
    let prints: String = values.iter().map(|v| format!("print({v}); ")).collect();
    let is_name = name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | ':'));
    (is_name && !values.is_empty()).then(|| Script { probe: head.clone(), text: format!("{head} {{ {prints}}}\n") })
}
