//! `percpu_kaddr(name, cpu)`: address of a CPU's copy of a kernel variable.

use btc_abi::{GlobalValue, Refused};
use btc_ir::{BinOp, Cond, Memory, Value, Width};
use btc_types::{Space, Type};

use crate::{Call, Function, Kind, Lowered, Lowering, Param, ParamKind, Probes, Returns, helpers};

/// The definition.
pub static PERCPU_KADDR: Function = Function {
    name: "percpu_kaddr",
    aliases: &[],
    kind: Kind::Call,
    params: &[Param::new("name", ParamKind::LiteralStr), Param::optional("cpu", ParamKind::Int)],
    returns: Returns::Infer(|_| Type::pointer(Type::UINT64, Space::Kernel)),
    probes: Probes::Any,
    is_unsafe: false,
    doc: "Address of a per-CPU kernel variable of a CPU, or of the one that runs the probe; NULL \
          where there is no such CPU. Where the kernel has no such variable, the script is not loaded.",
    lower,
};

/// By the kernel's own table of distances, which all kernels for several CPUs have
/// (kernel: include/asm-generic/percpu.h); the helper needs the variable's type in BTF.
fn lower(l: &mut (dyn Lowering<'_> + '_), call: &Call) -> Lowered {
    let cpu = if call.args.len() > 1 {
        l.value(1)
    } else {
        l.b().helper(helpers::GET_SMP_PROCESSOR_ID, &[])
    };
    let cpus = l.global(GlobalValue::Cpus);
    let symbol = kernel_symbol(l, &call.text(0).unwrap_or_default());
    let table = kernel_symbol(l, "__per_cpu_offset");
    let to = l.alloc(8);
    let b = l.b();
    let (there, none, done) = (b.block(0), b.block(0), b.block(1));
    b.branch(Cond::ULt, cpu, cpus, there, none);
    b.switch_to(there);
    let index = b.bin_imm(BinOp::Shl, cpu, 3);
    let at = b.bin(BinOp::Add, table, index);
    l.read(Memory { base: to.base, offset: to.offset }, 8, at, Space::Kernel);
    let b = l.b();
    let distance = b.load(Width::B8, to.base, to.offset);
    let address = b.bin(BinOp::Add, symbol, distance);
    b.jump(done, &[address]);
    b.switch_to(none);
    let zero = b.iconst(0);
    b.jump(done, &[zero]);
    b.switch_to(done);
    Lowered::Value(b.block_param(done, 0))
}

fn kernel_symbol(l: &mut (dyn Lowering<'_> + '_), name: &str) -> Value {
    let address = l.global(GlobalValue::KernelAddress(name.to_string()));
    l.require(address, Refused::KernelSymbol(name.to_string()));
    address
}
