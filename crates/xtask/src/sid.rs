//! Debian's bpftrace, its tools, and the programs of their workloads: unpacked packages in the
//! cache, of which guests get what they run.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::apt;
use crate::kernels;
use crate::shell::{self, Failure, Result};

/// The tools come with the first one; the others are for the tools' workloads.
const PACKAGES: &[&str] = &["bpftrace", "bash", "openssl", "libc-bin", "mdadm", "xfsprogs", "e2fsprogs"];

/// What lies in a guest's search path.
const PROGRAMS: &[&str] = &["bpftrace", "bash", "openssl", "getent", "ldconfig", "mdadm", "mkfs.xfs", "mke2fs"];

/// Libraries that tools trace and no program here needs: bpftrace stops where they are missing.
const TRACED: &[&str] = &["libreadline.so.8", "libpthread.so.0"];

const LIBRARIES: &str = "usr/lib/x86_64-linux-gnu";
const LOADER: &str = "usr/lib64/ld-linux-x86-64.so.2";

/// The unpacked packages.
pub struct Sid {
    folder: PathBuf,
}

impl Sid {
    /// Fetches the packages where they are not in the cache.
    pub fn ensure() -> Result<Sid> {
        let cache = kernels::folder().parent().map(Path::to_path_buf).unwrap_or_default();
        let folder = cache.join("bpftrace");
        let sid = Sid { folder };
        if sid.programs().is_ok() {
            return Ok(sid);
        }
        println!("tools: fetching Debian's bpftrace");
        let state = apt::State::new(&cache.join(".apt-bpftrace"), &["sid"], false)?;
        state.download_with_needs(PACKAGES)?;
        // Unpacked beside its place, so that half of it is nothing.
        let partial = cache.join(".new-bpftrace");
        shell::empty_folder(&partial)?;
        state.unpack(&partial)?;
        let _ = std::fs::remove_dir_all(&sid.folder);
        std::fs::rename(&partial, &sid.folder).map_err(|e| Failure::new(format!("cannot move the packages: {e}")))?;
        sid.programs()?;
        Ok(sid)
    }

    fn programs(&self) -> Result<Vec<PathBuf>> {
        let place = |name: &&str| {
            let mut places = ["usr/bin", "usr/sbin", "sbin", "bin"].iter().map(|f| self.folder.join(f).join(name));
            places.find(|p| p.exists()).ok_or_else(|| Failure::new(format!("the packages lack `{name}`")))
        };
        PROGRAMS.iter().map(place).collect()
    }

    /// The tools' scripts.
    pub fn tools(&self) -> Result<Vec<PathBuf>> {
        let folder = self.folder.join("usr/sbin");
        let mut tools = Vec::new();
        for folder in [folder, self.folder.join("usr/share/bpftrace/tools")] {
            tools.extend(shell::entries(&folder).into_iter().filter(|f| f.extension().is_some_and(|e| e == "bt")));
        }
        if tools.is_empty() { Err(Failure::new("the bpftrace package has no tools")) } else { Ok(tools) }
    }

    /// Puts the programs into a payload, with their own libraries and no others: what was
    /// built on this machine runs with a newer C library, but not the other way round.
    pub fn add(&self, payload: &Path) -> Result<()> {
        let (bin, lib) = (payload.join("bin"), payload.join("lib"));
        let base = |path: &Path| path.file_name().map(PathBuf::from).unwrap_or_default();
        let loader = self.folder.join(LOADER);
        shell::copy(&loader, &lib.join(base(&loader)))?;
        for library in TRACED {
            shell::copy(&self.folder.join(LIBRARIES).join(library), &lib.join(library))?;
        }
        for program in self.programs()? {
            shell::copy(&program, &bin.join(base(&program)))?;
            let mut list = Command::new(&loader);
            list.arg("--library-path").arg(self.folder.join(LIBRARIES)).arg("--list").arg(&program);
            let listed = list.output().map_err(|e| Failure::new(format!("cannot run `{}`: {e}", loader.display())))?;
            for line in String::from_utf8_lossy(&listed.stdout).lines() {
                // `NAME => PATH (address)`; where the name is a path itself, it is the loader's.
                let Some((_, found)) = line.split_once(" => ") else { continue };
                let path = Path::new(found.split(" (").next().unwrap_or_default().trim());
                if path != loader {
                    shell::copy(path, &lib.join(base(path)))?;
                }
            }
        }
        Ok(())
    }
}
