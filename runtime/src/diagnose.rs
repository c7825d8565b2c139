//! What libbpf's messages mean for the user.

use btc_abi::{Encoding, Manifest, Probe};

use crate::{Error, refusal};
use crate::error::TOO_MANY_FILES;

/// An error for a failed open or load.
pub(crate) fn explain(manifest: &Manifest, log: &str, error: &libbpf_rs::Error) -> Error {
    let text = cause(manifest, log, error);
    Error::new(text).with_details(log)
}

fn cause(manifest: &Manifest, log: &str, error: &libbpf_rs::Error) -> String {
    // libbpf tells it in a message or in its result, depending on what it was to open.
    let files = format!("(os error {})", libc::EMFILE);
    if log.contains("-EMFILE") || format!("{error:#}").contains(&files) {
        return format!("the object cannot be loaded: {TOO_MANY_FILES}");
    }
    if let Some(missing) = missing_relocation(manifest, log) {
        return missing;
    }
    if let Some(refused) = refused_map(manifest, log) {
        return refused;
    }
    if let Some(name) = between(log, "(func ksym) '", "'") {
        return format!("this kernel has no function `{name}` that BPF programs may call");
    }
    if let Some(missing) = missing_point(manifest, log) {
        return missing;
    }
    if let Some(too_much) = too_complex(manifest, log) {
        return too_much;
    }
    if let Some(refused) = verifier(manifest, log) {
        return refused;
    }
    if error.kind() == libbpf_rs::ErrorKind::PermissionDenied || log.contains("-EPERM") {
        return not_permitted(manifest, log);
    }
    if log.contains("vmlinux BTF") || log.contains("valid kernel BTF") {
        return "this kernel tells nothing of its types (no /sys/kernel/btf/vmlinux); \
                it must be built with CONFIG_DEBUG_INFO_BTF=y"
            .into();
    }
    // The first of a program that says "failed" has the cause; what follows only says that more failed by it.
    let of_program = log.lines().find(|l| l.contains("prog '") && l.contains("failed"));
    let told = |line: &str| line.trim().trim_start_matches("libbpf: ").to_string();
    let last = || log.lines().rev().find(|l| !l.trim().is_empty());
    match of_program.or_else(last) {
        Some(line) => match probe_of(manifest, line) {
            Some(probe) => {
                let place = crate::place::show(manifest, &probe.place);
                format!("{place}: the program of {} cannot be loaded: {}; use -v for more", probe.name, told(line))
            }
            None => format!("the object cannot be loaded: {}; use -v for more", told(line)),
        },
        None => format!("the object cannot be loaded: {error}"),
    }
}

/// The probe whose program a log names first.
fn probe_of<'a>(manifest: &'a Manifest, log: &str) -> Option<&'a Probe> {
    let symbol = between(log, "prog '", "'")?;
    manifest.probes.iter().find(|p| p.program == symbol)
}

/// What a program is to be attached to is not in the kernel's types, or is there without an address: a function that
/// the compiler took apart keeps its type, and is called `name.isra.0`.
fn missing_point(manifest: &Manifest, log: &str) -> Option<String> {
    if let Some(line) = log.lines().find(|l| l.contains("failed to find kernel BTF type ID of '")) {
        let probe = probe_of(manifest, line)?;
        return Some(format!("{}: this kernel has no {}", crate::place::show(manifest, &probe.place), probe.name));
    }
    let function = between(log, "The address of function ", " cannot be found")?;
    let probe = probe_of(manifest, log)?;
    Some(format!(
        "{}: cannot attach {}: the compiler changed or inlined the function {function} on this kernel, which has no \
         address by that name; a kprobe can trace what is left of it, if /proc/kallsyms has a name such as {function}.isra.0",
        crate::place::show(manifest, &probe.place),
        probe.name
    ))
}

/// Capabilities were looked at before: where one program is refused, it is its kind that may not be loaded.
fn not_permitted(manifest: &Manifest, log: &str) -> String {
    let symbol = between(log, "prog '", "'");
    match manifest.probes.iter().find(|p| Some(p.program.as_str()) == symbol) {
        Some(probe) => format!(
            "{}: not permitted to load the program of {}: this kernel, its security module or the container \
             allows no programs of this kind",
            crate::place::show(manifest, &probe.place),
            probe.name
        ),
        None => "not permitted to load BPF programs; run as root, or with CAP_BPF and CAP_PERFMON".into(),
    }
}

