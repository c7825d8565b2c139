//! The harness that runs test files, and a kernel that is always the same.
//!
//! [`check_dir`] turns every file of a folder of `testdata` into a snapshot beside it;
//! [`Fixture`] is the cut-out of a kernel under `testdata/target`, made by [`cut`].

pub mod cut;
mod directory;
mod fixture;

pub use directory::{Case, check_dir, testdata};
pub use fixture::Fixture;
