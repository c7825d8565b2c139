//! Constant entries: `@m[1] = "one"`, many of them, as scripts fill tables.
//!
//! Key and value lie as a row of read-only bytes, and one subprogram a map stores a row:
//! four instructions an assignment. It has no branch, for the verifier gives up on more
//! than 8192 that follow each other.

use btc_abi::LossKind;
use btc_builtins::helpers::{BPF_ANY, MAP_UPDATE_ELEM};
use btc_hir::{self as hir, ExprKind};
use btc_ir::{BinOp, Callee, FuncId, FunctionKind, Global, GlobalId, Memory, Op, Section, Width};
use btc_types::{Type, tuple_layout};

use crate::function::FnLower;

/// Assignments of a map that are lowered one by one: an entry that exists is then written
/// in place, which is faster, and a subprogram for a few is not worth it.
const FEW: u32 = 4;

/// The constant entries of a map.
#[derive(Default)]
pub(crate) struct Rows {
    /// Assignments so far.
    seen: u32,
    /// The rows, and the subprogram that stores one.
    table: Option<(GlobalId, FuncId)>,
}

impl FnLower<'_, '_, '_> {
    /// Lowers an assignment of a constant under a constant key; `false` when it is another one,
    /// or one of a few.
    pub fn set_constant(&mut self, map: hir::MapId, key: &hir::Expr, value: &hir::Expr) -> bool {
        let declared = &self.shared.program.maps[map.0 as usize];
        let (Some(key_ty), value_ty) = (&declared.key, &declared.value) else { return false };
        // Keys in a table cannot be cut.
        if crate::short_key::short_key(key_ty).is_some() {
            return false;
        }
        let mut row = vec![0; key_ty.size().next_multiple_of(8) as usize];
        let value_at = row.len();
        row.resize(value_at + value_ty.size().next_multiple_of(8) as usize, 0);
        if !write(key, key_ty, &mut row) || !write(value, value_ty, &mut row[value_at..]) {
            return false;
        }
        let rows = self.shared.rows.entry(map.0).or_default();
        rows.seen += 1;
        if rows.seen <= FEW {
            return false;
        }
        let (table, store) = match rows.table {
            Some(known) => known,
            None => self.store_row(map, value_at as i64),
        };
        self.shared.rows.entry(map.0).or_default().table = Some((table, store));
        let name = &self.shared.program.maps[map.0 as usize].name;
        let loss = self.shared.loss(LossKind::MapFull, name, self.b.span);
        let bytes = &mut self.b.module.globals[table.index()].init;
        let offset = bytes.len() as i64;
        bytes.extend(row);
        let base = self.b.global_addr(table);
        let row = self.b.add_imm(base, offset);
        let counter = self.b.iconst(i64::from(loss) * 8);
        self.b.call(Callee::Function(store), &[row, counter]);
        true
    }

    /// An empty table for a map, and the subprogram that stores a row of it. It takes the row's
    /// address and the loss counter's offset.
    fn store_row(&mut self, map: hir::MapId, value_at: i64) -> (GlobalId, FuncId) {
        let symbol = format!("btc_rows_{}", map.0);
        let table = self.b.module.add_global(Global { symbol, section: Section::Rodata, init: Vec::new() });
        let outer = self.b.begin_nested(format!("store_row_{}", map.0), FunctionKind::Subprogram, 2);
        let (row, counter) = (self.b.param(0), self.b.param(1));
        let id = self.b.map_addr(self.map_id(map));
        let value = self.b.add_imm(row, value_at);
        let flags = self.b.iconst(BPF_ANY);
        let result = self.b.helper(MAP_UPDATE_ELEM, &[id, row, value, flags]);
        // 1 for a negative result, else 0.
        let failed = self.b.bin_imm(BinOp::LShr, result, 63);
        let losses = self.b.global_addr(self.shared.losses());
        let base = self.b.bin(BinOp::Add, losses, counter);
        self.b.push(Op::AtomicAdd(Width::B8, Memory { base, offset: 0 }, failed));
        let zero = self.b.iconst(0);
        self.b.ret(zero);
        (table, self.b.end_nested(outer))
    }
}

/// Writes a constant, converted to `ty`, to zeroed bytes; `false` when it is none.
fn write(e: &hir::Expr, ty: &Type, to: &mut [u8]) -> bool {
    match &e.kind {
        _ if ty.is_scalar() => {
            let Some(n) = number(e) else { return false };
            let size = ty.size() as usize;
            to[..size].copy_from_slice(&n.to_le_bytes()[..size]);
            true
        }
        ExprKind::Str(text) if ty.is_str() => {
            let length = text.len().min((ty.size() as usize).saturating_sub(1));
            to[..length].copy_from_slice(&text[..length]);
            true
        }
        ExprKind::Tuple(parts) => {
            let types: Vec<&Type> = match ty {
                Type::Tuple(types) => types.iter().collect(),
                Type::Named(types) => types.iter().map(|(_, t)| t).collect(),
                _ => return false,
            };
            let (places, _) = tuple_layout(types.iter().copied());
            parts.iter().zip(types).zip(places).all(|((part, ty), place)| write(part, ty, &mut to[place.offset as usize..]))
        }
        _ => false,
    }
}

/// The number that an expression is, known now.
pub(crate) fn number(e: &hir::Expr) -> Option<i64> {
    match &e.kind {
        ExprKind::Int(n) => Some(*n),
        ExprKind::Cast(inner) if inner.ty.is_scalar() => {
            let n = number(inner)?;
            match &e.ty {
                Type::Bool => Some(i64::from(n != 0)),
                Type::Int { size, signed } => {
                    let unused = 64 - 8 * u32::from(*size);
                    let top = n << unused;
                    Some(if *signed { top >> unused } else { (top as u64 >> unused) as i64 })
                }
                _ => None,
            }
        }
        _ => None,
    }
}
