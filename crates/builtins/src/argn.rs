//! `arg0` … `arg9`: integer arguments of the probed function, by position.

use btc_diagnostics::{Code, Diagnostic};
use btc_target::arch;
use btc_types::Type;

use crate::{Check, Function, Kind, Lowered, Probes, Returns};

macro_rules! arguments {
    ($($name:ident $text:literal $n:literal;)*) => {$(
        /// The definition.
        pub static $name: Function = Function {
            name: $text,
            aliases: &[],
            kind: Kind::Variable,
            params: &[],
            returns: Returns::Infer(|c| check(c, $n)),
            probes: Probes::Arguments,
            is_unsafe: false,
            doc: "An integer argument of the probed function, counted from 0. Of those that the machine passes in memory \
                  (from `arg6` on x86-64, from `arg8` elsewhere) only the entry of a function tells the place.",
            lower: |l, call| Lowered::Value(l.argument($n, call.ty.is_signed())),
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

fn check(c: &mut Check, n: u32) -> Type {
    if !c.probe.is_entry && n >= arch::register_arguments() {
        let message = format!("`arg{n}` may be in memory, and only at the entry of a function it is known where");
        let help = "probe the function itself, without an offset, and keep the argument in a map keyed by `tid`";
        c.diagnostics.push(Diagnostic::error(Code::NotInProbe, c.span, message).help(help));
    }
    if (c.has_sign)(n) { Type::INT64 } else { Type::UINT64 }
}