/// `failed to resolve CO-RE relocation <byte_off> [7] struct x___f.y (0:0 @ offset 0)`
fn missing_relocation(manifest: &Manifest, log: &str) -> Option<String> {
    let at = log.rfind("failed to resolve CO-RE relocation <")?;
    let line = log[at..].lines().next()?;
    let (_, what) = line.split_once("] ")?;
    let what = what.split(" (").next()?;
    if let Some(refused) = refusal::explain(manifest, what) {
        return Some(refused);
    }
    let (ty, field) = match what.split_once('.') {
        Some((ty, field)) => (ty, Some(field)),
        None => (what, None),
    };
    let ty = ty.split("___").next()?;
    // The verifier's log names the line before it comes to the instruction.
    let place = source_place(manifest, log[..at].rsplit("-- BEGIN PROG LOAD LOG --").next()?);
    let place = place.or_else(|| Some(crate::place::show(manifest, &probe_of(manifest, log)?.place)));
    let missing = match field {
        Some(field) => format!("{ty} has no field {field} on this kernel, or one of another kind"),
        None => match ty.split_once("::") {
            Some((ty, value)) => format!("{ty} has no value {value} on this kernel"),
            None => format!("{ty} does not exist on this kernel"),
        },
    };
    Some(place.map_or(missing.clone(), |place| format!("{place}: {missing}")))
}

/// The script's line that a verifier's log came to last: `; text @ file:line`. Old kernels give the text alone.
fn source_place(manifest: &Manifest, log: &str) -> Option<String> {
    let line = log.lines().rev().find_map(|l| l.trim().strip_prefix("; "))?;
    match line.rsplit_once(" @ ") {
        Some((_, place)) => Some(place.to_string()),
        None => line_number(manifest, line),
    }
}

/// `map 'm0_x': failed to create: -E2BIG`; the kernel checks nothing but sizes there.
fn refused_map(manifest: &Manifest, log: &str) -> Option<String> {
    let line = log.lines().rev().find(|l| l.contains(": failed to create: -E"))?;
    let map = manifest.maps.iter().find(|m| Some(m.symbol.as_str()) == between(line, "map '", "'"))?;
    let reason = match line.rsplit_once("-E") {
        Some((_, "NOMEM")) => "there is not enough memory for it",
        Some((_, "2BIG" | "INVAL" | "OVERFLOW")) => "it is larger than this kernel takes",
        _ => return None,
    };
    let (key, value, entries) = (map.key.as_ref().map_or(4, Encoding::size), map.value_size, map.max_entries);
    Some(format!(
        "the map {} cannot be made: {reason}, with {entries} entries, keys of {key} bytes and values of {value} bytes",
        map.name
    ))
}

fn between<'a>(text: &'a str, start: &str, end: &str) -> Option<&'a str> {
    let from = text.find(start)? + start.len();
    text[from..].split(end).next()
}

/// Whether the verifier gave up on a program that may be sound.
pub(crate) fn is_too_complex(error: &Error) -> bool {
    error.details().is_some_and(|log| exceeded(log).is_some())
}

/// Whether the verifier refused what a program does while no other task may get the CPU.
pub(crate) fn is_about_preemption(error: &Error) -> bool {
    error.details().is_some_and(|log| log.contains("preemption disabled") || log.contains("non-preemptible"))
}

/// Which of the verifier's limits a program exceeded.
fn exceeded(log: &str) -> Option<&'static str> {
    if log.contains("jumps is too complex") {
        Some("it has more than 8192 branches in a row")
    } else if log.contains("BPF program is too large. Processed") {
        Some("checking it takes more than a million steps")
    } else {
        None
    }
}

/// A program that is more than the verifier is willing to follow.
fn too_complex(manifest: &Manifest, log: &str) -> Option<String> {
    let reason = exceeded(log)?;
    let symbol = between(log, "prog '", "'")?;
    let probe = manifest.probes.iter().find(|p| p.program == symbol)?;
    let place = crate::place::show(manifest, &probe.place);
    Some(format!(
        "{place}: the action of {} is too long or its loops run too often for this kernel: {reason}; \
         split it over several probes, or shorten its loops",
        probe.name
    ))
}

