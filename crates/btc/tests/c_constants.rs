//! Constant expressions with C's suffixes: the script's number is the one that C makes of them, which lengths of arrays have always been.
//! A search: expressions of all that may stand in one, made by numbers that are the same at each run.

mod support;

use support::{btc, text, unfit};

struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % end
    }

    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len())]
    }
}

const ATOMS: [&str; 14] =
    ["0", "1", "3", "255", "1U", "3U", "7UL", "4294967295U", "0x80000000U", "EA", "EB", "sizeof(int)", "sizeof(long)", "2ull"];
const CASTS: [&str; 7] = ["(unsigned int)", "(int)", "(unsigned char)", "(signed char)", "(unsigned long)", "(long)", "(short)"];
const OPERATORS: [&str; 15] = ["+", "-", "*", "&", "|", "^", "<", ">", "<=", ">=", "==", "!=", "&&", "||", "<<"];

fn expression(numbers: &mut Numbers, depth: usize) -> String {
    if depth == 0 {
        return numbers.one(&ATOMS).to_string();
    }
    let part = |numbers: &mut Numbers| expression(numbers, depth - 1);
    match numbers.below(6) {
        0 => format!("({}{})", numbers.one(&["~", "!", "-"]), part(numbers)),
        1 => format!("({}{})", numbers.one(&CASTS), part(numbers)),
        2 => format!("({} ? {} : {})", part(numbers), part(numbers), part(numbers)),
        _ => {
            let (left, operator) = (part(numbers), numbers.one(&OPERATORS));
            let right = if operator == "<<" { numbers.below(8).to_string() } else { part(numbers) };
            format!("({left} {operator} {right})")
        }
    }
}

/// What a script prints for the expressions, with what the length of an array is told beside it.
fn compared(expressions: &[String]) -> Option<Vec<(String, String)>> {
    // The lowest bits, and one for all above and the sign, so that a length says what the number is.
    let part = |e: &str, shift: u32| format!("((({e}) >> {shift}) & 255UL)");
    let (mut records, mut prints) = (String::new(), String::new());
    for (n, e) in expressions.iter().enumerate() {
        records += &format!("struct S{n} {{ char a[{} + 1]; char b[{} + 1]; char c[(({e}) < 0) + 1]; }};\n", part(e, 0), part(e, 24));
        prints += &format!("print(({} + 1, {} + 1, ({e}) < 0));\n", part(e, 0), part(e, 24));
        prints += &format!("print((sizeof(((struct S{n} *)0)->a), sizeof(((struct S{n} *)0)->b), sizeof(((struct S{n} *)0)->c) == 2));\n");
    }
    let script = format!("enum En {{ EA = -1, EB = 3 }};\n{records}BEGIN {{ {prints} exit(); }}");
    let output = btc(&["-q", "-e", &script]);
    if !output.status.success() {
        return None;
    }
    let lines: Vec<String> = text(&output.stdout).lines().filter(|l| !l.is_empty()).map(str::to_string).collect();
    Some(lines.chunks(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect())
}

#[test]
fn constants_are_what_c_makes_of_them() {
    if let Some(reason) = unfit() {
        return println!("skipped: {reason}");
    }
    let mut numbers = Numbers(1);
    let (mut compared_in_all, mut wrong) = (0, Vec::new());
    for round in 0..30 {
        let some: Vec<String> = (0..20)
            .map(|_| format!("({} + 0U)", expression(&mut numbers, 1 + round % 4)))
            // What C does not define, such as a sum beyond `int`, is an error in a length.
            .filter(|e| compared(std::slice::from_ref(e)).is_some())
            .collect();
        let pairs = compared(&some).expect("all of them together");
        compared_in_all += pairs.len();
        wrong.extend(some.into_iter().zip(pairs).filter(|(_, (script, c))| script != c));
    }
    assert!(wrong.is_empty(), "{} of {compared_in_all} are wrong: {wrong:#?}", wrong.len());
    assert!(compared_in_all > 400, "{compared_in_all} compared");
}
