//! Tables that programs unwind user stacks by (`dw_ustack`), on x86-64.
//!
//! The runtime fills two maps. The first, an LPM trie, leads from an address of a process to the table of the
//! file that is mapped there; the second is the array of all tables' rows. `docs/object-format.md` has the bytes.

/// Name of the trie: key of a `u32` of bits that count, a `u32` process id and a `u64` address, most significant
/// byte first; value of a `u64` bias, a `u32` first row and a `u32` number of rows. An entry of
/// [`PROCESS_BITS`] says that the process is known.
pub const MAPPINGS_MAP: &str = "btc_mappings";
/// Name of the array of rows: a `u32` address, which is the process's less the bias, and the `u32` of a [`Rule`] that
/// holds from there on. The runtime sets its size.
pub const ROWS_MAP: &str = "btc_unwind";

/// Bytes of a key of the trie.
pub const KEY_SIZE: u32 = 16;
/// Bits of a key that name a process.
pub const PROCESS_BITS: u32 = 32;
/// Bits of a key that name a process and an address.
pub const ADDRESS_BITS: u32 = 96;
/// Most entries of the trie.
pub const MAPPINGS: u32 = 1 << 16;
/// Bytes of a value of the trie.
pub const MAPPING_SIZE: u32 = 16;
/// Bytes of a row.
pub const ROW_SIZE: u32 = 8;
/// Rows that there is room for, unless the runtime knows better.
pub const ROWS: u32 = 1 << 19;
/// A table has fewer than 2 to the power of this many rows: so often programs halve it.
pub const HALVINGS: u32 = 22;

/// How a function's caller is found. A frame's canonical address (CFA) is where the stack pointer was
/// before the call; the return address lies right below.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rule {
    /// There is no caller, or it cannot be told.
    #[default]
    Stop,
    /// The CFA is so many words above the stack pointer.
    Stack {
        /// Words.
        words: u16,
        /// Where the caller's frame pointer is saved, in words from the CFA; 0 when it is still in its register.
        saved: i8,
    },
    /// The CFA is so many words above the frame pointer.
    Frame {
        /// Words.
        words: u16,
        /// As in [`Rule::Stack`].
        saved: i8,
    },
    /// An entry of 16 bytes of a procedure linkage table: one word above the stack pointer, and two from this
    /// byte of the entry on.
    Plt {
        /// The byte.
        from: u8,
    },
    /// A signal's frame: the kernel's record of all registers lies at the stack pointer.
    Signal,
}

impl Rule {
    /// Bits that tell the kind.
    pub const KIND_MASK: u32 = 0xff;
    /// Kind of [`Rule::Stop`].
    pub const STOP: u32 = 0;
    /// Kind of [`Rule::Stack`].
    pub const STACK: u32 = 1;
    /// Kind of [`Rule::Frame`].
    pub const FRAME: u32 = 2;
    /// Kind of [`Rule::Plt`].
    pub const PLT: u32 = 3;
    /// Kind of [`Rule::Signal`].
    pub const SIGNAL: u32 = 4;
    /// Kind that no row has: nothing is known of the process.
    pub const UNKNOWN: u32 = 5;
    /// Where the byte begins that is `saved` or `from`.
    pub const BYTE_SHIFT: u32 = 8;
    /// Where the words begin.
    pub const WORDS_SHIFT: u32 = 16;

    /// As a row holds it.
    pub fn bits(self) -> u32 {
        let all = |kind, byte: u8, words: u16| {
            kind | u32::from(byte) << Rule::BYTE_SHIFT | u32::from(words) << Rule::WORDS_SHIFT
        };
        match self {
            Rule::Stop => Rule::STOP,
            Rule::Stack { words, saved } => all(Rule::STACK, saved as u8, words),
            Rule::Frame { words, saved } => all(Rule::FRAME, saved as u8, words),
            Rule::Plt { from } => all(Rule::PLT, from, 0),
            Rule::Signal => Rule::SIGNAL,
        }
    }
}
