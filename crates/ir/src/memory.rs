//! The interpreter's memory: separate regions with bounds, and traps for what leaves them.

use std::fmt;

/// Why a run ended before its return.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trap {
    /// An access to no region, past its end, or after its life.
    OutOfBounds {
        /// The address.
        address: u64,
        /// Bytes.
        len: u64,
    },
    /// A store to read-only memory.
    ReadOnly(u64),
    /// A read of stack bytes that nothing wrote.
    Uninitialised(u64),
    /// More steps than allowed.
    Steps,
    /// More nested calls than the kernel allows.
    Depth,
    /// The host lacks it: a helper, a kernel function, a late constant.
    Missing(String),
    /// The module breaks a rule of [`validate`](crate::validate()).
    Invalid(String),
}

impl fmt::Display for Trap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Trap::OutOfBounds { address, len } => {
                write!(f, "access of {len} bytes at {address:#x} is out of bounds")
            }
            Trap::ReadOnly(address) => write!(f, "store to read-only memory at {address:#x}"),
            Trap::Uninitialised(address) => write!(f, "read of uninitialised memory at {address:#x}"),
            Trap::Steps => f.write_str("too many steps"),
            Trap::Depth => f.write_str("too many nested calls"),
            Trap::Missing(what) => write!(f, "the host has no {what}"),
            Trap::Invalid(what) => write!(f, "invalid IR: {what}"),
        }
    }
}

impl std::error::Error for Trap {}

/// What a region is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RegionKind {
    /// Readable only.
    ReadOnly,
    /// Readable and writable.
    Data,
    /// Readable where written.
    Stack,
}

#[derive(Clone, Debug)]
struct Region {
    kind: RegionKind,
    bytes: Vec<u8>,
    /// Which bytes were written; empty but for the stack.
    written: Vec<bool>,
    alive: bool,
}

/// Regions of memory. A region's address is its number, from 1, in the upper 32 bits.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    regions: Vec<Region>,
}

impl Memory {
    /// A region that holds `bytes`; the stack's count as unwritten. Yields its address.
    pub fn add(&mut self, kind: RegionKind, bytes: Vec<u8>) -> u64 {
        let written = if kind == RegionKind::Stack { vec![false; bytes.len()] } else { Vec::new() };
        self.regions.push(Region { kind, bytes, written, alive: true });
        (self.regions.len() as u64) << 32
    }

    /// Ends a region: accesses trap from now on.
    pub fn end(&mut self, address: u64) {
        if let Some(region) = self.regions.get_mut(((address >> 32) as usize).wrapping_sub(1)) {
            *region = Region { kind: region.kind, bytes: Vec::new(), written: Vec::new(), alive: false };
        }
    }

    /// Bytes of the region that begins at `address`; empty when it ended.
    pub fn region(&self, address: u64) -> &[u8] {
        let region = self.regions.get(((address >> 32) as usize).wrapping_sub(1));
        region.map_or(&[], |r| r.bytes.as_slice())
    }

    fn place(&self, address: u64, len: u64) -> Result<(usize, usize, usize), Trap> {
        let index = ((address >> 32) as usize).wrapping_sub(1);
        let start = address & 0xffff_ffff;
        match self.regions.get(index) {
            Some(r) if r.alive && start + len <= r.bytes.len() as u64 => {
                Ok((index, start as usize, (start + len) as usize))
            }
            _ => Err(Trap::OutOfBounds { address, len }),
        }
    }

    /// Reads bytes.
    pub fn read(&self, address: u64, len: u64) -> Result<&[u8], Trap> {
        let (index, start, end) = self.place(address, len)?;
        let region = &self.regions[index];
        if region.kind == RegionKind::Stack
            && let Some(n) = region.written[start..end].iter().position(|w| !w)
        {
            return Err(Trap::Uninitialised(address + n as u64));
        }
        Ok(&region.bytes[start..end])
    }

    /// Writes bytes.
    pub fn write(&mut self, address: u64, bytes: &[u8]) -> Result<(), Trap> {
        let (index, start, end) = self.place(address, bytes.len() as u64)?;
        let region = &mut self.regions[index];
        match region.kind {
            RegionKind::ReadOnly => return Err(Trap::ReadOnly(address)),
            RegionKind::Stack => region.written[start..end].fill(true),
            RegionKind::Data => {}
        }
        region.bytes[start..end].copy_from_slice(bytes);
        Ok(())
    }

    /// Reads a number of at most 8 bytes, little-endian.
    pub fn load(&self, address: u64, len: u32) -> Result<u64, Trap> {
        let bytes = self.read(address, u64::from(len))?;
        Ok(bytes.iter().rev().fold(0, |n, b| n << 8 | u64::from(*b)))
    }

    /// Writes the low `len` bytes of a number, little-endian.
    pub fn store(&mut self, address: u64, len: u32, n: u64) -> Result<(), Trap> {
        let bytes = n.to_le_bytes();
        self.write(address, &bytes[..(len as usize).min(8)])
    }
}
