//! Ids: newtypes over `u32` that print as they are spelled in the text form.

use std::fmt;

macro_rules! entity {
    ($($(#[$doc:meta])* $name:ident $prefix:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u32);

        impl $name {
            /// The id as an index.
            pub fn index(self) -> usize {
                self.0 as usize
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "{}"), self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    )*};
}

entity! {
    /// A 64-bit SSA value.
    Value "v";
    /// A basic block.
    Block "block";
    /// A stack object.
    Slot "slot";
    /// An object in per-CPU scratch memory.
    ScratchId "scratch";
    /// A BPF map.
    MapId "map";
    /// A global variable.
    GlobalId "global";
    /// A kernel function.
    KfuncId "kfunc";
    /// A late constant.
    LateId "late";
    /// A function of the module.
    FuncId "fn";
}
