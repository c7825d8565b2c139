//! Bytes of the manifest, both ways. `docs/object-format.md` is the norm.
//!
//! A *message* is a row of fields: a varint number, a varint length, that many
//! bytes. Unknown numbers are skipped, absent fields take their default, so that
//! a reader understands every minor version of its own major one. An enum is a
//! varint tag and then the variant's message; an unknown tag is an error, for
//! nothing sensible could be done with it.
//!
//! The bytes may come from anyone: decoding takes time in proportion to the input, makes no more than
//! [`MAX_ITEMS`] items of lists, and nests no deeper than [`MAX_DEPTH`] enums.

use std::cell::Cell;
use std::fmt;

use crate::*;

/// The first four bytes of the section.
pub const MAGIC: [u8; 4] = *b"btcM";

/// How deep enums (in practice encodings) may nest.
pub const MAX_DEPTH: u32 = 32;

/// How many items all lists hold together: a byte of input may make an item of some hundred bytes.
pub const MAX_ITEMS: u32 = 1 << 20;

/// Why bytes are no manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecodeError(String);

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for DecodeError {}

type Result<T> = std::result::Result<T, DecodeError>;

fn fail<T>(text: impl Into<String>) -> Result<T> {
    Err(DecodeError(text.into()))
}

/// The bytes of the section [`SECTION`].
pub fn encode(manifest: &Manifest) -> Vec<u8> {
    let mut out = MAGIC.to_vec();
    out.extend_from_slice(&MAJOR.to_le_bytes());
    out.extend_from_slice(&MINOR.to_le_bytes());
    manifest.put(&mut out);
    out
}

/// Reads what [`encode`] wrote.
pub fn decode(bytes: &[u8]) -> Result<Manifest> {
    let Some((head, body)) = bytes.split_at_checked(8) else {
        return fail("the manifest is cut off");
    };
    if head[..4] != MAGIC {
        return fail("this is not a btc manifest");
    }
    let major = u16::from_le_bytes([head[4], head[5]]);
    let minor = u16::from_le_bytes([head[6], head[7]]);
    if major != MAJOR {
        return fail(format!(
            "the manifest has format {major}.{minor}, this program reads format {MAJOR}; use a btc of the version that made it"
        ));
    }
    Manifest::get(body, Bounds { depth: 0, items: &Cell::new(MAX_ITEMS) })
}

/// How deep enums nest here, and how many items there may still be.
#[derive(Clone, Copy)]
struct Bounds<'b> {
    depth: u32,
    items: &'b Cell<u32>,
}

impl<'b> Bounds<'b> {
    fn deeper(self) -> Result<Bounds<'b>> {
        if self.depth >= MAX_DEPTH {
            return fail("the manifest is nested too deeply");
        }
        Ok(Bounds { depth: self.depth + 1, ..self })
    }

    fn item(self) -> Result<()> {
        match self.items.get().checked_sub(1) {
            Some(left) => Ok(self.items.set(left)),
            None => fail(format!("the manifest's lists hold more than {MAX_ITEMS} items")),
        }
    }
}

/// A value with bytes.
trait Wire: Sized {
    /// Appends the bytes.
    fn put(&self, out: &mut Vec<u8>);
    /// Reads all of `bytes`.
    fn get(bytes: &[u8], bounds: Bounds) -> Result<Self>;
    /// The value of a field that is not there.
    fn absent() -> Option<Self> {
        None
    }
    /// Whether the field is left out.
    fn is_absent(&self) -> bool {
        false
    }
}

/// A value that lists hold (anything but bytes, which have a shorter form).
trait Item: Wire {}

fn put_varint(mut n: u64, out: &mut Vec<u8>) {
    while n >= 0x80 {
        out.push(n as u8 | 0x80);
        n >>= 7;
    }
    out.push(n as u8);
}

fn take_varint(bytes: &mut &[u8]) -> Result<u64> {
    let mut n = 0u64;
    for shift in (0..64).step_by(7) {
        let Some((&byte, rest)) = bytes.split_first() else {
            return fail("a number is cut off");
        };
        *bytes = rest;
        if shift == 63 && byte > 1 {
            break;
        }
        n |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Ok(n);
        }
    }
    fail("a number is too long")
}

fn take_part<'a>(bytes: &mut &'a [u8]) -> Result<&'a [u8]> {
    let length = take_varint(bytes)?;
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    let Some((part, rest)) = bytes.split_at_checked(length) else {
        return fail("a part is cut off");
    };
    *bytes = rest;
    Ok(part)
}

