//! Signatures of kernel functions as BTF, from the table in `btc-bpf`.

use btc_bpf::kfuncs::by_name;

use crate::btf::{Btf, TypeId};

/// The signature of a kernel function; integers throughout when it is not in the table.
pub fn prototype(name: &str, args: u8, btf: &mut Btf) -> TypeId {
    let (ret, params) = match by_name(name) {
        Some(kfunc) => (kfunc.result, kfunc.params.to_string()),
        None => ('i', "i".repeat(usize::from(args))),
    };
    let ret = letter(ret, btf);
    let params: Vec<TypeId> = params.chars().map(|c| letter(c, btf)).collect();
    btf.prototype(ret, &params)
}

fn letter(c: char, btf: &mut Btf) -> TypeId {
    match c {
        'v' => 0,
        'p' => btf.pointer(0),
        's' => {
            let record = btf.composite("", false, 0, &[]);
            btf.pointer(record)
        }
        'n' => {
            let int = btf.int("int", 4, true);
            btf.pointer(int)
        }
        'e' => btf.enumeration("", 4, &[("btc_none".into(), 0)]),
        _ => btf.int("int", 4, true),
    }
}
