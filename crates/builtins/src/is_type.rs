//! `is_ptr(value)` and the like: what the type of a value is. The value is not computed.

use btc_types::Type;

use crate::{Arg, Call, Function, Kind, Lowered, Lowering, Param, ParamKind, Probes, Returns};

static PARAMS: [Param; 1] = [Param::new("value", ParamKind::Any)];

const fn define(
    name: &'static str,
    doc: &'static str,
    lower: for<'a, 'm> fn(&'a mut (dyn Lowering<'m> + 'a), &Call) -> Lowered,
) -> Function {
    Function {
        name,
        aliases: &[],
        kind: Kind::Call,
        params: &PARAMS,
        returns: Returns::Fixed(Type::Bool),
        probes: Probes::Any,
        is_unsafe: false,
        doc,
        lower,
    }
}

fn answer(l: &mut (dyn Lowering<'_> + '_), call: &Call, holds: fn(&Arg) -> bool) -> Lowered {
    let truth = holds(&call.args[0]);
    Lowered::Value(l.b().iconst(i64::from(truth)))
}

/// `is_array(value)`
pub static IS_ARRAY: Function = define("is_array", "Whether a value is an array.", |l, call| {
    answer(l, call, |arg| matches!(arg.ty, Type::Array { .. }))
});

/// `is_integer(value)`
pub static IS_INTEGER: Function = define("is_integer", "Whether a value is an integer.", |l, call| {
    answer(l, call, |arg| arg.ty.is_int())
});

/// `is_literal(value)`
pub static IS_LITERAL: Function = define("is_literal", "Whether a value is a literal.", |l, call| {
    answer(l, call, |arg| arg.literal.is_some())
});

/// `is_ptr(value)`
pub static IS_PTR: Function = define("is_ptr", "Whether a value is a pointer.", |l, call| {
    answer(l, call, |arg| arg.ty.is_pointer())
});

/// `is_str(value)`
pub static IS_STR: Function = define("is_str", "Whether a value is a text.", |l, call| {
    answer(l, call, |arg| arg.ty.is_str())
});

/// `is_unsigned_integer(value)`
pub static IS_UNSIGNED_INTEGER: Function = define(
    "is_unsigned_integer",
    "Whether a value is an unsigned integer.",
    |l, call| answer(l, call, |arg| matches!(arg.ty, Type::Int { signed: false, .. })),
);
