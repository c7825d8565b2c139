//! The harness that runs test files
