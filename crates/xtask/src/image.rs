//! A kernel's BTF, out of its compressed image: for compiling against a kernel that does not run.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::shell::{self, Failure, Result};

/// The compressions a kernel image may use: first bytes, and what unpacks them.
const STREAMS: &[(&[u8], &[&str])] = &[
    (b"\xfd7zXZ\0", &["xz", "-dc", "--single-stream"]),
    (b"\x28\xb5\x2f\xfd", &["zstd", "-dc"]),
    (b"\x1f\x8b\x08", &["gzip", "-dc"]),
    (b"\x02!L\x18", &["lz4", "-dc"]),
];

/// Unpacks a stream, however much follows it; nothing where it is none.
fn unpack(bytes: &[u8], words: &[&str]) -> Option<Vec<u8>> {
    let mut command = Command::new(words[0]);
    command.args(&words[1..]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().ok()?;
    let mut input = child.stdin.take()?;
    std::thread::scope(|scope| {
        // What follows the stream is left unread: a broken pipe is the usual end.
        scope.spawn(move || input.write_all(bytes));
        child.wait_with_output().ok().map(|done| done.stdout)
    })
}

fn positions<'a>(bytes: &'a [u8], magic: &'a [u8]) -> impl Iterator<Item = usize> + 'a {
    bytes.windows(magic.len()).enumerate().filter(move |(_, w)| *w == magic).map(|(at, _)| at)
}

fn number(bytes: &[u8], at: usize, size: usize) -> Option<usize> {
    let field = bytes.get(at..at + size)?;
    Some(field.iter().rev().fold(0, |sum, byte| sum << 8 | usize::from(*byte)))
}

/// A section of a little-endian 64-bit ELF file.
fn section<'a>(elf: &'a [u8], wanted: &str) -> Option<&'a [u8]> {
    let table = number(elf, 40, 8)?;
    let (count, names) = (number(elf, 60, 2)?, number(elf, 62, 2)?);
    let header = |index: usize| {
        let at = table + 64 * index;
        Some((number(elf, at, 4)?, number(elf, at + 24, 8)?, number(elf, at + 32, 8)?))
    };
    let (_, strings, _) = header(names)?;
    (0..count).find_map(|index| {
        let (name, offset, size) = header(index)?;
        let name = elf.get(strings + name..)?;
        let found = name.starts_with(wanted.as_bytes()) && name.get(wanted.len()) == Some(&0);
        if found { elf.get(offset..offset + size) } else { None }
    })
}

/// Takes the BTF out of an image.
pub fn btf(image: &Path) -> Result<Vec<u8>> {
    let bytes = shell::read(image)?;
    for (magic, words) in STREAMS {
        for at in positions(&bytes, magic) {
            let unpacked = unpack(&bytes[at..], words).unwrap_or_default();
            if unpacked.starts_with(b"\x7fELF") {
                let found = section(&unpacked, ".BTF").map(<[u8]>::to_vec);
                return found.ok_or_else(|| Failure::new(format!("`{}` has no BTF", image.display())));
            }
        }
    }
    Err(Failure::new(format!("`{}` holds no compressed kernel", image.display())))
}
