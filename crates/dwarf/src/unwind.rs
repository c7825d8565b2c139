//! How frames of x86-64 code lead to their callers: the rows of `.eh_frame`, as far as the stack and frame
//! pointers tell.
//!
//! What is broken, or says more than a [`Rule`] can, has no caller. A section's size bounds the time.

use btc_abi::unwind::Rule;
use gimli::{
    BaseAddresses, CfaRule, CieOrFde, EhFrame, EndianSlice, LittleEndian, Register, RegisterRule, UnwindContext,
    UnwindExpression, UnwindSection, UnwindTableRow, X86_64,
};

type Section<'a> = EhFrame<EndianSlice<'a, LittleEndian>>;

/// From an address on, up to the next row's, this rule holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// The address, as the file counts.
    pub address: u64,
    /// The rule.
    pub rule: Rule,
}

/// Bytes of entries that are gone through, those of what they have in common each time: some hundred
/// times what the largest programs have.
const MOST_WORK: usize = 1 << 30;

/// The rows of a section that lies at `address`, in order, at most `most` before those alike are joined.
pub fn rows(eh_frame: &[u8], address: u64, most: usize) -> Vec<Row> {
    let mut section = EhFrame::new(eh_frame, LittleEndian);
    section.set_address_size(8);
    let bases = BaseAddresses::default().set_eh_frame(address);
    let mut context = UnwindContext::new();
    let mut entries = section.entries(&bases);
    // Address, number, rule: of those at an address the last one counts, and ends of functions come first.
    let mut all: Vec<(u64, usize, Rule)> = Vec::new();
    let mut work = 0usize;
    while let Ok(Some(entry)) = entries.next() {
        let CieOrFde::Fde(part) = entry else { continue };
        let Ok(function) = part.parse(Section::cie_from_offset) else { continue };
        work = work.saturating_add(function.entry_len()).saturating_add(function.cie().entry_len());
        if work > MOST_WORK || all.len() >= most {
            break;
        }
        let start = function.initial_address();
        if function.is_signal_trampoline() {
            all.push((start, all.len() + 1, Rule::Signal));
        } else if let Ok(mut table) = function.rows(&section, &bases, &mut context) {
            while let (true, Ok(Some(row))) = (all.len() < most, table.next_row()) {
                all.push((row.start_address(), all.len() + 1, rule(row, &section)));
            }
        }
        all.push((function.end_address(), 0, Rule::Stop));
    }
    all.sort_unstable_by_key(|(address, number, _)| (*address, *number));
    let mut rows: Vec<Row> = Vec::with_capacity(all.len());
    for (address, _, rule) in all {
        if rows.last().is_some_and(|last| last.address == address) {
            rows.pop();
        }
        if rows.last().is_none_or(|last| last.rule != rule) {
            rows.push(Row { address, rule });
        }
    }
    rows
}

fn rule(row: &UnwindTableRow<usize>, section: &Section) -> Rule {
    // The return address is where calls put it, or there is none: where a thread begins.
    if row.register(X86_64::RA) != Some(RegisterRule::Offset(-8)) {
        return Rule::Stop;
    }
    let saved = match row.register(X86_64::RBP) {
        Some(RegisterRule::Offset(offset)) if offset % 8 == 0 => i8::try_from(offset / 8).ok(),
        None | Some(RegisterRule::SameValue | RegisterRule::Undefined) => Some(0),
        Some(_) => None,
    };
    match (row.cfa(), saved) {
        (CfaRule::RegisterAndOffset { register, offset }, Some(saved)) => based(*register, *offset, saved),
        (CfaRule::Expression(expression), _) => plt(expression, section).unwrap_or(Rule::Stop),
        _ => Rule::Stop,
    }
}

fn based(register: Register, offset: i64, saved: i8) -> Rule {
    let words = u16::try_from(offset / 8).ok().filter(|_| offset % 8 == 0);
    match (register, words) {
        (X86_64::RSP, Some(words)) => Rule::Stack { words, saved },
        (X86_64::RBP, Some(words)) => Rule::Frame { words, saved },
        _ => Rule::Stop,
    }
}

