//! Keys of maps over 512 bytes, which Linux 5.10 does not take.
//!
//! There the texts and buffers in a key are cut to what fits, and a hash of the whole key stands before them, so that what
//! differs behind the cut stays apart. A buffer's number of bytes stays the whole one's. The runtime says whether it must be so, and gives the map the shorter key; elsewhere the
//! verifier drops this code.

use btc_abi::{Encoding, Field, GlobalValue, LossKind, Refused};
use btc_builtins::Bytes;
use btc_hir as hir;
use btc_ir::{BinOp, Cond, Memory, Module, Width};
use btc_types::Type;

use crate::function::FnLower;
use crate::place::{Place, part_offset};
use crate::shared::Shared;

/// Most bytes of a key on Linux 5.10 (kernel: `MAX_BPF_STACK`).
const MOST: u32 = 512;
/// Fewest bytes that a text or buffer is cut to.
const LEAST_TEXT: u32 = 16;

/// The hash and the key with shorter texts; `None` where it need not or cannot be shorter.
pub(crate) fn short_key(key: &Type) -> Option<Type> {
    if key.size() <= MOST {
        return None;
    }
    let lengths = (LEAST_TEXT..MOST).rev().filter(|n| n % 8 == 0);
    lengths.map(|n| Type::tuple([Type::UINT64, shorten(key, n)])).find(|short| short.size() <= MOST)
}

fn shorten(ty: &Type, most: u32) -> Type {
    match ty {
        Type::Str { capacity, .. } if *capacity > most => Type::Str { capacity: most, cut: true },
        Type::Buffer { capacity } if *capacity > most => Type::Buffer { capacity: most },
        Type::Tuple(parts) => Type::Tuple(parts.iter().map(|t| shorten(t, most)).collect()),
        Type::Named(parts) => Type::Named(parts.iter().map(|(n, t)| (n.clone(), shorten(t, most))).collect()),
        other => other.clone(),
    }
}

/// What tells that a part of a key does not fit the shorter one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mark {
    /// The byte there is not 0: a text goes on.
    Byte(u32),
    /// The number there, of a buffer's bytes, is greater than the second one.
    Length(u32, u32),
}

/// The marks of all parts that are shorter.
fn marks(full: &Type, short: &Type, at: u32, out: &mut Vec<Mark>) {
    let mut part = |index: usize, a: &Type, b: &Type| marks(a, b, at + part_offset(full, index), out);
    match (full, short) {
        (Type::Str { capacity: a, .. }, Type::Str { capacity: b, .. }) if a > b => out.push(Mark::Byte(at + b - 1)),
        (Type::Buffer { capacity: a }, Type::Buffer { capacity: b }) if a > b => out.push(Mark::Length(at, *b)),
        (Type::Tuple(a), Type::Tuple(b)) => a.iter().zip(b.iter()).enumerate().for_each(|(n, (a, b))| part(n, a, b)),
        (Type::Named(a), Type::Named(b)) => a.iter().zip(b.iter()).enumerate().for_each(|(n, (a, b))| part(n, &a.1, &b.1)),
        _ => {}
    }
}

impl Shared<'_> {
    /// How the short key of a map is shown, as several keys.
    pub fn short_encoding(&mut self, map: &hir::Map, module: &mut Module) -> Option<Encoding> {
        let short = short_key(map.key.as_ref()?)?;
        let Type::Tuple(parts) = &short else { return None };
        let behind = part_offset(&short, 1);
        let shown = match self.encoding(&parts[1], module) {
            Encoding::Tuple(fields) if map.multi_key => {
                fields.into_iter().map(|f| Field { offset: behind + f.offset, ..f }).collect()
            }
            encoding => vec![Field { name: String::new(), offset: behind, encoding }],
        };
        Some(Encoding::Tuple(shown))
    }
}

