//! Kernel modules for guests: unpacked, in the order in which they can be inserted.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::kernels::Kernel;
use crate::shell::{self, Failure, Result};

/// A module's name has one form in a file's name and another inside.
fn file_name(module: &str, file: &str) -> bool {
    let stem = file.split(".ko").next().unwrap_or_default();
    file.contains(".ko") && stem.replace('-', "_") == module.replace('-', "_")
}

fn unpacked(file: &Path) -> Result<Vec<u8>> {
    if file.extension().is_none_or(|e| e != "xz") {
        return shell::read(file);
    }
    let done = Command::new("xz").arg("-dc").arg(file).output();
    let done = done.map_err(|e| Failure::new(format!("cannot run xz: {e}")))?;
    Ok(done.stdout)
}

/// The modules that one needs: `depends=a,b` among the words of its `.modinfo`.
fn needs(module: &[u8]) -> Vec<String> {
    let words = module.split(|b| *b == 0).filter_map(|word| word.strip_prefix(b"depends="));
    let list = words.map(|word| String::from_utf8_lossy(word).into_owned()).next().unwrap_or_default();
    list.split(',').filter(|name| !name.is_empty()).map(str::to_string).collect()
}

/// Puts modules and what they need into a folder, and their names in order into `order`.
/// What a kernel has built in is passed over.
pub fn add(kernel: &Kernel, wanted: &[&str], folder: &Path) -> Result<()> {
    fn visit(kernel: &Path, name: &str, folder: &Path, seen: &mut Vec<String>) -> Result<()> {
        let Some(file) = shell::find(kernel, &|file| file_name(name, file)) else { return Ok(()) };
        if seen.iter().any(|s| s == name) {
            return Ok(());
        }
        let bytes = unpacked(&file)?;
        for need in needs(&bytes) {
            visit(kernel, &need, folder, seen)?;
        }
        seen.push(name.to_string());
        shell::write(&folder.join(format!("{name}.ko")), bytes)
    }
    shell::empty_folder(folder)?;
    let kernel: PathBuf = kernel.folder();
    let mut seen = Vec::new();
    for name in wanted {
        visit(&kernel, name, folder, &mut seen)?;
    }
    shell::write(&folder.join("order"), seen.join("\n") + "\n")
}

#[cfg(test)]
mod tests {
    use super::{file_name, needs};

    #[test]
    fn names_and_needs() {
        assert!(file_name("md_mod", "md-mod.ko.xz") && file_name("raid1", "raid1.ko"));
        assert!(!file_name("raid1", "raid10.ko") && !file_name("xfs", "xfs.c"));
        assert_eq!(needs(b"license=GPL\0depends=md-mod,libcrc32c\0name=raid1\0"), ["md-mod", "libcrc32c"]);
        assert!(needs(b"depends=\0").is_empty());
    }
}
