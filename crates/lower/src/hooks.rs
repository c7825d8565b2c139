//! Calls of builtins: the services that their hooks ask for.

use btc_abi::{Action, GlobalValue, LossKind, Refused};
use btc_builtins::{Body, Bytes, Call, Extra, Lowered, Lowering, Outlined, Repeat, Source};
use btc_hir::{self as hir, ExprKind};
use btc_providers::Context;
use btc_ir::{BinOp, Block, Builder, Callee, Memory, Op, Value, Width};
use btc_target::arch;
use btc_types::{Space, StackShape, Type};


use crate::function::FnLower;
use crate::loops::{Loop, Rounds};
use btc_builtins::helpers::GET_CURRENT_TASK;
use crate::place::{CorePlace, Place, is_kernel_record};
use crate::send::FieldSource;

/// A call with the function around it.
struct Hook<'f, 'm, 's, 'p> {
    f: &'f mut FnLower<'m, 's, 'p>,
    args: &'f [hir::Expr],
    facts: &'f [btc_builtins::Arg],
    /// Where a value that is no scalar belongs.
    dest: Option<Memory>,
    /// For an aggregation: whether others may add to the stored parts at the same moment, on other CPUs or in the middle of
    /// this program.
    in_one_step: bool,
    /// For an aggregation: the argument's value.
    first: Option<Value>,
    /// The text that the value is compared with, and where to go when they differ.
    compared: Option<(&'f [u8], Block)>,
    /// The hook's own loops, innermost last.
    searches: Vec<Loop>,
    /// Which arguments were asked for.
    asked: Vec<bool>,
}

impl FnLower<'_, '_, '_> {
    /// Lowers a call. A value that is no scalar goes to `dest`, or to memory of its own when
    /// nobody wants it elsewhere.
    pub fn call(&mut self, e: &hir::Expr, dest: Option<Memory>) -> Option<Value> {
        match self.lower_call(e, dest, None) {
            Lowered::Value(value) => Some(value),
            Lowered::None | Lowered::InDest | Lowered::At(_) | Lowered::Compared => None,
        }
    }

    /// Lowers a call whose value is text, to compare it with some: `true` when that is done, `false`
    /// when the text is in `dest`.
    pub fn call_compared(&mut self, e: &hir::Expr, dest: Memory, text: &[u8], differ: Block) -> bool {
        self.lower_call(e, Some(dest), Some((text, differ))) == Lowered::Compared
    }

    fn lower_call(
        &mut self,
        e: &hir::Expr,
        dest: Option<Memory>,
        compared: Option<(&[u8], Block)>,
    ) -> Lowered {
        let ExprKind::Call { function, facts, args } = &e.kind else { unreachable!("not a call") };
        let outer = self.b.span;
        self.enter(e.span);
        let call = Call { args: facts.clone(), ty: e.ty.clone(), span: e.span };
        let scalar = e.ty.is_scalar() || e.ty == Type::None;
        let dest = match dest {
            None if !scalar => Some(self.alloc(e.ty.size())),
            other => other,
        };
        let mut hook = Hook { compared, ..Hook::of(self, args, facts, dest) };
        let lowered = (function.lower)(&mut hook, &call);
        if let (Lowered::At(from), Some(to)) = (lowered, dest) {
            self.b.copy(to, from, e.ty.size());
        }
        self.enter(outer);
        lowered
    }

    /// Evaluates the first argument of an aggregation before its entry is looked up.
    pub fn first_argument(&mut self, e: &hir::Expr) -> Option<Value> {
        let ExprKind::Call { args, .. } = &e.kind else { unreachable!("not a call") };
        args.first().map(|a| self.scalar(a))
    }

    /// Calls the hook of an aggregation on its stored parts.
    pub fn update_aggregate(
        &mut self,
        e: &hir::Expr,
        ty: &Type,
        at: Memory,
        in_one_step: bool,
        first: Option<Value>,
    ) {
        let ExprKind::Call { function, facts, args } = &e.kind else { unreachable!("not a call") };
        let outer = self.b.span;
        self.b.span = e.span;
        let call = Call { args: facts.clone(), ty: ty.clone(), span: e.span };
        let mut hook = Hook { in_one_step, first, ..Hook::of(self, args, facts, Some(at)) };
        (function.lower)(&mut hook, &call);
        self.b.span = outer;
    }
}

