//! `uaddr` finds variables wherever the linker put them, and in the process that runs.

mod support;

use std::path::PathBuf;
use std::process::{Child, Command};

use support::{btc, text, unfit};

/// The variables that have an address, with their values.
const VARIABLES: [(&str, i32); 7] =
    [("zeroed", 1), ("hidden", 2), ("data", 3), ("hidden_data", 4), ("constant", 5), ("common", 6), ("big", 8)];

fn built(name: &str, flags: &[&str]) -> String {
    let source = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../testdata/kernel/symbols.c");
    let program = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let built = Command::new("cc").args(["-O1", "-o"]).arg(&program).args(flags).arg(source).status();
    assert!(built.is_ok_and(|s| s.success()), "cc builds the program");
    program.display().to_string()
}

/// A process that ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn variables_of_all_kinds_have_their_address() {
    if let Some(reason) = unfit() {
        return println!("skipped: {reason}");
    }
    let ways: [(&str, &[&str]); 4] =
        [("pie", &["-fPIE", "-pie"]), ("fixed", &["-fno-pie", "-no-pie"]), ("static", &["-static"]), ("common", &["-fcommon", "-no-pie"])];
    for (way, flags) in ways {
        let path = built(&format!("symbols_{way}"), flags);
        let reads: Vec<String> = VARIABLES.iter().map(|(name, _)| format!("*(int32*)uaddr(\"{name}\")")).collect();
        let format = vec!["%d"; VARIABLES.len()].join(" ");
        let script = format!("uprobe:{path}:ready {{ printf(\"{format}\\n\", {}); exit(); }}", reads.join(", "));
        let wanted: Vec<String> = VARIABLES.iter().map(|(_, value)| value.to_string()).collect();
        let wanted = wanted.join(" ");
        let child = btc(&["-q", "-e", &script, "-c", &path]);
        assert!(text(&child.stdout).contains(&wanted), "{way}: {}{}", text(&child.stdout), text(&child.stderr));
        let running = Running(Command::new(&path).arg("on").spawn().expect("it runs"));
        let process = btc(&["-q", "-e", &script, "-p", &running.0.id().to_string()]);
        assert!(text(&process.stdout).contains(&wanted), "{way}: {}{}", text(&process.stdout), text(&process.stderr));
    }
}

/// A pointer is to an integer of the variable's size, also without `(int32*)`.
#[test]
fn a_variable_has_its_size() {
    if let Some(reason) = unfit() {
        return println!("skipped: {reason}");
    }
    let path = built("symbols_size", &[]);
    let script = format!("uprobe:{path}:ready {{ printf(\"%d %d\\n\", *uaddr(\"zeroed\"), *uaddr(\"hidden\")); exit(); }}");
    let output = btc(&["-q", "-e", &script, "-c", &path]);
    assert!(text(&output.stdout).contains("1 2\n"), "{}{}", text(&output.stdout), text(&output.stderr));
}

#[test]
fn what_has_no_address_is_refused() {
    if let Some(reason) = unfit() {
        return println!("skipped: {reason}");
    }
    let path = built("symbols_none", &[]);
    for (name, wanted) in [("of_thread", "each thread has one"), ("of_thread_set", "each thread has one"), ("usleep", "no symbol"), ("none", "no symbol")] {
        let script = format!("uprobe:{path}:ready {{ print(uaddr(\"{name}\")); exit(); }}");
        let output = btc(&["-q", "-e", &script, "-c", &path]);
        let said = text(&output.stderr);
        assert!(output.status.code() == Some(1) && said.contains(wanted) && said.contains(name), "{name}: {said}");
    }
}

