//! What passes know about helpers, and about what is around the function in hand.

use std::collections::HashSet;

use btc_ir::{Callee, FuncId, Function, FunctionKind, GlobalId, Module, Op, Section, Value};

/// Helpers without arguments whose result stays the same while one event is handled:
/// programs run to their end on one CPU, for one task.
///
/// 8 `get_smp_processor_id`, 14 `get_current_pid_tgid`, 15 `get_current_uid_gid`,
/// 35 `get_current_task`, 80 `get_current_cgroup_id`, 158 `get_current_task_btf`.
const SAME_IN_EVENT: &[u32] = &[8, 14, 15, 35, 80, 158];

/// Helpers that only read: 5 `ktime_get_ns`, 125 `ktime_get_boot_ns`.
const ONLY_READ: &[u32] = &[5, 125];

/// Helper that writes what the event does not change where its third argument points: the ids in a pid namespace.
const GET_NS_CURRENT_PID_TGID: u32 = 120;

/// Whether a second call of a helper yields what the first did.
pub fn is_same_in_event(helper: u32) -> bool {
    SAME_IN_EVENT.contains(&helper)
}

/// Whether a call may go when its result is unused.
pub fn is_removable(callee: Callee) -> bool {
    matches!(callee, Callee::Helper(n) if is_same_in_event(n) || ONLY_READ.contains(&n))
}

/// What passes over one function know of the module around it.
pub struct Facts {
    read_only: Vec<bool>,
    same_in_event: Vec<bool>,
}

impl Facts {
    /// Those of a module.
    pub fn of(module: &Module) -> Facts {
        let read_only: Vec<bool> = module.globals.iter().map(|g| g.section == Section::Rodata).collect();
        let same_in_event = module.functions.iter().map(|f| yields_the_same(f, &read_only)).collect();
        Facts { read_only, same_in_event }
    }

    /// Whether nothing writes a global while programs run.
    pub fn is_read_only(&self, global: GlobalId) -> bool {
        self.read_only.get(global.index()).is_some_and(|r| *r)
    }

    /// Whether a function without arguments yields the same for a whole event, and does nothing else.
    pub fn is_same_in_event(&self, function: FuncId) -> bool {
        self.same_in_event.get(function.index()).is_some_and(|s| *s)
    }
}

/// Whether a function writes nothing but its own stack, and reads nothing but that and what does not change.
fn yields_the_same(func: &Function, read_only: &[bool]) -> bool {
    let insts = || func.blocks.iter().flat_map(|block| &block.insts);
    if func.kind != FunctionKind::Subprogram {
        return false;
    }
    let results = |wanted: &dyn Fn(&Op) -> bool| -> HashSet<Value> {
        insts().filter(|inst| wanted(&inst.op)).filter_map(|inst| inst.result).collect()
    };
    let own = results(&|op| matches!(op, Op::SlotAddr(_)));
    let constant = results(&|op| matches!(op, Op::GlobalAddr(id) if read_only[id.index()]));
    insts().all(|inst| match &inst.op {
        Op::Load(_, m) => own.contains(&m.base) || constant.contains(&m.base),
        Op::Store(_, m, _) => own.contains(&m.base),
        Op::Call(Callee::Helper(GET_NS_CURRENT_PID_TGID), args) => args.get(2).is_some_and(|to| own.contains(to)),
        Op::Call(Callee::Helper(n), _) => is_same_in_event(*n),
        op => op.is_pure() && !matches!(op, Op::LoadLate(..) | Op::ScratchAddr(_)),
    })
}
