//! `for ($kv : @m)`: the body is a callback of `bpf_for_each_map_elem` (Linux 5.13).
//!
//! What the body shares with the program around it is reached by a frame on the program's
//! stack, whose address the helper hands to the callback: the context, a mark that the body
//! returned, the address of the variables, and which attach point it is where that varies.

use btc_abi::{Refused, Requirement, RequirementKind};
use btc_hir as hir;
use btc_ir::{Cond, FunctionKind, Memory, Op, Value, Width};
use btc_types::Type;

use crate::function::{FnLower, Frame, Used};
use btc_builtins::helpers::FOR_EACH_MAP_ELEM;
use crate::loops::Enclosing;
use crate::place::{Place, part_offset, width_of};

/// Bytes of the frame; the context comes first.
pub(crate) const FRAME_SIZE: u32 = 24;
/// Where the mark is.
const RETURNED: i32 = 8;
/// Where the address of the variables is.
pub(crate) const FRAME_VARS: i32 = 16;
/// Where the attach point's number is, behind all else: a callback cannot find it out, for what is patched
/// in is the program's.
pub(crate) const FRAME_NUMBER: i32 = 24;

impl FnLower<'_, '_, '_> {
    pub fn for_map(&mut self, var: hir::VarId, map: hir::MapId, body: &hir::Block) {
        let Some(frame) = self.frame.as_ref().map(|f| f.base) else { return };
        self.require_callbacks("a loop over a map");
        let name = format!("loop_p{}", self.index);
        let suspended = self.b.begin_nested(name, FunctionKind::Callback, 4);
        let outer = self.enter_callback();
        self.callback(var, map, body);
        self.leave_callback(outer);
        let callback = self.b.end_nested(suspended);

        let id = self.map_id(map);
        let map = self.b.map_addr(id);
        let function = self.b.push(Op::FuncAddr(callback));
        let flags = self.b.iconst(0);
        self.b.helper(FOR_EACH_MAP_ELEM.number, &[map, function, frame, flags]);
        self.walk_callback(callback);
        let returned = self.b.load(Width::B8, frame, RETURNED);
        let (leave, go_on) = (self.b.block(0), self.b.block(0));
        self.b.branch_imm(Cond::Ne, returned, 0, leave, go_on);
        self.b.switch_to(leave);
        self.leave();
        self.b.jump(go_on, &[]);
        self.b.switch_to(go_on);
    }

    /// Number of entries of a map: a walk that does nothing yields how many there were. (Were
    /// they counted by the callback, the verifier would find no end of a loop up to them.)
    pub fn count_entries(&mut self, map: btc_ir::MapId) -> Value {
        self.require_callbacks("len() of a map");
        let name = format!("count_p{}", self.index);
        let suspended = self.b.begin_nested(name, FunctionKind::Callback, 4);
        let callback = self.b.end_nested(suspended);
        let map = self.b.map_addr(map);
        let function = self.b.push(Op::FuncAddr(callback));
        let zero = self.b.iconst(0);
        self.b.helper(FOR_EACH_MAP_ELEM.number, &[map, function, zero, zero])
    }

    /// The body: parameters are the map, the key, the value and the frame.
    fn callback(&mut self, var: hir::VarId, map: hir::MapId, body: &hir::Block) {
        let (key, value) = (self.b.param(1), self.b.param(2));
        let (next, out) = (self.b.block(0), self.b.block(0));
        self.set_pair(var, map, key, value);
        self.loops.push(Enclosing { next, out, leave: None, walks: Some(1) });
        self.block(body);
        self.loops.pop();
        self.b.jump(next, &[]);
        self.b.switch_to(next);
        let zero = self.b.iconst(0);
        self.b.ret(zero);
        self.b.switch_to(out);
        let one = self.b.iconst(1);
        self.b.ret(one);
    }

    /// Writes key and value to the loop's variable.
    fn set_pair(&mut self, var: hir::VarId, map: hir::MapId, key: Value, value: Value) {
        let ty = self.probe.vars[var.0 as usize].ty.clone();
        let Type::Tuple(parts) = &ty else { return };
        let declared = &self.shared.program.maps[map.0 as usize];
        let to = self.vars[&var];
        let at = |index| Memory { base: to.base, offset: to.offset + part_offset(&ty, index) as i32 };
        if let Some(key_ty) = &declared.key {
            self.copy_part(key, key_ty, at(0), &parts[0]);
        }
        match &declared.value {
            Type::Aggregation(_) => {
                let number = self.aggregate_number(map, value);
                let to = at(1);
                self.b.store(width_of(&parts[1]), to.base, to.offset, number);
            }
            value_ty => self.copy_part(value, value_ty, at(1), &parts[1]),
        }
    }

    fn copy_part(&mut self, from: Value, from_ty: &Type, to: Memory, ty: &Type) {
        if from_ty.is_scalar() {
            let value = self.b.load(width_of(from_ty), from, 0);
            let value = self.extend(value, from_ty);
            self.b.store(width_of(ty), to.base, to.offset, value);
        } else {
            self.copy_into(&Place::Direct(Memory { base: from, offset: 0 }), from_ty, to, ty);
        }
    }

    /// Variables are reached through the frame that the callback was handed.
    fn enter_callback(&mut self) -> Outer {
        let frame = self.b.param(3);
        let Some(outer) = self.frame.take() else { return Outer::default() };
        let vars = std::mem::take(&mut self.vars);
        if !outer.vars.is_empty() {
            let base = self.b.load(Width::B8, frame, FRAME_VARS);
            for (var, offset) in &outer.vars {
                self.vars.insert(*var, Memory { base, offset: *offset });
            }
        }
        self.frame = Some(Frame { base: frame, vars: outer.vars.clone(), callback: true });
        let loops = std::mem::take(&mut self.loops);
        Outer { frame: Some(outer), vars, loops, memory: self.begin_memory() }
    }

    fn leave_callback(&mut self, outer: Outer) {
        self.frame = outer.frame;
        self.vars = outer.vars;
        self.loops = outer.loops;
        self.end_memory(outer.memory);
    }

    /// Marks that the body returned; the program does so after the loop.
    pub fn mark_returned(&mut self) {
        if let Some(frame) = self.frame.as_ref().map(|f| f.base) {
            let one = self.b.iconst(1);
            self.b.store(Width::B8, frame, RETURNED, one);
        }
    }

    /// Older kernels refuse a callback's address even in code that nothing comes to, so the runtime looks before it loads.
    fn require_callbacks(&mut self, what: &str) {
        let since = FOR_EACH_MAP_ELEM.since.to_string();
        self.note_refusal(Refused::Release { what: what.to_string(), since: since.clone() });
        let requirement = Requirement { kind: RequirementKind::Kernel, name: since, optional: false };
        let known = &mut self.shared.manifest.requirements;
        if !known.contains(&requirement) {
            known.push(requirement);
        }
    }
}

/// The state of the function around a callback.
#[derive(Default)]
struct Outer {
    frame: Option<Frame>,
    vars: std::collections::HashMap<hir::VarId, Memory>,
    loops: Vec<Enclosing>,
    memory: Used,
}
