//! Tests that need no kernel, no root and no network; most cases are files under `testdata`.

mod agree;
mod effects;
mod errors;
mod guard;
mod interleavings;
mod lies;
mod newer;
mod objects;
mod ranges;
mod snapshots;
mod support;
mod tables;
mod user_types;
