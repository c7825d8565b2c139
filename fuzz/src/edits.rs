//! Changes to a manifest that keep its form: fields are dropped, doubled, swapped and given other values, so that what comes
//! of it is decoded and meets the checks behind.
//!
//! Nothing here knows what fields mean. Bytes that can be taken apart as a row of fields, a list of parts, or a tag with fields
//! are taken for that (`docs/object-format.md`, "the manifest").

/// Decisions, made by the fuzzer's input; without end, zeros behind it.
pub struct Choices<'i>(&'i [u8]);

impl<'i> Choices<'i> {
    /// Those of an input.
    pub fn new(input: &'i [u8]) -> Choices<'i> {
        Choices(input)
    }

    /// Whether there are any left.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    /// A number below `end`, which is not 0.
    pub fn below(&mut self, end: usize) -> usize {
        let wide = if end > 256 { usize::from(self.byte()) << 8 } else { 0 };
        (wide | usize::from(self.byte())) % end
    }

    fn bytes(&mut self, most: usize) -> Vec<u8> {
        let count = self.below(most + 1);
        (0..count).map(|_| self.byte()).collect()
    }
}

/// Numbers at which code decides.
const EDGES: [u64; 16] =
    [0, 1, 2, 7, 8, 9, 16, 255, 4096, 65535, 65536, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff, i64::MAX as u64, u64::MAX];

/// A part of a message or list.
#[derive(Clone)]
struct Part {
    /// Its number in a message.
    number: Option<u64>,
    body: Vec<u8>,
}

/// How bytes can be understood.
#[derive(Clone, Copy)]
enum Form {
    Message,
    List,
    /// A tag and a message.
    Variant(u64),
}

fn put_varint(mut n: u64, out: &mut Vec<u8>) {
    while n >= 0x80 {
        out.push(n as u8 | 0x80);
        n >>= 7;
    }
    out.push(n as u8);
}

fn take_varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut n = 0u64;
    for shift in (0..63).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        n |= u64::from(byte & 0x7f) << shift;
        if *byte < 0x80 {
            return Some(n);
        }
    }
    None
}

fn parts(mut bytes: &[u8], is_message: bool) -> Option<Vec<Part>> {
    let mut all = Vec::new();
    while !bytes.is_empty() {
        // Numbers of fields are small.
        let number = if is_message { Some(take_varint(&mut bytes).filter(|n| (1..64).contains(n))?) } else { None };
        let length = usize::try_from(take_varint(&mut bytes)?).ok()?;
        let (body, rest) = bytes.split_at_checked(length)?;
        bytes = rest;
        all.push(Part { number, body: body.to_vec() });
    }
    Some(all)
}

fn forms(bytes: &[u8]) -> Vec<(Form, Vec<Part>)> {
    let mut all = Vec::new();
    if let Some(found) = parts(bytes, true).filter(|p| !p.is_empty()) {
        all.push((Form::Message, found));
    }
    if let Some(found) = parts(bytes, false).filter(|p| !p.is_empty()) {
        all.push((Form::List, found));
    }
    let mut rest = bytes;
    if let Some(tag) = take_varint(&mut rest) {
        if let Some(found) = parts(rest, true) {
            all.push((Form::Variant(tag), found));
        }
    }
    all
}

fn join(form: Form, parts: &[Part]) -> Vec<u8> {
    let mut out = Vec::new();
    if let Form::Variant(tag) = form {
        put_varint(tag, &mut out);
    }
    for part in parts {
        if let Some(number) = part.number {
            put_varint(number, &mut out);
        }
        put_varint(part.body.len() as u64, &mut out);
        out.extend_from_slice(&part.body);
    }
    out
}

/// A number as fields hold it.
fn number(n: u64) -> Vec<u8> {
    let bytes = n.to_le_bytes();
    bytes[..bytes.iter().rposition(|b| *b != 0).map_or(0, |at| at + 1)].to_vec()
}

fn leaf(bytes: &[u8], choices: &mut Choices<'_>) -> Vec<u8> {
    let old = bytes.iter().rev().take(8).fold(0u64, |n, b| n << 8 | u64::from(*b));
    match choices.below(6) {
        0 => number(EDGES[choices.below(EDGES.len())]),
        1 => number(old.wrapping_add(1)),
        2 => number(old.wrapping_sub(1)),
        3 => number(old.wrapping_mul(2)),
        4 => choices.bytes(16),
        _ => {
            let mut changed = bytes.to_vec();
            if !changed.is_empty() {
                let at = choices.below(changed.len());
                changed[at] ^= 1 << choices.below(8);
            }
            changed
        }
    }
}

/// Makes one change somewhere in a message.
pub fn edit(bytes: &[u8], choices: &mut Choices<'_>) -> Vec<u8> {
    let mut forms = forms(bytes);
    if forms.is_empty() || choices.below(8) == 0 {
        return leaf(bytes, choices);
    }
    let (mut form, mut parts) = forms.swap_remove(choices.below(forms.len()));
    if parts.is_empty() {
        form = Form::Variant(choices.below(24) as u64);
        return join(form, &parts);
    }
    let at = choices.below(parts.len());
    match choices.below(12) {
        0 => drop(parts.remove(at)),
        1 => parts.push(parts[at].clone()),
        2 => {
            let other = choices.below(parts.len());
            parts[at].body = parts[other].body.clone();
        }
        3 => {
            let other = choices.below(parts.len());
            parts.swap(at, other);
        }
        4 => match form {
            Form::Message => parts[at].number = Some(1 + choices.below(20) as u64),
            Form::List => parts.truncate(at),
            Form::Variant(_) => form = Form::Variant(choices.below(24) as u64),
        },
        _ => parts[at].body = edit(&parts[at].body, choices),
    }
    join(form, &parts)
}
