//! Tests that need no kernel, no root and no network; all are files under `testdata`.
#![allow(clippy::disallowed_methods)]

mod errors;
mod snapshots;
mod support;
