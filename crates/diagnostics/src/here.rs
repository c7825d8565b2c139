//! Which part of the script is being compiled: the place of what goes wrong in the compiler itself.

use std::cell::Cell;

use crate::{FileId, Span};

thread_local! {
    static HERE: Cell<Span> = const { Cell::new(Span { file: FileId(0), start: 0, end: 0 }) };
}

/// Notes what this thread compiles from now on.
pub fn enter(span: Span) {
    HERE.set(span);
}

/// What this thread compiles.
pub fn current() -> Span {
    HERE.get()
}
