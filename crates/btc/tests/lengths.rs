//! `buf()` with more bytes than a value has: what is in the script's own memory ends there, and the script is told.

mod support;

use support::{btc, text};

#[test]
fn a_length_beyond_the_scripts_own_value_is_told() {
    let compile = |action: &str| {
        let declared = "struct n { uint8 n[2]; uint8 more[6]; };\nBEGIN { $a = (uint64)1; $p = (struct n *)&$a; ";
        let output = btc(&["compile", "--emit", "ir", "-e", &format!("{declared}{action} }}")]);
        assert!(output.status.success(), "{}", text(&output.stderr));
        text(&output.stderr)
    };
    for (action, bytes) in [("$k = $p->n; print(buf($k, 6));", 2), ("@k = $p->n; print(buf(@k, 6));", 2), ("print(buf(\"abc\", 6));", 3)] {
        let told = compile(action);
        assert!(told.contains(":2:") && told.contains("WARNING") && told.contains(&format!("takes {bytes} bytes")), "{action}: {told}");
    }
    for action in ["print(buf($p->n, 6));", "print(buf($p->n, 2));", "print(buf($p->n));", "$k = $p->n; print(buf($k, 2));"] {
        assert_eq!(compile(action), "", "{action}");
    }
}
