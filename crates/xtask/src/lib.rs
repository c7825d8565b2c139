//! House rules as tests, and tasks
//!
//! The tasks are behind `cargo xtask`: what a fresh machine needs, static binaries, Debian's
//! kernels, throw-away guests, and the tests that run in them. Nothing here depends on the
//! compiler's crates, so that `cargo xtask setup` builds on a machine that lacks all else.

pub mod apt;
pub mod archives;
pub mod attach_bench;
pub mod binding;
pub mod cases;
pub mod conformance;
pub mod demo;
pub mod expect;
pub mod fuzz;
pub mod guest;
pub mod guest_test;
pub mod image;
pub mod initramfs;
pub mod kernels;
pub mod modules;
pub mod mutants;
pub mod oneliners;
pub mod options;
pub mod payload;
pub mod programs;
pub mod random;
pub mod report;
pub mod results;
pub mod scripts;
pub mod setup;
pub mod shell;
pub mod sid;
pub mod soak;
pub mod suite;
pub mod tools;
