//! Whatever the input: no panic, an end, and no deep tree.

use btc_diagnostics::{Code, Diagnostics, SourceMap};
use btc_syntax::{NoIncludes, Options, ast, parse};

/// More messages than this help nobody.
const MAX_ERRORS: usize = 30;

fn run(text: &str) -> (ast::Program, Diagnostics) {
    let mut sources = SourceMap::default();
    let file = sources.add("t.bt", text);
    let mut d = Diagnostics::new();
    let program = parse(&mut sources, file, &Options::default(), &mut NoIncludes, &mut d);
    let _ = ast::print(&program, true);
    for diagnostic in d.iter() {
        let _ = btc_diagnostics::render(diagnostic, &sources, false);
    }
    let head: String = text.chars().take(60).collect();
    assert!(d.iter().count() <= MAX_ERRORS, "{head}… gives too many messages");
    (program, d)
}

fn codes(text: &str) -> Vec<Code> {
    run(text).1.iter().map(|d| d.code).collect()
}

#[test]
fn deep_input_is_refused() {
    const N: usize = 10_000;
    let around = |open: &str, close: &str| format!("BEGIN {{ $x = {}1{}; }}", open.repeat(N), close.repeat(N));
    for (open, close) in [
        ("(", ")"),
        ("- ", ""),
        ("!", ""),
        ("(int8*)", ""),
        ("(x*)", ""),
        ("f(", ")"),
        ("{", "}"),
        ("1 ? 2 : ", ""),
        ("1 + ", ""),
        ("", ".a"),
        ("", "[1]"),
        ("", "++"),
        ("typeof(", ")"),
        ("sizeof(", ")"),
        ("comptime ", ""),
        ("if 1 { 1 } else { ", "}"),
        ("((", ",1))"),
        ("(a=", ")"),
        ("f(1, ", ")"),
        ("@[", "]"),
    ] {
        assert_eq!(codes(&around(open, close)), [Code::TooDeep], "{open} {close}");
    }
    let chain = format!("BEGIN {{ if (1) {{ }} {} }}", "else if (1) { }".repeat(N));
    assert_eq!(codes(&chain), [Code::TooDeep]);
    let blocks = format!("BEGIN {} {}", "{ ".repeat(N), "} ".repeat(N));
    assert_eq!(codes(&blocks), [Code::TooDeep]);
    assert_eq!(codes(&format!("BEGIN /{}1/ {{ }}", "!".repeat(N))), [Code::TooDeep]);
    assert_eq!(codes(&format!("struct s {{ {}int x;{} }};", "struct { ".repeat(N), "} x; ".repeat(N))), [Code::TooDeep]);
    assert_eq!(codes(&format!("struct s {{ int {}x; }};", "*".repeat(N))), [Code::TooDeep]);
    assert_eq!(codes(&format!("struct s {{ int {}x{}; }};", "(".repeat(N), ")".repeat(N))), [Code::TooDeep]);
    assert_eq!(codes(&format!("enum e {{ A = {}1{} }};", "(".repeat(N), ")".repeat(N))), [Code::TooDeep]);
    assert_eq!(codes(&format!("let @x = hash({}1{});", "(".repeat(N), ")".repeat(N))), [Code::TooDeep]);
    assert_eq!(codes(&format!("BEGIN {{ let $x: {}int8{}; }}", "(".repeat(N), ")".repeat(N))), [Code::TooDeep]);
    assert!(run(&format!("#if {}1{}\n#endif", "(".repeat(N), ")".repeat(N))).1.has_errors());
    assert!(run(&"#if 1\n".repeat(N)).1.has_errors());
    assert!(run(&"#if 0\n".repeat(N)).1.has_errors());
}

#[test]
fn headers_give_definitions_only() {
    let mut sources = SourceMap::default();
    let file = sources.add("t.h", "#pragma once\nint f(int a) { return a; }\nstruct s { int a; };\nextern int x;\n");
    let mut d = Diagnostics::new();
    let options = Options { header: true, ..Options::default() };
    let program = parse(&mut sources, file, &options, &mut NoIncludes, &mut d);
    assert!(d.is_empty());
    assert_eq!(ast::print(&program, false), "(struct s (field a int))\n");
}