/// A refusal of the verifier: the reason and the line of the script.
fn verifier(manifest: &Manifest, log: &str) -> Option<String> {
    let whole = log;
    let from = log.find("-- BEGIN PROG LOAD LOG --")?;
    let log = &log[from..];
    let log = log.split("-- END PROG LOAD LOG --").next()?;
    let quiet = ["processed ", "verification time", "stack depth", "max_states", "libbpf:", "arg#0"];
    let mut reason = None;
    let mut line = None;
    for text in log.lines().skip(1).map(str::trim) {
        if let Some(source) = text.strip_prefix("; ") {
            line = Some(source);
        } else if !text.is_empty() && !is_instruction(text) && !quiet.iter().any(|q| text.starts_with(q)) {
            reason = Some(text);
        }
    }
    let place = match line.map(|l| l.rsplit_once(" @ ").unwrap_or((l, ""))) {
        Some((_, place)) if !place.is_empty() => format!(" at {place}"),
        // Old kernels give the text alone.
        Some((text, _)) => match line_number(manifest, text) {
            Some(place) => format!(" at {place}"),
            None => format!(" at `{text}`"),
        },
        None => String::new(),
    };
    if let Some(forbidden) = forbidden(log) {
        let probe = probe_of(manifest, whole);
        let place = source_place(manifest, log).or_else(|| Some(crate::place::show(manifest, &probe?.place)));
        let place = place.map_or(String::new(), |place| format!("{place}: "));
        let probe = probe.map_or("this program", |p| p.name.as_str());
        return Some(format!("{place}this kernel does not let {probe} do that: {forbidden}"));
    }
    let reason = reason.unwrap_or("no reason given");
    Some(format!(
        "the kernel refused the program{place}: {reason}; this is a bug of btc, please report it (-v shows the whole log)"
    ))
}

/// What a kernel allows in some programs and attach points only, in words: then the program is sound, and would
/// load elsewhere.
fn forbidden(log: &str) -> Option<String> {
    // The last call that was looked at: `13: (85) call bpf_d_path#147`.
    let call = log.rfind(") call ").map(|at| function_name(&log[at + ") call ".len()..]));
    let name = call.unwrap_or("the function");
    log.lines().rev().map(str::trim).find_map(|line| {
        let word = |start: &str| line.split_once(start).map(|(_, rest)| function_name(rest));
        if let Some(name) = word("unknown func ").or_else(|| word("program of this type cannot use helper ")) {
            return Some(format!("{name}() does not exist here, or not for this kind of probe; locked-down kernels lack some, too"));
        }
        if let Some(number) = line.strip_prefix("invalid func unknown#") {
            return Some(format!("it has no helper number {number}; it is too old for this script"));
        }
        if let Some(name) = word("calling kernel function ").filter(|_| line.ends_with("is not allowed")) {
            return Some(format!("{name}() may not be called in this kind of probe"));
        }
        if line.starts_with("helper call is not allowed in probe") {
            return Some(format!("{name}() may be called in probes of some functions only, and this is none of them"));
        }
        if line.starts_with("func ") && (line.contains(" not supported for ") || line.contains(" supported only for ")) {
            return Some(format!("{}() may not be called in this kind of probe", function_name(&line["func ".len()..])));
        }
        if line.starts_with("cannot call GPL-restricted function") {
            return Some(format!("{name}() is for programs under the GPL; the script's licence is another one"));
        }
        if line.contains("might sleep") || (line.contains("sleepable") && line.contains("non-")) {
            return Some(format!("{name}() may sleep, and this probe may not"));
        }
        // `R1 type=untrusted_ptr_ expected=ptr_, trusted_ptr_`: of what was read by way of other pointers.
        if name == "bpf_d_path" && line.starts_with("R1 type=") && line.contains(" expected=") {
            let from = "an argument of the probe itself, or a struct that lies in what an argument points at";
            return Some(format!("{name}() wants a pointer that the kernel vouches for: {from}"));
        }
        None
    })
}

/// `bpf_d_path#147` or `bpf_path_d_path is …`: the name.
fn function_name(text: &str) -> &str {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next().unwrap_or_default()
}

/// `12: (85) call …`, `R1=…`, `from 3 to 5: …`
fn is_instruction(text: &str) -> bool {
    let head = text.split([':', ' ']).next().unwrap_or_default();
    (!head.is_empty() && head.bytes().all(|b| b.is_ascii_digit()))
        || text.starts_with("from ")
        || (text.starts_with('R') && text.contains('=') && text.as_bytes().get(1).is_some_and(u8::is_ascii_digit))
}

fn line_number(manifest: &Manifest, text: &str) -> Option<String> {
    manifest.sources.iter().find_map(|source| {
        let lines = source.text.as_deref()?.lines();
        let number = lines.map(str::trim).position(|l| l == text.trim())?;
        Some(format!("{}:{}", source.name, number + 1))
    })
}

