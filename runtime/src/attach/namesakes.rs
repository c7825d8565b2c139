//! Functions of the kernel that share a name. Typed programs are bound by name, and so are the many functions of one link, and the
//! kernel takes one function that has it: calls of the others are not seen. (It refuses a kprobe of its own on such a name, since stable
//! releases of 2023.)

use std::collections::{BTreeMap, HashMap};

use btc_abi::Manifest;

use super::multi::Of;
use super::{Owner, Plan, Point, tracefs};
use crate::{Options, place};

/// The kernel's own functions that are attached to by name, each with its first probe.
pub(super) fn by_name(plans: &[Plan]) -> HashMap<String, usize> {
    let mut all = HashMap::new();
    for (probe, plan) in plans.iter().enumerate() {
        for target in &plan.targets {
            let typed = target.typed.as_ref().is_some_and(|t| t.of == Owner::Kernel).then_some(&target.name.function);
            let many = match &target.point {
                Point::Multi(multi) if multi.of == Of::Kernel => multi.places.as_slice(),
                _ => &[],
            };
            for function in typed.into_iter().chain(many.iter().map(|place| &place.name.function)) {
                all.entry(function.clone()).or_insert(probe);
            }
        }
    }
    all
}

/// Tells which of them share their names with others: at the end, for to read all symbols takes as long as to start.
pub(crate) fn tell(manifest: &Manifest, options: &Options, by_name: &HashMap<String, usize>) {
    if by_name.is_empty() || options.no_warnings {
        return;
    }
    let symbols = tracefs::symbols();
    let mut told: BTreeMap<usize, (String, usize, usize)> = BTreeMap::new();
    for (name, count) in shared(&symbols, by_name) {
        let first = || (name.to_string(), count, 0);
        told.entry(by_name[name]).and_modify(|(_, _, more)| *more += 1).or_insert_with(first);
    }
    for (probe, (name, count, more)) in told {
        let probe = &manifest.probes[probe];
        let rest = if more == 0 { String::new() } else { format!(", and so it is with {more} more names") };
        say!(
            "{}: WARNING: {}: {count} functions of this kernel are called `{name}`, and only one of them was traced{rest}",
            place::show(manifest, &probe.place),
            probe.title()
        );
    }
}

/// Names that several functions have, in the order of names, and how many.
fn shared<'s>(symbols: &'s str, names: &HashMap<String, usize>) -> Vec<(&'s str, usize)> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for line in symbols.lines() {
        // `ffffffff81000000 T name`, and `[module]` behind those of modules.
        let mut words = line.split_ascii_whitespace().skip(1);
        let (Some("t" | "T"), Some(name), None) = (words.next(), words.next(), words.next()) else { continue };
        if names.contains_key(name) {
            *counts.entry(name).or_default() += 1;
        }
    }
    counts.into_iter().filter(|(_, count)| *count > 1).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_several_functions_have_are_found() {
        let symbols = "0 t start_show\n1 T vfs_read\n2 t start_show\n3 t vfs_read\t[module]\n4 d vfs_open\n5 t vfs_open\n6 t other\n7 t other\n";
        let names = ["start_show", "vfs_read", "vfs_open", "none"].map(|name| (name.to_string(), 0)).into();
        assert_eq!(shared(symbols, &names), [("start_show", 2)]);
    }
}
