//! CO-RE relocations as libbpf applies them when it loads an object, without loading: its own functions, which its static
//! library holds, on any kernel's types.

use std::collections::HashMap;
use std::ffi::{CStr, c_char, c_int, c_void};
use std::ptr::NonNull;

use btc_bpf::Insn;
use btc_elf::Contents;
use libbpf_sys as sys;

/// A candidate among the target's types (libbpf: `struct bpf_core_cand`).
#[repr(C)]
struct Candidate {
    types: *const sys::btf,
    id: u32,
}

/// libbpf: `struct bpf_core_cand_list`.
#[repr(C)]
struct Candidates {
    all: *mut Candidate,
    count: c_int,
}

/// libbpf: `struct bpf_core_relo_res`, of which nothing is asked here.
#[repr(C)]
#[derive(Default)]
struct Outcome([u64; 8]);

/// Room for three `struct bpf_core_spec` of libbpf, of some 1300 bytes each.
type Scratch = [u64; 1024];

unsafe extern "C" {
    fn bpf_core_calc_relo_insn(
        program: *const c_char,
        relocation: *const Row,
        number: c_int,
        local: *const sys::btf,
        candidates: *mut Candidates,
        scratch: *mut Scratch,
        outcome: *mut Outcome,
    ) -> c_int;
    fn bpf_core_patch_insn(
        program: *const c_char,
        insn: *mut [u8; 8],
        at: c_int,
        relocation: *const Row,
        number: c_int,
        outcome: *const Outcome,
    ) -> c_int;
}

/// A row of `.BTF.ext` (kernel: `struct bpf_core_relo`).
#[repr(C)]
#[derive(Clone, Copy)]
struct Row {
    offset: u32,
    ty: u32,
    access: u32,
    kind: u32,
}

/// libbpf's reading of types.
pub struct Raw(NonNull<sys::btf>);

impl Drop for Raw {
    fn drop(&mut self) {
        // SAFETY: owned, and freed once.
        unsafe { sys::btf__free(self.0.as_ptr()) };
    }
}

impl Raw {
    /// Of bytes.
    pub fn parse(bytes: &[u8]) -> Option<Raw> {
        // SAFETY: the bytes are as many as is said; libbpf copies them.
        let raw = unsafe { sys::btf__new(bytes.as_ptr().cast::<c_void>(), u32::try_from(bytes.len()).ok()?) };
        NonNull::new(raw).map(Raw)
    }

    /// Kind and name of a type, its name up to what tells flavours apart.
    fn head(&self, id: u32) -> Option<(u32, String)> {
        // SAFETY: the types live; names end with NUL.
        let (info, name) = unsafe {
            let ty = sys::btf__type_by_id(self.0.as_ptr(), id).as_ref()?;
            let name = sys::btf__name_by_offset(self.0.as_ptr(), ty.name_off);
            (ty.info, CStr::from_ptr(name).to_string_lossy().into_owned())
        };
        let kind = match info >> 24 & 0x1f {
            sys::BTF_KIND_ENUM64 => sys::BTF_KIND_ENUM,
            kind => kind,
        };
        Some((kind, essential(&name).to_string()))
    }
}

/// libbpf: `bpf_core_essential_name_len`.
fn essential(name: &str) -> &str {
    let bytes = name.as_bytes();
    let separates = |at: &usize| {
        let at = *at;
        bytes[at] != b'_' && &bytes[at + 1..at + 4] == b"___" && bytes[at + 4] != b'_'
    };
    let cut = (0..bytes.len().saturating_sub(4)).rev().find(separates);
    cut.map_or(name, |at| &name[..=at])
}

/// Types that objects are bound to, by kind and name.
pub struct Goal {
    raw: Raw,
    named: HashMap<(u32, String), Vec<u32>>,
}

impl Goal {
    /// Of a kernel's types.
    pub fn new(bytes: &[u8]) -> Goal {
        // Relocations that do not match are what is tested: not each is told.
        // SAFETY: no preconditions.
        unsafe { sys::libbpf_set_print(None) };
        let raw = Raw::parse(bytes).expect("libbpf reads the types");
        let mut named: HashMap<_, Vec<u32>> = HashMap::new();
        // SAFETY: the types live.
        for id in 1..unsafe { sys::btf__type_cnt(raw.0.as_ptr()) } {
            if let Some(head) = raw.head(id).filter(|(_, name)| !name.is_empty()) {
                named.entry(head).or_default().push(id);
            }
        }
        Goal { raw, named }
    }
}