impl<'m> Lowering<'m> for Hook<'_, 'm, '_, '_> {
    fn b(&mut self) -> &mut Builder<'m> {
        &mut self.f.b
    }

    fn ctx(&mut self) -> Value {
        self.f.ctx()
    }

    fn value(&mut self, arg: usize) -> Value {
        match self.first {
            Some(value) if arg == 0 => value,
            _ => {
                let e = self.once(arg);
                self.f.scalar(e)
            }
        }
    }

    fn memory(&mut self, arg: usize) -> Memory {
        let e = self.once(arg);
        self.f.direct(e)
    }

    fn dest(&mut self) -> Memory {
        self.dest.unwrap_or_else(|| self.f.alloc(8))
    }

    fn source(&mut self, arg: usize) -> Source {
        let e = self.once(arg);
        let place = self.f.place(e);
        match place {
            Place::Direct(memory) => Source::Direct(memory),
            other => {
                let (address, space) = self.f.address(&other);
                Source::Remote(address, self.known(space))
            }
        }
    }

    fn kernel_size(&mut self, arg: usize) -> Option<Value> {
        let ty = &self.args[arg].ty;
        is_kernel_record(ty).then(|| self.f.target_size(ty))
    }

    fn require_bytes(&mut self, arg: usize) {
        self.f.require_bytes(&self.args[arg]);
    }

    fn alloc(&mut self, size: u32) -> Memory {
        self.f.alloc(size)
    }

    fn opaque(&mut self, value: Value) -> Value {
        self.f.opaque(value)
    }

    fn begin_loop(&mut self, rounds: u64) -> Repeat {
        let l = self.f.begin_loop(Rounds::Search(i64::try_from(rounds).unwrap_or(i64::MAX)));
        let repeat = Repeat { index: l.index, next: l.next, out: l.out };
        self.searches.push(l);
        repeat
    }

    fn end_loop(&mut self) {
        if let Some(l) = self.searches.pop() {
            self.f.end_loop(&l);
        }
    }

    fn apart(
        &mut self,
        name: &'static str,
        shape: String,
        texts: &[Bytes],
        numbers: &[Value],
        body: &mut Body<'_, 'm>,
    ) -> Value {
        self.f.apart(name, shape, texts, numbers, |f, texts, numbers| {
            body(&mut Hook::of(f, &[], &[], None), texts, numbers)
        })
    }

    fn outlined(&mut self, name: &'static str, body: &mut Outlined<'_, 'm>) -> Value {
        let function = self.f.subprogram(name, |f| body(&mut Hook::of(f, &[], &[], None)));
        self.f.b.call(Callee::Function(function), &[])
    }

    fn compared(&mut self) -> Option<(Vec<u8>, Block)> {
        self.compared.map(|(text, differ)| (text.to_vec(), differ))
    }

    fn equal_constant(&mut self, at: Memory, bytes: &[u8], differ: Block) {
        self.f.equal_constant(at, bytes, differ);
    }

    fn add_to(&mut self, at: Memory, value: Value) {
        if self.in_one_step {
            self.f.b.push(Op::AtomicAdd(Width::B8, at, value));
        } else {
            let old = self.f.b.load(Width::B8, at.base, at.offset);
            let new = self.f.b.bin(BinOp::Add, old, value);
            self.f.b.store(Width::B8, at.base, at.offset, new);
        }
    }

    fn read(&mut self, to: Memory, size: u32, from: Value, space: Space) {
        let space = self.known(space);
        self.f.read(to, size, from, space);
    }

    fn read_sized(&mut self, to: Memory, size: Value, from: Value, space: Space) {
        let space = self.known(space);
        self.f.read_sized(to, size, from, space);
    }

    fn read_str(
        &mut self,
        to: Memory,
        capacity: u32,
        most: u32,
        limit: Option<Value>,
        from: Value,
        space: Space,
    ) -> Value {
        let space = self.known(space);
        self.f.read_str(to, capacity, most, limit, from, space)
    }

    fn send(&mut self, action: Action, fields: &[Extra]) {
        let sources: Vec<FieldSource> = fields
            .iter()
            .map(|field| match field {
                Extra::Arg(n) => match self.facts[*n].element_of {
                    Some(map) => {
                        let key = self.f.shared.program.maps[map as usize].key.clone();
                        FieldSource::Key(self.once(*n), key.expect("an element has a key"), hir::MapId(map))
                    }
                    None => FieldSource::Expr(self.once(*n)),
                },
                Extra::Value(value) => FieldSource::Value(*value),
                Extra::Text(address, space) => FieldSource::Text(*address, *space),
                Extra::Bytes { address, space, length, capacity } => FieldSource::Bytes {
                    address: *address,
                    space: *space,
                    length: *length,
                    capacity: *capacity,
                },
            })
            .collect();
        self.f.send(action, &sources);
    }

    fn loss(&mut self, kind: LossKind, subject: &str) -> u32 {
        let span = self.f.b.span;
        self.f.shared.loss(kind, subject, span)
    }

    fn count_loss(&mut self, loss: u32) {
        self.f.count_loss(loss);
    }

    fn map(&mut self, arg: usize) -> u32 {
        self.facts[arg].map.expect("the argument is a map")
    }

    fn count_entries(&mut self, arg: usize) -> Value {
        let map = hir::MapId(self.map(arg));
        let map = self.f.map_id(map);
        self.f.count_entries(map)
    }

    fn lookup(&mut self, map: usize, key: usize) -> Value {
        let map = hir::MapId(self.map(map));
        let key = self.once(key);
        let key = self.f.key(map, Some(key));
        self.f.lookup(map, key)
    }

    fn has_registers(&self) -> bool {
        matches!(self.f.probe.provider.context, Context::Registers | Context::Usdt | Context::PerfEvent)
    }

    fn is_run_by_tracer(&self) -> bool {
        self.f.probe.provider.context == Context::None
    }

    fn global(&mut self, value: GlobalValue) -> Value {
        self.f.global(value)
    }

    fn stack(&mut self, user: bool, shape: StackShape) -> Value {
        self.f.stack_id(user, shape)
    }

    fn unwound_stack(&mut self, pid: Value, shape: StackShape) -> Value {
        self.f.unwound_stack(pid, shape)
    }

    fn probe_number(&mut self) -> Value {
        self.f.probe_number()
    }

    fn argument(&mut self, n: u32, signed: bool) -> Value {
        if self.f.probe.provider.context == Context::Slots {
            return self.f.context_word(n);
        }
        if self.f.probe.provider.context == Context::Usdt {
            return self.f.usdt_argument(n, signed);
        }
        self.f.entry_argument(n)
    }

    fn result(&mut self) -> Value {
        if self.f.probe.provider.context == Context::Slots {
            // The checker has let the builtin pass, so there is one.
            let Some((location, ty)) = self.f.probe.result.clone() else { unreachable!("no result in this probe") };
            return self.f.argument_value(&location, None, &ty);
        }
        self.f.register(|a: &'static arch::Arch| a.result)
    }

    fn kernel_field(&mut self, base: Value, record: &str, path: &[&str], ty: &Type) -> Value {
        let place = CorePlace::member(base, record, path, ty);
        self.f.load_core(&place, ty, None)
    }

    fn kernel_address(&mut self, base: Value, record: &str, path: &[&str], ty: &Type) -> Value {
        let place = CorePlace::member(base, record, path, ty);
        self.f.core_address(&place)
    }

    fn register(&mut self, name: &str) -> Value {
        // In a perf event's context the registers come first, laid out as `pt_regs`. The checker takes no other probe.
        assert!(self.has_registers(), "{} has no registers", self.f.probe.provider.name);
        self.f.register_named(name)
    }

    fn require(&mut self, present: Value, what: Refused) {
        self.f.require(present, what);
    }

    fn user_symbol(&mut self, name: &str) -> Value {
        self.f.user_symbol(name)
    }

    fn provider(&mut self) -> &'static str {
        self.f.probe.provider.name
    }

    fn find(&mut self, map: usize, key: usize, to: usize) -> Value {
        let map = hir::MapId(self.map(map));
        match &self.args[to].kind {
            ExprKind::Var(var) => {
                let key = self.once(key);
                self.f.find_entry(map, key, *var)
            }
            other => unreachable!("{other:?} takes no value"),
        }
    }

    fn current_task(&mut self) -> Value {
        self.f.b.helper(GET_CURRENT_TASK, &[])
    }

    fn delete(&mut self, map: usize, key: Option<usize>) -> Value {
        let map = hir::MapId(self.map(map));
        let key = key.map(|k| self.once(k));
        self.f.delete_entry(map, key)
    }

    fn leave(&mut self) {
        self.f.leave();
    }

    fn stop(&mut self, code: Value) {
        self.f.shared.found.stop = true;
        let flag = self.f.b.global_addr(self.f.shared.stopped);
        // One store: whoever sees the flag sees its code.
        let code = self.f.b.bin_imm(BinOp::Shl, code, 32);
        let word = self.f.b.bin_imm(BinOp::Or, code, 1);
        self.f.b.store(Width::B8, flag, 0, word);
    }
}

