//! `printf` formats, split at compile time so that the runtime parses nothing.

/// A piece of a format.
#[derive(Clone, Debug, PartialEq)]
pub enum Segment {
    /// Bytes as they are.
    Text(Vec<u8>),
    /// A value.
    Value {
        /// Index into the record's fields.
        field: u32,
        /// How it is shown.
        spec: FormatSpec,
    },
}

/// `%-08.3lx`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FormatSpec {
    /// `-`
    pub left: bool,
    /// `0`
    pub zero: bool,
    /// `+`
    pub plus: bool,
    /// ` `
    pub space: bool,
    /// `#`
    pub alternate: bool,
    /// Least number of characters.
    pub width: Option<u32>,
    /// Digits or characters.
    pub precision: Option<u32>,
    /// Bytes of an integer that count (1, 2, 4, 8): `hh`, `h`, none, `l`.
    pub size: u8,
    /// What is made of the value.
    pub conversion: Conversion,
}

/// The conversion letters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Conversion {
    /// `d`, `i`
    #[default]
    Signed,
    /// `u`
    Unsigned,
    /// `x`
    HexLower,
    /// `X`
    HexUpper,
    /// `o`
    Octal,
    /// `p`
    Pointer,
    /// `c`
    Char,
    /// `s`: the value as `print` shows it.
    Text,
    /// `r`: a buffer, with unprintable bytes as `\xff`.
    Buffer,
    /// `rx`: a buffer, every byte as `\xff`.
    BufferHex,
    /// `rh`: a buffer, every byte as `ff`, with spaces between.
    BufferDump,
    /// `gr`: memory allocation flags by name.
    GfpFlags,
}
