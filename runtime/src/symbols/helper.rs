//! Symbols of binaries, found by a process that may be killed.
//!
//! blazesym maps files, follows debug links and inflates sections by itself. What it reads belongs to others: a file may be
//! cut while it is mapped (SIGBUS), a debug link may lead to a pipe, a section of zeros may inflate to gigabytes, a name may
//! be demangled for hours. No look beforehand keeps all of that out, so a child of the tracer calls blazesym: it has no
//! descriptors but its end of a socket, a limit of memory, and a time for each answer. When it fails, the file is not asked
//! again, the user is told, and the next question gets a new child.

use std::collections::{HashMap, HashSet};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use blazesym::symbolize::source::{Elf, Process, Source};
use blazesym::symbolize::{CodeInfo, Input, Sym, Symbolizer};
use blazesym::Pid;

use super::wire::{self, Place, Question};
use super::{Found, Inlined, Options};
use crate::debug_info::leads_astray;
use crate::signals;

/// What the child may cost.
#[derive(Clone, Copy)]
pub(super) struct Limits {
    /// Bytes of memory, besides what the tracer has.
    pub memory: u64,
    /// For one answer; the first one of a file takes longest.
    pub answer: Duration,
    /// For all answers once the user wants an end.
    pub end: Duration,
}

const LIMITS: Limits = Limits { memory: 512 << 20, answer: Duration::from_secs(10), end: Duration::from_millis(1000) };

/// The time for an answer when others have taken too long: each halves it.
const LEAST: Duration = Duration::from_millis(300);

/// Answers that are remembered.
const REMEMBERED: usize = 1 << 16;
/// Bytes of a question or an answer.
const MESSAGE: usize = 1 << 16;
/// Milliseconds after which it is looked whether an end is wanted.
const TURN: i32 = 20;

/// The tracer's side.
pub(super) struct Helper {
    options: Options,
    limits: Limits,
    child: Option<Child>,
    answers: HashMap<Question, Option<Found>>,
    /// Files, with and without debug information, that a child did not survive.
    bad: HashSet<(PathBuf, bool)>,
    /// Time that was spent since the user wants an end.
    spent: Duration,
    is_told: bool,
}

struct Child {
    pid: libc::pid_t,
    socket: OwnedFd,
}

impl Helper {
    pub(super) fn new(options: &Options) -> Helper {
        Helper::with(options, LIMITS)
    }

    pub(super) fn with(options: &Options, limits: Limits) -> Helper {
        Helper {
            options: options.clone(),
            limits,
            child: None,
            answers: HashMap::new(),
            bad: HashSet::new(),
            spent: Duration::ZERO,
            is_told: false,
        }
    }

    /// The symbol at a place of a file; without a path, of the vDSO.
    pub(super) fn ask(&mut self, path: Option<&Path>, debug_info: bool, place: Place) -> Option<Found> {
        let question = Question { path: path.map(Path::to_path_buf), debug_info, place };
        if let Some(known) = self.answers.get(&question) {
            return known.clone();
        }
        let file = (question.path.clone().unwrap_or_default(), debug_info);
        if self.bad.contains(&file) {
            return None;
        }
        if signals::end_is_wanted() && self.spent >= self.limits.end {
            self.tell_end();
            return None;
        }
        let start = Instant::now();
        let answer = self.answer(&question);
        if signals::end_is_wanted() {
            self.spent += start.elapsed();
        }
        match answer {
            Ok(found) => {
                if self.answers.len() == REMEMBERED {
                    self.answers.clear();
                }
                self.answers.insert(question, found.clone());
                found
            }
            Err(Failed::End) => {
                self.tell_end();
                None
            }
            Err(Failed::NoChild) => None,
            Err(failed) => {
                let what = if debug_info { "debug information" } else { "symbols" };
                let why = if failed == Failed::Slow {
                    format!("they took longer than {:?}", self.limits.answer)
                } else {
                    format!("they are broken, or need more than {} MiB of memory", self.limits.memory >> 20)
                };
                say!("WARNING: the {what} of `{}` cannot be used: {why}", file.0.display());
                // Who has one such file may have a thousand.
                if failed == Failed::Slow {
                    self.limits.answer = (self.limits.answer / 2).max(LEAST.min(self.limits.answer));
                }
                self.bad.insert(file);
                None
            }
        }
    }

