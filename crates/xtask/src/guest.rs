//! `cargo xtask guest`: a command in a throw-away machine, on a kernel of one's choice.
//!
//! QEMU without hardware help boots a Debian kernel with an initramfs of busybox and a
//! payload in two or three seconds. The console is the first serial line; a second one
//! carries what a test wants to hand back, byte for byte.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use crate::initramfs::Archive;
use crate::kernels::{self, Kernel};
use crate::shell::{self, Failure, Result};

/// What the guest runs first.
const INIT: &str = include_str!("init.sh");

const READY: &str = "guest-ready: ";
const EXIT: &str = "guest-exit: ";
/// An emulated boot now and then dies before init.
const ATTEMPTS: u32 = 3;
/// A boot takes three seconds, on a busy machine ten.
const BOOT: Duration = Duration::from_secs(90);

/// Memory in MiB that is enough for most guests.
pub const MEMORY: u32 = 1536;

/// A guest to boot.
pub struct Guest<'a> {
    /// Its kernel.
    pub kernel: &'a Kernel,
    /// Folder that becomes `/payload`.
    pub payload: Option<&'a Path>,
    /// What it runs, by busybox's shell.
    pub command: &'a str,
    /// How long that may take.
    pub limit: Duration,
    /// Its memory in MiB.
    pub memory: u32,
    /// Print the console as it comes.
    pub echo: bool,
}

/// What a guest did.
pub struct Outcome {
    /// The command's exit code; nothing where the guest died or ran out of time.
    pub code: Option<u8>,
    /// The kernel's own name for itself.
    pub release: String,
    /// The console from the moment the guest was ready.
    pub console: String,
    /// What the command wrote to `/dev/ttyS1`.
    pub results: Vec<u8>,
}

impl Guest<'_> {
    fn archive(&self) -> Result<Vec<u8>> {
        let busybox = shell::which("busybox").ok_or_else(|| Failure::new("no busybox: cargo xtask setup"))?;
        let mut archive = Archive::default();
        for folder in ["bin", "proc", "sys", "dev", "tmp", "etc", "root", "lib", "lib64", "usr"] {
            archive.folder(folder);
        }
        archive.file("bin/busybox", 0o755, &shell::read(&busybox)?);
        archive.file("init", 0o755, INIT.as_bytes());
        archive.file("command", 0o644, format!("{}\n", self.command).as_bytes());
        match self.payload {
            Some(folder) => archive.tree("payload", folder)?,
            None => archive.folder("payload"),
        }
        Ok(archive.finish())
    }

    fn start(&self, archive: &Path, results: &Path) -> Result<Child> {
        let image = self.kernel.image()?;
        let mut command = Command::new("qemu-system-x86_64");
        // What an emulator does slowly: fills of memory byte by byte, a fifth level of page tables.
        command.args(["-accel", "tcg,thread=multi", "-cpu", "max,-erms,-fsrm,-la57", "-smp", "2"]);
        command.arg("-m").arg(self.memory.to_string());
        command.args(["-display", "none", "-monitor", "none", "-no-reboot", "-nic", "none", "-serial", "stdio"]);
        command.arg("-serial").arg(format!("file:{}", results.display()));
        command.arg("-kernel").arg(image).arg("-initrd").arg(archive);
        command.args(["-append", "console=ttyS0 panic=-1 quiet loglevel=1"]);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().map_err(|e| Failure::new(format!("cannot start QEMU: {e} (cargo xtask setup)")))
    }

    /// Boots the guest and waits for its end.
    pub fn run(&self) -> Result<Outcome> {
        // Several guests may run at once, of one kernel, too.
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let work = shell::scratch()?.join(format!("guest-{}-{}-{number}", self.kernel.suite, std::process::id()));
        shell::empty_folder(&work)?;
        let (archive, results) = (work.join("initramfs"), work.join("results"));
        shell::write(&archive, self.archive()?)?;
        let mut outcome = Err(Failure::new(format!("the guest did not boot ({ATTEMPTS} attempts)")));
        for _ in 0..ATTEMPTS {
            shell::write(&results, [])?;
            let mut child = self.start(&archive, &results)?;
            let seen = self.watch(&mut child);
            let _ = child.kill();
            let _ = child.wait();
            if let Some(mut seen) = seen {
                seen.results = shell::read(&results)?;
                outcome = Ok(seen);
                break;
            }
        }
        let _ = std::fs::remove_dir_all(&work);
        outcome
    }

    /// Reads the console to its end; nothing where the guest never became ready.
    fn watch(&self, child: &mut Child) -> Option<Outcome> {
        let lines = lines(child);
        let mut outcome = Outcome { code: None, release: String::new(), console: String::new(), results: Vec::new() };
        let mut end = Instant::now() + BOOT;
        while let Ok(line) = lines.recv_timeout(end.saturating_duration_since(Instant::now())) {
            let line = line.trim_end_matches(['\r', '\n']);
            if outcome.code.is_some() {
                continue; // the kernel's own last words
            }
            if outcome.release.is_empty() {
                let Some((_, release)) = line.split_once(READY) else { continue };
                outcome.release = release.to_string();
                end = Instant::now() + self.limit;
                continue;
            }
            // A command whose last line has no end is followed at once.
            let (text, code) = line.split_once(EXIT).map_or((line, None), |(text, code)| (text, Some(code)));
            if self.echo && !(text.is_empty() && code.is_some()) {
                println!("{text}");
            }
            outcome.console += text;
            outcome.console.push('\n');
            if let Some(code) = code {
                outcome.code = code.trim().parse().ok();
                // The rest of the second line's bytes are on their way until the machine is off.
                end = Instant::now() + Duration::from_secs(20);
            }
        }
        if outcome.release.is_empty() { None } else { Some(outcome) }
    }
}

