//! Indices beyond an array, and numbers of all signs in one place.

mod support;

use support::{btc, text, unfit};

fn run(script: &str) -> (String, String) {
    let output = btc(&["-q", "-e", script]);
    let messages = text(&output.stderr);
    assert!(output.status.success(), "{messages}");
    (text(&output.stdout), messages)
}

/// An index that is known only when the program runs reads nothing beyond the array: that is a failed read. A pointer
/// goes wherever it is told to.
#[test]
fn an_index_beyond_an_array_is_a_failed_read() {
    if let Some(reason) = unfit() {
        return println!("skipped: {reason}");
    }
    // The name of the tracer itself: every kernel shows where that is.
    let (printed, messages) = run(r#"struct inner { char b; char c; };
        struct head { char a[2]; char rest[6]; };
        struct pairs { struct inner p[1]; char rest[6]; };
        begin {
          $p = (char *)&curtask->comm;
          $s = (struct head *)$p;
          $q = (struct pairs *)$p;
          $at = (uint64)0;
          while ($at < 3) { printf("%d %c %d %d\n", $at, $p[$at], $s->a[$at], $q->p[$at].c); $at++; }
          $i = (int64)-1;
          printf("below %d\n", $s->a[$i]);
          $n = (uint64)4294967296;
          printf("far %d\n", $s->a[$n]);
          @copy = $s->a; $copy = @copy;
          printf("map %d %d\n", $copy[$at - 3], $copy[$at]);
          exit();
        }"#);
    let name = b"btc\0";
    let mut expected: Vec<String> = (0..3usize)
        .map(|i| {
            let of = |inside: bool, at: usize| if inside { name[at] } else { 0 };
            format!("{i} {} {} {}", name[i] as char, of(i < 2, i), of(i < 1, 2 * i + 1))
        })
        .collect();
    expected.extend(["below 0".into(), "far 0".into(), format!("map {} 0", name[0])]);
    let lines: Vec<&str> = printed.lines().filter(|l| !l.is_empty() && !l.starts_with('@')).collect();
    assert_eq!(lines, expected, "{messages}");
    assert!(messages.contains("read"), "the failed reads are told: {messages}");
}

/// In a tuple too a literal takes the sign of what it meets; where numbers meet that no type holds both of, the
/// compiler says so.
#[test]
fn numbers_of_both_signs_keep_their_values_or_are_told() {
    if let Some(reason) = unfit() {
        return println!("skipped: {reason}");
    }
    let (printed, messages) = run(r#"begin {
          @named = (x=1, y=2); @named = (y=(uint64)18446744073709551615, x=(uint64)18446744073709551615); print(@named);
          @tuple = (1, (2, 3)); @tuple = (1, ((uint64)18446744073709551615, 3)); print(@tuple);
          @key[1, 2] = 1; @key[(uint64)18446744073709551615, (int8)-1] = 2; print(@key);
          $v = (1, 2); $v = ((uint64)18446744073709551615, 3); print($v);
          $t = pid > 0 ? ((uint64)18446744073709551615, 1) : (1, 2); print($t);
          clear(@named); clear(@tuple); clear(@key); exit();
        }"#);
    let lines: Vec<&str> = printed.lines().filter(|l| !l.is_empty()).collect();
    let most = u64::MAX;
    assert_eq!(lines, [
        format!("@named: {{ .x = {most}, .y = {most} }}"),
        format!("@tuple: (1, ({most}, 3))"),
        "@key[1, 2]: 1".to_string(),
        format!("@key[{most}, -1]: 2"),
        format!("({most}, 3)"),
        format!("({most}, 1)"),
    ], "{messages}");
    assert_eq!(messages, "");
    for script in [
        "begin { @ = (uint64)18446744073709551615; @ = (int32)-1; exit(); }",
        "begin { @[(uint64)18446744073709551615] = 1; @[(int64)-1] = 1; exit(); }",
        "begin { @ = (x=(uint64)5, y=1); @ = (x=(int8)-1, y=1); exit(); }",
        "begin { $x = (uint64)5; $x = (int8)-1; print($x); exit(); }",
        "begin { $x = pid > 0 ? (uint64)5 : (int8)-1; print($x); exit(); }",
    ] {
        let messages = run(script).1;
        assert_eq!(messages.matches("becomes negative").count(), 1, "{script}: {messages}");
    }
}