impl FnLower<'_, '_, '_> {
    /// Id of the current process as the tracer's pid namespace counts it; 0 for one that it does not see.
    pub fn own_process(&mut self) -> Value {
        let ids = btc_builtins::own_ids(&mut Hook::of(self, &[], &[], None));
        self.b.bin_imm(BinOp::LShr, ids, 32)
    }
}

impl<'f, 'm, 's, 'p> Hook<'f, 'm, 's, 'p> {
    /// A call with nothing special about it.
    fn of(
        f: &'f mut FnLower<'m, 's, 'p>,
        args: &'f [hir::Expr],
        facts: &'f [btc_builtins::Arg],
        dest: Option<Memory>,
    ) -> Self {
        Hook { f, args, facts, dest, in_one_step: false, first: None, compared: None, searches: Vec::new(), asked: vec![false; args.len()] }
    }

    /// An argument, to be evaluated: a second time would cost twice and count a failed read twice.
    fn once(&mut self, arg: usize) -> &'f hir::Expr {
        let again = std::mem::replace(&mut self.asked[arg], true);
        assert!(!again || self.facts[arg].literal.is_some(), "argument {arg} of a call is evaluated twice");
        &self.args[arg]
    }

    /// In a probe of user-space code, an address of unknown space is the process's.
    fn known(&self, space: Space) -> Space {
        if space == Space::Unknown && self.f.probe.provider.is_user { Space::User } else { space }
    }
}
