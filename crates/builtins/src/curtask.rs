//! `curtask`: the current task, as `struct task_struct *`.

use btc_types::{Origin, RecordType, Space, Type};

use crate::{Function, Kind, Lowered, Probes, Returns};

/// The definition.
pub static CURTASK: Function = Function {
    name: "curtask",
    aliases: &[],
    kind: Kind::Variable,
    params: &[],
    returns: Returns::Infer(|_| task_pointer()),
    probes: Probes::Any,
    is_unsafe: false,
    doc: "The current task, as `struct task_struct *`.",
    lower: |l, _| Lowered::Value(l.current_task()),
};

/// `struct task_struct *`; the size is not needed, for the pointer is all that is held.
fn task_pointer() -> Type {
    let record = RecordType {
        name: "task_struct".to_string(),
        union: false,
        typedef: false,
        origin: Origin::Kernel,
        size: 0,
        align: 8,
    };
    Type::pointer(Type::Record(record), Space::Kernel)
}
