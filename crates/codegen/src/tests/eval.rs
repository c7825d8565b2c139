//! Runs IR in its interpreter, for comparison with the VM. Helper 7 is [`mix`].

use btc_ir::interp::{self, Host};
use btc_ir::machine::Machine;
use btc_ir::memory::{Memory, RegionKind, Trap};
use btc_ir::{FuncId, GlobalId, KfuncId, LateId, MapId, Module};

use super::mix;

/// Steps after which a function is taken not to end.
const STEPS: u64 = 100_000;

/// The result of a module's first function on inputs.
pub fn eval(module: &Module, inputs: &[u64]) -> Result<u64, Trap> {
    let mut host = Mixer(Machine::default());
    let bytes = inputs.iter().flat_map(|n| n.to_le_bytes()).collect();
    let ctx = host.0.memory.add(RegionKind::ReadOnly, bytes);
    interp::run(module, FuncId(0), &[ctx], &mut host, STEPS)
}

/// The usual mock, with another helper 7.
struct Mixer(Machine);

impl Host for Mixer {
    fn memory(&mut self) -> &mut Memory {
        self.0.memory()
    }

    fn late(&mut self, module: &Module, late: LateId) -> Result<u64, Trap> {
        self.0.late(module, late)
    }

    fn global(&mut self, module: &Module, global: GlobalId) -> Result<u64, Trap> {
        self.0.global(module, global)
    }

    fn kfunc_address(&mut self, module: &Module, kfunc: KfuncId) -> u64 {
        self.0.kfunc_address(module, kfunc)
    }

    fn kfunc(&mut self, module: &Module, kfunc: KfuncId, args: &[u64]) -> Result<u64, Trap> {
        self.0.kfunc(module, kfunc, args)
    }

    fn helper(&mut self, module: &Module, number: u32, args: &[u64]) -> Result<u64, Trap> {
        let arg = |n: usize| args.get(n).copied().unwrap_or(0);
        match number {
            7 => Ok(mix(arg(0), arg(1), arg(2), arg(3), arg(4))),
            _ => self.0.helper(module, number, args),
        }
    }

    fn elements(&mut self, module: &Module, map: MapId) -> Result<Vec<(u64, u64)>, Trap> {
        self.0.elements(module, map)
    }
}