/// The lines of both of QEMU's streams, from threads of their own.
fn lines(child: &mut Child) -> Receiver<String> {
    let (sender, receiver) = channel();
    let streams: [Option<Box<dyn std::io::Read + Send>>; 2] = [
        child.stdout.take().map(|s| Box::new(s) as Box<dyn std::io::Read + Send>),
        child.stderr.take().map(|s| Box::new(s) as Box<dyn std::io::Read + Send>),
    ];
    for stream in streams.into_iter().flatten() {
        let sender = sender.clone();
        std::thread::spawn(move || {
            let mut reader = BufReader::new(stream);
            let mut line = Vec::new();
            while reader.read_until(b'\n', &mut line).is_ok_and(|n| n > 0) {
                if sender.send(String::from_utf8_lossy(&line).into_owned()).is_err() {
                    return;
                }
                line.clear();
            }
        });
    }
    receiver
}

/// The task: static `btc`, `btc-run` and `bpftool` are in the guest's search path.
pub fn run(args: &[String]) -> Result<u8> {
    let usage = || Failure::new("usage: cargo xtask guest [--kernel K] [-- COMMAND…]");
    let (options, command) = match args.iter().position(|a| a == "--") {
        Some(at) => (&args[..at], args[at + 1..].join(" ")),
        None => (args, "uname -a; btc --version".to_string()),
    };
    let list = match options {
        [] => "6.1",
        [option, name] if option == "--kernel" => name,
        _ => return Err(usage()),
    };
    let chosen = kernels::named(list)?;
    kernels::ensure(&chosen)?;
    let payload: PathBuf = crate::payload::basic()?;
    let mut code = 0;
    for kernel in &chosen {
        let limit = Duration::from_secs(600);
        let guest = Guest { kernel, payload: Some(&payload), command: &command, limit, memory: MEMORY, echo: true };
        let outcome = guest.run()?;
        code = code.max(outcome.code.unwrap_or(124));
    }
    Ok(code)
}