#[cfg(test)]
mod tests {
    use btc_abi::Source;

    use super::*;

    fn explain_log(log: &str) -> String {
        let source = Source { name: "p.bt".into(), hash: [0; 32], text: Some("a\n  @x = f(1);\n".into()) };
        let manifest = Manifest { sources: vec![source], ..Manifest::default() };
        let error = libbpf_rs::Error::from_raw_os_error(libc::EINVAL);
        cause(&manifest, log, &error)
    }

    fn one_probe() -> Manifest {
        let probe = btc_abi::Probe {
            name: "begin".into(),
            program: "p0_begin".into(),
            attach: btc_abi::Attach::Begin,
            missing: btc_abi::Missing::Error,
            identity: btc_abi::ProbeIdentity::Static,
            clause: 0,
            table: String::new(),
            place: btc_abi::Place::default(),
        };
        Manifest { probes: vec![probe], ..Manifest::default() }
    }

    #[test]
    fn missing_fields_are_named() {
        let log = "1: <invalid CO-RE relocation>\nfailed to resolve CO-RE relocation <byte_off> [737] \
                   struct task_struct___nope.nope (0:0 @ offset 0)\n";
        assert_eq!(explain_log(log), "struct task_struct has no field nope on this kernel, or one of another kind");
    }

    /// Whatever a kernel lacks, the message begins with a place of the script.
    #[test]
    fn what_is_missing_has_its_line() {
        let sources = vec![Source { name: "p.bt".into(), ..Source::default() }];
        let manifest = Manifest { sources, ..one_probe() };
        let error = libbpf_rs::Error::from_raw_os_error(libc::EINVAL);
        let told = |log: &str| cause(&manifest, log, &error);
        let verified = |what: &str| {
            format!("libbpf: prog 'p0_begin': -- BEGIN PROG LOAD LOG --\n{what}\nprocessed 1 insns\n-- END PROG LOAD LOG --\n\
                     libbpf: prog 'p0_begin': failed to load: -22\nlibbpf: failed to load object 'btc'\n")
        };
        let field = "; x(1) @ p.bt:2\n3: <invalid CO-RE relocation>\n\
                     failed to resolve CO-RE relocation <byte_off> [7] struct task_struct.nope (0:0 @ offset 0)";
        assert_eq!(told(&verified(field)), "p.bt:2: struct task_struct has no field nope on this kernel, or one of another kind");
        let bare = verified(&field.replace("; x(1) @ p.bt:2\n", ""));
        assert!(told(&bare).starts_with("p.bt:"), "{}", told(&bare));
        let text = told(&verified("The address of function ext4_x cannot be found"));
        assert!(text.starts_with("p.bt:") && text.contains("ext4_x.isra.0") && !text.contains("bug of btc"), "{text}");
        let text = told("libbpf: prog 'p0_begin': failed to find kernel BTF type ID of 'bpf_iter_task_vma': -3\n\
                         libbpf: prog 'p0_begin': failed to prepare load attributes: -3\nlibbpf: failed to load object 'btc'\n");
        assert!(text.starts_with("p.bt:") && text.contains("this kernel has no "), "{text}");
        let text = told("libbpf: prog 'p0_begin': failed to do so: -7\nlibbpf: failed to load object 'btc'\n");
        assert!(text.starts_with("p.bt:") && text.contains("failed to do so"), "{text}");
    }

    #[test]
    fn a_map_that_is_too_large_is_named() {
        let any = crate::maps::tests::map(Encoding::Bool, btc_abi::Reduce::Last);
        let manifest = Manifest { maps: vec![any], ..Manifest::default() };
        let error = libbpf_rs::Error::from_raw_os_error(libc::E2BIG);
        let told = |code: &str| cause(&manifest, &format!("libbpf: map 'm': failed to create: {code}\n"), &error);
        assert!(told("-E2BIG").contains("the map @m cannot be made: it is larger"), "{}", told("-E2BIG"));
        assert!(told("-ENOMEM").contains("not enough memory"), "{}", told("-ENOMEM"));
    }

