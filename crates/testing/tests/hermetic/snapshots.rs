//! Snapshots of each phase from the typed tree on, and of one script through all.
//!
//! The lexer, the parser, the text form of the IR and the optimiser's passes have theirs
//! in their own crates.

use btc_driver::Emit;
use btc_testing::check_dir;

use crate::support::{dump, object, stage};

/// One script with everything that becomes of it, to read from top to bottom.
#[test]
fn tour() {
    check_dir("tour", |case| {
        let stages = [
            ("tokens", Emit::Tokens),
            ("syntax tree", Emit::Ast),
            ("typed tree", Emit::Hir),
            ("IR as lowered", Emit::RawIr),
            ("IR after the optimiser", Emit::Ir),
            ("BPF assembly", Emit::Asm),
        ];
        let mut out = String::new();
        for (title, emit) in stages {
            out.push_str(&format!("== {title}\n{}\n", stage(case, emit).trim_end()));
        }
        out.push_str(&format!("== object\n{}", dump(&object(case))));
        out
    });
}

#[test]
fn sema() {
    check_dir("sema", |case| stage(case, Emit::Hir));
}

#[test]
fn lower() {
    check_dir("lower", |case| stage(case, Emit::RawIr));
}

#[test]
fn codegen() {
    check_dir("codegen", |case| stage(case, Emit::Asm));
}

#[test]
fn objects() {
    check_dir("object", |case| dump(&object(case)));
}
