//! What the compiler knows of a kernel: types, functions, tracepoints, registers.
//!
//! A [`Target`] answers questions by decoding bytes that a [`Source`] hands it, so
//! a compile is a pure function of script, options and bytes. It reads nothing
//! that it is not asked for and touches no file itself.

pub mod arch;
mod btf;
mod decl;
mod limits;
mod tracepoints;
mod user;

pub use btf::{Btf, Constant, FieldInfo, Prototype, RecordLayout, Spelled, Tag};
pub use limits::{
    CONTROL_RING_BYTES, DEFAULT_MAP_KEYS, DEFAULT_MAX_STRLEN, MAX_STACK_FRAMES, MAX_STRLEN, RING_BYTES, STACK_TABLE_ENTRIES,
};
pub use btc_dwarf::Sections;
pub use tracepoints::{Tracepoint, TracepointField, shipped_names};
pub use user::{Parameter, Place, UserTypes};

use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use btc_types::Type;

/// Where the bytes about a kernel come from. Every answer may be "not known":
/// no tracefs, no rights, another machine's kernel.
pub trait Source {
    /// The `format` file of a tracepoint.
    fn tracepoint_format(&self, category: &str, event: &str) -> Option<String>;
    /// All tracepoints as `(category, event)`; `None` when they cannot be listed.
    fn tracepoints(&self) -> Option<Vec<(String, String)>>;
    /// Kernel functions as `(module, name)`, the module empty for the kernel itself;
    /// `None` when they cannot be listed.
    fn functions(&self) -> Option<Vec<(String, String)>>;
    /// The kernel's BTF; `None` when it has none.
    fn btf(&self) -> Option<btf_rs::Btf>;
    /// Size in bytes of a symbol of a user binary, given as uprobes name it; `None` where it is not at hand.
    fn symbol_size(&self, _binary: &str, _symbol: &str) -> Option<u64> {
        None
    }
    /// The types of a loaded module, which build on the kernel's own.
    fn module_btf(&self, _module: &str, _kernel: &btf_rs::Btf) -> Option<btf_rs::Btf> {
        None
    }
    /// Functions of user binaries as `(path, name)`, sorted; binaries as uprobes name them, wildcards included.
    fn binary_functions(&self, _binary: &str) -> Vec<(String, String)> {
        Vec::new()
    }
    /// Functions of BPF programs in the kernel, as `(program's number, name)`.
    fn bpf_functions(&self) -> Vec<(u32, String)> {
        Vec::new()
    }
    /// Debug information of a user binary, given as uprobes name it; `None` where it has none.
    fn debug_info(&self, _binary: &str) -> Result<Option<Sections>, String> {
        Ok(None)
    }
    /// Static probes of user binaries as `(path, provider, name)`, sorted; `*` is what runs.
    fn static_probes(&self, _binary: &str) -> Vec<(String, String, String)> {
        Vec::new()
    }
    /// For each place of the static probes of user binaries its provider and name, and which arguments have a sign.
    fn static_signs(&self, _binary: &str) -> Vec<StaticSigns> {
        Vec::new()
    }
}

/// Provider and name of a place of a static probe, and which of its arguments have a sign.
pub type StaticSigns = (String, String, Vec<bool>);

/// A source that knows nothing, for scripts that ask nothing.
pub struct NoSource;

impl Source for NoSource {
    fn tracepoint_format(&self, _: &str, _: &str) -> Option<String> {
        None
    }
    fn tracepoints(&self) -> Option<Vec<(String, String)>> {
        None
    }
    fn functions(&self) -> Option<Vec<(String, String)>> {
        None
    }
    fn btf(&self) -> Option<btf_rs::Btf> {
        None
    }
}

/// What a user binary's debug information was found to be.
type UserAnswer = Result<Option<Rc<UserTypes>>, String>;

