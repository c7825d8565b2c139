//! Maps of the script and how they are read and printed.

use crate::Encoding;

/// A map that the script names.
#[derive(Clone, Debug, PartialEq)]
pub struct Map {
    /// The name in the script, such as `@start`; the lone map is `@`.
    pub name: String,
    /// ELF symbol of the BPF map or variable.
    pub symbol: String,
    /// What holds it.
    pub kind: MapKind,
    /// The key; `None` for a map without key (a variable, or a BPF array of one element).
    /// Several keys are an [`Encoding::Tuple`] with [`Map::multi_key`] set.
    pub key: Option<Encoding>,
    /// The key on kernels that take no more than 512 bytes ([`GlobalValue::ShortKeys`](crate::GlobalValue::ShortKeys)), if
    /// `key` is longer and can be cut: several keys, behind a `u64` that is not shown.
    pub short_key: Option<Encoding>,
    /// Whether the key's parts are printed without parentheses: `@m[1, a]`.
    pub multi_key: bool,
    /// One stored value. For aggregations see [`Reduce`].
    pub value: Encoding,
    /// How per-CPU parts become one value, and how it prints.
    pub reduce: Reduce,
    /// Number of entries.
    pub max_entries: u32,
    /// Whether `max_entries` is the user's default and `BPFTRACE_MAX_MAP_KEYS` applies.
    pub default_size: bool,
    /// Size in bytes of a stored value. A map without key has a `u64` at its end,
    /// counted here, that is not 0 once the map was assigned.
    pub value_size: u32,
    /// Whether values are worth symbolising or printing at all: `false` for internal maps.
    pub printed: bool,
}

/// What holds a map of the script: a BPF map of a type, or a variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MapKind {
    /// `BPF_MAP_TYPE_ARRAY`
    Array,
    /// `BPF_MAP_TYPE_PERCPU_ARRAY`
    PerCpuArray,
    /// `BPF_MAP_TYPE_HASH`
    Hash,
    /// `BPF_MAP_TYPE_PERCPU_HASH`
    PerCpuHash,
    /// `BPF_MAP_TYPE_LRU_HASH`
    LruHash,
    /// `BPF_MAP_TYPE_LRU_PERCPU_HASH`
    LruPerCpuHash,
    /// A variable in `.bss`: a map without key that all CPUs share.
    Variable,
    /// `BPF_MAP_TYPE_LPM_TRIE`; never a script's map.
    LpmTrie,
    /// `BPF_MAP_TYPE_HASH` whose values are a part for each possible CPU, one after the other: only that CPU changes
    /// it, and all read it. The object has room for [`PLAIN_CPUS`] of them, the runtime sets what there are.
    SpreadHash,
    /// The same in a `BPF_MAP_TYPE_LRU_HASH`.
    SpreadLruHash,
    /// The same in `.bss`, with room for [`MOST_CPUS`] parts.
    SpreadVariable,
}

/// CPUs that an object has room for where nobody tells how many there are.
pub const PLAIN_CPUS: u32 = 64;

/// Most bytes of the keys and values together that an object may define a map with.
pub const MOST_MAP_BYTES: u64 = 4 << 30;

/// Most CPUs that have parts in a map that all read. What others would add is counted as lost.
pub const MOST_CPUS: u32 = 1024;

/// What whoever takes from a spread average adds to `begun` as long as that lasts: nobody takes along with another, and
/// who reads sees that the counts differ. See [`Reduce::Avg`].
pub const TAKING: u64 = 1 << 56;

/// `BPF_MAP_TYPE_RINGBUF` of the kernel's `include/uapi/linux/bpf.h`: what carries records.
pub const RINGBUF: u32 = 27;

impl MapKind {
    /// All that are held by a BPF map.
    pub const HELD: [MapKind; 9] = [
        MapKind::Array,
        MapKind::PerCpuArray,
        MapKind::Hash,
        MapKind::PerCpuHash,
        MapKind::LruHash,
        MapKind::LruPerCpuHash,
        MapKind::LpmTrie,
        MapKind::SpreadHash,
        MapKind::SpreadLruHash,
    ];

    /// `BPF_MAP_TYPE_*` of the map that holds it; `None` for variables.
    pub fn number(self) -> Option<u32> {
        Some(match self {
            MapKind::Hash | MapKind::SpreadHash => 1,
            MapKind::Array => 2,
            MapKind::PerCpuHash => 5,
            MapKind::PerCpuArray => 6,
            MapKind::LruHash | MapKind::SpreadLruHash => 9,
            MapKind::LruPerCpuHash => 10,
            MapKind::LpmTrie => 11,
            MapKind::Variable | MapKind::SpreadVariable => return None,
        })
    }

    /// Whether each CPU has its own value.
    pub fn is_per_cpu(self) -> bool {
        matches!(self, MapKind::PerCpuArray | MapKind::PerCpuHash | MapKind::LruPerCpuHash) || self.is_spread()
    }

    /// Whether each CPU has its own value, which the others can read.
    pub fn is_spread(self) -> bool {
        matches!(self, MapKind::SpreadHash | MapKind::SpreadLruHash | MapKind::SpreadVariable)
    }

    /// Whether it is in `.bss`.
    pub fn is_variable(self) -> bool {
        matches!(self, MapKind::Variable | MapKind::SpreadVariable)
    }

