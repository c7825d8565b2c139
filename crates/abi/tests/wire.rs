//! The bytes of the manifest: both ways, cut off, and damaged.

use btc_abi::*;
use wire::{decode, encode};

fn int(size: u8, signed: bool) -> Encoding {
    Encoding::Int { size, signed }
}

fn field(name: &str, offset: u32, encoding: Encoding) -> Field {
    Field { name: name.into(), offset, encoding }
}

fn all_attaches() -> Vec<Attach> {
    vec![
        Attach::Begin,
        Attach::End,
        Attach::SelfSignal { signal: "SIGUSR1".into() },
        Attach::Test { name: "t".into() },
        Attach::Bench { name: "b".into() },
        Attach::Tracepoint { category: "syscalls".into(), event: "sys_enter_*".into() },
        Attach::RawTracepoint { module: "m".into(), event: "sched_switch".into(), typed: true },
        Attach::Kprobe { module: "m".into(), function: "f".into(), offset: 4, ret: true },
        Attach::Fentry { module: String::new(), function: "f".into(), ret: false },
        Attach::Uprobe { path: "libc".into(), symbol: "exit".into(), offset: 0, ret: false, demangle: true },
        Attach::Usdt { path: "libc".into(), provider: "p".into(), name: "n".into() },
        Attach::Interval { unit: ClockUnit::Nanoseconds, value: 1_000_000 },
        Attach::Profile { unit: ClockUnit::Hertz, value: 99 },
        Attach::Software { event: "page-faults".into(), count: 1 },
        Attach::Hardware { event: "cache-misses".into(), count: 0 },
        Attach::FentryProgram { id: 7, name: "p*".into(), ret: true },
        Attach::SourceLine { path: "libc".into(), file: "exit.c".into(), line: 7, column: 0 },
        Attach::Watchpoint { address: u64::MAX, length: 8, mode: "rw".into() },
        Attach::Iter { kind: "task".into(), pin: String::new() },
    ]
}

fn all_encodings() -> Vec<Encoding> {
    let mut all = vec![
        int(8, true),
        Encoding::Bits { size: 4, signed: true, bits: BitRange { start: 3, width: 5 } },
        Encoding::Bool,
        Encoding::Pointer,
        Encoding::Str { capacity: 64, cut_mark: true },
        Encoding::Buffer { capacity: 16 },
        Encoding::Array { element: Box::new(int(2, false)), count: 3, stride: 2 },
        Encoding::Tuple(vec![field("", 0, int(1, false)), field("", 8, Encoding::Tuple(vec![]))]),
        Encoding::Record(vec![field("a", 0, Encoding::Mac)]),
        Encoding::Enum { size: 4, signed: false, names: 0 },
        Encoding::Inet,
        Encoding::Timestamp { format: "%H".into(), clock: TimestampClock::Tai },
        Encoding::KernelSymbol,
        Encoding::UserSymbol,
        Encoding::ProbeName,
        Encoding::ProbeFunction,
        Encoding::Username,
        Encoding::CgroupPath { pattern: "*".into() },
        Encoding::ErrorText,
        Encoding::SignalName,
        Encoding::SyscallName,
        Encoding::KernelRecord { name: "list_head".into(), union: false, size: 16 },
        Encoding::Constant("c".into()),
    ];
    for mode in [StackMode::Bpftrace, StackMode::Perf, StackMode::Raw, StackMode::BuildId] {
        all.push(Encoding::KernelStack { mode, table: 0 });
        all.push(Encoding::UserStack { mode, table: 1 });
    }
    all
}

fn all_actions() -> Vec<Action> {
    let spec = FormatSpec { left: true, width: Some(0), precision: Some(7), size: 8, ..FormatSpec::default() };
    let segments = vec![Segment::Text(b"a\xff".to_vec()), Segment::Value { field: 1, spec }];
    vec![
        Action::Printf(segments.clone()),
        Action::Errorf(segments.clone()),
        Action::Warnf(vec![]),
        Action::PrintValue,
        Action::PrintMap { map: 1, top: 2, div: u64::MAX, take: true },
        Action::PrintMapElement { map: 0 },
        Action::Clear { map: 300, printed: Some(0) },
        Action::Zero { map: 0 },
        Action::Exit,
        Action::Time("%T".into()),
        Action::Join(" ".into()),
        Action::Cat(segments.clone()),
        Action::System(segments),
        Action::RuntimeWarning("w".into()),
        Action::Packet { path: "p".into() },
        Action::Unwatch,
        Action::Fail("f".into()),
    ]
}

