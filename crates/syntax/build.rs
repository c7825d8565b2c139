//! Turns `grammar/bt.lalrpop` into the parser.
#![allow(clippy::disallowed_methods, reason = "a build script reads what cargo tells it")]

fn main() {
    println!("cargo:rerun-if-changed=../../grammar/bt.lalrpop");
    println!("cargo:rerun-if-changed=build.rs");
    let out = std::env::var_os("OUT_DIR").expect("cargo sets OUT_DIR");
    lalrpop::Configuration::new()
        .set_in_dir("../../grammar")
        .set_out_dir(out)
        .process()
        .expect("the grammar is in order");
}
