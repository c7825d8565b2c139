//! Debian's packages through the machine's own mirror.
//!
//! What is not for this machine (another release's kernels, a newer QEMU) is looked up with
//! an apt state of its own in a scratch folder: no source is added, nothing stays behind.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::shell::{self, Failure, Result};

const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// The machine's mirrors: the archive's and the security updates'.
struct Mirrors {
    main: String,
    security: String,
}

/// The addresses in apt's files, both of the new form (`URIs: …`) and the old (`deb …`).
fn addresses() -> Vec<String> {
    let mut files = shell::entries(Path::new("/etc/apt/sources.list.d"));
    files.push("/etc/apt/sources.list".into());
    let known = |f: &PathBuf| f.extension().is_some_and(|e| e == "sources" || e == "list");
    let mut all = Vec::new();
    for text in files.iter().filter(|f| known(f)).filter_map(|f| std::fs::read_to_string(f).ok()) {
        for line in text.lines() {
            let words: Vec<&str> = line.split_whitespace().collect();
            let address = match words.as_slice() {
                ["URIs:", address, ..] => Some(address),
                ["deb", rest @ ..] => rest.iter().find(|w| w.contains("://")),
                _ => None,
            };
            all.extend(address.map(|a| a.trim_end_matches('/').to_string()));
        }
    }
    all
}

fn mirrors() -> Result<Mirrors> {
    let all: Vec<String> = addresses().into_iter().filter(|a| a.contains("debian")).collect();
    let security = all.iter().find(|a| a.ends_with("security")).cloned();
    let main = all.into_iter().find(|a| !a.ends_with("security"));
    let main = main.ok_or_else(|| Failure::new("apt's sources name no Debian mirror"))?;
    let security = security.unwrap_or_else(|| format!("{main}-security"));
    Ok(Mirrors { main, security })
}

/// This machine's release, as `bookworm`.
pub fn release() -> Result<String> {
    let text = shell::read_text(Path::new("/etc/os-release"))?;
    let name = text.lines().find_map(|line| line.strip_prefix("VERSION_CODENAME="));
    name.map(|n| n.trim_matches('"').to_string()).ok_or_else(|| Failure::new("/etc/os-release names no release"))
}

/// An apt state of its own.
pub struct State {
    folder: PathBuf,
    /// What apt complained of when it looked for what there is.
    complaints: String,
}

impl State {
    /// A state in this folder that knows these suites (their security updates too, but for sid).
    pub fn new(folder: &Path, suites: &[&str], security: bool) -> Result<State> {
        shell::empty_folder(folder)?;
        for part in ["lists/partial", "cache/archives/partial", "parts", "debs/partial"] {
            shell::make_folder(&folder.join(part))?;
        }
        let mirrors = mirrors()?;
        let entry = |uri: &str, suites: &str| {
            format!("Types: deb\nURIs: {uri}\nSuites: {suites}\nComponents: main\nSigned-By: {KEYRING}\n\n")
        };
        let mut text = entry(&mirrors.main, &suites.join(" "));
        if security {
            let names: Vec<String> = suites.iter().map(|s| format!("{s}-security")).collect();
            text += &entry(&mirrors.security, &names.join(" "));
        }
        shell::write(&folder.join("parts/own.sources"), text)?;
        let mut state = State { folder: folder.to_path_buf(), complaints: String::new() };
        // A suite that has gone to the archives has no security updates any more; what the
        // rest offers is enough, and a missing package is told where it is asked for.
        if let Ok(done) = state.command("apt-get").args(["-qq", "update"]).output() {
            state.complaints = String::from_utf8_lossy(&done.stderr).trim().to_string();
        }
        Ok(state)
    }

    /// That the mirror does not offer something, with what apt complained of, which may be why.
    pub fn lacks(&self, what: &str) -> Failure {
        let why = if self.complaints.is_empty() { String::new() } else { format!(":\n{}", self.complaints) };
        Failure::new(format!("the mirror offers no {what}{why}"))
    }

