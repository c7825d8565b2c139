//! `&place`: a pointer into the memory that the place is in, whichever way leads there and whatever reads it.

mod support;

use support::{btc, program, text, unfit};

const TYPES: &str = "struct in { unsigned char uc; int v[3]; };
    struct big { int id; char name[16]; unsigned int f; struct in in; struct in *next; struct in pts[3]; };";

/// What is printed of the struct that `$b` points at, and what that is.
const PRINTED: &[(&str, &str)] = &[
    ("*&$b->id", "4"),
    ("*&(*$b).id", "4"),
    ("*&$b[0].id", "4"),
    ("*(uint16 *)&$b->f", "0"),
    ("*&$b->f", "1069547520"),
    ("str(&$b->name)", "hello"),
    ("str((uint8 *)&$b->name[1])", "ello"),
    ("strlen(str(&$b->name))", "5"),
    ("buf(&$b->in.v, 4)", r"\xff\xff\xff\xff"),
    ("(&$b->in)->uc", "200"),
    ("(&$b->in)->v[1]", "-2"),
    ("(*&$b->in).v[2]", "-3"),
    ("(&$b->pts[1])->v[2]", "9"),
    ("*&$b->pts[1].v[0]", "7"),
    ("(&$b->pts)[0][2].uc", "3"),
    ("*&$b->next->v[2]", "6"),
    ("(*&$b->next)->v[0]", "4"),
    ("(&*$b->next)->uc", "9"),
    ("(&$b->in + 0)->uc", "200"),
    ("(&$b->pts[0] + 1)->uc", "2"),
    ("(&$b->pts[2] - 1)->uc", "2"),
    ("&$b->in == (struct in *)((uint64)$b + offsetof(struct big, in))", "true"),
];

/// Of what is copied it is our own memory.
const OWN: &[(&str, &str)] = &[("*&$x.id", "4"), ("*&$x.in.v[1]", "-2"), ("*&$n", "7"), ("*(uint8 *)&$n", "7")];

#[test]
fn a_place_is_pointed_at_where_it_is() {
    if let Some(reason) = unfit() {
        return println!("skipped: {reason}");
    }
    let program = program("kernel/pointed.c", "pointed");
    let path = program.display();
    let all = || PRINTED.iter().chain(OWN);
    // As a value, by a variable, by a map.
    for form in ["print(E);", "$vN = E; print($vN);", "@mN = E; print(@mN); clear(@mN);"] {
        let statements = all().zip(1..).map(|((e, _), n)| form.replace('N', &n.to_string()).replace('E', e));
        let statements: String = statements.collect();
        let script = format!("{TYPES} uprobe:{path}:take {{ $b = (struct big *)arg0; $x = *$b; $n = 7; {statements} }}");
        let output = btc(&["-q", "-c", &path.to_string(), "-e", &script]);
        let (printed, told) = (text(&output.stdout), text(&output.stderr));
        assert!(output.status.success() && told.is_empty(), "{told}");
        let lines = printed.lines().filter(|l| !l.is_empty());
        let values: Vec<&str> = lines.map(|l| l.split_once(": ").filter(|(m, _)| m.starts_with('@')).map_or(l, |(_, v)| v)).collect();
        let pairs: Vec<(&str, &str)> = all().map(|(e, _)| *e).zip(values.iter().copied()).collect();
        assert_eq!(values.len(), all().count(), "{printed}");
        assert_eq!(pairs, all().copied().collect::<Vec<_>>(), "{form}");
    }
}

#[test]
fn a_pointer_that_a_tracepoint_has_leads_to_the_process() {
    if let Some(reason) = unfit() {
        return println!("skipped: {reason}");
    }
    let script = "tracepoint:syscalls:sys_enter_clock_nanosleep /pid == cpid/
        { $r = args.rqtp; $p = &$r->tv_nsec; @[*$p, $r->tv_nsec, *&args.rqtp->tv_nsec] = count(); }";
    let output = btc(&["-q", "-c", "/usr/bin/sleep 0.25", "-e", script]);
    // Newer programs round up.
    let right = [250_000_000, 250_000_001].map(|n| format!("@[{n}, {n}, {n}]: 1"));
    let shown = text(&output.stdout);
    assert!(right.iter().any(|line| line == shown.trim()), "{shown}{}", text(&output.stderr));
}
