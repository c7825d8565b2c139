//! Files that a script or an object names: captures that `skboutput()` writes, and what `cat()` reads.
//!
//! A script's paths are the user's own. An object may come from anybody: it writes below one folder only, that of
//! `--output-dir` or else the current one, and with `--input-dir` it reads below that one only. Whoever names it, a file is
//! written only if it is new, empty, or a capture of ours that belongs to the user.

use std::fs::File;
use std::io::{self, BufReader, Error, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

use btc_abi::{Action, Manifest};
use rustix::fs::{CWD, Mode, OFlags, ResolveFlags};

use crate::error::reason;
use crate::options::Author;
use crate::{Options, place};

/// What a capture of ours begins with: the header of a pcap file with nanoseconds whose packets begin with their IP header.
const HEADER: [u32; 6] = [0xa1b2_3c4d, 2 | 4 << 16, 0, 0, 65535, 101];
const HEADER_SIZE: u64 = 24;
/// Time (two words), bytes that follow, bytes that there were.
const PACKET_HEADER: usize = 16;

/// Whatever the name, nothing that blocks and no other's choice of place.
const CAREFULLY: OFlags = OFlags::NOFOLLOW.union(OFlags::NONBLOCK).union(OFlags::NOCTTY).union(OFlags::CLOEXEC);

/// Where a run may write and read what is named.
pub(crate) struct NamedFiles {
    output: Option<Folder>,
    input: Option<Folder>,
    /// Whether a capture that is there goes on; else it begins anew, as in bpftrace.
    appends: bool,
}

/// A folder below which all is.
struct Folder {
    path: PathBuf,
    open: File,
}

impl NamedFiles {
    /// Those of a run.
    ///
    /// # Errors
    /// When a folder does not exist, or the manifest writes elsewhere.
    pub(crate) fn new(manifest: &Manifest, options: &Options) -> Result<NamedFiles, crate::Error> {
        let here = || (options.author == Author::Unknown).then(|| PathBuf::from("."));
        let mut written = manifest.records.iter().filter_map(|r| match &r.action {
            Action::Packet { path } => Some((path, &r.place)),
            _ => None,
        }).peekable();
        let output = options.output_dir.clone().or_else(|| written.peek().and_then(|_| here()));
        let folder = |path: &Path| {
            Folder::new(path).map_err(|e| crate::Error::new(format!("the folder `{}` cannot be used: {}", path.display(), reason(&e))))
        };
        let files = NamedFiles {
            output: output.as_deref().map(folder).transpose()?,
            input: options.input_dir.as_deref().map(folder).transpose()?,
            appends: options.author == Author::Unknown,
        };
        for (path, at) in written {
            if let Some(folder) = files.output.as_ref().filter(|f| f.inner(Path::new(path)).is_none()) {
                return Err(crate::Error::new(format!(
                    "{}: ERROR: `{path}` would be written outside of the folder `{}`; --output-dir names another one",
                    place::show(manifest, at),
                    folder.path.display(),
                )));
            }
        }
        Ok(files)
    }

    /// Opens a file to read: a regular one, for others might block.
    ///
    /// # Errors
    /// When it cannot be opened or may not.
    pub(crate) fn read(&self, path: &Path) -> io::Result<File> {
        let flags = OFlags::RDONLY | CAREFULLY.difference(OFlags::NOFOLLOW);
        let file = open(self.input.as_ref(), path, flags)?;
        if file.metadata()?.is_file() { Ok(file) } else { Err(Error::other("it is no regular file")) }
    }

    /// Opens a capture to write: a new one, or one of ours.
    ///
    /// # Errors
    /// When it cannot be opened or may not.
    pub(crate) fn capture(&self, path: &Path) -> io::Result<File> {
        let new = open(self.output.as_ref(), path, OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | CAREFULLY);
        let mut file = match new {
            Err(problem) if problem.kind() == io::ErrorKind::AlreadyExists => {
                let mut file = open(self.output.as_ref(), path, OFlags::RDWR | CAREFULLY).map_err(|problem| {
                    let is_link = problem.raw_os_error() == Some(libc::ELOOP);
                    match problem.kind() {
                        _ if is_link => Error::other("it is a symbolic link"),
                        io::ErrorKind::PermissionDenied => Error::other("it may not be written: it may belong to another user"),
                        _ => problem,
                    }
                })?;
                check_owned(&file)?;
                let end = if file.metadata()?.len() == 0 { 0 } else { end_of_packets(&mut file)? };
                let keep = if self.appends { end } else { 0 };
                file.set_len(keep)?;
                file.seek(SeekFrom::Start(keep))?;
                file
            }
            Err(problem) if problem.kind() == io::ErrorKind::PermissionDenied => {
                return Err(Error::other("it may not be created there"));
            }
            new => new?,
        };
        if file.stream_position()? == 0 {
            file.write_all(&header())?;
        }
        Ok(file)
    }
}

impl Folder {
    fn new(path: &Path) -> io::Result<Folder> {
        let open = rustix::fs::open(path, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
        Ok(Folder { path: path.canonicalize()?, open: open.into() })
    }

    /// The path from here on, if it leads below.
    fn inner<'p>(&self, path: &'p Path) -> Option<&'p Path> {
        let inner = if path.is_absolute() { path.strip_prefix(&self.path).ok()? } else { path };
        let stays = inner.components().all(|c| matches!(c, Component::Normal(_) | Component::CurDir));
        (stays && inner.file_name().is_some()).then_some(inner)
    }
}

