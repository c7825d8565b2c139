//! Random programs do the same before and after each pass and all of them, and their text
//! form parses back. `BTC_CASES` sets how many (2,000).
#![allow(clippy::disallowed_methods)]

mod generate;

use btc_ir::interp::run;
use btc_ir::machine::Machine;
use btc_ir::memory::{RegionKind, Trap};
use btc_ir::{FuncId, GlobalId, Late, LateId, MapId, Module, parse, print, validate};
use btc_opt::{FIRST, Level, ROUND, apply};

/// All that a run leaves behind.
type Seen = (Result<u64, Trap>, Vec<Vec<u8>>, Vec<Vec<(Vec<u8>, Vec<u8>)>>, Vec<u8>);

/// Fires the program twice on one machine.
fn observe(module: &Module, kfuncs: bool, fields: [u64; generate::FIELDS]) -> Vec<Seen> {
    let mut machine = Machine::default();
    machine.kfuncs = kfuncs;
    for (n, late) in module.lates.iter().enumerate() {
        if let Late::Field { path, .. } = late {
            let field = (0..generate::FIELDS as u64).find(|n| format!("{path:?}").contains(&format!("f{n}")));
            machine.lates.insert(LateId(n as u32), 8 * field.unwrap_or(0));
        }
    }
    let fire = |machine: &mut Machine| {
        let bytes = fields.iter().flat_map(|n| n.to_le_bytes()).collect();
        let ctx = machine.memory.add(RegionKind::ReadOnly, bytes);
        run(module, FuncId(0), &[ctx], machine, 100_000)
    };
    (0..2)
        .map(|_| {
            let result = fire(&mut machine);
            // A global that is no longer used is as good as zero.
            let global = machine.global_bytes(GlobalId(0)).map_or(vec![0; 16], <[u8]>::to_vec);
            let maps = (0..2).map(|n| machine.map(MapId(n)).into_iter().filter(|e| e.1 != [0; 8]).collect());
            (result, machine.records.clone(), maps.collect(), global)
        })
        .collect()
}

fn check(seed: u64, before: &Module, after: &Module, pass: &str) {
    for (kfuncs, fields) in [(true, [1, 2, 3, u64::MAX]), (false, [0, 1 << 40, 7, 0x8000_0000])] {
        let (a, b) = (observe(before, kfuncs, fields), observe(after, kfuncs, fields));
        if a.iter().any(|s| s.0 == Err(Trap::Steps)) {
            continue;
        }
        assert!(a.iter().all(|s| s.0.is_ok()), "seed {seed}: {:?}\n{}", a[0].0, print(before));
        assert_eq!(a, b, "seed {seed}, {pass}\n{}\n{}", print(before), print(after));
    }
}

#[test]
fn passes_keep_behaviour() {
    let cases = std::env::var("BTC_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(2000);
    for seed in 0..cases {
        let module = generate::module(seed);
        assert_eq!(validate(&module), [], "seed {seed}\n{}", print(&module));
        let text = print(&module);
        assert_eq!(parse(&text).as_ref(), Ok(&module), "seed {seed}\n{text}");
        let mut all = module.clone();
        btc_opt::run(&mut all, Level::Full);
        assert_eq!(validate(&all), []);
        check(seed, &module, &all, "all passes");
        assert_eq!(parse(&print(&all)).as_ref(), Ok(&all), "seed {seed}");
        // Each pass alone, behind those that it requires.
        let mut one = module.clone();
        apply(&mut one, FIRST[0]);
        let from = one.clone();
        for pass in FIRST.iter().chain(ROUND) {
            let mut one = from.clone();
            apply(&mut one, *pass);
            assert_eq!(validate(&one), [], "seed {seed}, {}", pass.0);
            check(seed, &module, &one, pass.0);
        }
    }
}