fn all_maps() -> Vec<Map> {
    let reduces = vec![
        Reduce::Last,
        Reduce::Count,
        Reduce::Sum { signed: true },
        Reduce::Min { signed: false },
        Reduce::Max { signed: true },
        Reduce::Avg { signed: true },
        Reduce::Stats { signed: true },
        Reduce::Hist { bits: 5 },
        Reduce::LHist { min: -10, max: 10, step: 2 },
        Reduce::TSeries { interval: 1, buckets: 2, aggregation: "avg".into(), signed: true },
    ];
    let map = |reduce| Map {
        name: "@m".into(),
        symbol: "m".into(),
        kind: MapKind::LruPerCpuHash,
        key: Some(int(8, false)),
        short_key: Some(Encoding::Pointer),
        multi_key: true,
        value: int(4, true),
        reduce,
        max_entries: 4096,
        default_size: true,
        value_size: 8,
        printed: true,
    };
    reduces.into_iter().map(map).collect()
}

fn all_params() -> Vec<Param> {
    let param = |kind, ty| Param {
        kind,
        ty,
        symbol: "a".into(),
        text_symbol: "b".into(),
        text_capacity: 64,
        default: "d".into(),
        help: "h".into(),
        fixed: true,
    };
    vec![
        param(ParamKind::Positional(1), ParamType::Int),
        param(ParamKind::Count, ParamType::Bool),
        param(ParamKind::Named("x".into()), ParamType::Str),
        param(ParamKind::Positional(0), ParamType::Any),
    ]
}

fn all_globals() -> Vec<GlobalValue> {
    vec![
        GlobalValue::ChildPid,
        GlobalValue::HasChild,
        GlobalValue::Cpus,
        GlobalValue::StartTime,
        GlobalValue::OwnPid,
        GlobalValue::PidNamespaceDevice,
        GlobalValue::PidNamespaceInode,
        GlobalValue::KfuncAllowed { name: "bpf_rdonly_cast".into(), provider: "kprobe".into() },
        GlobalValue::KernelAddress("k".into()),
        GlobalValue::ShortKeys,
        GlobalValue::Constant("C".into(), -4),
        GlobalValue::CgroupId("/".into()),
        GlobalValue::UserAddress("p".into(), "s".into()),
        GlobalValue::RealtimeOffset,
        GlobalValue::TaiOffset,
        GlobalValue::Extent,
        GlobalValue::ParentOffset,
        GlobalValue::ProcessOffset,
    ]
}

fn all_refusals() -> Vec<Refused> {
    vec![
        Refused::Machine,
        Refused::Register("r".into()),
        Refused::KernelSymbol("k".into()),
        Refused::FunctionAddress,
        Refused::Release { what: "nsecs(tai)".into(), since: "6.1".into() },
        Refused::LongKey { map: "@m".into() },
        Refused::StaticArgument { program: "p".into(), index: 3, signed: true },
        Refused::Layout { record: "struct s".into(), bytes: 64 },
        Refused::Room { record: "struct s".into(), bytes: 64 },
        Refused::Field { field: "s.f".into(), ty: "uint32".into() },
        Refused::Type { record: "struct s".into() },
        Refused::Decided,
    ]
}

/// A manifest with every variant in it.
fn named_argument() -> NamedArgument {
    let (of, shape) = (Typed::RawTracepoint { event: "e".into() }, Shape::Int { size: 4, signed: true });
    NamedArgument { program: "p".into(), of, name: "a".into(), shape, all: "a,b".into() }
}