/// Opens a path as it is, or below a folder.
fn open(folder: Option<&Folder>, path: &Path, flags: OFlags) -> io::Result<File> {
    let mode = Mode::from_raw_mode(0o666);
    let Some(folder) = folder else { return Ok(rustix::fs::openat(CWD, path, flags, mode)?.into()) };
    let inner = folder.inner(path).ok_or_else(|| Error::other(format!("it is outside of `{}`", folder.path.display())))?;
    let mode = if flags.contains(OFlags::CREATE) { mode } else { Mode::empty() };
    let beneath = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
    rustix::fs::openat2(&folder.open, inner, flags, mode, beneath).map(File::from).map_err(|problem| match problem {
        rustix::io::Errno::XDEV => Error::other(format!("a symbolic link leads outside of `{}`", folder.path.display())),
        other => other.into(),
    })
}

/// Refuses what somebody else might read, or have put there.
fn check_owned(file: &File) -> io::Result<()> {
    let about = file.metadata()?;
    let problem = if !about.is_file() {
        "it is no regular file"
    } else if about.uid() != rustix::process::geteuid().as_raw() {
        "it belongs to another user"
    } else if about.nlink() != 1 {
        "it has a second name"
    } else {
        return Ok(());
    };
    Err(Error::other(problem))
}

fn header() -> Vec<u8> {
    HEADER.iter().flat_map(|word| word.to_le_bytes()).collect()
}

