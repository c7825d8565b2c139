//! Objects of btc's own, and how a manifest is put into one.

use std::sync::OnceLock;

use btc_driver::{NoFiles, Options, compile};
use object::read::elf::ElfFile64;
use object::{Endianness, Object, ObjectSection};

use crate::edits::{Choices, edit};
use crate::kernel::Kernel;

/// Bytes of a section's header, and where offset and size stand in it.
const HEADER: usize = 64;
const OFFSET: usize = 24;
const SIZE: usize = 32;
/// What stands before the message: magic and version.
const HEAD: usize = 8;

/// Scripts that use between them most of what a manifest can say. They come to their end by themselves and trace nothing
/// but the tracer, so that what comes of them can be run.
pub const SCRIPTS: &[&str] = &[
    "BEGIN { @n = 1; @s = \"text\"; @t[1, \"a\"] = (2, \"b\"); print(@t); print((1, \"x\", @n)); exit(); }",
    "BEGIN { @c = count(); @a = avg(3); @m[pid] = max(4); @h = hist(5); @l = lhist(5, 0, 10, 1); @st = stats(6); print(@h); exit(); }",
    "BEGIN { printf(\"%d %s %p %c %x %-5d|%r\\n\", pid, comm, 4096, 65, 255, 7, buf(\"ab\", 2)); time(\"%H:%M\"); exit(); }",
    "BEGIN { @k = kstack; @u = ustack(3); print(kstack(2)); print(@u); print(ksym(1)); print(usym(1)); exit(); }",
    "BEGIN { $x = $1; $y = str($2); printf(\"%d %s %d\\n\", $x, $y, $#); cat(\"/dev/null\"); join(0); exit(); }",
    "struct S { int a; char b[8]; } BEGIN { $s = (struct S *)0; @v = $s->a; @r = *$s; print(@r); exit(); }",
    "BEGIN { @e[strftime(\"%s\", nsecs)] = 1; @i = ntop(1); @mac = macaddr(0); print(strerror(2)); print(cgroup_path(1)); exit(); }",
    "config = { max_map_keys = 16; stack_mode = perf; } BEGIN { for ($i : 0..9) { @m[$i] = sum($i); } for ($kv : @m) { print($kv); } exit(); }",
    "BEGIN { @ts = tseries(4, 1s, 5); clear(@ts); zero(@z); @z[1] = 2; delete(@z, 1); if (has_key(@z, 1)) { errorf(\"no\"); } exit(); }",
];

/// Objects of those scripts that compile for the kernel of the tests: all, or it panics.
pub fn all() -> &'static [Vec<u8>] {
    static ALL: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
    ALL.get_or_init(|| {
        let object = |text: &&str| {
            let compiled = compile("fuzz.bt", text, &Kernel, &mut NoFiles, &Options::default());
            compiled.output.clone().unwrap_or_else(|| panic!("{}", compiled.messages(false)))
        };
        SCRIPTS.iter().map(object).collect()
    })
}

fn section(object: &[u8]) -> Option<(usize, &[u8])> {
    let file = ElfFile64::<Endianness>::parse(object).ok()?;
    let section = file.section_by_name(btc_abi::SECTION)?;
    Some((section.index().0, section.data().ok()?))
}

/// The manifest of an object, as the section holds it.
pub fn manifest(object: &[u8]) -> Option<&[u8]> {
    section(object).map(|(_, bytes)| bytes)
}

/// The object with another manifest: it is put behind the rest.
///
/// # Panics
/// When it is no object of btc's.
pub fn with_manifest(object: &[u8], manifest: &[u8]) -> Vec<u8> {
    let (index, _) = section(object).expect("an object of btc's own");
    let mut changed = object.to_vec();
    let table = u64::from_le_bytes(object[40..48].try_into().expect("8 bytes")) as usize;
    let header = table + index * HEADER;
    let at = changed.len() as u64;
    changed.extend_from_slice(manifest);
    changed[header + OFFSET..header + OFFSET + 8].copy_from_slice(&at.to_le_bytes());
    changed[header + SIZE..header + SIZE + 8].copy_from_slice(&(manifest.len() as u64).to_le_bytes());
    changed
}

/// An object whose manifest has been changed as the input says.
pub fn lying(input: &[u8]) -> Vec<u8> {
    let mut choices = Choices::new(input);
    let objects = all();
    let object = &objects[choices.below(objects.len())];
    let Some((head, body)) = manifest(object).and_then(|m| m.split_at_checked(HEAD)) else { return object.clone() };
    let mut body = body.to_vec();
    for _ in 0..8 {
        if choices.is_empty() {
            break;
        }
        body = edit(&body, &mut choices);
    }
    with_manifest(object, &[head, &body].concat())
}