/// A kernel as the compiler sees it.
pub struct Target<'s> {
    source: &'s dyn Source,
    btf: OnceCell<Option<Rc<Btf>>>,
    tracepoints: OnceCell<Option<Vec<(String, String)>>>,
    functions: OnceCell<Option<Vec<(String, String)>>>,
    modules: RefCell<HashMap<String, Option<Rc<Btf>>>>,
    binaries: RefCell<HashMap<String, UserAnswer>>,
    static_signs: RefCell<HashMap<String, Rc<[StaticSigns]>>>,
}

impl<'s> Target<'s> {
    /// The integer that a symbol of a user binary is: by its debug information, else one with a sign of the symbol's size, as
    /// bpftrace has it. `None` where it is none, or the binary is not at hand.
    pub fn symbol_type(&self, binary: &str, symbol: &str) -> Option<Type> {
        let size = self.source.symbol_size(binary, symbol)?;
        let types = self.user_types(binary).ok().flatten();
        let told = types.and_then(|types| types.variable(symbol)).filter(|ty| u64::from(ty.size()) == size);
        match told {
            Some(ty @ Type::Int { .. }) => Some(ty),
            Some(Type::Pointer { .. }) => Some(Type::UINT64),
            _ => u8::try_from(size).ok().filter(|n| matches!(n, 1 | 2 | 4 | 8)).map(|n| Type::int(n, true)),
        }
    }

    /// Functions of user binaries as `(path, name)`.
    pub fn binary_functions(&self, binary: &str) -> Vec<(String, String)> {
        self.source.binary_functions(binary)
    }

    /// Functions of BPF programs in the kernel, as `(program's number, name)`.
    pub fn bpf_functions(&self) -> Vec<(u32, String)> {
        self.source.bpf_functions()
    }

    /// The types and functions of a user binary that its debug information tells; `None` where it has none.
    pub fn user_types(&self, binary: &str) -> UserAnswer {
        let open = || {
            let Some(sections) = self.source.debug_info(binary)? else { return Ok(None) };
            Ok(Some(Rc::new(UserTypes::new(binary, sections)?)))
        };
        self.binaries.borrow_mut().entry(binary.to_string()).or_insert_with(open).clone()
    }

    /// Static probes of user binaries as `(path, provider, name)`.
    pub fn static_probes(&self, binary: &str) -> Vec<(String, String, String)> {
        self.source.static_probes(binary)
    }

    /// Which arguments of the static probes of user binaries have a sign, for each of their places; empty where the
    /// binaries are not at hand.
    pub fn static_signs(&self, binary: &str) -> Rc<[StaticSigns]> {
        let mut known = self.static_signs.borrow_mut();
        known.entry(binary.to_string()).or_insert_with(|| self.source.static_signs(binary).into()).clone()
    }

    /// The types of a module, with the kernel's below them; the kernel's own where the name is empty or `vmlinux`.
    pub fn types_of(&self, module: &str) -> Option<Rc<Btf>> {
        let kernel = self.shared_btf().clone()?;
        if matches!(module, "" | "vmlinux") {
            return Some(kernel);
        }
        let mut known = self.modules.borrow_mut();
        let open = || Some(Rc::new(Btf::new(self.source.module_btf(module, kernel.raw())?)));
        known.entry(module.to_string()).or_insert_with(open).clone()
    }

    /// Whether so much of some BTF was read that it must be broken, see [`Btf::is_exhausted`].
    pub fn is_exhausted(&self) -> bool {
        let modules = self.modules.borrow();
        let opened = self.btf.get().and_then(Option::as_ref).into_iter().chain(modules.values().flatten());
        opened.into_iter().any(|btf| btf.is_exhausted())
    }

    /// A target that asks `source`.
    pub fn new(source: &'s dyn Source) -> Self {
        Target {
            source,
            btf: OnceCell::new(),
            tracepoints: OnceCell::new(),
            functions: OnceCell::new(),
            modules: RefCell::default(),
            binaries: RefCell::default(),
            static_signs: RefCell::default(),
        }
    }

    /// The kernel's types, opened at the first question.
    pub fn btf(&self) -> Option<&Btf> {
        self.shared_btf().as_deref()
    }