#[test]
fn long_input_is_accepted() {
    let (program, d) = run(&format!("BEGIN {{ {} }}", "if (1) { print(1 + 2); } $x[1] = -f(1, (2)); ".repeat(5_000)));
    assert!(!d.has_errors());
    assert_eq!(program.probes[0].action.stmts.len(), 10_000);
    let long_sum = vec!["pid == 1"; 200].join(" || ");
    assert!(!run(&format!("BEGIN /{long_sum}/ {{ print((int8)1) }}")).1.has_errors());
    let list = vec!["1"; 100_000].join(", ");
    assert!(!run(&format!("BEGIN {{ f({list}); }}")).1.has_errors());
}

#[test]
fn bombs_are_refused() {
    let mut bomb = String::from("#define A0 1 1 1 1 1 1 1 1 1 1\n");
    for n in 1..40 {
        bomb.push_str(&format!("#define A{n} {}\n", format!("A{} ", n - 1).repeat(10)));
    }
    bomb.push_str("BEGIN { print(A39); }\n");
    assert!(codes(&bomb).contains(&Code::TooLarge));
    let mut chain = String::from("#define F0(x) x x\n");
    for n in 1..60 {
        chain.push_str(&format!("#define F{n}(x) F{}(x x)\n", n - 1));
    }
    chain.push_str("BEGIN { print(F59(1)); }\n");
    assert!(run(&chain).1.has_errors());
    assert!(run("#define X X\n#define Y Z\n#define Z Y\nBEGIN { print(X + Y); }").0.probes.len() == 1);
    assert!(run(&format!("#define F(x) x\nBEGIN {{ {}", "F(".repeat(50_000))).1.has_errors());
}

#[test]
fn endless_noise_ends() {
    for piece in [
        "\"", "'", "“", "/*", "/", "@", "$", "#", "\\", "\0", "é", "{", "}", "(", ")", "[", "a", "1", "0x", ".", "\"\\",
        "# ", "\n#if", "\n#define ", "\n#else", "k:x/", "k:x{/", "k:x,", "struct ", "struct{", "let @", "config={",
        "macro ", "import \"", "k:x{}", "BEGIN{1.}", "/**/", "//\n", "\r", "typeof(", "k=", "u:/", "k:x /",
    ] {
        let _ = run(&piece.repeat(30_000));
        for wrap in ["BEGIN { ", "BEGIN /", "struct x { int a", "enum x { A", "config = { ", "#define X(a) "] {
            let _ = run(&format!("{wrap}{}", piece.repeat(3_000)));
        }
    }
}

/// Cuts and joins sound scripts at odd places; a fixed sequence, so that a failure comes again.
#[test]
fn broken_scripts_do_not_panic() {
    let script = "#include <a.h>\n#define N(x) ((x) + 1)\nstruct s { int a : 3; char b[2]; struct { int c; }; } ;\n\
        config = { a = 1; b = \"x\" }\nimport \"y\";\nlet @m = hash(3);\nmacro f($x, @y, z) { z }\n\
        uprobe:/bin/x:\"a b\" , k:f /pid == 1 && (int8)2 / { let $a: uint8[3] = 5ms; $a.0.1++; \
        if (1) { print((a=1, b=(2,))) } else if comptime (2) { } for ($k : @m) { break; } $c = {1}; \
        print(sizeof(struct s *), offsetof(struct s, b), N(2), “x”, 0x1g); }\n";
    let bounds: Vec<usize> = script.char_indices().map(|(n, _)| n).collect();
    let mut seed = 12345u64;
    let mut random = |n: usize| {
        seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (seed >> 33) as usize % n
    };
    for _ in 0..4_000 {
        let mut text = String::new();
        for _ in 0..1 + random(4) {
            let (a, b) = (bounds[random(bounds.len())], bounds[random(bounds.len())]);
            text.push_str(&script[a.min(b)..a.max(b)]);
        }
        let _ = run(&text);
    }
}