fn put_part(value: &impl Wire, out: &mut Vec<u8>) {
    let mut body = Vec::new();
    value.put(&mut body);
    put_varint(body.len() as u64, out);
    out.extend_from_slice(&body);
}

fn put_field(number: u32, value: &impl Wire, out: &mut Vec<u8>) {
    if !value.is_absent() {
        put_varint(u64::from(number), out);
        put_part(value, out);
    }
}

/// What stays of a field: read, or else its default, or else an error.
fn settle<T: Wire>(value: Option<T>, owner: &str, field: &str) -> Result<T> {
    match value.or_else(T::absent) {
        Some(value) => Ok(value),
        None => fail(format!("`{owner}` has no `{field}`")),
    }
}

macro_rules! wire_numbers {
    ($($t:ty),*) => {$(
        impl Wire for $t {
            fn put(&self, out: &mut Vec<u8>) {
                let bytes = self.to_le_bytes();
                let used = bytes.iter().rposition(|b| *b != 0).map_or(0, |i| i + 1);
                out.extend_from_slice(&bytes[..used]);
            }
            fn get(bytes: &[u8], _: Bounds) -> Result<Self> {
                let mut all = [0; size_of::<$t>()];
                let Some(part) = all.get_mut(..bytes.len()) else {
                    return fail("a number is too large");
                };
                part.copy_from_slice(bytes);
                Ok(<$t>::from_le_bytes(all))
            }
            fn absent() -> Option<Self> {
                Some(0)
            }
            fn is_absent(&self) -> bool {
                *self == 0
            }
        }
    )*};
}

wire_numbers!(u8, u32, u64, i64);

impl Wire for bool {
    fn put(&self, out: &mut Vec<u8>) {
        u8::from(*self).put(out);
    }
    fn get(bytes: &[u8], bounds: Bounds) -> Result<Self> {
        match u8::get(bytes, bounds)? {
            0 => Ok(false),
            1 => Ok(true),
            n => fail(format!("{n} is neither true nor false")),
        }
    }
    fn absent() -> Option<Self> {
        Some(false)
    }
    fn is_absent(&self) -> bool {
        !self
    }
}

impl Wire for String {
    fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.as_bytes());
    }
    fn get(bytes: &[u8], _: Bounds) -> Result<Self> {
        match std::str::from_utf8(bytes) {
            Ok(text) => Ok(text.to_string()),
            Err(_) => fail("a text is not UTF-8"),
        }
    }
    fn absent() -> Option<Self> {
        Some(String::new())
    }
    fn is_absent(&self) -> bool {
        self.is_empty()
    }
}

impl Wire for Vec<u8> {
    fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self);
    }
    fn get(bytes: &[u8], _: Bounds) -> Result<Self> {
        Ok(bytes.to_vec())
    }
    fn absent() -> Option<Self> {
        Some(Vec::new())
    }
    fn is_absent(&self) -> bool {
        self.is_empty()
    }
}

impl Wire for [u8; 32] {
    fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self);
    }
    fn get(bytes: &[u8], _: Bounds) -> Result<Self> {
        bytes.try_into().or_else(|_| fail("a hash has not 32 bytes"))
    }
    fn absent() -> Option<Self> {
        Some([0; 32])
    }
    fn is_absent(&self) -> bool {
        *self == [0; 32]
    }
}

impl<T: Item> Wire for Vec<T> {
    fn put(&self, out: &mut Vec<u8>) {
        for item in self {
            put_part(item, out);
        }
    }
    fn get(mut bytes: &[u8], bounds: Bounds) -> Result<Self> {
        let mut items = Vec::new();
        while !bytes.is_empty() {
            bounds.item()?;
            items.push(T::get(take_part(&mut bytes)?, bounds)?);
        }
        Ok(items)
    }
    fn absent() -> Option<Self> {
        Some(Vec::new())
    }
    fn is_absent(&self) -> bool {
        self.is_empty()
    }
}

impl<T: Wire> Wire for Option<T> {
    fn put(&self, out: &mut Vec<u8>) {
        if let Some(value) = self {
            value.put(out);
        }
    }
    fn get(bytes: &[u8], bounds: Bounds) -> Result<Self> {
        T::get(bytes, bounds).map(Some)
    }
    fn absent() -> Option<Self> {
        Some(None)
    }
    fn is_absent(&self) -> bool {
        self.is_none()
    }
}

impl<T: Wire> Wire for Box<T> {
    fn put(&self, out: &mut Vec<u8>) {
        (**self).put(out);
    }
    fn get(bytes: &[u8], bounds: Bounds) -> Result<Self> {
        T::get(bytes, bounds).map(Box::new)
    }
}

