//! `btc info`, and `--info`: what the machine's kernel offers, in the layout of bpftrace's.

use std::ffi::CStr;
use std::fmt::Write;
use std::process::ExitCode;

use btc_runtime::Answer;

use crate::report;

/// Where a right-hand column begins.
const COLUMN: usize = 33;

pub fn run() -> ExitCode {
    let mut out = String::new();
    write(&mut out);
    report::printed(out)
}

fn write(out: &mut String) {
    let (system, machine) = system();
    let _ = writeln!(out, "System\n  OS: {system}\n  Arch: {machine}\n");
    let linking = if cfg!(feature = "static") { "static" } else { "shared" };
    let _ = writeln!(out, "Build\n  version: {}", crate::cli::PEER_VERSION);
    let _ = writeln!(out, "  LLVM: none (btc makes BPF code itself)\n  libbpf: {linking}\n  target: {}\n", std::env::consts::ARCH);
    let offer = btc_runtime::offer();
    table(out, "Kernel helpers", &offer.helpers);
    let modules = std::fs::read_dir("/sys/kernel/btf").is_ok_and(|all| all.flatten().count() > 1);
    let has_btf = std::fs::metadata("/sys/kernel/btf/vmlinux").is_ok();
    // Linux 5.2 raised the limit; it cannot be read, but this helper (5.5) is younger.
    let limit = if has_program(&offer.helpers, "probe_read_kernel") { "1000000" } else { "unknown" };
    let _ = writeln!(out, "Kernel features");
    rows(out, &[
        format!("Instruction limit: {limit}"),
        yes("btf", has_btf),
        yes("module btf", has_btf && modules),
        yes("attach cookies", has_program(&offer.helpers, "get_attach_cookie")),
    ]);
    table(out, "Map types", &offer.maps);
    table(out, "Program types", &offer.programs);
    table(out, "Probe types", &offer.links);
}

fn has_program(answers: &[Answer], name: &str) -> bool {
    answers.iter().any(|(n, there)| *n == name && *there)
}

fn yes(name: &str, there: bool) -> String {
    format!("{name}: {}", if there { "yes" } else { "no" })
}

fn table(out: &mut String, title: &str, answers: &[Answer]) {
    let _ = writeln!(out, "{title}");
    rows(out, &answers.iter().map(|(name, there)| yes(name, *there)).collect::<Vec<_>>());
}

/// Two to a line, and an empty line behind.
fn rows(out: &mut String, cells: &[String]) {
    for pair in cells.chunks(2) {
        let cells: String = pair.iter().map(|cell| format!("{cell:<COLUMN$}")).collect();
        let _ = writeln!(out, "  {}", cells.trim_end());
    }
    out.push('\n');
}

/// Kernel and machine, as uname(2) has them.
fn system() -> (String, String) {
    // SAFETY: all bytes zero is a value of this plain struct, which the call fills with NUL-terminated texts.
    let names = unsafe {
        let mut names: libc::utsname = std::mem::zeroed();
        libc::uname(&raw mut names);
        names
    };
    let text = |field: &[libc::c_char]| {
        // SAFETY: the field ends with NUL, as the kernel writes it, or is all zero.
        unsafe { CStr::from_ptr(field.as_ptr()) }.to_string_lossy().into_owned()
    };
    (
        format!("{} {} {}", text(&names.sysname), text(&names.release), text(&names.version)),
        text(&names.machine),
    )
}
