//! Every error and warning code, one row each.
//!
//! A code is stable: CI systems and documentation refer to it. Its test file is
//! `testdata/errors/<code>.bt`, or begins with the code and a dot.

macro_rules! codes {
    ($($variant:ident $name:literal $summary:literal;)*) => {
        /// A kind of problem.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[allow(missing_docs)]
        pub enum Code { $(#[doc = $summary] $variant,)* }

        /// All codes in the order of the table.
        pub const ALL: &[Code] = &[$(Code::$variant,)*];

        impl Code {
            /// The code as users write it, in kebab case.
            pub fn name(self) -> &'static str {
                match self { $(Code::$variant => $name,)* }
            }

            /// One line that says when it is reported.
            pub fn summary(self) -> &'static str {
                match self { $(Code::$variant => $summary,)* }
            }
        }
    };
}

codes! {
    // Lexer and parser.
    BadCharacter "bad-character" "A character that no token begins with, such as a typographic quote.";
    BadEscape "bad-escape" "An unknown escape sequence in a string.";
    BadNumber "bad-number" "A number that cannot be read or does not fit in 64 bits.";
    UnterminatedString "unterminated-string" "A string without its closing quote.";
    UnterminatedComment "unterminated-comment" "A comment without its end.";
    Syntax "syntax" "A token where the grammar wants another.";
    MissingBrace "missing-brace" "A block that is never closed.";
    TooDeep "too-deep" "Nesting beyond what the compiler accepts.";
    Preprocessor "preprocessor" "A preprocessor line that cannot be followed.";
    CDefinition "c-definition" "A C definition that cannot be read.";
    // Names.
    UnknownProbeType "unknown-probe-type" "A probe type that does not exist.";
    BadProbe "bad-probe" "An attach point that its provider does not accept.";
    MissingProbe "missing-probe" "An attach point that the target lacks.";
    UnknownName "unknown-name" "An identifier that names nothing.";
    UnknownFunction "unknown-function" "A function that does not exist.";
    UnknownVariable "unknown-variable" "A variable that is not defined here.";
    UnknownMap "unknown-map" "A map that is never assigned.";
    UnknownType "unknown-type" "A type that neither the script nor the kernel defines.";
    UnknownField "unknown-field" "A field that its type lacks.";
    UnknownArgument "unknown-argument" "An argument that the probe lacks.";
    NotInProbe "not-in-probe" "A builtin that this probe type does not offer.";
    Redefined "redefined" "A name that is defined twice.";
    // Types.
    WrongType "wrong-type" "An operand or argument of the wrong type.";
    WrongCount "wrong-count" "Too few or too many arguments.";
    MapType "map-type" "A map that is used with two kinds of keys or values.";
    BadCast "bad-cast" "A cast that has no meaning.";
    BadAssignment "bad-assignment" "An assignment to something that cannot be assigned.";
    BadFormat "bad-format" "A format string that does not fit its arguments.";
    BadLiteral "bad-literal" "An argument that must be a literal of a certain form.";
    OutOfRange "out-of-range" "A number outside of what is possible here.";
    BadLoop "bad-loop" "A loop, `break` or `continue` that makes no sense here.";
    // Everything else.
    Unsafe "unsafe" "A function that needs `--unsafe`.";
    Unsupported "unsupported" "Something that btc does not do yet.";
    BadConfig "bad-config" "A configuration entry that does not exist or has a wrong value.";
    BadImport "bad-import" "An import that cannot be found or read.";
    BadMacro "bad-macro" "A macro that is called or defined in a wrong way.";
    UserError "user-error" "A failure that the script itself asks for.";
    TooLarge "too-large" "Something beyond what BPF or the compiler can hold.";
    Internal "internal" "A mistake of the compiler.";
}