impl<A: Wire, B: Wire> Wire for (A, B) {
    fn put(&self, out: &mut Vec<u8>) {
        put_field(1, &self.0, out);
        put_field(2, &self.1, out);
    }
    fn get(mut bytes: &[u8], bounds: Bounds) -> Result<Self> {
        let (mut a, mut b) = (None, None);
        while !bytes.is_empty() {
            let number = take_varint(&mut bytes)?;
            let part = take_part(&mut bytes)?;
            match number {
                1 => a = Some(A::get(part, bounds)?),
                2 => b = Some(B::get(part, bounds)?),
                _ => {}
            }
        }
        Ok((settle(a, "pair", "1")?, settle(b, "pair", "2")?))
    }
}

impl<A: Wire, B: Wire> Item for (A, B) {}

/// `wire_struct!(Type { number field, … })`. A number, once given out, keeps its meaning for good.
macro_rules! wire_struct {
    ($t:ident { $($n:literal $f:ident),* $(,)? }) => {
        impl Wire for $t {
            fn put(&self, out: &mut Vec<u8>) {
                $(put_field($n, &self.$f, out);)*
            }
            fn get(mut bytes: &[u8], bounds: Bounds) -> Result<Self> {
                $(let mut $f = None;)*
                while !bytes.is_empty() {
                    let number = take_varint(&mut bytes)?;
                    let part = take_part(&mut bytes)?;
                    match number {
                        $($n => $f = Some(Wire::get(part, bounds)?),)*
                        _ => {}
                    }
                }
                Ok($t { $($f: settle($f, stringify!($t), stringify!($f))?),* })
            }
        }
        impl Item for $t {}
    };
}

/// `wire_enum!(Type { tag Variant { number field: name, … }, … })`; the fields of a
/// tuple variant are written `0: name`.
macro_rules! wire_enum {
    ($t:ident { $($tag:literal $v:ident { $($n:literal $f:tt : $b:ident),* }),* $(,)? }) => {
        impl Wire for $t {
            fn put(&self, out: &mut Vec<u8>) {
                match self {
                    $($t::$v { $($f: $b),* } => {
                        put_varint($tag, out);
                        $(put_field($n, $b, out);)*
                    })*
                }
            }
            fn get(mut bytes: &[u8], bounds: Bounds) -> Result<Self> {
                let _inner = bounds.deeper()?;
                let tag = take_varint(&mut bytes)?;
                match tag {
                    $($tag => {
                        $(let mut $b = None;)*
                        while !bytes.is_empty() {
                            let number = take_varint(&mut bytes)?;
                            let _part = take_part(&mut bytes)?;
                            match number {
                                $($n => $b = Some(Wire::get(_part, _inner)?),)*
                                _ => {}
                            }
                        }
                        Ok($t::$v { $($f: settle(
                            $b,
                            concat!(stringify!($t), "::", stringify!($v)),
                            stringify!($b),
                        )?),* })
                    })*
                    _ => fail(format!(
                        "unknown {} number {tag}; a newer btc made this object",
                        stringify!($t)
                    )),
                }
            }
        }
        impl Item for $t {}
    };
}

