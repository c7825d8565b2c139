//! Keys, values and tuples of many parts load: what is different on two ways to a part, as where a map has no such entry, does
//! not double the ways for the verifier.

mod support;

use support::{btc, text, unfit};

/// What parts are put into.
const WHOLES: &[&str] = &["@value = (PARTS);", "@key[PARTS] = 1;", "@counted[PARTS] = count();", "$v = (PARTS); print($v); @copy = $v;"];

/// Parts, `N` a number that is another for each.
const PARTS: &[&str] = &[
    "(int8)@b[N]", "@b[N]", "(uint16)@b[N]", "(bool)@b[N]", "-(int32)@b[N]", "!@b[N]", "@b[N]++", "@b[N] < @b[100]", "@b[N] && pid",
    "@b[N] || pid > 3", "@b[N] ? 1 : 0", "@b[N] ? (int8)3 : (int8)0", "pid > N ? tid : 0", "@b[N] / @b[50]", "10 % @b[N]",
    "has_key(@b, N)", "(int64)@c[N]", "(int64)@average[N]", "@b[N] ? \"abc\" : \"\"", "@text[N]", "@word[N]", "@text[N] == @text[2]",
    "str((uint64)@b[N])", "str((uint64)@b[N], 8)", "str((uint64)@b[N]) == \"ab\"", "strstr(@text[N], \"b\")", "str_concat(\"a\", @text[N])",
    "\"hello\"[(uint64)@b[N] & 3]", "buf(\"ab\", (uint64)@b[N] & 7)", "@pair[N]", "@pair[N].0", "@bytes[N]", "@bytes[N].1", "@record[N].b",
    "(@b[N], (int8)@m[N])", "((uint8[2])(uint16)@b[N])[1]", "*(uint8 *)(uint64)@b[N]", "((struct task_struct *)(uint64)@b[N])->pid",
    "(int8)((struct task_struct *)(uint64)@b[N])->exit_code", "((struct task_struct *)(uint64)@b[N])->comm",
];

const TYPES: &str = "@m[0] = (int8)1; @b[0] = (int64)nsecs; @c[0] = count(); @average[0] = avg(1); @text[0] = \"abc\"; @word[0] = \"ab\"; \
                     @pair[0] = ((int8)1, (int64)2); @bytes[0] = ((int8)1, (int8)2); @record[0] = (a=(int8)1, b=(int8)3, c=(int16)9);";

/// Twenty-four doublings are sixteen million ways.
const MANY: usize = 24;

#[test]
fn many_parts_load() {
    if let Some(reason) = unfit() {
        return println!("skipped: {reason}");
    }
    let mut bad = Vec::new();
    for (whole, part) in WHOLES.iter().flat_map(|whole| PARTS.iter().map(move |part| (whole, part))) {
        let parts: Vec<String> = (0..MANY).map(|n| part.replace('N', &n.to_string())).collect();
        let script = format!("BEGIN {{ {TYPES} {} }}", whole.replace("PARTS", &parts.join(", ")));
        let run = btc(&["run", "--dry-run", "-e", &script]);
        if !run.status.success() {
            bad.push(format!("{whole} of {part}: {}", text(&run.stderr).lines().next().unwrap_or_default()));
        }
    }
    assert!(bad.is_empty(), "{} of {}:\n{}", bad.len(), WHOLES.len() * PARTS.len(), bad.join("\n"));
}
