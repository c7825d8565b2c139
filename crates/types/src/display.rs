//! How types are written in messages, snapshots and `-lv` listings.

use std::fmt;

use crate::{StackMode, StackShape, Type};

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Type::Unknown => f.write_str("unknown"),
            Type::None => f.write_str("void"),
            Type::Int { size, signed } => {
                write!(f, "{}int{}", if *signed { "" } else { "u" }, u32::from(*size) * 8)
            }
            Type::Bool => f.write_str("bool"),
            Type::Str { .. } => write!(f, "string[{}]", self.told_size()),
            Type::Buffer { capacity } => write!(f, "buffer[{capacity}]"),
            Type::Pointer { to, .. } => write!(f, "{to} *"),
            Type::Array { element, count, .. } => write!(f, "{element}[{count}]"),
            Type::Record(r) => write!(f, "{} {}", if r.union { "union" } else { "struct" }, r.name),
            Type::Enum(e) => write!(f, "enum {}", e.name),
            Type::Tuple(parts) => {
                f.write_str("(")?;
                for (i, part) in parts.iter().enumerate() {
                    write!(f, "{}{part}", if i > 0 { ", " } else { "" })?;
                }
                f.write_str(")")
            }
            Type::Named(parts) => {
                f.write_str("(")?;
                for (i, (name, part)) in parts.iter().enumerate() {
                    write!(f, "{}{name}={part}", if i > 0 { ", " } else { "" })?;
                }
                f.write_str(")")
            }
            Type::Inet => f.write_str("inet"),
            Type::Mac => f.write_str("mac_address"),
            Type::Timestamp { .. } => f.write_str("timestamp"),
            Type::KernelSymbol => f.write_str("ksym"),
            Type::UserSymbol => f.write_str("usym"),
            Type::KernelStack(shape) => write!(f, "kstack{shape}"),
            Type::UserStack(shape) => write!(f, "ustack{shape}"),
            Type::ProbeName => f.write_str("probe"),
            Type::ProbeFunction => f.write_str("func"),
            Type::Username => f.write_str("username"),
            Type::CgroupPath { .. } => f.write_str("cgroup_path"),
            Type::ErrorText => f.write_str("strerror"),
            Type::SignalName => f.write_str("signal_name"),
            Type::SyscallName => f.write_str("syscall_name"),
            Type::Aggregation(a) => write!(f, "{}_t", a.name()),
            Type::Meta(inner) => write!(f, "type {inner}"),
        }
    }
}

impl fmt::Display for StackShape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mode = match self.mode {
            StackMode::Bpftrace => "bpftrace",
            StackMode::Perf => "perf",
            StackMode::Raw => "raw",
            StackMode::BuildId => "build_id",
        };
        write!(f, "({mode}, {})", self.frames)
    }
}
