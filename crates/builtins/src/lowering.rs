//! What the lowering hook of a builtin may ask for. `lower` implements it.

use btc_abi::{Action, GlobalValue, LossKind, Refused};
use btc_diagnostics::Span;
use btc_ir::{Block, Builder, Memory, Value};
use btc_types::{Space, StackShape, Type};

use crate::definition::{Arg, Literal, literal_text};

/// A call being lowered.
#[derive(Clone, Debug)]
pub struct Call {
    /// The arguments; their values are asked of [`Lowering`] by index.
    pub args: Vec<Arg>,
    /// Type of the value.
    pub ty: Type,
    /// The call's place.
    pub span: Span,
}

impl Call {
    /// The integer of a literal argument.
    pub fn int(&self, n: usize) -> Option<i64> {
        match self.args.get(n)?.literal.as_ref()? {
            Literal::Int(i) => Some(*i),
            Literal::Bool(b) => Some(i64::from(*b)),
            _ => None,
        }
    }

    /// The text of a literal argument.
    pub fn text(&self, n: usize) -> Option<String> {
        literal_text(self.args.get(n)?)
    }
}

/// Where the value of a call is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Lowered {
    /// There is none.
    None,
    /// In a register.
    Value(Value),
    /// In the place that [`Lowering::dest`] gives.
    InDest,
    /// In other memory, laid out as the call's type.
    At(Memory),
    /// Nowhere: it was compared, see [`Lowering::compared`].
    Compared,
}

/// A field of a record that is not an argument of the call.
#[derive(Clone, Debug)]
pub enum Extra {
    /// The value of argument `n`.
    Arg(usize),
    /// A value in a register, as `uint64`.
    Value(Value),
    /// Text at an address, read into the record; empty for a NULL address.
    Text(Value, Space),
    /// Bytes at an address.
    Bytes {
        /// The address.
        address: Value,
        /// Where it points to.
        space: Space,
        /// How many, at most `capacity`.
        length: Value,
        /// Room in the record.
        capacity: u32,
    },
}

/// Where the bytes of an argument are.
#[derive(Clone, Copy, Debug)]
pub enum Source {
    /// In memory that the program reads directly.
    Direct(Memory),
    /// At an address that a helper reads from.
    Remote(Value, Space),
}

/// Bytes in memory that the program reads directly.
#[derive(Clone, Copy, Debug)]
pub struct Bytes {
    /// Where they begin.
    pub at: Memory,
    /// How many there are at most.
    pub capacity: u32,
    /// Whether a NUL stands within the capacity at the latest.
    pub terminated: bool,
}

impl Bytes {
    /// Bytes that they take with a NUL behind them.
    pub fn room(&self) -> u32 {
        self.capacity + u32::from(!self.terminated)
    }
}

/// A loop that a hook began.
#[derive(Clone, Copy, Debug)]
pub struct Repeat {
    /// Number of the round, from 0. The verifier may not know its bound.
    pub index: Value,
    /// Where the next round begins.
    pub next: Block,
    /// Where the loop ends.
    pub out: Block,
}

/// Code over texts, given by their places, and numbers. Yields a number.
pub type Body<'f, 'm> = dyn FnMut(&mut (dyn Lowering<'m> + '_), &[Memory], &[Value]) -> Value + 'f;

/// Code that yields a number, wherever it is.
pub type Outlined<'f, 'm> = dyn FnMut(&mut (dyn Lowering<'m> + '_)) -> Value + 'f;

