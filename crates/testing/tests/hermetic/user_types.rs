//! Types, parameters and lines of a user binary, from sections that are committed as they came from the compiler,
//! and from the same sections damaged.

use btc_dwarf::{DebugInfo, Line};
use btc_target::{Place, Sections, Source, UserTypes};
use btc_testing::Fixture;
use btc_types::{Origin, RecordType, Type};

fn sections() -> Sections {
    Fixture::new().debug_info("/bin/user").expect("sections").expect("some")
}

fn types(sections: Sections) -> Result<UserTypes, String> {
    UserTypes::new("/bin/user", sections)
}

fn places(symbol: &str) -> Vec<(String, Option<Place>)> {
    let parameters = types(sections()).and_then(|t| t.parameters(symbol)).expect("types").expect("the function");
    parameters.into_iter().map(|p| (format!("{} {}", p.spelling, p.name), p.place)).collect()
}

#[test]
fn parameters_are_where_the_calling_convention_puts_them() {
    let register = |n| Some(Place::Register(n));
    let named = |all: &[(&str, Option<Place>)]| -> Vec<(String, Option<Place>)> {
        all.iter().map(|(name, place)| ((*name).to_string(), *place)).collect()
    };
    let plain = [
        ("struct person* p", register(0)),
        ("int n", register(1)),
        ("const char* text", register(2)),
        ("size u", register(3)),
        ("enum color c", register(4)),
        ("untagged* a", register(5)),
        ("int seventh", Some(Place::Stack(8))),
        ("char eighth", Some(Place::Stack(16))),
    ];
    assert_eq!(places("plain"), named(&plain));
    let passed = [
        ("struct point p", None),
        ("double d", None),
        ("_Bool b", register(1)),
        ("struct mixed m", None),
        ("struct large l", None),
        ("long int last", register(3)),
    ];
    assert_eq!(places("passed"), named(&passed));
    assert_eq!(places("returned"), named(&[("long int n", register(1))]));
    let head = [
        ("struct list_head* h", register(0)),
        ("long double far", None),
        ("int behind", register(1)),
        ("__int128 wide", None),
        ("unsigned char c", register(4)),
    ];
    assert_eq!(places("head"), named(&head));
}

#[test]
fn other_machines_pass_otherwise() {
    let of = |machine, symbol: &str| -> Vec<Option<Place>> {
        let types = types(Sections { machine, ..sections() }).expect("types");
        let parameters = types.parameters(symbol).expect("no error").expect("the function");
        parameters.into_iter().map(|p| p.place).collect()
    };
    let register = |n| Some(Place::Register(n));
    // AAPCS64: eight registers; a large record is passed by its address, the address of a large result elsewhere.
    assert_eq!(of(183, "plain"), (0..8).map(register).collect::<Vec<_>>());
    assert_eq!(of(183, "passed"), [None, None, register(1), None, None, register(5)]);
    assert_eq!(of(183, "returned"), [register(0)]);
    // RISC-V: nothing is told behind what is not counted.
    assert_eq!(of(243, "passed"), [None; 6]);
    assert_eq!(of(243, "returned"), [register(1)]);
    // A machine that btc does not know.
    assert_eq!(of(8, "plain"), [None; 8]);
}

/// A field as text: bits from the start, width, type.
fn field(types: &UserTypes, record: &RecordType, name: &str) -> String {
    let layout = types.layout(record).expect("a layout");
    let field = layout.field(name).expect("the field");
    let bits = field.bits.map(|b| format!(" :{b}")).unwrap_or_default();
    format!("{}{bits} {}", field.bit_offset, field.ty)
}

#[test]
fn records_are_laid_out_as_in_the_file() {
    let types = types(sections()).expect("types");
    let person = types.record("person", false).expect("the struct");
    assert_eq!((person.size, &person.origin), (112, &Origin::Binary("/bin/user".into())));
    let wanted = [
        ("name", "0 int8 *"),
        ("at", "96 struct point"),
        ("tag", "192 string[8]"),
        ("hi", "259 :5 uint32"),
        ("next", "320 struct person *"),
        ("letter", "384 int8"),
        ("small", "416 int16[3]"),
        ("table", "480 int32[3][2]"),
        ("hidden", "704 struct opaque *"),
        ("call", "768 void *"),
        ("weight", "832 uint8[4]"),
    ];
    for (name, want) in wanted {
        assert_eq!(field(&types, &person, name), want, "{name}");
    }
    let Some(Type::Record(untagged)) = types.named("untagged") else { panic!("a typedef of a struct") };
    assert_eq!(field(&types, &untagged, "l"), "64 int64");
    assert_eq!(types.named("size"), Some(Type::UINT64));
    assert_eq!(types.record("nobody", false), None);
    let color = types.enumeration("color").expect("the enum");
    assert_eq!(color.variants.iter().map(|(n, v)| format!("{n}={v}")).collect::<String>(), "RED=0GREEN=5BLUE=6BELOW=-1");
    assert!(color.signed);
}

#[test]
fn lines_begin_at_the_lowest_address() {
    let info = DebugInfo::new(sections()).expect("debug information");
    let at = |file, line, column| info.addresses(&Line { file, line, column }).expect("no error");
    let text = std::fs::read_to_string(btc_testing::testdata("target/user/user.c")).expect("the source");
    let line = text.lines().position(|l| l.contains("return p.x")).expect("the line") as u64 + 1;
    // `objdump -d` of the library that the sections come from.
    assert_eq!(at("user.c", line, 0), Some(vec![0x1118]));
    assert_eq!(at("/src/user.c", line, 5), Some(vec![0x1118]));
    assert_eq!(at("user.c", line, 99), Some(vec![]));
    assert_eq!(at("user.c", 9999, 0), Some(vec![]));
    assert_eq!(at("other.c", line, 0), None);
}

/// Asks everything there is to ask. What comes is no matter, as long as something comes.
fn ask_all(sections: Sections) {
    if let Ok(info) = DebugInfo::new(sections.clone()) {
        let _ = info.addresses(&Line { file: "user.c", line: 40, column: 0 });
    }
    let Ok(types) = types(sections) else { return };
    for symbol in ["plain", "passed", "returned", "head"] {
        let _ = types.parameters(symbol);
    }
    for name in ["person", "point", "mixed", "large"] {
        if let Some(layout) = types.record(name, false).and_then(|r| types.layout(&r)) {
            let inside = |f: &btc_target::FieldInfo| f.bit_offset / 8 + f.bits.map_or(f.ty.size(), |b| b / 8) <= layout.ty.size;
            assert!(layout.fields.iter().all(inside), "{layout:?}");
        }
    }
    let _ = (types.named("untagged"), types.enumeration("color"));
}

#[test]
fn damaged_sections_are_refused_or_read() {
    let whole = sections();
    for section in 0..whole.contents.len() {
        for at in 0..whole.contents[section].1.len() {
            for value in [0, 0x7f, 0xff, whole.contents[section].1[at] ^ 1] {
                let mut damaged = whole.clone();
                damaged.contents[section].1[at] = value;
                ask_all(damaged);
            }
            let mut cut = whole.clone();
            cut.contents[section].1.truncate(at);
            ask_all(cut);
        }
    }
}