/// An object's relocations.
pub struct Relocations {
    local: Raw,
    /// By section: offset in bytes, row.
    rows: HashMap<String, Vec<Row>>,
}

fn words(bytes: &[u8]) -> Vec<u32> {
    bytes.chunks_exact(4).map(|c| u32::from_le_bytes([c[0], c[1], c[2], c[3]])).collect()
}

impl Relocations {
    /// Of an object.
    pub fn of(object: &Contents) -> Relocations {
        let btf = &object.section(".BTF").expect("types").data;
        let ext = &object.section(".BTF.ext").expect("relocations").data;
        let local = Raw::parse(btf).expect("libbpf reads the object's types");
        // Header: magic and version, its length, then offset and length of functions, lines and relocations.
        let header = words(&ext[..32]);
        let (at, length) = ((header[1] + header[6]) as usize, header[7] as usize);
        let table = words(&ext[at..at + length]);
        let mut rows: HashMap<String, Vec<Row>> = HashMap::new();
        let mut rest = table.get(1..).unwrap_or_default();
        while let [section, count, tail @ ..] = rest {
            // SAFETY: the types live; names end with NUL.
            let name = unsafe { CStr::from_ptr(sys::btf__name_by_offset(local.0.as_ptr(), *section)) };
            let (own, after) = tail.split_at(*count as usize * 4);
            let list = rows.entry(name.to_string_lossy().into_owned()).or_default();
            list.extend(own.chunks_exact(4).map(|r| Row { offset: r[0], ty: r[1], access: r[2], kind: r[3] }));
            rest = after;
        }
        Relocations { local, rows }
    }

    /// Takes out those of an instruction, which the runtime patches itself.
    pub fn leave_out(&mut self, section: &str, offset: u64) {
        if let Some(rows) = self.rows.get_mut(section) {
            rows.retain(|row| u64::from(row.offset) != offset);
        }
    }

    /// Applies those of a piece of code, which begins so many bytes into its section. Where libbpf cannot, it gives up the
    /// whole object: then there is an error.
    pub fn apply(&self, section: &str, start: u64, code: &mut [[u8; 8]], goal: &Goal) -> Result<(), String> {
        let mut known: HashMap<u32, Vec<u32>> = HashMap::new();
        for (number, row) in self.rows.get(section).into_iter().flatten().enumerate() {
            let Some(at) = u64::from(row.offset).checked_sub(start).map(|n| n as usize / 8).filter(|n| *n < code.len()) else {
                continue;
            };
            let ids = known.entry(row.ty).or_insert_with(|| {
                let head = self.local.head(row.ty).expect("a type of the object");
                goal.named.get(&head).cloned().unwrap_or_default()
            });
            let mut all: Vec<Candidate> =
                ids.iter().map(|id| Candidate { types: goal.raw.0.as_ptr(), id: *id }).collect();
            let mut list = Candidates { all: all.as_mut_ptr(), count: all.len() as c_int };
            let (mut scratch, mut outcome): (Scratch, _) = ([0; 1024], Outcome::default());
            // SAFETY: all that is pointed at lives, has the form that libbpf gives it, and is written to by nobody else; behind
            // an instruction of two words stands its second one.
            let error = unsafe {
                let name = c"p".as_ptr();
                let n = number as c_int;
                let error = bpf_core_calc_relo_insn(name, row, n, self.local.0.as_ptr(), &raw mut list, &raw mut scratch, &raw mut outcome);
                match error {
                    0 => bpf_core_patch_insn(name, code[at..].as_mut_ptr(), at as c_int, row, n, &raw const outcome),
                    error => error,
                }
            };
            if error != 0 {
                return Err(format!("libbpf cannot relocate instruction {at}: {error}"));
            }
            // What did not match is out for later ones, as in libbpf.
            *ids = all[..list.count as usize].iter().map(|c| c.id).collect();
        }
        Ok(())
    }
}

/// As bytes, which libbpf patches.
pub fn bytes(code: &[Insn]) -> Vec<[u8; 8]> {
    code.iter().map(|i| i.to_bytes()).collect()
}

