//! Addresses to names: the kernel's symbols from `/proc/kallsyms`, those of
//! processes by blazesym. Nothing is read before the first address is shown.

use std::io::{BufRead, BufReader};

use blazesym::Pid;
use blazesym::symbolize::source::{Process, Source};
use blazesym::symbolize::{Input, Symbolizer};

/// What an address was found to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub name: String,
    /// Bytes from the symbol's start.
    pub offset: u64,
    pub module: String,
    /// Build id of the file and offset in it.
    pub build_id: Option<(String, u64)>,
}

struct KernelSymbol {
    address: u64,
    name: (u32, u16),
    /// Index into the module names; 0 is the kernel itself.
    module: u16,
}

/// The kernel's symbols, sorted by address.
#[derive(Default)]
pub(crate) struct Kernel {
    symbols: Vec<KernelSymbol>,
    /// All names in a row: 200,000 small strings would cost several times as much.
    names: String,
    modules: Vec<String>,
    absolute: Vec<(String, u64)>,
}

impl Kernel {
    fn read() -> Kernel {
        match std::fs::File::open("/proc/kallsyms") {
            Ok(file) => Kernel::parse(BufReader::with_capacity(1 << 16, file)),
            Err(_) => Kernel::default(),
        }
    }

    fn parse(mut input: impl BufRead) -> Kernel {
        let mut kernel = Kernel { modules: vec!["[kernel.kallsyms]".into()], ..Kernel::default() };
        let mut line = String::new();
        while matches!(input.read_line(&mut line), Ok(1..)) {
            kernel.add(&line);
            line.clear();
        }
        kernel.symbols.sort_by_key(|s| s.address);
        kernel
    }

    fn add(&mut self, line: &str) {
        let mut words = line.split_ascii_whitespace();
        let (Some(address), Some(kind), Some(name)) = (words.next(), words.next(), words.next()) else { return };
        let Ok(address) = u64::from_str_radix(address, 16) else { return };
        // Zeros mean that addresses are hidden.
        if address == 0 {
            return;
        }
        // Absolute symbols are no places but per-CPU offsets (x86-64 before Linux 6.15).
        if kind.eq_ignore_ascii_case("a") {
            self.absolute.push((name.to_string(), address));
            return;
        }
        let module = match words.next() {
            None => 0,
            Some(module) => {
                if self.modules.last().is_none_or(|m| m != module) {
                    self.modules.push(module.to_string());
                }
                (self.modules.len() - 1).min(usize::from(u16::MAX)) as u16
            }
        };
        let start = self.names.len() as u32;
        self.names.push_str(name);
        self.symbols.push(KernelSymbol { address, name: (start, name.len().min(65535) as u16), module });
    }

    fn name(&self, symbol: &KernelSymbol) -> &str {
        let start = symbol.name.0 as usize;
        self.names.get(start..start + usize::from(symbol.name.1)).unwrap_or_default()
    }

    fn find(&self, address: u64) -> Option<Found> {
        let end = self.symbols.partition_point(|s| s.address <= address);
        let nearest = self.symbols.get(end.checked_sub(1)?)?.address;
        let first = self.symbols.partition_point(|s| s.address < nearest);
        let symbol = &self.symbols[first];
        let offset = address - symbol.address;
        // Far behind the last symbol is no symbol's code.
        if end == self.symbols.len() && offset > 1 << 20 {
            return None;
        }
        let module = self.modules.get(usize::from(symbol.module)).cloned().unwrap_or_default();
        Some(Found { name: self.name(symbol).to_string(), offset, module, build_id: None })
    }

    fn address_of(&self, name: &str) -> Option<u64> {
        let place = self.symbols.iter().find(|s| self.name(s) == name).map(|s| s.address);
        place.or_else(|| self.absolute.iter().find(|(n, _)| n == name).map(|(_, at)| *at))
    }
}

/// Names of addresses, with what was read so far.
#[derive(Default)]
pub(crate) struct Symbols {
    kernel: Option<Kernel>,
    user: Option<Symbolizer>,
}

impl Symbols {
    fn kernel_table(&mut self) -> &Kernel {
        self.kernel.get_or_insert_with(Kernel::read)
    }

    /// The kernel symbol that holds an address.
    pub(crate) fn kernel(&mut self, address: u64) -> Option<Found> {
        if address == 0 {
            return None;
        }
        self.kernel_table().find(address)
    }

    /// Address of a kernel symbol.
    pub(crate) fn kernel_address(&mut self, name: &str) -> Option<u64> {
        self.kernel_table().address_of(name)
    }

    /// The symbol that holds an address of a process.
    pub(crate) fn user(&mut self, pid: u32, address: u64) -> Option<Found> {
        self.user_all(pid, &[address]).pop().flatten()
    }

    /// Symbols of several addresses of a process, in their order.
    pub(crate) fn user_all(&mut self, pid: u32, addresses: &[u64]) -> Vec<Option<Found>> {
        if pid == 0 || addresses.is_empty() {
            return vec![None; addresses.len()];
        }
        let symbolizer = self.user.get_or_insert_with(|| {
            Symbolizer::builder().enable_code_info(false).enable_inlined_fns(false).build()
        });
        let source = Source::Process(Process::new(Pid::from(pid)));
        let Ok(found) = symbolizer.symbolize(&source, Input::AbsAddr(addresses)) else {
            return vec![None; addresses.len()];
        };
        let one = |s: blazesym::symbolize::Symbolized| {
            let symbol = s.into_sym()?;
            Some(Found {
                name: symbol.name.into_owned(),
                offset: symbol.offset as u64,
                module: symbol.module.map(|m| m.to_string_lossy().into_owned()).unwrap_or_default(),
                build_id: None,
            })
        };
        let mut all: Vec<Option<Found>> = found.into_iter().map(one).collect();
        all.resize(addresses.len(), None);
        all
    }
}

/// The source name of a Rust or C++ symbol; `None` for a plain one.
pub(crate) fn demangle(name: &str) -> Option<String> {
    if let Ok(full) = rustc_demangle::try_demangle(name) {
        return Some(format!("{full:#}"));
    }
    cpp_demangle::Symbol::new(name).ok()?.demangle().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernel_symbols() {
        let text = "0000000000000000 A fixed\nffffffff81000100 T beta\nffffffff81000000 T alpha\n\
                    ffffffff81000000 T alias\nffffffffc0000000 t gamma\t[mod]\nbroken\n";
        let kernel = Kernel::parse(text.as_bytes());
        let found = |a| kernel.find(a).map(|f| (f.name, f.offset, f.module));
        assert_eq!(found(0xffff_ffff_8100_0004), Some(("alpha".into(), 4, "[kernel.kallsyms]".into())));
        assert_eq!(found(0xffff_ffff_8100_0100), Some(("beta".into(), 0, "[kernel.kallsyms]".into())));
        assert_eq!(found(0xffff_ffff_c000_0010), Some(("gamma".into(), 16, "[mod]".into())));
        assert_eq!(found(5), None);
        assert_eq!(found(u64::MAX), None);
        assert_eq!(kernel.address_of("beta"), Some(0xffff_ffff_8100_0100));
    }

    #[test]
    fn hidden_addresses_are_not_found() {
        assert_eq!(Kernel::parse("0000000000000000 T alpha\n".as_bytes()).find(4), None);
    }

    #[test]
    fn own_functions_have_names() {
        let address = own_functions_have_names as fn() as usize as u64;
        let found = Symbols::default().user(std::process::id(), address).expect("a symbol");
        assert!(found.name.contains("own_functions_have_names"), "{}", found.name);
    }
}
