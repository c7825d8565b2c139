//! Why a program was refused that needs what this machine lacks (`abi::refusal`).

use btc_abi::{Manifest, REFUSAL, Refusal, Refused};

use crate::attach::Plan;
use crate::{Error, place};

/// The message for a type that libbpf did not find, `struct pt_regs___btc_refusal_3`, if a refusal made it.
pub(crate) fn explain(manifest: &Manifest, ty: &str) -> Option<String> {
    let (_, number) = ty.split_once(REFUSAL)?;
    let digits = number.find(|c: char| !c.is_ascii_digit()).unwrap_or(number.len());
    let refusal = manifest.refusals.get(number[..digits].parse::<usize>().ok()?)?;
    Some(message(manifest, refusal))
}

/// Where the script uses a map whose key is too long.
pub(crate) fn place_of_long_key(manifest: &Manifest, of: &str) -> Option<String> {
    let is_meant = |r: &&Refusal| matches!(&r.what, Refused::LongKey { map } if map == of);
    Some(place::show(manifest, &manifest.refusals.iter().find(is_meant)?.place))
}

/// The message for the first place of the script that takes a release of the kernel.
pub(crate) fn of_release(manifest: &Manifest, release: &str) -> Option<String> {
    let of = |r: &&Refusal| matches!(&r.what, Refused::Release { since, .. } if since == release);
    Some(message(manifest, manifest.refusals.iter().find(of)?))
}

fn message(manifest: &Manifest, refusal: &Refusal) -> String {
    let machine = std::env::consts::ARCH;
    let text = match &refusal.what {
        Refused::Machine => format!("the object was made without knowing machines like this one ({machine})"),
        Refused::Register(name) => format!("this machine ({machine}) has no register `{name}`"),
        Refused::KernelSymbol(name) => {
            format!("this kernel has no symbol `{name}`, or does not show its address (/proc/kallsyms)")
        }
        Refused::Release { what, since } => {
            format!("{what} takes Linux {since} or later; this is {}", crate::run::kernel_release())
        }
        Refused::FunctionAddress => "this kernel does not tell a return probe where its function begins; \
                                     it takes Linux 6.6"
            .to_string(),
        Refused::StaticArgument { index, .. } => format!("there is no `arg{index}`"),
        Refused::LongKey { map } => format!("a key of {map} is longer than this kernel takes"),
        Refused::Room { record, bytes } => format!(
            "`{record}` is larger on this kernel than the {bytes} bytes that it had where the script was compiled, \
             and a copy has no room for more; compile the script for this kernel"
        ),
        Refused::Layout { record, bytes } => format!(
            "`{record}` is laid out otherwise on this kernel than where the script was compiled, with {bytes} bytes, \
             and what stands beside it would be read at the wrong place; compile the script for this kernel"
        ),
        Refused::Field { field, ty } => format!(
            "`{field}` is another kind of value on this kernel than the `{ty}` that it was where the script was \
             compiled; compile the script for this kernel"
        ),
        Refused::Decided => "the compiler decided this by sizes or places that structs of another kernel have, and on this one they \
                             differ; compile the script for this kernel"
            .to_string(),
        Refused::Type { record } => format!("this kernel has no `{record}`"),
    };
    format!("{}: {text}", place::show(manifest, &refusal.place))
}

/// Looks whether every place of static probes has the arguments that the script reads.
pub(crate) fn check_static_arguments(manifest: &Manifest, plans: &[Plan]) -> Result<(), Error> {
    for refusal in &manifest.refusals {
        let Refused::StaticArgument { program, index, signed } = &refusal.what else { continue };
        let probes = manifest.probes.iter().zip(plans).filter(|(probe, _)| probe.program == *program);
        for target in probes.flat_map(|(_, plan)| &plan.targets) {
            let Some(operands) = &target.operands else { continue };
            let (place, name) = (place::show(manifest, &refusal.place), &target.name.name);
            let why = match operands.get(*index as usize) {
                Some(operand) if operand.is_known() && operand.fits(*signed) => continue,
                Some(operand) if operand.is_known() => {
                    return Err(Error::new(format!(
                        "{place}: `arg{index}` of {name} has a sign, and where the script was compiled it had none; \
                         compile the script with this binary at hand"
                    )));
                }
                Some(_) => "it is no integer, or is where btc cannot read it".to_string(),
                None => format!("its note tells of {}", operands.len()),
            };
            return Err(Error::new(format!("{place}: {name} has no `arg{index}`: {why}")));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use btc_abi::{Place, Source};

    use super::*;

    #[test]
    fn refusals_name_the_line_and_what_is_missing() {
        let source = Source { name: "a.bt".into(), ..Source::default() };
        let place = Place { file: 0, line: 3, column: 9, end_line: 3, end_column: 13 };
        let refusal = |what| Refusal { what, place: place.clone() };
        let refusals = vec![refusal(Refused::Register("x9".into())), refusal(Refused::KernelSymbol("nope".into()))];
        let manifest = Manifest { sources: vec![source], refusals, ..Manifest::default() };
        let text = explain(&manifest, "struct pt_regs___btc_refusal_0").unwrap();
        assert!(text.starts_with("a.bt:3:9-13: this machine (") && text.contains("`x9`"), "{text}");
        assert!(explain(&manifest, "struct pt_regs___btc_refusal_1.absent").unwrap().contains("`nope`"));
        assert_eq!(explain(&manifest, "struct pt_regs___btc_refusal_2"), None);
        assert_eq!(explain(&manifest, "struct pt_regs___x86_64"), None);
    }
}
