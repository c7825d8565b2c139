//! The interpreter on small programs.

use btc_ir::interp::run;
use btc_ir::machine::Machine;
use btc_ir::memory::{RegionKind, Trap};
use btc_ir::{FuncId, MapId, Module, parse, validate};

fn module(text: &str) -> Module {
    let module = parse(text).expect("the text is right");
    assert_eq!(validate(&module), []);
    module
}

const COUNT: &str = r#"
map0 = hash "reads" key 8 value 8 max 2
map1 = ringbuf "events" key 0 value 0 max 4096
global0 = rodata "three" bytes "03000000"
fn0 = program "p" section "kprobe/x" {
  slot0 = 8
  slot1 = 8
block0(v0):
  v1 = load.8 v0
  v2 = slot_addr slot0
  store.8 v2, v1
  v3 = map_addr map0
  v4 = call helper1(v3, v2)
  v5 = const 0
  br.eq v4, v5, block1, block2
block1:
  v6 = slot_addr slot1
  v7 = const 1
  store.8 v6, v7
  v8 = call helper2(v3, v2, v6, v5)
  ret v8
block2:
  v9 = const 1
  atomic_add.8 v4, v9
  v10 = map_addr map1
  v11 = const 12
  v12 = call helper131(v10, v11, v5)
  br.eq v12, v5, block3, block4
block3:
  ret v5
block4:
  v13 = load.8 v4
  store.8 v12, v13
  v14 = global_addr global0
  copy v12+8, v14, 4
  v15 = call helper132(v12, v5)
  ret v13
}
"#;

#[test]
fn maps_and_records() {
    let module = module(COUNT);
    let mut machine = Machine::default();
    let mut fire = |key: u64| {
        let ctx = machine.memory.add(RegionKind::ReadOnly, key.to_le_bytes().to_vec());
        run(&module, FuncId(0), &[ctx], &mut machine, 1000)
    };
    assert_eq!(fire(5), Ok(0));
    assert_eq!(fire(5), Ok(2));
    assert_eq!(fire(6), Ok(0));
    assert_eq!(fire(7), Ok(-7i64 as u64));
    assert_eq!(machine.records, [[2, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0]]);
    let keys: Vec<u8> = machine.map(MapId(0)).into_iter().map(|(key, _)| key[0]).collect();
    assert_eq!(keys, [5, 6]);
}

fn trap(body: &str) -> Trap {
    let text = format!("fn0 = subprogram \"f\" {{ slot0 = 8\nblock0: {body} }}");
    let mut machine = Machine::default();
    run(&module(&text), FuncId(0), &[], &mut machine, 100).expect_err("it traps")
}

#[test]
fn traps() {
    assert!(matches!(trap("v0 = slot_addr slot0 v1 = load.8 v0 ret v1"), Trap::Uninitialised(_)));
    let past = "v0 = slot_addr slot0 v1 = const 8 v2 = add v0, v1 v3 = load.1 v2 ret v3";
    assert!(matches!(trap(past), Trap::OutOfBounds { len: 1, .. }));
    assert_eq!(trap("jump block1 block1: jump block1"), Trap::Steps);
    assert!(matches!(trap("v0 = call fn0() ret v0"), Trap::Depth));
    assert!(matches!(trap("v0 = call helper9999() ret v0"), Trap::Missing(_)));
}

#[test]
fn callbacks() {
    let text = r#"
fn0 = subprogram "f" { slot0 = 8
block0:
  v0 = slot_addr slot0
  v1 = const 0
  store.8 v0, v1
  v2 = const 10
  v3 = func_addr fn1
  v4 = call helper181(v2, v3, v0, v1)
  v5 = load.8 v0
  ret v5
}
fn1 = callback "g" {
block0(v0, v1):
  v2 = load.8 v1
  v3 = add v2, v0
  store.8 v1, v3
  v4 = const 5
  v5 = cmp.eq v0, v4
  ret v5
}"#;
    let mut machine = Machine::default();
    assert_eq!(run(&module(text), FuncId(0), &[], &mut machine, 1000), Ok(15));
}

#[test]
fn probe_reads() {
    let text = r#"
fn0 = subprogram "f" { slot0 = 16
block0(v0):
  v1 = slot_addr slot0
  v2 = const 16
  v3 = call helper115(v1, v2, v0)
  ret v3
}"#;
    let mut machine = Machine::default();
    let text_at = machine.memory.add(RegionKind::ReadOnly, b"hello\0".to_vec());
    let module = module(text);
    assert_eq!(run(&module, FuncId(0), &[text_at], &mut machine, 100), Ok(6));
    assert_eq!(run(&module, FuncId(0), &[0], &mut machine, 100), Ok(-14i64 as u64));
}