/// Services for lowering hooks.
pub trait Lowering<'m> {
    /// The instruction builder.
    fn b(&mut self) -> &mut Builder<'m>;
    /// The program's context.
    fn ctx(&mut self) -> Value;
    /// Evaluates a scalar argument.
    fn value(&mut self, arg: usize) -> Value;
    /// Evaluates an argument that is no scalar; the memory is readable and laid out as its type.
    fn memory(&mut self, arg: usize) -> Memory;
    /// Where the value of the call belongs, when its type is no scalar. For an
    /// aggregation: the stored parts, cleared when new.
    fn dest(&mut self) -> Memory;
    /// The bytes of an argument that is no scalar, as they are: a text's too.
    fn source(&mut self, arg: usize) -> Source;
    /// The size in bytes of an argument that is a struct of the kernel, or an array of them, as the target has it; `None`
    /// for others, whose types tell it.
    fn kernel_size(&mut self, arg: usize) -> Option<Value>;
    /// Goes on only where an argument has as many bytes on the target as its type has here: for code that goes by that.
    fn require_bytes(&mut self, arg: usize);
    /// Memory of the call's own, aligned to 8 bytes, with whatever content.
    fn alloc(&mut self, size: u32) -> Memory;
    /// The same number, of which the verifier knows nothing. It follows each value that a
    /// counter may have when a loop is left, and all that comes after once for each.
    fn opaque(&mut self, value: Value) -> Value;
    /// Begins a loop of so many rounds; what follows is its body, up to [`Lowering::end_loop`]. Where the kernel
    /// cannot do all rounds, the loop ends early, and that is counted as a loss.
    fn begin_loop(&mut self, rounds: u64) -> Repeat;
    /// Ends the body of the innermost loop; what follows is behind it.
    fn end_loop(&mut self);
    /// What `body` yields for these texts and numbers. In a loop of the script that is done by a function that the
    /// verifier checks once, for the loop would multiply the body's own. `body` is given where the texts are, and knows
    /// nothing of the call's arguments; `shape` tells all that bodies of this name and place may differ in but for the
    /// sizes of the texts.
    fn apart(
        &mut self,
        name: &'static str,
        shape: String,
        texts: &[Bytes],
        numbers: &[Value],
        body: &mut Body<'_, 'm>,
    ) -> Value;
    /// The number that `body` yields, by a function that all calls of this name share: for what seldom runs, so that a
    /// program has no more of it than the call. The body knows nothing of the program around, and is the same for each name.
    fn outlined(&mut self, name: &'static str, body: &mut Outlined<'_, 'm>) -> Value;
    /// The text, with its NUL, that the value of the call is compared with and nothing else,
    /// and where to go unless they are equal. A hook may do that without the value in memory.
    fn compared(&mut self) -> Option<(Vec<u8>, Block)>;
    /// Goes to `differ` unless the memory holds these bytes.
    fn equal_constant(&mut self, at: Memory, bytes: &[u8], differ: Block);
    /// Adds to a part of an aggregation at `offset` from [`Lowering::dest`].
    fn add_to_part(&mut self, offset: i32, value: Value) {
        let dest = self.dest();
        self.add_to(Memory { base: dest.base, offset: dest.offset + offset }, value);
    }
    /// Adds to a word of an aggregation: in one step where others may add to it meanwhile.
    fn add_to(&mut self, at: Memory, value: Value);
    /// Copies `size` bytes from an address; on failure they are 0 and the loss is counted.
    fn read(&mut self, to: Memory, size: u32, from: Value, space: Space);
    /// [`Lowering::read`] of a number of bytes that the verifier knows the bound of.
    fn read_sized(&mut self, to: Memory, size: Value, from: Value, space: Space);
    /// Reads text of at most `most` bytes with its NUL, and of no more than `limit`, into a place
    /// of `capacity` bytes. Yields the helper's result: the length with the NUL, or a negative error.
    fn read_str(
        &mut self,
        to: Memory,
        capacity: u32,
        most: u32,
        limit: Option<Value>,
        from: Value,
        space: Space,
    ) -> Value;
    /// Sends a record with these fields; lost ones are counted.
    fn send(&mut self, action: Action, fields: &[Extra]);
    /// Number of a loss counter for this call.
    fn loss(&mut self, kind: LossKind, subject: &str) -> u32;
    /// Adds 1 to a loss counter.
    fn count_loss(&mut self, loss: u32);
    /// Index of a map argument in the manifest.
    fn map(&mut self, arg: usize) -> u32;
    /// Number of entries of a map argument (Linux 5.13).
    fn count_entries(&mut self, arg: usize) -> Value;
    /// A pointer to the value under the key argument `key` in the map argument `map`; 0 when there is none.
    fn lookup(&mut self, map: usize, key: usize) -> Value;
    /// Whether the tracer itself runs the program, which thus interrupts nothing.
    fn is_run_by_tracer(&self) -> bool;

    /// Whether the context holds the registers of what the probe interrupted.
    fn has_registers(&self) -> bool;
    /// A value that the runtime fills in before loading.
    fn global(&mut self, value: GlobalValue) -> Value;
    /// The id of the current stack; 0 when there is none.
    fn stack(&mut self, user: bool, shape: StackShape) -> Value;
    /// The id of the current user stack by the unwind tables of a process; 0 when there is none.
    fn unwound_stack(&mut self, pid: Value, shape: StackShape) -> Value;
    /// The number of the attach point that fired.
    fn probe_number(&mut self) -> Value;
    /// The `n`th integer argument of the probed function, for a number of 64 bits with a sign or without.
    fn argument(&mut self, n: u32, signed: bool) -> Value;
    /// The result of the probed function.
    fn result(&mut self) -> Value;
    /// Reads a field of a kernel struct, by its path from the struct at `base`; a scalar.
    fn kernel_field(&mut self, base: Value, record: &str, path: &[&str], ty: &Type) -> Value;
    /// The address of a field of the kernel struct at `base`.
    fn kernel_address(&mut self, base: Value, record: &str, path: &[&str], ty: &Type) -> Value;
    /// A register of the interrupted or probed code by name. Where the machine lacks it the program is not loaded.
    fn register(&mut self, name: &str) -> Value;
    /// Goes on only where a number that the verifier knows is not 0; a program that would go elsewhere is not loaded,
    /// and the user is told what is missing.
    fn require(&mut self, present: Value, what: Refused);
    /// Address of a symbol of the probed binary as it lies in the process.
    fn user_symbol(&mut self, name: &str) -> Value;
    /// Name of the probe's provider.
    fn provider(&mut self) -> &'static str;
    /// Copies the value of an entry to the variable argument `to`; 1 when there is one, else 0.
    fn find(&mut self, map: usize, key: usize, to: usize) -> Value;
    /// The current task's address.
    fn current_task(&mut self) -> Value;
    /// Evaluates a call of another map operation: deletes the element, yields 0 on success.
    fn delete(&mut self, map: usize, key: Option<usize>) -> Value;
    /// Ends the program at once; what follows is unreachable.
    fn leave(&mut self);
    /// Sets the flag that stops all programs but END, with the exit code beside it: it counts
    /// where the record that tells it finds no room.
    fn stop(&mut self, code: Value);
}