/// Where the last whole packet of a capture ends: a run that was killed leaves a part of one.
fn end_of_packets(file: &mut File) -> io::Result<u64> {
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(0))?;
    let mut reader = BufReader::new(file);
    let mut begin = [0; HEADER_SIZE as usize];
    if length < HEADER_SIZE || reader.read_exact(&mut begin).is_err() || begin.as_slice() != header() {
        return Err(Error::other("it exists and is no capture of btc"));
    }
    let mut end = HEADER_SIZE;
    let mut head = [0; PACKET_HEADER];
    while reader.read_exact(&mut head).is_ok() {
        let size = u32::from_le_bytes([head[8], head[9], head[10], head[11]]);
        let next = end + PACKET_HEADER as u64 + u64::from(size);
        if next > length {
            break;
        }
        reader.seek_relative(i64::from(size))?;
        end = next;
    }
    Ok(end)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use btc_abi::{Place, Record};

    use super::*;

    /// A folder of this test alone.
    fn scratch(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("btc-named-files-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    fn files(author: Author, output: &Path, paths: &[&str]) -> Result<NamedFiles, crate::Error> {
        let record = |path: &&str| Record {
            action: Action::Packet { path: (*path).to_string() },
            size: 8,
            fields: Vec::new(),
            place: Place::default(),
        };
        let manifest = Manifest { records: paths.iter().map(record).collect(), ..Manifest::default() };
        let options = Options { author, output_dir: Some(output.to_path_buf()), ..Options::default() };
        NamedFiles::new(&manifest, &options)
    }

    fn refusal(files: &NamedFiles, path: &Path) -> String {
        files.capture(path).expect_err(&path.display().to_string()).to_string()
    }

    #[test]
    fn paths_stay_below_the_folder() {
        let folder = scratch("below");
        let inside = folder.join("x.pcap").display().to_string();
        for good in ["a.pcap", "./a.pcap", "sub/a.pcap", &inside] {
            assert!(files(Author::Unknown, &folder, &[good]).is_ok(), "{good}");
        }
        let above = format!("{}/../x.pcap", folder.display());
        for bad in ["/etc/x.pcap", "../a.pcap", "sub/../../a.pcap", "", ".", "..", "/", &above, &format!("{}x", folder.display())] {
            let error = files(Author::Unknown, &folder, &["good.pcap", bad]).err().expect(bad).to_string();
            assert!(error.contains("--output-dir"), "{bad}: {error}");
        }
        // A link on the way leads out, where lexically nothing does.
        symlink("/tmp", folder.join("link")).unwrap();
        let named = files(Author::Unknown, &folder, &["link/a.pcap"]).unwrap();
        assert!(named.capture(Path::new("link/a.pcap")).is_err());
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn nothing_is_overwritten_but_a_capture() {
        for author in [Author::Unknown, Author::User] {
            let folder = scratch(&format!("overwritten-{author:?}"));
            let named = files(author, &folder, &[]).unwrap();
            fs::write(folder.join("text"), "a text that is longer than a header of a capture").unwrap();
            fs::write(folder.join("short"), "abc").unwrap();
            fs::write(folder.join("empty"), "").unwrap();
            fs::create_dir(folder.join("folder")).unwrap();
            symlink(folder.join("empty"), folder.join("link")).unwrap();
            symlink(folder.join("nowhere"), folder.join("dangling")).unwrap();
            fs::hard_link(folder.join("empty"), folder.join("second")).unwrap();
            rustix::fs::mknodat(CWD, folder.join("pipe"), rustix::fs::FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
            for (name, why) in [
                ("text", "no capture"),
                ("short", "no capture"),
                ("link", "symbolic link"),
                ("dangling", "symbolic link"),
                ("second", "second name"),
                ("folder", ""),
                ("pipe", "no regular file"),
            ] {
                assert!(refusal(&named, Path::new(name)).contains(why), "{name}");
            }
            assert!(!folder.join("nowhere").exists());
            assert_eq!(fs::read(folder.join("short")).unwrap(), b"abc");
            fs::remove_file(folder.join("second")).unwrap();
            assert!(named.capture(Path::new("empty")).is_ok() && named.capture(Path::new("new")).is_ok());
            assert_eq!(fs::read(folder.join("new")).unwrap(), header());
            fs::remove_dir_all(folder).unwrap();
        }
    }

    #[test]
    fn an_object_goes_on_behind_the_last_whole_packet() {
        let folder = scratch("append");
        let packet = |data: &[u8]| {
            let words = [1, 2, data.len() as u32, data.len() as u32];
            let mut bytes: Vec<u8> = words.iter().flat_map(|w: &u32| w.to_le_bytes()).collect();
            bytes.extend(data);
            bytes
        };
        let whole = [header(), packet(b"one"), packet(b"")].concat();
        let path = folder.join("a.pcap");
        for cut in 0..packet(b"four").len() {
            fs::write(&path, [whole.as_slice(), &packet(b"four")[..cut]].concat()).unwrap();
            let named = files(Author::Unknown, &folder, &["a.pcap"]).unwrap();
            named.capture(Path::new("a.pcap")).unwrap().write_all(&packet(b"next")).unwrap();
            assert_eq!(fs::read(&path).unwrap(), [whole.as_slice(), &packet(b"next")].concat(), "{cut}");
        }
        let named = files(Author::User, &folder, &["a.pcap"]).unwrap();
        named.capture(Path::new("a.pcap")).unwrap();
        assert_eq!(fs::read(&path).unwrap(), header(), "a script begins anew");
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn what_is_read_is_regular_and_below_the_folder() {
        let folder = scratch("read");
        fs::write(folder.join("text"), "text").unwrap();
        symlink("/etc/passwd", folder.join("link")).unwrap();
        rustix::fs::mknodat(CWD, folder.join("pipe"), rustix::fs::FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
        let named = |input: Option<&Path>| {
            let options = Options { input_dir: input.map(Path::to_path_buf), ..Options::default() };
            NamedFiles::new(&Manifest::default(), &options).unwrap()
        };
        let limited = named(Some(&folder));
        assert!(limited.read(Path::new("text")).is_ok() && limited.read(&folder.join("text")).is_ok());
        for bad in ["link", "pipe", "../text", "/etc/passwd", "missing"] {
            assert!(limited.read(Path::new(bad)).is_err(), "{bad}");
        }
        let free = named(None);
        assert!(free.read(&folder.join("link")).is_ok() && free.read(&folder.join("pipe")).is_err());
        fs::remove_dir_all(folder).unwrap();
    }
}