/// What libraries that demangle take for a name as well: an encoded type is one letter or two.
#[test]
fn a_plain_symbol_is_shown_as_it_is_written() {
    use std::fmt::Write as _;
    if let Some(reason) = unfit() {
        return println!("skipped: {reason}");
    }
    let letters: Vec<char> = ('a'..='z').chain('A'..='Z').collect();
    let second = letters.iter().copied().chain('0'..='9').chain(['_']);
    let mut names: Vec<String> = letters.iter().map(char::to_string).collect();
    names.extend(second.flat_map(|s| letters.iter().map(move |f| format!("{f}{s}"))));
    names.extend(["RC1a", "ZN1a1bE", "PFvvE", "A1_c", "_ZTSfoo_", "_start2", "_R"].map(String::from));
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let mut code = String::from(".text\n");
    for name in &names {
        writeln!(code, ".globl \"{name}\"\n.type \"{name}\", %function\n\"{name}\": nop\n.size \"{name}\", 1").expect("a string");
    }
    code += ".data\n.globl table\ntable:\n";
    for name in &names {
        writeln!(code, ".quad \"{name}\"").expect("a string");
    }
    std::fs::write(folder.join("plain.s"), code + ".section .note.GNU-stack,\"\",%progbits\n").expect("a file");
    let main = format!(
        "extern void *table[]; __attribute__((noinline)) void seen_name(void *f) {{ __asm__ volatile(\"\" : : \"r\"(f) : \"memory\"); }}
         int main(void) {{ for (int i = 0; i < {}; i++) seen_name(table[i]); }}",
        names.len()
    );
    std::fs::write(folder.join("plain.c"), main).expect("a file");
    let program = folder.join("plain");
    let built = Command::new("cc").args(["-O1", "-no-pie", "-o"]).arg(&program).arg(folder.join("plain.c")).arg(folder.join("plain.s")).status();
    assert!(built.is_ok_and(|s| s.success()), "cc builds the program");
    let path = program.display();
    let script = format!("uprobe:{path}:seen_name {{ printf(\"%s\\n\", usym(arg0)); }}");
    let output = btc(&["-q", "-e", &script, "-c", &path.to_string()]);
    let shown: Vec<String> = text(&output.stdout).lines().filter(|l| !l.is_empty()).map(String::from).collect();
    let wrong: Vec<_> = names.iter().zip(&shown).filter(|(name, shown)| name != shown).collect();
    assert!(wrong.is_empty() && shown.len() == names.len(), "{} of {}: {wrong:?}{}", shown.len(), names.len(), text(&output.stderr));
}

/// Two functions of one name in two classes are two, and are called by the same names however a probe was written.
#[test]
fn functions_of_classes_have_their_whole_name() {
    if let Some(reason) = unfit() {
        return println!("skipped: {reason}");
    }
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let (source, program) = (folder.join("classes.c"), folder.join("classes"));
    let code = r#"
        __attribute__((noinline)) int a(int x, short y) __asm__("_ZN2ns1A2goEis");
        __attribute__((noinline)) int b(int x) __asm__("_ZN2ns1B2goEi");
        int a(int x, short y) { __asm__ volatile("" ::: "memory"); return x + y; }
        int b(int x) { __asm__ volatile("" ::: "memory"); return x; }
        int main(void) { return (a(1, 2) + b(3)) * 0; }"#;
    std::fs::write(&source, code).expect("the program can be written");
    let built = Command::new("cc").args(["-O1", "-o"]).arg(&program).arg(&source).status();
    assert!(built.is_ok_and(|s| s.success()), "cc builds the program");
    let path = program.display();
    for (language, pattern) in [
        ("cpp:", "\"ns::A::go\""), ("cpp:", "\"ns::B::go(int)\""), ("cpp:", "\"ns::*::go\""), ("cpp:", "*go*"), ("", "*go*"), ("", "_ZN2ns1A2goEis"),
    ] {
        for kind in ["uprobe", "uretprobe"] {
            let script = format!("{kind}:{path}:{language}{pattern} /pid == cpid/ {{ @[func, probe] = count(); }}");
            let output = btc(&["-q", "-e", &script, "-c", &path.to_string()]);
            let said = text(&output.stdout);
            let all = [("A", "ns::A::go(int, short)", "_ZN2ns1A2goEis"), ("B", "ns::B::go(int)", "_ZN2ns1B2goEi")];
            let wanted = all.iter().filter(|(class, ..)| pattern.contains('*') || pattern.contains(class)).map(|(_, name, symbol)| {
                format!("@[{name}, {kind}:{path}:{language}{symbol}]: 1")
            });
            let (mut wanted, mut lines): (Vec<String>, Vec<String>) =
                (wanted.collect(), said.lines().filter(|l| !l.is_empty()).map(str::to_string).collect());
            wanted.sort_unstable();
            lines.sort_unstable();
            assert_eq!(lines, wanted, "{script}: {}", text(&output.stderr));
        }
    }
    let script = format!("config = {{ cpp_demangle = false }} uprobe:{path}:cpp:\"ns::A::go\" /pid == cpid/ {{ print(func); }}");
    assert!(text(&btc(&["-q", "-e", &script, "-c", &path.to_string()]).stdout).contains("_ZN2ns1A2goEis\n"));
}
