//! Every field of some of the kernel's records can be read: the verifier of the running kernel takes each
//! read as it is compiled, in unions, in arrays, bit fields, and behind pointers.

use btc_target::Btf;
use btc_types::{RecordType, Type};

mod support;

use support::{btc, unfit};

/// Records with many unions, bit fields and arrays.
const RECORDS: [&str; 6] = ["task_struct", "sk_buff", "sock", "page", "inode", "request"];

/// Reads in one script; more would only make the search for a refused one longer.
const BATCH: usize = 40;

/// Ways to the fields of a record that are numbers or pointers, and into the records that it holds. One
/// step beyond pointers goes `hops` times.
fn paths(btf: &Btf, record: &RecordType, prefix: &str, hops: u32, out: &mut Vec<String>) {
    let Some(layout) = btf.layout(record) else { return };
    for field in &layout.fields {
        let path = format!("{prefix}{}", field.name);
        match &field.ty {
            Type::Int { .. } | Type::Bool | Type::Enum(_) => out.push(path),
            Type::Record(inner) => paths(btf, inner, &format!("{path}."), hops, out),
            Type::Array { element, count, .. } if *count > 1 => match &**element {
                Type::Int { .. } | Type::Pointer { .. } => out.push(format!("{path}[1]")),
                Type::Record(inner) => paths(btf, inner, &format!("{path}[1]."), hops, out),
                _ => {}
            },
            Type::Pointer { to, .. } => {
                if let (Type::Record(inner), 1..) = (&**to, hops) {
                    paths(btf, inner, &format!("{path}->"), hops - 1, out);
                }
                out.push(path);
            }
            _ => {}
        }
    }
}

/// The first of the reads that is refused, with what the command said.
fn refused(record: &str, paths: &[String]) -> Option<String> {
    let reads: String = paths.iter().map(|p| format!("@ = (uint64)$p->{p}; ")).collect();
    let script = format!("begin {{ $p = (struct {record} *)curtask; {reads} exit() }}");
    let output = btc(&["--dry-run", "-e", &script]);
    if output.status.success() {
        return None;
    }
    match paths {
        [one] => Some(format!("{record}: {one}: {}", String::from_utf8_lossy(&output.stderr))),
        _ => {
            let (left, right) = paths.split_at(paths.len() / 2);
            refused(record, left).or_else(|| refused(record, right))
        }
    }
}

#[test]
fn every_field_can_be_read() {
    if let Some(reason) = unfit() {
        return println!("skipped: {reason}");
    }
    let Ok(raw) = btf_rs::Btf::from_file("/sys/kernel/btf/vmlinux") else {
        return println!("skipped: this kernel tells nothing of its types");
    };
    let btf = Btf::new(raw);
    for name in RECORDS {
        let record = btf.record(name, false).expect("the kernel has the record").ty.clone();
        let mut direct = Vec::new();
        paths(&btf, &record, "", 0, &mut direct);
        let mut beyond = Vec::new();
        paths(&btf, &record, "", 1, &mut beyond);
        // Those beyond pointers are thousands: every 16th stands for them.
        direct.extend(beyond.into_iter().filter(|p| p.contains("->")).step_by(16));
        assert!(direct.len() > 20, "{name} has fields");
        let first = direct.chunks(BATCH).find_map(|some| refused(name, some));
        assert_eq!(first, None, "a field cannot be read");
    }
}
