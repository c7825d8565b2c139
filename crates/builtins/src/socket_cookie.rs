//! `socket_cookie(sk)`: a number that stands for a socket.

use btc_diagnostics::Code;
use btc_ir::{Cond, Late, Value, Width};
use btc_types::{Origin, RecordType, Space, Type};

use crate::{Call, Check, Function, Kind, Lowered, Lowering, Param, ParamKind, Probes, Returns, helpers};

/// The definition.
pub static SOCKET_COOKIE: Function = Function {
    name: "socket_cookie",
    aliases: &[],
    kind: Kind::Call,
    params: &[Param::new("sk", ParamKind::Address)],
    returns: Returns::Infer(check),
    probes: Probes::Any,
    is_unsafe: false,
    doc: "The number that the kernel gave a `struct sock *`, the same for the socket's life. fentry \
          and fexit probes (Linux 5.12) make it where there is none yet; others read it, 0 for none.",
    lower,
};

fn check(c: &mut Check) -> Type {
    let fits = match &c.args[0].ty {
        Type::Pointer { to, .. } => matches!(&**to, Type::Record(_)) || **to == Type::None,
        ty => ty.is_int() || *ty == Type::Unknown,
    };
    if !fits {
        let message = format!("socket_cookie() takes a `struct sock *`, not `{}`", c.args[0].ty);
        c.wrong_argument(Code::WrongType, 0, message);
    }
    Type::UINT64
}

fn lower(l: &mut (dyn Lowering<'_> + '_), _: &Call) -> Lowered {
    let sock = l.value(0);
    // There the verifier knows the pointer's type, as the helper wants it.
    if matches!(l.provider(), "fentry" | "fexit") {
        return Lowered::Value(made(l, sock));
    }
    Lowered::Value(kept(l, sock))
}

/// By the helper, which these programs may call since Linux 5.12. No fact of BTF tells that;
/// the helper told of here came with the same release.
fn made(l: &mut (dyn Lowering<'_> + '_), sock: Value) -> Value {
    let b = l.b();
    let exists = b.late(Late::EnumExists {
        name: "bpf_func_id".to_string(),
        variant: "BPF_FUNC_check_mtu".to_string(),
        value: 163,
    });
    let (new, old, done) = (b.block(0), b.block(0), b.block(1));
    b.branch_imm(Cond::Ne, exists, 0, new, old);
    b.switch_to(new);
    let cookie = b.helper(helpers::GET_SOCKET_COOKIE, &[sock]);
    b.jump(done, &[cookie]);
    b.switch_to(old);
    let cookie = kept(l, sock);
    let b = l.b();
    b.jump(done, &[cookie]);
    b.switch_to(done);
    b.block_param(done, 0)
}

/// What the socket has; 0 when nobody has asked for its cookie yet.
fn kept(l: &mut (dyn Lowering<'_> + '_), sock: Value) -> Value {
    let common = l.kernel_address(sock, "sock", &["__sk_common"], &record());
    let cookie = l.kernel_address(common, "sock_common", &["skc_cookie"], &record());
    let to = l.alloc(8);
    l.read(to, 8, cookie, Space::Kernel);
    l.b().load(Width::B8, to.base, to.offset)
}

/// Some struct: the field's name is all that counts.
fn record() -> Type {
    let name = "sock_common".to_string();
    Type::Record(RecordType { name, union: false, typedef: false, origin: Origin::Kernel, size: 8, align: 8 })
}
