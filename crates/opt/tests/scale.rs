//! A function of 20,000 map assignments: seconds for a linear optimiser, an hour for a quadratic one.

use std::fmt::Write;

use btc_ir::parse;
use btc_opt::{Level, run};

/// So many map assignments with an error path each, and a few hundred variables.
fn assignments(n: usize) -> String {
    let mut text = String::from("map0 = hash \"m\" key 8 value 8 max 64\n");
    text.push_str("fn0 = program \"p\" section \"kprobe/x\" {\n");
    for slot in 0..(n / 10).max(1) {
        let _ = writeln!(text, "slot{slot} = 8");
    }
    let (key, value) = ((n / 10).max(1), (n / 10).max(1) + 1);
    let _ = writeln!(text, "slot{key} = 8\nslot{value} = 8\nblock0(v0):");
    let mut v = 1;
    for at in 0..n {
        let variable = at / 10;
        let _ = writeln!(
            text,
            "v{} = const {at} v{} = slot_addr slot{variable} store.8 v{}, v{}
             v{} = slot_addr slot{key} store.8 v{}, v{} v{} = load.8 v{}
             v{} = slot_addr slot{value} store.8 v{}, v{} v{} = map_addr map0 v{} = const 0
             v{} = call helper2(v{}, v{}, v{}, v{})",
            v,
            v + 1,
            v + 1,
            v,
            v + 2,
            v + 2,
            v,
            v + 3,
            v + 1,
            v + 4,
            v + 4,
            v + 3,
            v + 5,
            v + 6,
            v + 7,
            v + 5,
            v + 2,
            v + 4,
            v + 6,
        );
        let (error, next) = (2 * at + 1, 2 * at + 2);
        let _ = writeln!(text, "br.slt v{}, v{}, block{error}, block{next}", v + 7, v + 6);
        let _ = writeln!(text, "block{error}: v{} = call helper7() jump block{next} block{next}:", v + 8);
        v += 9;
    }
    let _ = writeln!(text, "v{v} = const 0 ret v{v} }}");
    text
}

#[test]
fn long_functions() {
    let mut module = parse(&assignments(20000)).expect("the text is right");
    run(&mut module, Level::Full);
    let func = &module.functions[0];
    assert_eq!(func.slots.len(), 2, "the variables became values");
    let insts: usize = func.blocks.iter().map(|b| b.insts.len()).sum();
    // Two constants at the head, and of each assignment two stores and two calls.
    assert!(insts < 20000 * 5 + 10, "{insts}");
}