    fn command(&self, program: &str) -> Command {
        let at = |part: &str| self.folder.join(part).display().to_string();
        let mut command = Command::new(program);
        command.arg("-oDir::Etc::sourcelist=/dev/null");
        command.arg(format!("-oDir::Etc::sourceparts={}", at("parts")));
        command.arg(format!("-oDir::State::Lists={}", at("lists")));
        command.arg(format!("-oDir::Cache={}", at("cache")));
        command.arg("-oAPT::Sandbox::User=root");
        command.stdin(Stdio::null()).env("DEBIAN_FRONTEND", "noninteractive");
        command
    }

    /// Does the mirror have this suite?
    pub fn has(&self, suite: &str) -> bool {
        let part = format!("_dists_{suite}_");
        let lists = shell::entries(&self.folder.join("lists"));
        lists.iter().filter_map(|f| f.file_name()).any(|name| name.to_string_lossy().contains(&part))
    }

    /// What a package depends on, without those that only might be there.
    pub fn depends(&self, package: &str) -> Vec<String> {
        let Ok(done) = self.command("apt-cache").args(["depends", package]).output() else { return Vec::new() };
        let text = String::from_utf8_lossy(&done.stdout).into_owned();
        text.lines().filter_map(|line| line.trim().strip_prefix("Depends: ")).map(str::to_string).collect()
    }

    /// Downloads a package; false where there is none.
    pub fn download(&self, package: &str) -> bool {
        let mut command = self.command("apt-get");
        command.args(["-qq", "download", package]).current_dir(self.folder.join("debs"));
        command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|s| s.success())
    }

    /// Downloads packages with all that they need on a machine without any package.
    pub fn download_with_needs(&self, packages: &[&str]) -> Result<()> {
        let nothing = self.folder.join("nothing-installed");
        shell::write(&nothing, "")?;
        let mut command = self.command("apt-get");
        command.arg(format!("-oDir::State::status={}", nothing.display()));
        command.arg(format!("-oDir::Cache::Archives={}", self.folder.join("debs").display()));
        command.args(["-qq", "install", "-y", "--no-install-recommends", "--download-only"]).args(packages);
        shell::perform(command.stdout(Stdio::null()))
    }

    /// Unpacks all downloaded packages into a folder.
    pub fn unpack(&self, into: &Path) -> Result<()> {
        let package = |file: &PathBuf| file.extension().is_some_and(|e| e == "deb");
        for file in shell::entries(&self.folder.join("debs")).into_iter().filter(package) {
            shell::perform(Command::new("dpkg").arg("-x").arg(&file).arg(into))?;
        }
        Ok(())
    }

    /// Installs packages on this machine, from the suite named.
    pub fn install(&self, suite: &str, packages: &[&str]) -> Result<()> {
        let mut command = self.command("apt-get");
        command.args(["-qq", "install", "-y", "--no-install-recommends", "-t", suite]).args(packages);
        shell::perform(command.stdout(Stdio::null()))
    }
}

impl Drop for State {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Installs packages from the machine's own sources.
pub fn install(packages: &[&str]) -> Result<()> {
    let apt = || {
        let mut command = Command::new("apt-get");
        command.env("DEBIAN_FRONTEND", "noninteractive").stdin(Stdio::null()).stdout(Stdio::null());
        command
    };
    let mut attempt = apt();
    attempt.args(["-qq", "install", "-y", "--no-install-recommends"]).args(packages).stderr(Stdio::null());
    // The lists of a fresh machine are empty or old: fetched only when needed.
    if shell::succeeds(&mut attempt)? {
        return Ok(());
    }
    shell::perform(apt().args(["-qq", "update"]))?;
    shell::perform(apt().args(["-qq", "install", "-y", "--no-install-recommends"]).args(packages))
}