    fn tell_end(&mut self) {
        if !std::mem::replace(&mut self.is_told, true) {
            say!("WARNING: the run was told to end: addresses that are not known yet are shown without names");
        }
    }

    fn answer(&mut self, question: &Question) -> Result<Option<Found>, Failed> {
        if self.child.is_none() {
            self.child = Child::start(&self.options, self.limits.memory);
        }
        let Some(child) = &self.child else { return Err(Failed::NoChild) };
        let answer = child.ask(question, self.limits, self.spent);
        if answer.is_err() {
            self.child = None;
        }
        answer
    }
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Failed {
    NoChild,
    /// It died.
    Dead,
    Slow,
    /// The user wants an end.
    End,
}

impl Child {
    fn start(options: &Options, memory: u64) -> Option<Child> {
        let (ours, its) = sockets()?;
        // SAFETY: the child touches nothing of ours that another thread may hold but the allocator, which the C library
        // makes usable after a fork, and never returns from here.
        match unsafe { libc::fork() } {
            -1 => None,
            0 => {
                confine(its.as_raw_fd(), memory);
                serve(options)
            }
            pid => Some(Child { pid, socket: ours }),
        }
    }

    fn ask(&self, question: &Question, limits: Limits, spent: Duration) -> Result<Option<Found>, Failed> {
        send(self.socket.as_raw_fd(), &wire::question(question)).ok_or(Failed::Dead)?;
        let start = Instant::now();
        while !signals::is_readable(self.socket.as_raw_fd(), TURN) {
            let ended = signals::ended_for();
            if ended.is_some_and(|ended| ended.min(start.elapsed()) + spent > limits.end) {
                return Err(Failed::End);
            }
            if start.elapsed() > limits.answer {
                return Err(Failed::Slow);
            }
        }
        let answer = receive(self.socket.as_raw_fd()).ok_or(Failed::Dead)?;
        wire::read_answer(&answer).ok_or(Failed::Dead)
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // SAFETY: our own child, not waited for yet; a null status is allowed.
        unsafe {
            libc::kill(self.pid, libc::SIGKILL);
            libc::waitpid(self.pid, std::ptr::null_mut(), 0);
        }
    }
}

fn sockets() -> Option<(OwnedFd, OwnedFd)> {
    let mut ends = [0; 2];
    // SAFETY: room for two descriptors.
    let result = unsafe { libc::socketpair(libc::AF_UNIX, libc::SOCK_SEQPACKET | libc::SOCK_CLOEXEC, 0, ends.as_mut_ptr()) };
    // SAFETY: both descriptors are new and nobody else's.
    (result == 0).then(|| unsafe { (OwnedFd::from_raw_fd(ends[0]), OwnedFd::from_raw_fd(ends[1])) })
}

fn send(socket: i32, message: &[u8]) -> Option<()> {
    // SAFETY: a readable buffer of this length.
    let sent = unsafe { libc::send(socket, message.as_ptr().cast(), message.len(), libc::MSG_NOSIGNAL) };
    (sent == message.len() as isize).then_some(())
}

/// The next message; `None` at the end.
fn receive(socket: i32) -> Option<Vec<u8>> {
    let mut message = vec![0; MESSAGE];
    // SAFETY: a writable buffer of this length.
    let length = unsafe { libc::recv(socket, message.as_mut_ptr().cast(), message.len(), 0) };
    message.truncate(usize::try_from(length).ok().filter(|n| *n > 0)?);
    Some(message)
}

/// Where the child has its socket.
const SOCKET: i32 = 3;

/// Takes from the child what it has no use for. It dies with the thread that made it.
fn confine(socket: i32, memory: u64) {
    // The message of a panic would be nobody's.
    std::panic::set_hook(Box::new(|_| {}));
    let limit = |resource, bytes| {
        let limit = libc::rlimit { rlim_cur: bytes, rlim_max: bytes };
        // SAFETY: an initialised structure.
        unsafe { libc::setrlimit(resource, &raw const limit) };
    };
    limit(libc::RLIMIT_CORE, 0);
    limit(libc::RLIMIT_FSIZE, 0);
    limit(libc::RLIMIT_DATA, held().saturating_add(memory));
    // SAFETY: plain numbers and a NUL-terminated name; nothing that owns these descriptors is dropped in the child.
    unsafe {
        libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
        libc::dup2(socket, SOCKET);
        libc::syscall(libc::SYS_close_range, SOCKET + 1, u32::MAX, 0);
        let nothing = libc::open(c"/dev/null".as_ptr(), libc::O_RDWR);
        for standard in 0..SOCKET {
            libc::dup2(nothing, standard);
        }
    }
}

/// Bytes of private memory that this process has: its limit counts them.
fn held() -> u64 {
    let mut pages = 0;
    crate::foreign::proc_lines(std::process::id(), "statm", |line| {
        pages = line.split_whitespace().nth(5).and_then(|n| n.parse().ok()).unwrap_or(0);
    });
    pages * crate::options::page_size()
}

/// The child's life: questions and answers until the tracer is gone.
fn serve(options: &Options) -> ! {
    let symbolizer = Symbolizer::builder()
        .enable_code_info(options.debug_info)
        .enable_inlined_fns(options.debug_info)
        // What is no mangled name passes for one there, see `demangle`.
        .enable_demangling(false)
        .set_debug_dirs(Some(&options.debug_folders))
        // The tracer sees to it that a path stands for one file.
        .enable_auto_reload(false)
        .build();
    let mut astray: HashMap<PathBuf, bool> = HashMap::new();
    while let Some(message) = receive(SOCKET) {
        let Some(mut question) = wire::read_question(&message) else { break };
        if let (Some(path), true) = (&question.path, question.debug_info) {
            // What can be seen beforehand need not cost a child.
            let astray = astray.entry(path.clone()).or_insert_with(|| leads_astray(path, &options.debug_folders));
            question.debug_info = !*astray;
        }
        if send(SOCKET, &wire::answer(look(&symbolizer, &question, options.demangle).as_ref(), MESSAGE)).is_none() {
            break;
        }
    }
    // SAFETY: ends the process; nothing of the tracer's is cleaned up twice.
    unsafe { libc::_exit(0) }
}

fn look(symbolizer: &Symbolizer, question: &Question, demangle: bool) -> Option<Found> {
    let input = match question.place {
        Place::Offset(offset) => Input::FileOffset(offset),
        Place::Address(address) if question.path.is_none() => Input::AbsAddr(address),
        Place::Address(address) => Input::VirtOffset(address),
    };
    let source = match &question.path {
        Some(path) => {
            let mut elf = Elf::new(path);
            elf.debug_syms = question.debug_info;
            Source::Elf(elf)
        }
        // A fork has its parent's vDSO.
        None => {
            let mut process = Process::new(Pid::Slf);
            process.perf_map = false;
            Source::Process(process)
        }
    };
    let mut found = Found::from(symbolizer.symbolize_single(&source, input).ok()?.into_sym()?);
    if demangle {
        let inlined = found.inlined.iter_mut().map(|f| &mut f.name);
        for name in inlined.chain([&mut found.name]) {
            if let Some(full) = super::demangle(name) {
                *name = full;
            }
        }
    }
    Some(found)
}

impl From<Sym<'_>> for Found {
    fn from(symbol: Sym<'_>) -> Found {
        let line = |info: Option<&CodeInfo<'_>>| {
            let info = info?;
            let path = info.to_path();
            Some(format!("{}:{}", path.display(), info.line.unwrap_or(0)))
        };
        let inlined = symbol.inlined.iter();
        Found {
            name: symbol.name.to_string(),
            offset: symbol.offset as u64,
            module: None,
            line: line(symbol.code_info.as_deref()),
            inlined: inlined.map(|f| Inlined { name: f.name.to_string(), line: line(f.code_info.as_ref()) }).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::write::ZlibEncoder;
    use object::write::{Object, Symbol, SymbolSection};
    use object::{Architecture, BinaryFormat, Endianness, SectionFlags, SectionKind, SymbolFlags, SymbolKind, SymbolScope, elf};

    use super::*;

    /// An object with a function `here` at 16, and sections of these names, flags and bytes.
    fn binary(test: &str, sections: &[(&str, elf::SectionFlags, &[u8])]) -> PathBuf {
        let mut object = Object::new(BinaryFormat::Elf, Architecture::X86_64, Endianness::Little);
        let text = object.section_id(object::write::StandardSection::Text);
        object.append_section_data(text, &[0xc3; 64], 16);
        object.add_symbol(Symbol {
            name: b"here".to_vec(),
            value: 16,
            size: 32,
            kind: SymbolKind::Text,
            scope: SymbolScope::Dynamic,
            weak: false,
            section: SymbolSection::Section(text),
            flags: SymbolFlags::None,
        });
        for (name, flags, bytes) in sections {
            let id = object.add_section(Vec::new(), name.as_bytes().to_vec(), SectionKind::Debug);
            object.append_section_data(id, bytes, 8);
            object.section_mut(id).flags = SectionFlags::Elf { sh_type: elf::SHT_PROGBITS, sh_flags: *flags };
        }
        let folder = std::env::temp_dir().join(format!("btc-helper-{test}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("binary");
        let mut bytes = object.write().unwrap();
        // A library: addresses of symbols are those of the file.
        bytes[16] = 3;
        std::fs::write(&path, bytes).unwrap();
        path
    }

    fn helper(memory: u64, answer: u64) -> Helper {
        let limits = Limits { memory: memory << 20, answer: Duration::from_millis(answer), ..LIMITS };
        Helper::with(&Options::default(), limits)
    }

    fn name(helper: &mut Helper, path: &Path, debug_info: bool) -> Option<String> {
        helper.ask(Some(path), debug_info, Place::Address(20)).map(|f| f.name)
    }

    fn pipe(path: &Path) {
        let name = std::ffi::CString::new(path.to_str().unwrap()).unwrap();
        // SAFETY: a NUL-terminated name.
        assert_eq!(unsafe { libc::mkfifo(name.as_ptr(), 0o600) }, 0);
    }

    /// A section of zeros, compressed.
    fn zeros(size: usize) -> Vec<u8> {
        let mut section: Vec<u8> = [1, 0].iter().flat_map(|n: &u32| n.to_le_bytes()).collect();
        section.extend((size as u64).to_le_bytes());
        section.extend(1u64.to_le_bytes());
        let mut encoder = ZlibEncoder::new(section, flate2::Compression::fast());
        for _ in 0..size >> 20 {
            encoder.write_all(&vec![0; 1 << 20]).unwrap();
        }
        encoder.finish().unwrap()
    }

    #[test]
    fn zeros_that_inflate_cost_the_helper_and_not_the_run() {
        let bomb = binary("bomb", &[(".debug_info", elf::SHF_COMPRESSED, &zeros(256 << 20))]);
        assert!(std::fs::metadata(&bomb).unwrap().len() < 4 << 20);
        let mut helper = helper(64, 20_000);
        assert_eq!(name(&mut helper, &bomb, true), None);
        assert_eq!(helper.bad.len(), 1);
        // Without debug information the very same file tells its symbols.
        assert_eq!(name(&mut helper, &bomb, false).as_deref(), Some("here"));
        assert_eq!((name(&mut helper, &bomb, true), helper.bad.len()), (None, 1));
        std::fs::remove_dir_all(bomb.parent().unwrap()).unwrap();
    }

    #[test]
    fn a_link_to_a_pipe_is_waited_for_no_longer_than_the_limit() {
        let alternate = b"pipe\0\x01\x02\x03\x04\x05\x06\x07\x08";
        let sections: [(_, _, &[u8]); 2] = [(".gnu_debugaltlink", elf::SectionFlags(0), alternate), (".debug_info", elf::SectionFlags(0), &[0; 8])];
        let path = binary("pipe", &sections);
        pipe(&path.with_file_name("pipe"));
        let mut helper = helper(512, 300);
        let start = Instant::now();
        assert_eq!(name(&mut helper, &path, true), None);
        assert_eq!(helper.bad.len(), 1);
        assert_eq!(name(&mut helper, &path, false).as_deref(), Some("here"));
        assert!(start.elapsed() < Duration::from_secs(5));
        std::fs::remove_dir_all(path.parent().unwrap()).unwrap();
    }

    #[test]
    fn many_files_that_hold_their_reader_take_little_more_than_one() {
        let alternate = b"pipe\0\x01\x02\x03\x04\x05\x06\x07\x08";
        let sections: [(_, _, &[u8]); 2] = [(".gnu_debugaltlink", elf::SectionFlags(0), alternate), (".debug_info", elf::SectionFlags(0), &[0; 8])];
        let path = binary("many", &sections);
        pipe(&path.with_file_name("pipe"));
        let mut helper = helper(512, 1000);
        let start = Instant::now();
        for n in 0..6 {
            let other = path.with_file_name(format!("other{n}"));
            std::fs::copy(&path, &other).unwrap();
            assert_eq!(name(&mut helper, &other, true), None);
        }
        assert_eq!((helper.bad.len(), helper.limits.answer), (6, LEAST));
        assert!(start.elapsed() < Duration::from_millis(1000 + 500 + 4 * 400 + 500));
        std::fs::remove_dir_all(path.parent().unwrap()).unwrap();
    }

    #[test]
    fn a_debug_link_to_a_pipe_is_not_followed() {
        let path = binary("link", &[(".gnu_debuglink", elf::SectionFlags(0), b"pipe\0\0\0\0\x01\x02\x03\x04")]);
        pipe(&path.with_file_name("pipe"));
        let mut helper = helper(512, 5_000);
        assert_eq!(name(&mut helper, &path, true).as_deref(), Some("here"));
        assert!(helper.bad.is_empty());
        std::fs::remove_dir_all(path.parent().unwrap()).unwrap();
    }

    /// The kernel sends SIGBUS to whoever reads behind the end of a file that was cut while it was mapped.
    #[test]
    fn a_file_that_is_cut_under_its_reader_does_no_harm() {
        let path = binary("cut", &[]);
        let mut helper = helper(512, 20_000);
        assert_eq!(name(&mut helper, &path, false).as_deref(), Some("here"));
        std::fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(0).unwrap();
        for address in 21..40 {
            let _ = helper.ask(Some(&path), false, Place::Address(address));
        }
        std::fs::remove_dir_all(path.parent().unwrap()).unwrap();
    }

    #[test]
    fn the_helper_has_no_descriptors_of_the_tracer_and_ends_with_it() {
        let path = binary("ends", &[]);
        let mut helper = helper(512, 20_000);
        assert!(name(&mut helper, &path, false).is_some());
        let pid = helper.child.as_ref().unwrap().pid;
        let open = std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap().flatten();
        let targets: Vec<_> = open.map(|e| std::fs::read_link(e.path()).unwrap_or_default()).collect();
        let of_us = |t: &PathBuf| !t.starts_with("/dev/null") && !t.to_string_lossy().starts_with("socket:") && *t != path;
        assert!(!targets.iter().any(of_us), "{targets:?}");
        drop(helper);
        assert!(!Path::new(&format!("/proc/{pid}")).exists());
        std::fs::remove_dir_all(path.parent().unwrap()).unwrap();
    }
}