    /// Whether it is a hash, the only kind that has keys of its own.
    pub fn is_hash(self) -> bool {
        match self {
            MapKind::Hash | MapKind::PerCpuHash | MapKind::SpreadHash => true,
            MapKind::LruHash | MapKind::LruPerCpuHash | MapKind::SpreadLruHash => true,
            MapKind::Array | MapKind::PerCpuArray | MapKind::Variable | MapKind::SpreadVariable | MapKind::LpmTrie => false,
        }
    }
}

/// How the values of all CPUs become one, and what it is. Each part is 8 bytes;
/// the stored value is the parts in the order given.
#[derive(Clone, Debug, PartialEq)]
pub enum Reduce {
    /// Not an aggregation: [`Map::value`] tells how to read it.
    Last,
    /// `count()`: [n]; CPUs are added.
    Count,
    /// `sum()`: [total]; CPUs are added.
    Sum {
        /// Shown as a signed number.
        signed: bool,
    },
    /// `min()`: [greatest, mark] of what [`Reduce::order`] makes of the numbers; the mark is not 0 once there was one of
    /// which it makes 0. So each number is one store, and all zeros are no number at all.
    Min {
        /// Compared as signed numbers.
        signed: bool,
    },
    /// `max()`: the same.
    Max {
        /// Compared as signed numbers.
        signed: bool,
    },
    /// `avg()`: [count, total, begun]: `begun` is counted, then the total changes, then `count` does. Where `count` was read
    /// first and `begun` last and they are equal, count and total are of the same numbers. Where the map is spread also
    /// [before], the total of before, which is kept first: where `begun` and `count` differ, but both are the same before and
    /// behind what is read, count and that total are of the same numbers.
    Avg {
        /// Divided as signed numbers.
        signed: bool,
    },
    /// `stats()`: [count, total, begun], as in an average.
    Stats {
        /// Divided as signed numbers.
        signed: bool,
    },
    /// `hist(n, bits)`: counts by bucket. Bucket 0 holds negative numbers; bucket
    /// `1 + v` holds v for v < 2^bits; above that, with e the index of the top
    /// set bit, bucket `1 + ((e - bits + 1) << bits) + ((v >> (e - bits)) & (2^bits - 1))`.
    Hist {
        /// 0 to 5.
        bits: u8,
    },
    /// `lhist(n, min, max, step)`: counts by bucket. Bucket 0 holds what is below
    /// `min`, bucket `1 + (n - min) / step` the rest, the last one what is not below `max`.
    LHist {
        /// The least number of the first bucket.
        min: i64,
        /// The number after the last bucket.
        max: i64,
        /// Width of a bucket.
        step: u64,
    },
    /// `tseries()`: [done], `buckets` times [value, meta, epoch], [begun]: `begun` is counted, then the series changes, then `done`
    /// is counted.
    TSeries {
        /// Nanoseconds a bucket.
        interval: u64,
        /// Number of buckets.
        buckets: u32,
        /// `none`, `avg`, `max`, `min`, `sum`.
        aggregation: String,
        /// Shown as signed numbers.
        signed: bool,
    },
}

impl Reduce {
    /// Words of 8 bytes that are stored, but for those of [`Reduce::Last`]. One that is spread has more.
    pub fn words(&self, kind: MapKind) -> u64 {
        match self {
            Reduce::Last => 0,
            Reduce::Count | Reduce::Sum { .. } => 1,
            Reduce::Min { .. } | Reduce::Max { .. } => 2,
            Reduce::Avg { .. } | Reduce::Stats { .. } => 3 + u64::from(kind.is_spread()),
            Reduce::Hist { .. } | Reduce::LHist { .. } => u64::from(self.buckets()),
            Reduce::TSeries { buckets, .. } => 2 + 3 * u64::from(*buckets),
        }
    }

    /// Offsets in bytes of the words that tell whether a change is going on: `done`, which is written last and read first, and
    /// `begun`, which is written first and read last. What lies between is of one moment where they are equal.
    pub fn progress(&self) -> Option<(u64, u64)> {
        match self {
            Reduce::Avg { .. } | Reduce::Stats { .. } => Some((0, 16)),
            Reduce::TSeries { buckets, .. } => Some((0, 8 + 24 * u64::from(*buckets))),
            Reduce::Last
            | Reduce::Count
            | Reduce::Sum { .. }
            | Reduce::Min { .. }
            | Reduce::Max { .. }
            | Reduce::Hist { .. }
            | Reduce::LHist { .. } => None,
        }
    }

    /// What a number is combined with by an exclusive or, there and back, so that the one that a `min` or `max` keeps is
    /// the greatest unsigned one. 0 for anything else.
    pub fn order(&self) -> u64 {
        match self {
            Reduce::Min { signed: false } => u64::MAX,
            Reduce::Min { signed: true } => i64::MAX as u64,
            Reduce::Max { signed: true } => 1 << 63,
            _ => 0,
        }
    }

    /// Number of buckets that a histogram stores, 0 for anything else.
    pub fn buckets(&self) -> u32 {
        match self {
            Reduce::Hist { bits } => 1 + ((64 - u32::from(*bits) + 1) << bits),
            Reduce::LHist { min, max, step } => {
                let width = max.wrapping_sub(*min) as u64;
                (width / (*step).max(1) + 2).min(u64::from(u32::MAX)) as u32
            }
            _ => 0,
        }
    }
}

/// A table of stacks: a BPF hash from a `u64` id to `frames` addresses of 8 bytes, 0 after the last.
#[derive(Clone, Debug, PartialEq)]
pub struct Stacks {
    /// ELF symbol of the BPF map.
    pub symbol: String,
    /// Most frames of a stack.
    pub frames: u32,
}
