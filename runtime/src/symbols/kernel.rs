//! The kernel's symbols, from `/proc/kallsyms`.

use std::io::{BufRead, BufReader};

use super::Found;

struct KernelSymbol {
    address: u64,
    name: (u32, u16),
}

/// The kernel's symbols, sorted by address.
#[derive(Default)]
pub(super) struct Kernel {
    symbols: Vec<KernelSymbol>,
    /// All names in a row: 200,000 small strings would cost several times as much.
    names: String,
    absolute: Vec<(String, u64)>,
}

impl Kernel {
    /// Reads them; none where they are hidden.
    pub(super) fn read() -> Kernel {
        match std::fs::File::open("/proc/kallsyms") {
            Ok(file) => Kernel::parse(BufReader::with_capacity(1 << 16, file)),
            Err(_) => Kernel::default(),
        }
    }

    fn parse(mut input: impl BufRead) -> Kernel {
        let mut kernel = Kernel::default();
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
        let start = self.names.len() as u32;
        self.names.push_str(name);
        self.symbols.push(KernelSymbol { address, name: (start, name.len().min(65535) as u16) });
    }

    fn name(&self, symbol: &KernelSymbol) -> &str {
        let start = symbol.name.0 as usize;
        self.names.get(start..start + usize::from(symbol.name.1)).unwrap_or_default()
    }

    pub(super) fn find(&self, address: u64) -> Option<Found> {
        let end = self.symbols.partition_point(|s| s.address <= address);
        let nearest = self.symbols.get(end.checked_sub(1)?)?.address;
        let first = self.symbols.partition_point(|s| s.address < nearest);
        let symbol = &self.symbols[first];
        let offset = address - symbol.address;
        // Far behind the last symbol is no symbol's code.
        if end == self.symbols.len() && offset > 1 << 20 {
            return None;
        }
        Some(Found { name: self.name(symbol).to_string(), offset, ..Found::default() })
    }

    pub(super) fn address_of(&self, name: &str) -> Option<u64> {
        let place = self.symbols.iter().find(|s| self.name(s) == name).map(|s| s.address);
        place.or_else(|| self.absolute.iter().find(|(n, _)| n == name).map(|(_, at)| *at))
    }
}

/// Takes in symbols as the kernel lists them, for the fuzzer.
#[cfg(feature = "fuzzing")]
pub(super) fn read_text(text: &[u8]) {
    let kernel = Kernel::parse(text);
    for address in [0, 1, 0xffff_ffff_8100_0000, u64::MAX] {
        kernel.find(address);
    }
    kernel.address_of("name");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernel_symbols() {
        let text = "0000000000000000 A fixed\nffffffff81000100 T beta\nffffffff81000000 T alpha\n\
                    ffffffff81000000 T alias\nffffffffc0000000 t gamma\t[mod]\nbroken\n";
        let kernel = Kernel::parse(text.as_bytes());
        let found = |a| kernel.find(a).map(|f| (f.name, f.offset));
        assert_eq!(found(0xffff_ffff_8100_0004), Some(("alpha".into(), 4)));
        assert_eq!(found(0xffff_ffff_8100_0100), Some(("beta".into(), 0)));
        assert_eq!(found(0xffff_ffff_c000_0010), Some(("gamma".into(), 16)));
        assert_eq!(found(5), None);
        assert_eq!(found(u64::MAX), None);
        assert_eq!(kernel.address_of("beta"), Some(0xffff_ffff_8100_0100));
    }

    #[test]
    fn hidden_addresses_are_not_found() {
        assert_eq!(Kernel::parse("0000000000000000 T alpha\n".as_bytes()).find(4), None);
    }
}