wire_struct!(Manifest {
    1 compiler, 2 sources, 3 requirements, 4 probes, 5 params, 6 globals, 7 maps, 8 stacks,
    9 records, 10 enums, 11 losses, 12 patches, 13 settings,
    14 refusals, 15 reads, 16 exact, 17 named,
});
wire_struct!(NamedArgument { 1 program, 2 of, 3 name, 4 shape, 5 all });
wire_struct!(Source { 1 name, 2 hash, 3 text });
wire_struct!(Place { 1 file, 2 line, 3 column, 4 end_line, 5 end_column });
wire_struct!(Requirement { 1 kind, 2 name, 3 optional });
wire_enum!(RequirementKind {
    1 Helper {}, 2 Kfunc {}, 3 Type {}, 4 Field {}, 5 EnumValue {}, 6 Kernel {}, 7 Unsafe {},
});
wire_struct!(Param { 1 kind, 2 ty, 3 symbol, 4 text_symbol, 5 text_capacity, 6 default, 7 help, 8 fixed });
wire_enum!(ParamKind { 1 Positional { 1 0: index }, 2 Count {}, 3 Named { 1 0: name } });
wire_enum!(ParamType { 1 Int {}, 2 Bool {}, 3 Str {}, 4 Any {}, 5 Unsigned {} });
wire_struct!(Refusal { 1 what, 2 place });
wire_struct!(Read { 1 record, 2 path, 3 ty, 4 place });
wire_enum!(Refused {
    1 Machine {}, 2 Register { 1 0: name }, 3 KernelSymbol { 1 0: name }, 4 FunctionAddress {},
    5 StaticArgument { 1 program: program, 2 index: index, 3 signed: signed }, 6 Room { 1 record: record, 2 bytes: bytes },
    7 Layout { 1 record: record, 2 bytes: bytes }, 8 Field { 1 field: field, 2 ty: ty }, 9 Type { 1 record: record },
    10 Release { 1 what: what, 2 since: since }, 11 LongKey { 1 map: map }, 12 Decided {},
});
wire_struct!(Global { 1 symbol, 2 value, 3 place });
wire_enum!(GlobalValue {
    1 ChildPid {}, 2 HasChild {}, 3 Cpus {}, 4 StartTime {}, 5 OwnPid {},
    6 PidNamespaceDevice {}, 7 PidNamespaceInode {},
    8 KernelAddress { 1 0: symbol }, 9 CgroupId { 1 0: path },
    10 UserAddress { 1 0: path, 2 1: symbol }, 11 RealtimeOffset {}, 12 TaiOffset {},
    13 KfuncAllowed { 1 name: name, 2 provider: provider },
    14 Constant { 1 0: name, 2 1: value }, 15 ShortKeys {}, 16 Extent {},
    17 ParentOffset {}, 18 ProcessOffset {},
});
wire_struct!(Patch { 1 program, 2 insn, 3 value });
wire_enum!(PatchValue {
    2 ProbeIdentity {}, 3 UsdtArgument { 1 index: index, 2 part: part },
    4 SyscallTable {},
    5 Argument { 1 of: of, 2 name: name, 3 shape: shape, 4 part: part },
});
wire_enum!(Typed {
    1 Function { 1 module: module, 2 function: function },
    2 RawTracepoint { 1 event: event },
    3 Tracepoint { 1 category: category, 2 event: event },
});
wire_enum!(Shape {
    1 Int { 1 size: size, 2 signed: signed }, 2 Pointer { 1 to: to }, 3 Record { 1 name: name, 2 size: size },
    4 Field { 1 spelling: spelling, 2 size: size, 3 signed: signed },
});
wire_enum!(ArgumentPart { 1 Offset {}, 2 Extend {}, 3 Direct {} });
wire_enum!(UsdtPart {
    1 Kind {}, 2 Low {}, 3 High {}, 4 Base {}, 5 Index {}, 6 Scale {}, 7 Shift {}, 8 Signed {},
});

wire_struct!(Probe { 1 name, 2 program, 3 attach, 4 missing, 5 identity, 6 place, 7 clause, 8 table });
wire_enum!(Missing { 1 Error {}, 2 Warn {}, 3 Ignore {} });
wire_enum!(ProbeIdentity { 1 Static {}, 2 Dynamic {} });
wire_enum!(ClockUnit { 1 Nanoseconds {}, 2 Hertz {} });
wire_enum!(Attach {
    1 Begin {}, 2 End {}, 3 SelfSignal { 1 signal: signal },
    4 Test { 1 name: name }, 5 Bench { 1 name: name },
    6 Tracepoint { 1 category: category, 2 event: event },
    7 RawTracepoint { 1 event: event, 2 typed: typed, 3 module: module },
    8 Kprobe { 1 module: module, 2 function: function, 3 offset: offset, 4 ret: ret },
    9 Fentry { 1 module: module, 2 function: function, 3 ret: ret },
    10 Uprobe { 1 path: path, 2 symbol: symbol, 3 offset: offset, 4 ret: ret, 5 demangle: demangle },
    11 Usdt { 1 path: path, 2 provider: provider, 3 name: name },
    12 Interval { 1 unit: unit, 2 value: value },
    13 Profile { 1 unit: unit, 2 value: value },
    14 Software { 1 event: event, 2 count: count },
    15 Hardware { 1 event: event, 2 count: count },
    16 Watchpoint { 1 address: address, 2 length: length, 3 mode: mode },
    17 Iter { 1 kind: kind, 2 pin: pin },
    18 SourceLine { 1 path: path, 2 file: file, 3 line: line, 4 column: column },
    19 FentryProgram { 1 id: id, 2 name: name, 3 ret: ret },
});