impl FnLower<'_, '_, '_> {
    /// Makes the key in memory a short one where the kernel wants that.
    pub fn shorten_key(&mut self, map: hir::MapId, key: Memory, ty: &Type) {
        let Some(short) = short_key(ty) else {
            if ty.size() > MOST {
                let map = self.shared.program.maps[map.0 as usize].name.clone();
                self.note_refusal(Refused::LongKey { map });
            }
            return;
        };
        let limited = self.global(GlobalValue::ShortKeys);
        let (here, done) = (self.b.block(0), self.b.block(0));
        self.b.branch_imm(Cond::Ne, limited, 0, here, done);
        self.b.switch_to(here);
        let made = self.alloc(short.size());
        self.b.clear(made.base, made.offset, short.size().next_multiple_of(8));
        if let Type::Tuple(parts) = &short {
            let behind = part_offset(&short, 1);
            let to = Memory { base: made.base, offset: made.offset + behind as i32 };
            self.copy_into(&Place::Direct(key), ty, to, &parts[1]);
            let mut all = Vec::new();
            marks(ty, &parts[1], 0, &mut all);
            self.mark_cut(map, key, ty, made, &all);
        }
        self.b.copy(key, made, short.size());
        self.b.jump(done, &[]);
        self.b.switch_to(done);
    }

    /// Where a part does not fit, puts the hash of the whole key before the short one, and counts.
    fn mark_cut(&mut self, map: hir::MapId, key: Memory, ty: &Type, made: Memory, marks: &[Mark]) {
        let mut any = self.b.iconst(0);
        for mark in marks {
            let more = match *mark {
                Mark::Byte(at) => self.b.load(Width::B1, key.base, key.offset + at as i32),
                Mark::Length(at, most) => {
                    let length = self.b.load(Width::B4, key.base, key.offset + at as i32);
                    let most = self.b.iconst(i64::from(most));
                    self.b.cmp(Cond::UGt, length, most)
                }
            };
            any = self.b.bin(BinOp::Or, any, more);
        }
        let (cut, whole) = (self.b.block(0), self.b.block(0));
        self.b.branch_imm(Cond::Ne, any, 0, cut, whole);
        self.b.switch_to(cut);
        // What a key does not fill of its last word was cleared. All of it counts: a text may be followed by another part.
        let words = ty.size().div_ceil(8);
        let bytes = Bytes { at: key, capacity: words * 8, terminated: false };
        let hash = self.apart("hash_key", words.to_string(), &[bytes], &[], |f, bytes, _| {
            let from = f.pointer(bytes[0]);
            let count = f.b.iconst(i64::from(words));
            f.hash(from, count, words)
        });
        self.b.store(Width::B8, made.base, made.offset, hash);
        let name = self.shared.program.maps[map.0 as usize].name.clone();
        let loss = self.shared.loss(LossKind::Key, &name, self.b.span);
        self.count_loss(loss);
        self.b.jump(whole, &[]);
        self.b.switch_to(whole);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(capacity: u32) -> Type {
        Type::Str { capacity, cut: true }
    }

    #[test]
    fn texts_are_cut_to_what_fits_and_nothing_else_is() {
        assert_eq!(short_key(&text(512)), None);
        assert_eq!(short_key(&text(1024)), Some(Type::tuple([Type::UINT64, text(504)])));
        let several = Type::tuple([text(1024), Type::UINT64, text(64), text(4096)]);
        let short = short_key(&several).expect("it can be cut");
        assert!((MOST - 16..=MOST).contains(&short.size()), "{}", short.size());
        let Type::Tuple(parts) = &short else { panic!("{short:?}") };
        let Type::Tuple(inner) = &parts[1] else { panic!("{short:?}") };
        assert_eq!((&inner[1], &inner[2]), (&Type::UINT64, &text(64)));
        let mut all = Vec::new();
        marks(&several, &parts[1], 0, &mut all);
        let length = inner[0].size();
        assert_eq!(all, [Mark::Byte(length - 1), Mark::Byte(part_offset(&several, 3) + length - 1)]);
        // What is neither text nor buffer stays as it is.
        assert_eq!(short_key(&Type::Array { element: Type::UINT64.into(), count: 100, text: false }), None);
    }

    #[test]
    fn buffers_are_cut_and_their_length_tells() {
        let key = Type::tuple([Type::UINT64, Type::Buffer { capacity: 1024 }]);
        let Some(Type::Tuple(parts)) = short_key(&key) else { panic!("it can be cut") };
        let Type::Tuple(inner) = &parts[1] else { panic!("{parts:?}") };
        let Type::Buffer { capacity } = inner[1] else { panic!("{inner:?}") };
        assert!((MOST - 40..MOST).contains(&capacity), "{capacity}");
        let mut all = Vec::new();
        marks(&key, &parts[1], 0, &mut all);
        assert_eq!(all, [Mark::Length(part_offset(&key, 1), capacity)]);
    }
}
