//! What the targets share: a kernel, objects of btc's own, and ways to damage them.

pub mod edits;
pub mod kernel;
pub mod objects;
pub mod scratch;