    fn shared_btf(&self) -> &Option<Rc<Btf>> {
        self.btf.get_or_init(|| self.source.btf().map(|raw| Rc::new(Btf::new(raw))))
    }

    /// All tracepoints as `(category, event)`, sorted.
    pub fn tracepoints(&self) -> Option<&[(String, String)]> {
        self.tracepoints.get_or_init(|| self.source.tracepoints()).as_deref()
    }

    /// All traceable kernel functions as `(module, name)`, sorted.
    pub fn functions(&self) -> Option<&[(String, String)]> {
        self.functions.get_or_init(|| self.source.functions()).as_deref()
    }

    /// A tracepoint's fields as they are written, for listings: what they are in the kernel's types is not asked.
    pub fn tracepoint_fields(&self, category: &str, event: &str) -> Vec<TracepointField> {
        let found = match self.source.tracepoint_format(category, event) {
            Some(text) => Some(Tracepoint::parse(category, event, &text, None)),
            None => Tracepoint::without_format(category, event, self.btf()),
        };
        found.map(|t| t.fields).unwrap_or_default()
    }

    /// A tracepoint's fields, from its `format` file, or else from the kernel's types or the shipped table.
    pub fn tracepoint(&self, category: &str, event: &str) -> Option<Tracepoint> {
        let text = self.source.tracepoint_format(category, event);
        match text {
            Some(text) => Some(Tracepoint::parse(category, event, &text, self.btf())),
            None => Tracepoint::without_format(category, event, self.btf()),
        }
    }
}

/// Whether `name` matches a pattern of `*`, `?` and `[…]`.
pub fn glob(pattern: &str, name: &str) -> bool {
    fn matches(p: &[u8], n: &[u8]) -> bool {
        // The classic two-pointer match: on a mismatch, go back to the last star.
        let (mut i, mut j, mut star, mut mark) = (0, 0, None, 0);
        while j < n.len() {
            let step = match p.get(i) {
                Some(b'*') => {
                    star = Some(i);
                    mark = j;
                    i += 1;
                    continue;
                }
                Some(b'?') => Some(1),
                Some(b'[') => set(&p[i..], n[j]),
                Some(c) if *c == n[j] => Some(1),
                _ => None,
            };
            if let Some(step) = step {
                i += step;
                j += 1;
            } else if let Some(s) = star {
                i = s + 1;
                mark += 1;
                j = mark;
            } else {
                return false;
            }
        }
        p[i..].iter().all(|c| *c == b'*')
    }
    /// Length of the `[…]` at the start of `p` when it holds `c`.
    fn set(p: &[u8], c: u8) -> Option<usize> {
        let end = p.iter().position(|b| *b == b']')?;
        let mut items = &p[1..end];
        let negated = matches!(items.first(), Some(b'!' | b'^'));
        if negated {
            items = &items[1..];
        }
        let mut found = false;
        let mut i = 0;
        while i < items.len() {
            if i + 2 < items.len() && items[i + 1] == b'-' {
                found |= (items[i]..=items[i + 2]).contains(&c);
                i += 3;
            } else {
                found |= items[i] == c;
                i += 1;
            }
        }
        (found != negated).then_some(end + 1)
    }
    matches(pattern.as_bytes(), name.as_bytes())
}

/// Whether a name holds wildcards.
pub fn is_glob(name: &str) -> bool {
    name.contains(['*', '?', '['])
}

#[cfg(test)]
mod tests {
    use super::glob;

    #[test]
    fn globs() {
        for (pattern, name, want) in [
            ("vfs_*", "vfs_read", true),
            ("*read*", "vfs_readv", true),
            ("vfs_?ead", "vfs_read", true),
            ("sys_[ae]*", "sys_exit", true),
            ("sys_[!ae]*", "sys_exit", false),
            ("a*b*c", "aXbYbZ", false),
            ("*", "", true),
            ("a", "ab", false),
        ] {
            assert_eq!(glob(pattern, name), want, "{pattern} {name}");
        }
    }
}
