//! `arg0` … `arg9`: integer arguments of the probed function, by position.

use btc_types::Type;

use crate::{Function, Kind, Lowered, Probes, Returns};

macro_rules! arguments {
    ($($name:ident $text:literal $n:literal;)*) => {$(
        /// The definition.
        pub static $name: Function = Function {
            name: $text,
            aliases: &[],
            kind: Kind::Variable,
            params: &[],
            returns: Returns::Fixed(Type::UINT64),
            probes: Probes::Arguments,
            is_unsafe: false,
            doc: "An integer argument of the probed function, counted from 0.",
            lower: |l, _| Lowered::Value(l.argument($n)),
        };
    )*};
}

arguments! {
    ARG0 "arg0" 0;
    ARG1 "arg1" 1;
    ARG2 "arg2" 2;
    ARG3 "arg3" 3;
    ARG4 "arg4" 4;
    ARG5 "arg5" 5;
    ARG6 "arg6" 6;
    ARG7 "arg7" 7;
    ARG8 "arg8" 8;
    ARG9 "arg9" 9;
}
