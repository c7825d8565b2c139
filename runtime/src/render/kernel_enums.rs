//! Enums of the kernel that runs: what its numbers are called, and which numbers its names have.
//!
//! An object knows those of the kernel that it was compiled for, and kernels number anew as they like. The enum is
//! found by its tag; one without a tag is the one that shares the most names.

use std::collections::HashMap;
use std::path::Path;

use btc_abi::{EnumNames, Manifest};

use crate::types::{Types, Variants};

/// Where the kernel shows its types: a file for itself and one for each module.
const FOLDER: &str = "/sys/kernel/btf";
const KERNEL: &str = "vmlinux";

/// The kernel's types, and then those of each module until `look` has found what it wants.
fn search<T>(mut look: impl FnMut(&Types) -> Option<T>) -> Option<T> {
    let kernel = Types::of_kernel()?;
    if let Some(found) = look(&kernel) {
        return Some(found);
    }
    let modules = std::fs::read_dir(Path::new(FOLDER)).ok()?.flatten();
    let names = modules.filter_map(|m| m.file_name().into_string().ok()).filter(|n| n != KERNEL);
    names.filter_map(|name| kernel.of_module_named(&name)).find_map(|module| look(&module))
}

/// What a kernel, or a module, calls the values of an enum; `None` where it has no such enum.
pub fn enum_names(types: &Types, wanted: &EnumNames) -> Option<Variants> {
    let (mut best, mut most) = (None, (0, 0));
    types.enums(|tag, variants| {
        if tag != wanted.name {
            return;
        }
        let variants = variants();
        let shared = |(_, name): &&(i64, String)| wanted.variants.iter().any(|(_, n)| n == name);
        // Of those that share as many names it is the one that gives more of them the same numbers.
        let same = variants.iter().filter(|variant| wanted.variants.contains(variant)).count();
        let alike = (variants.iter().filter(shared).count(), same);
        // Two enums may have one tag, in files that do not know of each other.
        if alike > most || (!tag.is_empty() && best.is_none()) {
            (best, most) = (Some(variants), alike);
        }
    });
    best
}

/// The value that a kernel, or a module, has for an enumerator of an enum without a tag, which had `value` where the object
/// was made: that of the enum whose names tell that it is the one that was meant. Others may have the name, too.
pub fn enum_constant(types: &Types, manifest: &Manifest, variant: &str, value: i64) -> Option<i64> {
    let is_meant = |e: &&EnumNames| {
        e.kernel && e.name.is_empty() && e.variants.iter().any(|(v, name)| *v == value && name == variant)
    };
    let wanted = manifest.enums.iter().find(is_meant)?;
    let variants = enum_names(types, wanted)?;
    variants.into_iter().find(|(_, name)| name == variant).map(|(value, _)| value)
}

/// The value of an enumerator of an enum without a tag on this kernel.
pub(crate) fn constant(manifest: &Manifest, variant: &str, value: i64) -> Option<i64> {
    search(|types| enum_constant(types, manifest, variant, value))
}

/// The enums of a manifest that were asked for so far.
#[derive(Default)]
pub(crate) struct Known(HashMap<u32, Variants>);

impl Known {
    /// What this kernel calls a value of `size` bytes. Without the enum it has no name, which is told once.
    pub(super) fn name(&mut self, number: u32, of: &EnumNames, value: u64, size: u8, quiet: bool) -> Option<&str> {
        let variants = self.0.entry(number).or_insert_with(|| {
            search(|types| enum_names(types, of)).unwrap_or_else(|| {
                let first = of.variants.first().map_or("", |(_, name)| name);
                let title = if of.name.is_empty() { format!("enum of {first}") } else { format!("enum {}", of.name) };
                if !quiet {
                    say!("WARNING: this kernel has no {title}: its values are shown as numbers");
                }
                Variants::new()
            })
        });
        enum_name(variants, value, size)
    }
}

/// The name of a value of so many bytes, whatever its sign; of several the last, as in bpftrace.
pub fn enum_name(variants: &[(i64, String)], value: u64, size: u8) -> Option<&str> {
    let unused = 64 - 8 * u32::from(size.clamp(1, 8));
    variants.iter().rfind(|(v, _)| (*v as u64 ^ value) << unused == 0).map(|(_, name)| name.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_running_kernel_tells_names_and_not_the_object() {
        // Found in every kernel with types; names have moved from one to the next.
        let stale = |name: &str, variants: &[(i64, &str)]| EnumNames {
            name: name.into(),
            variants: variants.iter().map(|(v, n)| (*v, (*n).to_string())).collect(),
            kernel: true,
        };
        let states = stale("bpf_prog_type", &[(0, "BPF_PROG_TYPE_KPROBE")]);
        if !Path::new("/sys/kernel/btf/vmlinux").exists() {
            println!("skipped: this kernel does not show its types");
            return;
        }
        let mut known = Known::default();
        assert_eq!(known.name(0, &states, 2, 4, false), Some("BPF_PROG_TYPE_KPROBE"));
        assert_eq!(known.name(0, &states, 0, 4, false), Some("BPF_PROG_TYPE_UNSPEC"));
        // Without a tag it is known by its names.
        let nameless = stale("", &[(1, "BPF_ANY"), (7, "BPF_NOEXIST")]);
        assert_eq!(known.name(1, &nameless, 1, 4, false), Some("BPF_NOEXIST"));
        assert_eq!(known.name(2, &stale("no_such_enum", &[(3, "X")]), 3, 4, false), None);
        let manifest = Manifest { enums: vec![nameless], ..Manifest::default() };
        let constant = |name: &str, value| constant(&manifest, name, value);
        assert_eq!((constant("BPF_NOEXIST", 7), constant("BPF_NOEXIST", 8)), (Some(1), None));
    }

    #[test]
    fn values_are_compared_in_their_size() {
        let variants = vec![(-1, "NONE".to_string()), (0x1_0000_0000, "WIDE".to_string())];
        assert_eq!(enum_name(&variants, 0xffff_ffff, 4), Some("NONE"));
        assert_eq!(enum_name(&variants, 0xff, 1), Some("NONE"));
        assert_eq!(enum_name(&variants, 0xffff_ffff, 8), None);
        assert_eq!(enum_name(&variants, 0x1_0000_0000, 8), Some("WIDE"));
    }
}
