//! Arrays, tuples and records.

use btc_abi::{Encoding, Field};

use super::{Context, escape, json, part, text};

type Render = fn(&Context, &Encoding, &[u8], &mut Vec<u8>);

pub(super) fn array(
    ctx: &Context,
    element: &Encoding,
    count: u32,
    stride: u32,
    bytes: &[u8],
    out: &mut Vec<u8>,
    render: Render,
) {
    let stride = kernel_stride(ctx, element).unwrap_or(stride);
    out.push(b'[');
    for i in 0..count {
        if i > 0 {
            out.push(b',');
        }
        render(ctx, element, part(bytes, i.saturating_mul(stride), element), out);
    }
    out.push(b']');
}

/// The distance between elements that were copied as this kernel has them; `None` for all whose size the object fixes.
fn kernel_stride(ctx: &Context, element: &Encoding) -> Option<u32> {
    match element {
        Encoding::KernelRecord { name, union, .. } => ctx.kernel_records.borrow_mut().size(name, *union),
        Encoding::Array { element, count, .. } => Some(kernel_stride(ctx, element)?.saturating_mul(*count)),
        _ => None,
    }
}

/// The parts of a composite with commas between them.
fn parts(ctx: &Context, fields: &[Field], bytes: &[u8], out: &mut Vec<u8>) {
    for (i, field) in fields.iter().enumerate() {
        if i > 0 {
            out.extend_from_slice(b", ");
        }
        text(ctx, &field.encoding, part(bytes, field.offset, &field.encoding), out);
    }
}

pub(super) fn tuple(ctx: &Context, fields: &[Field], bytes: &[u8], out: &mut Vec<u8>) {
    out.push(b'(');
    parts(ctx, fields, bytes, out);
    out.push(b')');
}

pub(super) fn record(ctx: &Context, fields: &[Field], bytes: &[u8], out: &mut Vec<u8>) {
    if fields.is_empty() {
        return out.extend_from_slice(b"{}");
    }
    out.extend_from_slice(b"{ ");
    for (i, field) in fields.iter().enumerate() {
        if i > 0 {
            out.extend_from_slice(b", ");
        }
        out.push(b'.');
        out.extend_from_slice(field.name.as_bytes());
        out.extend_from_slice(b" = ");
        text(ctx, &field.encoding, part(bytes, field.offset, &field.encoding), out);
    }
    out.extend_from_slice(b" }");
}

pub(super) fn tuple_json(ctx: &Context, fields: &[Field], bytes: &[u8], out: &mut Vec<u8>) {
    out.push(b'[');
    for (i, field) in fields.iter().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        json(ctx, &field.encoding, part(bytes, field.offset, &field.encoding), out);
    }
    out.push(b']');
}

pub(super) fn record_json(ctx: &Context, fields: &[Field], bytes: &[u8], out: &mut Vec<u8>) {
    out.push(b'{');
    for (i, field) in fields.iter().enumerate() {
        if i > 0 {
            out.extend_from_slice(b", ");
        }
        escape::quoted(field.name.as_bytes(), out);
        out.extend_from_slice(b": ");
        json(ctx, &field.encoding, part(bytes, field.offset, &field.encoding), out);
    }
    out.push(b'}');
}

/// A map's key, without the parentheses of several keys.
pub(crate) fn key(ctx: &Context, encoding: &Encoding, multi: bool, bytes: &[u8], out: &mut Vec<u8>) {
    match encoding {
        Encoding::Tuple(fields) if multi => parts(ctx, fields, bytes, out),
        _ => text(ctx, encoding, bytes, out),
    }
}

/// A map's key as JSON has it: a text without blanks between the parts.
pub(crate) fn json_key(ctx: &Context, encoding: &Encoding, multi: bool, bytes: &[u8], out: &mut Vec<u8>) {
    let (fields, named) = match encoding {
        Encoding::Tuple(fields) => (fields, false),
        Encoding::Record(fields) => (fields, true),
        _ => return text(ctx, encoding, bytes, out),
    };
    let (open, close) = match (named, multi) {
        (true, _) => ("{", "}"),
        (false, true) => ("", ""),
        (false, false) => ("(", ")"),
    };
    out.extend_from_slice(open.as_bytes());
    for (i, field) in fields.iter().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        if named {
            out.extend_from_slice(format!(".{}=", field.name).as_bytes());
        }
        json_key(ctx, &field.encoding, false, part(bytes, field.offset, &field.encoding), out);
    }
    out.extend_from_slice(close.as_bytes());
}

#[cfg(test)]
mod tests {
    use btc_abi::Manifest;

    use super::super::testing::both;
    use super::*;

    fn int(offset: u32, name: &str) -> Field {
        Field { name: name.into(), offset, encoding: Encoding::Int { size: 1, signed: false } }
    }

    #[test]
    fn composites() {
        let m = Manifest::default();
        let tuple = Encoding::Tuple(vec![int(0, ""), int(2, "")]);
        assert_eq!(both(&m, &tuple, &[1, 0, 2]), ("(1, 2)".into(), "[1,2]".into()));
        assert_eq!(both(&m, &Encoding::Tuple(vec![int(0, "")]), &[5]).0, "(5)");
        let record = Encoding::Record(vec![int(0, "a"), int(1, "b")]);
        assert_eq!(both(&m, &record, &[1, 2]), ("{ .a = 1, .b = 2 }".into(), "{\"a\": 1, \"b\": 2}".into()));
        let array = Encoding::Array { element: Box::new(Encoding::Bool), count: 2, stride: 1 };
        assert_eq!(both(&m, &array, &[1, 0]), ("[true,false]".into(), "[true,false]".into()));
    }

    #[test]
    fn elements_are_as_far_apart_as_on_this_kernel() {
        if !std::path::Path::new("/sys/kernel/btf/vmlinux").exists() {
            println!("skipped: this kernel does not show its types");
            return;
        }
        // Two words, since ever; the object was made where it had four.
        let list = |count| Encoding::Array {
            element: Box::new(Encoding::KernelRecord { name: "list_head".into(), union: false, size: 32 }),
            count,
            stride: 32,
        };
        let bytes: Vec<u8> = (1..=16u64).flat_map(u64::to_le_bytes).collect();
        let wanted = "[{ .next = 0x1, .prev = 0x2 },{ .next = 0x3, .prev = 0x4 }]";
        assert_eq!(both(&Manifest::default(), &list(2), &bytes[..64]).0, wanted);
        let nested = Encoding::Array { element: Box::new(list(2)), count: 2, stride: 64 };
        let second = "[{ .next = 0x5, .prev = 0x6 },{ .next = 0x7, .prev = 0x8 }]";
        assert_eq!(both(&Manifest::default(), &nested, &bytes).0, format!("[{wanted},{second}]"));
    }
}
