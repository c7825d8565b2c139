//! Arguments of USDT probes.
//!
//! Where an argument is, the binary's note says, and only on the host: in a register, in memory, or it is a
//! constant. The code can do all of that; the runtime patches each location's place into a copy of the program,
//! and the verifier drops what is then dead.

use btc_abi::Refused;
use btc_ir::{BinOp, Cond, Late, Memory, UsdtPart, Value, Width};
use btc_types::Space;

use crate::function::FnLower;

/// See `abi::UsdtPart::Kind`.
const CONSTANT: i64 = 0;
const REGISTER: i64 = 1;
const MEMORY: i64 = 2;
const INDEXED: i64 = 3;

impl FnLower<'_, '_, '_> {
    /// The `n`th argument, extended to 64 bits as the note says; `signed` is what the script takes it for.
    pub fn usdt_argument(&mut self, n: u32, signed: bool) -> Value {
        let word = self.b.block(1);
        let kinds = [CONSTANT, REGISTER, MEMORY, INDEXED];
        for kind in kinds {
            let part = self.part(n, UsdtPart::Kind);
            let (here, next) = (self.b.block(0), self.b.block(0));
            self.b.branch_imm(Cond::Eq, part, kind, here, next);
            self.b.switch_to(here);
            let value = self.usdt_word(n, kind);
            self.b.jump(word, &[value]);
            self.b.switch_to(next);
        }
        // The runtime has looked before.
        let program = self.shared.manifest.probes.last().map(|p| p.program.clone()).unwrap_or_default();
        self.refuse(Refused::StaticArgument { program, index: n, signed });
        self.b.switch_to(word);
        let value = self.b.block_param(word, 0);
        self.narrow(n, value)
    }

    fn part(&mut self, index: u32, part: UsdtPart) -> Value {
        self.b.late(Late::UsdtArgument { index, part })
    }

    fn register_at(&mut self, index: u32, part: UsdtPart) -> Value {
        let ctx = self.ctx();
        self.b.load_late(Width::B8, ctx, Late::UsdtArgument { index, part })
    }

    /// The 64-bit word that holds the value.
    fn usdt_word(&mut self, n: u32, kind: i64) -> Value {
        if kind == CONSTANT {
            let (low, high) = (self.part(n, UsdtPart::Low), self.part(n, UsdtPart::High));
            let high = self.b.bin_imm(BinOp::Shl, high, 32);
            let low = self.b.push(btc_ir::Op::ZeroExtend(32, low));
            return self.b.bin(BinOp::Or, high, low);
        }
        let base = self.register_at(n, UsdtPart::Base);
        if kind == REGISTER {
            return base;
        }
        let distance = self.part(n, UsdtPart::Low);
        let mut address = self.b.bin(BinOp::Add, base, distance);
        if kind == INDEXED {
            let (index, scale) = (self.register_at(n, UsdtPart::Index), self.part(n, UsdtPart::Scale));
            let index = self.b.bin(BinOp::Shl, index, scale);
            address = self.b.bin(BinOp::Add, address, index);
        }
        let to = self.alloc(8);
        self.read(Memory { base: to.base, offset: to.offset }, 8, address, Space::User);
        self.b.load(Width::B8, to.base, to.offset)
    }

    /// The value in the lower bits of a word.
    fn narrow(&mut self, n: u32, word: Value) -> Value {
        let shift = self.part(n, UsdtPart::Shift);
        let left = self.b.bin(BinOp::Shl, word, shift);
        let signed = self.part(n, UsdtPart::Signed);
        let (yes, no, done) = (self.b.block(0), self.b.block(0), self.b.block(1));
        self.b.branch_imm(Cond::Ne, signed, 0, yes, no);
        self.b.switch_to(yes);
        let value = self.b.bin(BinOp::AShr, left, shift);
        self.b.jump(done, &[value]);
        self.b.switch_to(no);
        let value = self.b.bin(BinOp::LShr, left, shift);
        self.b.jump(done, &[value]);
        self.b.switch_to(done);
        self.b.block_param(done, 0)
    }
}