wire_struct!(Field { 1 name, 2 offset, 3 encoding });
wire_struct!(BitRange { 1 start, 2 width });
wire_struct!(EnumNames { 1 name, 2 variants, 3 kernel });
wire_enum!(StackMode { 1 Bpftrace {}, 2 Perf {}, 3 Raw {}, 4 BuildId {} });
wire_enum!(TimestampClock { 1 Boot {}, 2 Monotonic {}, 3 Tai {}, 4 Realtime {} });
wire_enum!(Encoding {
    1 Int { 1 size: size, 2 signed: signed },
    2 Bits { 1 size: size, 2 signed: signed, 3 bits: bits },
    3 Bool {}, 4 Pointer {},
    5 Str { 1 capacity: capacity, 2 cut_mark: cut_mark },
    6 Buffer { 1 capacity: capacity },
    7 Array { 1 element: element, 2 count: count, 3 stride: stride },
    8 Tuple { 1 0: fields }, 9 Record { 1 0: fields },
    10 Enum { 1 size: size, 2 signed: signed, 3 names: names },
    11 Inet {}, 12 Mac {},
    13 Timestamp { 1 format: format, 2 clock: clock },
    14 KernelSymbol {}, 15 UserSymbol {},
    16 KernelStack { 1 mode: mode, 2 table: table },
    17 UserStack { 1 mode: mode, 2 table: table },
    18 ProbeName {}, 19 ProbeFunction {}, 20 Username {},
    21 CgroupPath { 1 pattern: pattern },
    22 ErrorText {}, 23 SignalName {}, 24 SyscallName {},
    25 Constant { 1 0: text },
    26 KernelRecord { 1 name: name, 2 union: union, 3 size: size },
});

wire_enum!(Segment { 1 Text { 1 0: bytes }, 2 Value { 1 field: field, 2 spec: spec } });
wire_struct!(FormatSpec {
    1 left, 2 zero, 3 plus, 4 space, 5 alternate, 6 width, 7 precision, 8 size, 9 conversion,
});
wire_enum!(Conversion {
    1 Signed {}, 2 Unsigned {}, 3 HexLower {}, 4 HexUpper {}, 5 Octal {}, 6 Pointer {},
    7 Char {}, 8 Text {}, 9 Buffer {}, 10 BufferHex {}, 11 BufferDump {}, 12 GfpFlags {},
});

wire_struct!(Map {
    1 name, 2 symbol, 3 kind, 4 key, 5 multi_key, 6 value, 7 reduce, 8 max_entries,
    9 default_size, 10 value_size, 11 printed, 12 short_key,
});
wire_enum!(MapKind {
    1 Array {}, 2 PerCpuArray {}, 3 Hash {}, 4 PerCpuHash {}, 5 LruHash {}, 6 LruPerCpuHash {},
    7 Variable {}, 8 LpmTrie {}, 9 SpreadHash {}, 10 SpreadLruHash {}, 11 SpreadVariable {},
});
wire_enum!(Reduce {
    1 Last {}, 2 Count {}, 3 Sum { 1 signed: signed }, 4 Min { 1 signed: signed },
    5 Max { 1 signed: signed }, 6 Avg { 1 signed: signed }, 7 Stats { 1 signed: signed },
    8 Hist { 1 bits: bits },
    9 LHist { 1 min: min, 2 max: max, 3 step: step },
    10 TSeries { 1 interval: interval, 2 buckets: buckets, 3 aggregation: aggregation, 4 signed: signed },
});
wire_struct!(Stacks { 1 symbol, 2 frames });

wire_struct!(Record { 1 action, 2 size, 3 fields, 4 place });
wire_enum!(Action {
    1 Printf { 1 0: segments }, 2 Errorf { 1 0: segments }, 3 Warnf { 1 0: segments },
    4 PrintValue {}, 5 PrintMap { 1 map: map, 2 top: top, 3 div: div, 4 take: take },
    6 PrintMapElement { 1 map: map }, 7 Clear { 1 map: map, 2 printed: printed }, 8 Zero { 1 map: map },
    9 Exit {}, 10 Time { 1 0: format }, 11 Join { 1 0: separator },
    12 Cat { 1 0: segments }, 13 System { 1 0: segments },
    14 RuntimeWarning { 1 0: text }, 15 Packet { 1 path: path }, 16 Fail { 1 0: text },
    17 Unwatch {},
});
wire_struct!(Loss { 1 kind, 2 place, 3 subject });
wire_enum!(LossKind { 1 Record {}, 2 MapFull {}, 3 Read {}, 4 Stack {}, 5 Helper {}, 6 Loop {}, 7 Unwind {}, 8 Key {}, 9 Event {}, 10 Update {} });
