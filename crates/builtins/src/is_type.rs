//! `is_ptr(value)` and the like: what the type of a value is. The value is not computed.

use btc_types::Type;

use crate::{Check, Function, Kind, Lowered, Param, ParamKind, Probes, Returns};

static PARAMS: [Param; 1] = [Param::new("value", ParamKind::Any)];

const fn define(name: &'static str, doc: &'static str, holds: fn(&mut Check) -> i64) -> Function {
    Function {
        name,
        aliases: &[],
        kind: Kind::Call,
        params: &PARAMS,
        returns: Returns::Known(Type::Bool, holds),
        probes: Probes::Any,
        is_unsafe: false,
        doc,
        lower: |_, _| Lowered::None,
    }
}

/// `is_array(value)`
pub static IS_ARRAY: Function = define("is_array", "Whether a value is an array.", |c| {
    i64::from(matches!(c.args[0].ty, Type::Array { .. }))
});

/// `is_integer(value)`
pub static IS_INTEGER: Function =
    define("is_integer", "Whether a value is an integer.", |c| i64::from(c.args[0].ty.is_int()));

/// `is_literal(value)`
pub static IS_LITERAL: Function =
    define("is_literal", "Whether a value is a literal.", |c| i64::from(c.args[0].literal.is_some()));

/// `is_ptr(value)`
pub static IS_PTR: Function =
    define("is_ptr", "Whether a value is a pointer.", |c| i64::from(c.args[0].ty.is_pointer()));

/// `is_str(value)`
pub static IS_STR: Function = define("is_str", "Whether a value is a text.", |c| i64::from(c.args[0].ty.is_str()));

/// `is_unsigned_integer(value)`
pub static IS_UNSIGNED_INTEGER: Function =
    define("is_unsigned_integer", "Whether a value is an unsigned integer.", |c| {
        i64::from(matches!(c.args[0].ty, Type::Int { signed: false, .. }))
    });
