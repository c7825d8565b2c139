//! Encodings and attach kinds in a few words, for `btc inspect`.

use std::fmt;

use crate::{Action, Encoding, MapKind, Record, Reduce, Segment};

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = |signed: &bool| if *signed { "" } else { "u" };
        match self {
            Encoding::Int { size, signed } => write!(f, "{}int{}", sign(signed), u32::from(*size) * 8),
            Encoding::Bits { signed, bits, .. } => write!(f, "{}int:{}", sign(signed), bits.width),
            Encoding::Bool => f.write_str("bool"),
            Encoding::Pointer => f.write_str("pointer"),
            Encoding::Str { capacity, .. } => write!(f, "string[{capacity}]"),
            Encoding::Buffer { capacity } => write!(f, "buffer[{capacity}]"),
            Encoding::Array { element, count, .. } => write!(f, "{element}[{count}]"),
            Encoding::Tuple(fields) | Encoding::Record(fields) => {
                f.write_str("(")?;
                for (i, field) in fields.iter().enumerate() {
                    let name = if field.name.is_empty() { String::new() } else { format!("{}=", field.name) };
                    write!(f, "{}{name}{}", if i > 0 { ", " } else { "" }, field.encoding)?;
                }
                f.write_str(")")
            }
            Encoding::KernelRecord { name, union, .. } => {
                write!(f, "{} {name}", if *union { "union" } else { "struct" })
            }
            Encoding::Enum { .. } => f.write_str("enum"),
            Encoding::Inet => f.write_str("inet"),
            Encoding::Mac => f.write_str("mac"),
            Encoding::Timestamp { format, .. } => write!(f, "timestamp({format:?})"),
            Encoding::KernelSymbol => f.write_str("ksym"),
            Encoding::UserSymbol => f.write_str("usym"),
            Encoding::KernelStack { .. } => f.write_str("kstack"),
            Encoding::UserStack { .. } => f.write_str("ustack"),
            Encoding::ProbeName => f.write_str("probe"),
            Encoding::ProbeFunction => f.write_str("func"),
            Encoding::Username => f.write_str("username"),
            Encoding::CgroupPath { .. } => f.write_str("cgroup_path"),
            Encoding::ErrorText => f.write_str("strerror"),
            Encoding::SignalName => f.write_str("signal_name"),
            Encoding::SyscallName => f.write_str("syscall_name"),
            Encoding::Constant(text) => write!(f, "{text:?}"),
        }
    }
}

impl fmt::Display for MapKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            MapKind::Array => "array",
            MapKind::PerCpuArray => "per-CPU array",
            MapKind::Hash => "hash",
            MapKind::PerCpuHash => "per-CPU hash",
            MapKind::LruHash => "LRU hash",
            MapKind::LruPerCpuHash => "LRU per-CPU hash",
            MapKind::Variable => "variable",
            MapKind::LpmTrie => "LPM trie",
            MapKind::SpreadHash => "hash with a part for each CPU",
            MapKind::SpreadLruHash => "LRU hash with a part for each CPU",
            MapKind::SpreadVariable => "variable with a part for each CPU",
        })
    }
}

impl fmt::Display for Reduce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reduce::Last => f.write_str("value"),
            Reduce::Count => f.write_str("count"),
            Reduce::Sum { .. } => f.write_str("sum"),
            Reduce::Min { .. } => f.write_str("min"),
            Reduce::Max { .. } => f.write_str("max"),
            Reduce::Avg { .. } => f.write_str("avg"),
            Reduce::Stats { .. } => f.write_str("stats"),
            Reduce::Hist { bits } => write!(f, "hist({bits})"),
            Reduce::LHist { min, max, step } => write!(f, "lhist({min}, {max}, {step})"),
            Reduce::TSeries { .. } => f.write_str("tseries"),
        }
    }
}

impl Record {
    /// The text that the script gives to the action: a format, command, path or separator. For a value stands its type in
    /// braces: `{int32}`.
    pub fn literal(&self) -> Option<String> {
        match &self.action {
            Action::Printf(format) | Action::Errorf(format) | Action::Warnf(format) | Action::Cat(format) | Action::System(format) => {
                Some(format.iter().map(|segment| self.segment(segment)).collect())
            }
            Action::Time(text) | Action::Join(text) | Action::RuntimeWarning(text) | Action::Fail(text) | Action::Packet { path: text } => {
                Some(text.clone())
            }
            Action::PrintValue
            | Action::PrintMap { .. }
            | Action::PrintMapElement { .. }
            | Action::Clear { .. }
            | Action::Zero { .. }
            | Action::Exit
            | Action::Unwatch => None,
        }
    }

    fn segment(&self, segment: &Segment) -> String {
        match segment {
            Segment::Text(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            Segment::Value { field, .. } => match self.fields.get(*field as usize) {
                Some(field) => format!("{{{}}}", field.encoding),
                None => "{}".into(),
            },
        }
    }
}
