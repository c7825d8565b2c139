//! Fields of a task's relatives, for the builtins that name one.

use btc_diagnostics::Code;
use btc_ir::{Memory, Value};
use btc_types::{Space, Type};

use crate::{Call, Check, Lowering};

/// Size of `task_struct.comm` (kernel: `TASK_COMM_LEN`).
pub(crate) const TASK_COMM_LEN: u32 = 16;

/// The optional argument is a task.
pub(crate) fn check(c: &mut Check) {
    let Some(arg) = c.args.first() else { return };
    let fits = match &arg.ty {
        Type::Pointer { to, .. } => {
            matches!(&**to, Type::Record(r) if r.name == "task_struct") || **to == Type::None
        }
        ty => ty.is_int() || *ty == Type::Unknown,
    };
    if !fits {
        let message = format!("{}() takes a `struct task_struct *`, not `{}`", c.function.name, arg.ty);
        let span = arg.span;
        c.error(Code::WrongType, span, message);
    }
}

/// The task that a field of the argument, or of the current task, points at.
pub(crate) fn relative(l: &mut (dyn Lowering<'_> + '_), call: &Call, field: &str) -> Value {
    let task = if call.args.is_empty() { l.current_task() } else { l.value(0) };
    let pointer = Type::pointer(Type::None, Space::Kernel);
    l.kernel_field(task, "task_struct", &[field], &pointer)
}

/// The id of a relative.
pub(crate) fn id(l: &mut (dyn Lowering<'_> + '_), call: &Call, field: &str) -> Value {
    let task = relative(l, call, field);
    l.kernel_field(task, "task_struct", &["pid"], &Type::INT32)
}

/// Writes the name of a relative to the call's place.
pub(crate) fn comm(l: &mut (dyn Lowering<'_> + '_), call: &Call, field: &str) {
    let task = relative(l, call, field);
    let name = l.kernel_address(task, "task_struct", &["comm"], &Type::str(TASK_COMM_LEN));
    let Memory { base, offset } = l.dest();
    l.read_str(Memory { base, offset }, TASK_COMM_LEN, TASK_COMM_LEN, None, name, Space::Kernel);
}