/// The expression that linkers give the entries of a procedure linkage table:
/// `rsp + 8 + ((rip & 15) >= from) << 3`.
fn plt(expression: &UnwindExpression<usize>, section: &Section) -> Option<Rule> {
    use gimli::constants as dw;
    let code = expression.get(section).ok()?;
    let [rsp, 8, rip, 0, mask, and, from, at_least, shift, shl, plus] = *code.0.slice() else { return None };
    let fixed = [rsp, rip, mask, and, at_least, shift, shl, plus];
    let wanted = [
        dw::DW_OP_breg7, dw::DW_OP_breg16, dw::DW_OP_lit15, dw::DW_OP_and, dw::DW_OP_ge, dw::DW_OP_lit3, dw::DW_OP_shl,
        dw::DW_OP_plus,
    ];
    let from = from.checked_sub(dw::DW_OP_lit0.0).filter(|n| *n < 16)?;
    (fixed == wanted.map(|op| op.0)).then_some(Rule::Plt { from })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A record with its length, padded to words.
    fn record(id: u32, body: &[u8]) -> Vec<u8> {
        let mut bytes = [id.to_le_bytes().as_slice(), body].concat();
        bytes.resize((bytes.len() + 4).next_multiple_of(8) - 4, 0);
        [(bytes.len() as u32).to_le_bytes().as_slice(), &bytes].concat()
    }

    /// What functions have in common: absolute addresses, CFA at rsp + 8, the return address below.
    fn common(augmentation: &[u8]) -> Vec<u8> {
        let head = [&[1], augmentation, &[0, 1, 0x78, 16, 1, 0]].concat();
        record(0, &[&head[..], &[0x0c, 7, 8, 0x90, 1]].concat())
    }

    /// A function, written behind `section`.
    fn function(section: &mut Vec<u8>, start: u64, length: u64, code: &[u8]) {
        let common = section.len() as u32 + 4;
        let body = [&start.to_le_bytes()[..], &length.to_le_bytes(), &[0], code].concat();
        section.extend(record(common, &body));
    }

    fn at(rows: &[Row], address: u64) -> Rule {
        rows.iter().rev().find(|r| r.address <= address).map_or(Rule::Stop, |r| r.rule)
    }

    #[test]
    fn functions_push_and_keep_frame_pointers() {
        let mut section = common(b"zR");
        // push rbp at 1; mov rbp, rsp at 4; leave at 0x20.
        let code = [0x41, 0x0e, 16, 0x86, 2, 0x43, 0x0d, 6, 0x5c, 0x0c, 7, 8];
        function(&mut section, 0x1000, 0x30, &code);
        // sub rsp, 0x1000 at 4; then a CFA that no rule has: r10.
        function(&mut section, 0x1030, 0x10, &[0x44, 0x0e, 0x88, 0x20, 0x44, 0x0c, 10, 0]);
        let rows = rows(&section, 0, 100);
        let wanted = [
            (0xfff, Rule::Stop),
            (0x1000, Rule::Stack { words: 1, saved: 0 }),
            (0x1001, Rule::Stack { words: 2, saved: -2 }),
            (0x1004, Rule::Frame { words: 2, saved: -2 }),
            (0x1020, Rule::Stack { words: 1, saved: -2 }),
            (0x1030, Rule::Stack { words: 1, saved: 0 }),
            (0x1034, Rule::Stack { words: 0x1008 / 8, saved: 0 }),
            (0x1038, Rule::Stop),
            (0x1040, Rule::Stop),
        ];
        for (address, rule) in wanted {
            assert_eq!(at(&rows, address), rule, "{address:#x}: {rows:?}");
        }
        assert!(rows.is_sorted_by(|a, b| a.address < b.address && a.rule != b.rule), "{rows:?}");
    }

    #[test]
    fn linkage_tables_and_signals_have_rules_of_their_own() {
        let mut section = common(b"zR");
        let expression = [0x77, 8, 0x80, 0, 0x3f, 0x1a, 0x3b, 0x2a, 0x33, 0x24, 0x22];
        let code = [&[0x0e, 16, 0x46, 0x0e, 24, 0x4a, 0x0f, 11][..], &expression].concat();
        function(&mut section, 0x500, 0x40, &code);
        let plt = rows(&section, 0, 100);
        assert_eq!(at(&plt, 0x500), Rule::Stack { words: 2, saved: 0 });
        assert_eq!(at(&plt, 0x510), Rule::Plt { from: 11 });
        let mut section = common(b"zRS");
        function(&mut section, 0x100, 9, &[]);
        assert_eq!(rows(&section, 0, 100), [(0x100, Rule::Signal), (0x109, Rule::Stop)].map(|(address, rule)| Row { address, rule }));
    }

    #[test]
    fn where_a_thread_begins_the_stack_ends() {
        let mut section = common(b"zR");
        function(&mut section, 0x100, 8, &[0x07, 16]);
        assert_eq!(at(&rows(&section, 0, 100), 0x100), Rule::Stop);
    }

    #[test]
    fn broken_sections_have_few_rows_and_no_panic() {
        let mut section = common(b"zR");
        function(&mut section, 0x1000, 0x30, &[0x41, 0x0e, 16, 0x86, 2]);
        for length in 0..section.len() {
            rows(&section[..length], 0, 100);
        }
        for at in 0..section.len() {
            for byte in [0, 1, 0x7f, 0x80, 0xff] {
                let mut broken = section.clone();
                broken[at] = byte;
                assert!(rows(&broken, 0, 100).len() < 100);
            }
        }
        let mut many = common(b"zR");
        let alone = many.len();
        for n in 0..100 {
            let common = many.len() as u32 + 4;
            let body = [&(0x1000u64 + n * 32).to_le_bytes()[..], &16u64.to_le_bytes(), &[0]].concat();
            many.extend(record(common, &body));
        }
        assert!(alone < many.len() && rows(&many, 0, 10).len() <= 13, "no more than there is room for");
    }
}