fn everything() -> Manifest {
    let place = Place { file: 0, line: 1, column: 2, end_line: 3, end_column: 400 };
    let probe = |attach| Probe {
        name: "begin".into(),
        program: "p".into(),
        attach,
        missing: Missing::Warn,
        identity: ProbeIdentity::Dynamic,
        place: place.clone(),
        clause: 3,
        table: "t".into(),
    };
    let record = |action| Record {
        action,
        size: 64,
        fields: all_encodings().into_iter().map(|e| field("f", 8, e)).collect(),
        place: place.clone(),
    };
    let kinds = [
        RequirementKind::Helper,
        RequirementKind::Kfunc,
        RequirementKind::Type,
        RequirementKind::Field,
        RequirementKind::EnumValue,
        RequirementKind::Kernel,
        RequirementKind::Unsafe,
    ];
    let patch = |value| Patch { program: "p".into(), insn: 9, value };
    let argument = |of, shape, part| patch(PatchValue::Argument { of, name: "a".into(), shape, part });
    Manifest {
        compiler: "btc 0.1".into(),
        sources: vec![
            Source { name: "é.bt".into(), hash: [7; 32], text: Some(String::new()) },
            Source::default(),
        ],
        requirements: kinds.map(|kind| Requirement { kind, name: "n".into(), optional: true }).to_vec(),
        probes: all_attaches().into_iter().map(probe).collect(),
        params: all_params(),
        globals: all_globals().into_iter().map(|value| Global { symbol: "g".into(), value, place: Some(place.clone()) }).collect(),
        maps: all_maps(),
        stacks: vec![Stacks { symbol: "s".into(), frames: 127 }],
        records: all_actions().into_iter().map(record).collect(),
        enums: vec![EnumNames { name: "e".into(), variants: vec![(-1, "MINUS".into()), (0, "ZERO".into())], kernel: true }],
        exact: true,
        named: vec![named_argument()],
        reads: vec![Read { record: "struct s".into(), path: "a.b[2]".into(), ty: "*struct t".into(), place: place.clone() }],
        refusals: all_refusals().into_iter().map(|what| Refusal { what, place: place.clone() }).collect(),
        losses: vec![Loss { kind: LossKind::Helper, place, subject: "bpf_x".into() }],
        patches: vec![
            patch(PatchValue::ProbeIdentity),
            patch(PatchValue::SyscallTable),
            patch(PatchValue::UsdtArgument { index: 2, part: UsdtPart::Shift }),
            argument(
                Typed::Function { module: "m".into(), function: "f".into() },
                Shape::Int { size: 4, signed: true },
                ArgumentPart::Extend,
            ),
            argument(
                Typed::RawTracepoint { event: "e".into() },
                Shape::Pointer { to: "struct s".into() },
                ArgumentPart::Offset,
            ),
            argument(
                Typed::Tracepoint { category: "c".into(), event: "e".into() },
                Shape::Field { spelling: "u8[4]".into(), size: 4, signed: false },
                ArgumentPart::Offset,
            ),
            argument(
                Typed::RawTracepoint { event: "e".into() },
                Shape::Record { name: "struct s".into(), size: 16 },
                ArgumentPart::Direct,
            ),
        ],
        settings: vec![("max_map_keys".into(), "7".into())],
    }
}

#[test]
fn everything_comes_back() {
    let manifest = everything();
    assert_eq!(decode(&encode(&manifest)).unwrap(), manifest);
    assert_eq!(decode(&encode(&Manifest::default())).unwrap(), Manifest::default());
}

#[test]
fn every_prefix_is_refused_or_smaller() {
    let manifest = everything();
    let bytes = encode(&manifest);
    for end in 0..bytes.len() {
        if let Ok(part) = decode(&bytes[..end]) {
            assert_ne!(part, manifest, "{end}");
        }
    }
}

#[test]
fn mutations_never_panic() {
    let original = encode(&everything());
    let mut seed = 0x9e37_79b9_7f4a_7c15u64;
    let mut next = |limit: usize| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        (seed % limit as u64) as usize
    };
    for _ in 0..10_000 {
        let mut bytes = original.clone();
        for _ in 0..=next(4) {
            let at = next(bytes.len());
            match next(4) {
                0 => bytes[at] ^= 1 << next(8),
                1 => bytes[at] = [0, 1, 0x7f, 0x80, 0xff][next(5)],
                2 => bytes.insert(at, next(256) as u8),
                _ => {
                    bytes.remove(at);
                }
            }
        }
        if let Ok(manifest) = decode(&bytes) {
            // What is read can be written, and comes back.
            assert_eq!(decode(&encode(&manifest)).unwrap(), manifest);
        }
    }
}

