//! House rules as tests, and tasks