    #[test]
    fn refusals_name_the_line() {
        let new = "libbpf: prog 'x': -- BEGIN PROG LOAD LOG --\n0: R1=ctx() R10=fp0\n; @x = f(1); @ p.bt:2\n\
                   13: (85) call bpf_map_lookup_elem#1\nR0 invalid mem access 'map_value_or_null'\n\
                   processed 3 insns\n-- END PROG LOAD LOG --\n";
        let text = explain_log(new);
        assert!(text.contains("at p.bt:2: R0 invalid mem access"), "{text}");
        let old = new.replace(" @ p.bt:2", "");
        assert!(explain_log(&old).contains("at p.bt:2: "));
    }

    /// Each as some kernel says it.
    #[test]
    fn what_is_forbidden_is_no_bug() {
        let manifest = one_probe();
        let error = libbpf_rs::Error::from_raw_os_error(libc::EINVAL);
        let said = |reason: &str| {
            let log = format!(
                "libbpf: prog 'p0_begin': -- BEGIN PROG LOAD LOG --\n; x(1) @ p.bt:2\n13: (85) call bpf_d_path#147\n{reason}\n\
                 processed 9 insns\n-- END PROG LOAD LOG --\n"
            );
            cause(&manifest, &log, &error)
        };
        for (reason, words) in [
            ("unknown func bpf_override_return#58", "bpf_override_return() does not exist here"),
            ("program of this type cannot use helper bpf_d_path#147", "bpf_d_path() does not exist here"),
            ("helper call is not allowed in probe", "bpf_d_path() may be called in probes of some functions only"),
            ("invalid func unknown#208", "no helper number 208"),
            ("calling kernel function bpf_task_acquire is not allowed", "bpf_task_acquire() may not be called"),
            ("func bpf_get_func_ip#173 not supported for program type 5", "bpf_get_func_ip() may not be called"),
            ("func bpf_get_func_ip#173 supported only for fentry/fexit/fsession/fmod_ret programs", "bpf_get_func_ip() may not"),
            ("cannot call GPL-restricted function from non-GPL compatible program", "bpf_d_path() is for programs under the GPL"),
            ("helper call might sleep in a non-sleepable prog", "bpf_d_path() may sleep"),
            ("R1 type=untrusted_ptr_ expected=ptr_, trusted_ptr_, rcu_ptr_", "bpf_d_path() wants a pointer"),
        ] {
            let text = said(reason);
            assert!(text.contains(words) && text.contains("begin") && text.starts_with("p.bt:2: "), "{text}");
            assert!(!text.contains("a bug of btc"), "{text}");
        }
        assert!(said("R1 invalid mem access 'scalar'").contains("a bug of btc"));
    }

    #[test]
    fn what_may_not_be_done_while_the_cpu_is_held_is_known_from_what_only_tells_of_it() {
        let about = |log: &str| is_about_preemption(&Error::new("refused").with_details(log));
        assert!(about("9: (85) call pc+30\nglobal function calls are not allowed with preemption disabled,\nuse static function instead\n"));
        assert!(about("sleepable helper bpf_copy_from_user#148 in non-preemptible region\n"));
        assert!(!about("3: (85) call bpf_preempt_disable#290960\n9: (79) r1 = *(u64 *)(r2 +0)\nR2 invalid mem access 'scalar'\n"));
    }

    #[test]
    fn what_is_too_complex_names_the_probe() {
        let manifest = one_probe();
        let error = libbpf_rs::Error::from_raw_os_error(libc::E2BIG);
        for (reason, words) in [
            ("The sequence of 8193 jumps is too complex.", "8192 branches"),
            ("BPF program is too large. Processed 1000001 insn", "million steps"),
        ] {
            let log = format!(
                "libbpf: prog 'p0_begin': -- BEGIN PROG LOAD LOG --\n{reason}\nprocessed 9 insns\n-- END PROG LOAD LOG --\n"
            );
            let text = cause(&manifest, &log, &error);
            assert!(text.contains("begin") && text.contains(words), "{text}");
        }
    }

    #[test]
    fn permission_and_types() {
        let error = libbpf_rs::Error::from_raw_os_error(libc::EPERM);
        assert!(cause(&Manifest::default(), "", &error).contains("CAP_BPF"));
        let log = "libbpf: prog 'p0_begin': BPF program load failed: -EPERM\n";
        let text = cause(&one_probe(), log, &error);
        assert!(text.contains("the program of begin") && !text.contains("CAP_BPF"), "{text}");
        assert!(explain_log("libbpf: failed to find valid kernel BTF\n").contains("CONFIG_DEBUG_INFO_BTF"));
        assert!(explain_log("libbpf: Something odd\n").contains("Something odd"));
    }
}
