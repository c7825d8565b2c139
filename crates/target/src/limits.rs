//! Limits and defaults, each in one place.

/// Keys of a map when the user says nothing (bpftrace's default).
pub const DEFAULT_MAP_KEYS: u32 = 4096;
/// Bytes of text that `str()` reads when the user says nothing (bpftrace's default).
pub const DEFAULT_MAX_STRLEN: u32 = 1024;
/// The longest text that a script may ask for.
pub const MAX_STRLEN: u32 = 65536;
/// Most frames of a stack (`/proc/sys/kernel/perf_event_max_stack`'s default).
pub const MAX_STACK_FRAMES: u32 = 127;
/// Stacks that a stack table holds.
pub const STACK_TABLE_ENTRIES: u32 = 16384;
/// Size of the ring buffer in bytes; a power of two and a multiple of the page size.
pub const RING_BYTES: u32 = 4 << 20;
/// Size of the ring buffer of control records in bytes: the largest page of a supported machine (arm64).
pub const CONTROL_RING_BYTES: u32 = 64 << 10;
