//! `cargo xtask kernels`: Debian's cloud kernels, unpacked, one folder a release.

use std::path::{Path, PathBuf};

use crate::apt;
use crate::shell::{self, Failure, Result};

/// A kernel the tests run on.
#[derive(Clone, Debug)]
pub struct Kernel {
    /// The name used on command lines and in test files: `5.10`, …, `new`.
    pub name: &'static str,
    /// Debian's release.
    pub suite: &'static str,
}

/// All of them, oldest first.
pub const ALL: &[Kernel] = &[
    Kernel { name: "5.10", suite: "bullseye" },
    Kernel { name: "6.1", suite: "bookworm" },
    Kernel { name: "6.12", suite: "trixie" },
    Kernel { name: "new", suite: "sid" },
];

/// Where the kernels are.
pub fn folder() -> PathBuf {
    if let Some(folder) = std::env::var_os("BTC_KERNELS") {
        return folder.into();
    }
    let home = std::env::var_os("HOME").map_or_else(std::env::temp_dir, PathBuf::from);
    home.join(".cache/btc/kernels")
}

impl Kernel {
    /// Its unpacked packages.
    pub fn folder(&self) -> PathBuf {
        let folder = folder().join(self.suite);
        folder.canonicalize().unwrap_or(folder)
    }

    /// The compressed image.
    pub fn image(&self) -> Result<PathBuf> {
        let found = shell::find(&self.folder(), &|name| name.starts_with("vmlinuz"));
        found.ok_or_else(|| Failure::new(format!("no kernel {} in `{}`", self.name, folder().display())))
    }

    /// A file with its types.
    pub fn btf(&self) -> Result<PathBuf> {
        let btf = shell::scratch()?.join(format!("{}.btf", self.name));
        if !btf.exists() {
            shell::write(&btf, crate::image::btf(&self.image()?)?)?;
        }
        Ok(btf)
    }

    /// Is it here?
    pub fn present(&self) -> bool {
        self.image().is_ok()
    }

    fn fetch(&self) -> Result<()> {
        let scratch = folder().join(format!(".apt-{}", self.suite));
        let state = apt::State::new(&scratch, &[self.suite], self.suite != "sid")?;
        let depends = state.depends("linux-image-cloud-amd64");
        let image = depends.into_iter().find(|name| name.starts_with("linux-image"));
        let image = image.ok_or_else(|| state.lacks(&format!("kernel of {}", self.suite)))?;
        // Newer releases split the image: the file itself lies in a package behind.
        let (mut todo, mut seen) = (vec![image], Vec::new());
        while let Some(package) = todo.pop() {
            if seen.contains(&package) {
                continue;
            }
            if state.download(&package) {
                let part = |name: &String| {
                    ["linux-base-", "linux-modules-", "linux-binary-"].iter().any(|start| name.starts_with(start))
                };
                todo.extend(state.depends(&package).into_iter().filter(part));
                if package.starts_with("linux-base-") {
                    todo.push(package.replacen("linux-base", "linux-binary", 1));
                }
            }
            seen.push(package);
        }
        // Unpacked beside its place and then moved there, so that half a kernel is none.
        let partial = folder().join(format!(".new-{}", self.suite));
        shell::empty_folder(&partial)?;
        state.unpack(&partial)?;
        if shell::find(&partial, &|name| name.starts_with("vmlinuz")).is_none() {
            return Err(Failure::new(format!("the packages of {} hold no kernel", self.suite)));
        }
        let place = folder().join(self.suite);
        let _ = std::fs::remove_dir_all(&place);
        std::fs::rename(&partial, &place).map_err(|e| Failure::new(format!("cannot move the kernel: {e}")))
    }
}

/// The kernels of a list such as `6.1,new` or `all`.
pub fn named(list: &str) -> Result<Vec<Kernel>> {
    if list == "all" {
        return Ok(ALL.to_vec());
    }
    let one = |name: &str| {
        let found = ALL.iter().find(|k| k.name == name || k.suite == name);
        found.cloned().ok_or_else(|| Failure::new(format!("no kernel `{name}`: 5.10, 6.1, 6.12, new or all")))
    };
    list.split(',').map(one).collect()
}

/// Fetches those that are not here.
pub fn ensure(kernels: &[Kernel]) -> Result<()> {
    let missing: Vec<&Kernel> = kernels.iter().filter(|k| !k.present()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    shell::make_folder(&folder())?;
    for kernel in missing {
        println!("kernels: fetching {} ({})", kernel.name, kernel.suite);
        kernel.fetch()?;
    }
    Ok(())
}

/// The task: fetches, then prints a line for each kernel.
pub fn run(args: &[String]) -> Result<u8> {
    if !args.is_empty() {
        return Err(Failure::new("usage: cargo xtask kernels"));
    }
    ensure(ALL)?;
    for kernel in ALL {
        println!("{:5} {}", kernel.name, shown(&kernel.image()?));
    }
    Ok(0)
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}