#[test]
fn the_bytes_are_these() {
    let manifest = Manifest {
        compiler: "c".into(),
        globals: vec![Global { symbol: "g".into(), value: GlobalValue::KernelAddress("k".into()), place: None }],
        stacks: vec![Stacks { symbol: "s".into(), frames: 0x0201 }],
        ..Manifest::default()
    };
    #[rustfmt::skip]
    let expected = [
        b'b', b't', b'c', b'M', 2, 0, 0, 0, // magic, 2.0
        1, 1, b'c',                         // 1 compiler
        6, 10, 9,                           // 6 globals, one of 9 bytes
            1, 1, b'g',                     //   1 symbol
            2, 4, 8, 1, 1, b'k',            //   2 value: variant 8, its field 1
        8, 8, 7,                            // 8 stacks, one of 7 bytes
            1, 1, b's',
            2, 2, 1, 2,                     //   2 frames, least byte first
    ];
    assert_eq!(encode(&manifest), expected);
}

#[test]
fn unknown_fields_are_skipped() {
    let mut bytes = encode(&Manifest::default());
    bytes.extend([99, 2, 1, 2]);
    assert_eq!(decode(&bytes).unwrap(), Manifest::default());
}

#[test]
fn unknown_variants_are_named() {
    let mut bytes = encode(&Manifest::default());
    // 3 requirements, one of 3 bytes: 1 kind, variant 77.
    bytes.extend([3, 4, 3, 1, 1, 77]);
    let error = decode(&bytes).unwrap_err().to_string();
    assert!(error.contains("RequirementKind") && error.contains("77"), "{error}");
}

#[test]
fn other_versions_and_other_files_are_refused() {
    let mut bytes = encode(&Manifest::default());
    bytes[4] = 9;
    assert!(decode(&bytes).unwrap_err().to_string().contains("format 9."));
    assert!(decode(b"\x7fELF\x02\x01\x01\x00").is_err());
    assert!(decode(b"").is_err());
    // A later minor version is fine.
    let mut bytes = encode(&Manifest::default());
    bytes[6] = 200;
    assert!(decode(&bytes).is_ok());
}

#[test]
fn nesting_is_limited() {
    let nest = |depth| {
        let mut encoding = Encoding::Bool;
        for _ in 0..depth {
            encoding = Encoding::Array { element: Box::new(encoding), count: 1, stride: 1 };
        }
        let fields = vec![field("", 8, encoding)];
        let record = Record { action: Action::PrintValue, size: 16, fields, place: Place::default() };
        encode(&Manifest { records: vec![record], ..Manifest::default() })
    };
    assert!(decode(&nest(31)).is_ok());
    assert!(decode(&nest(32)).unwrap_err().to_string().contains("nested"));
    assert!(decode(&nest(2000)).is_err());
}

#[test]
fn huge_lengths_cost_nothing() {
    let mut bytes = encode(&Manifest::default());
    bytes.extend([4, 0xff, 0xff, 0xff, 0xff, 0x0f]);
    assert!(decode(&bytes).is_err());
}

/// A byte makes an item of a list, and an item is some hundred bytes: their number has a bound, whatever the lists.
#[test]
fn lists_have_a_bound() {
    let list = |number: u8, items: usize| {
        let mut bytes = wire::encode(&Manifest::default());
        bytes.push(number);
        // A length of four bytes, and as many items of no bytes.
        bytes.extend([items as u8 | 0x80, (items >> 7) as u8 | 0x80, (items >> 14) as u8 | 0x80, (items >> 21) as u8]);
        bytes.extend(vec![0; items]);
        bytes
    };
    let most = wire::MAX_ITEMS as usize;
    let mut bounded = 0;
    for number in 1..=30 {
        let (fine, more) = (wire::decode(&list(number, most)), wire::decode(&list(number, most + 1)));
        // Some fields are no lists, and some items may not be empty.
        if fine.is_ok() && more.is_err() {
            assert!(more.unwrap_err().to_string().contains("more than"), "field {number}");
            bounded += 1;
        }
    }
    assert!(bounded > 0, "no list has a bound");
}
