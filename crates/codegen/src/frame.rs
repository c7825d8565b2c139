//! The stack frame: where stack objects and spilled words lie below the frame pointer.
//!
//! Keeps: everything is aligned to 8 bytes; nothing overlaps.

use btc_bpf::STACK_SIZE;

use crate::CodegenError;

/// What the kernel counts for a function that needs no stack, and multiples of it for others (kernel:
/// `check_max_stack_depth`).
pub const SMALLEST_FRAME: u32 = 32;

/// Offsets of a function's stack.
pub struct Frame {
    /// Displacement of each stack object from the frame pointer.
    slots: Vec<i32>,
    /// Bytes below the frame pointer that the stack objects take.
    objects: u64,
    /// Words below them.
    words: u32,
}

impl Frame {
    /// Lays out objects of `sizes` bytes, then `words` spilled words.
    pub fn new(sizes: &[u32], words: u32) -> Frame {
        let mut objects = 0u64;
        let mut slots = Vec::with_capacity(sizes.len());
        for size in sizes {
            objects += u64::from(*size).div_ceil(8) * 8;
            slots.push(-(objects.min(1 << 30) as i32));
        }
        Frame { slots, objects, words }
    }

    /// Displacement of a stack object.
    pub fn slot(&self, slot: u32) -> i32 {
        self.slots[slot as usize]
    }

    /// Displacement of a spilled word.
    pub fn word(&self, word: u32) -> i16 {
        -((self.objects.min(1 << 14) as i32 + 8 * (word as i32 + 1)).min(1 << 15)) as i16
    }

    /// One more word.
    pub fn add_word(&mut self) -> u32 {
        self.words += 1;
        self.words - 1
    }

    /// Bytes in all; an error when they do not fit. The stack is that of what is called, too.
    pub fn finish(&self, function: &str, calls: bool) -> Result<u32, CodegenError> {
        let needed = self.objects + 8 * u64::from(self.words);
        let limit = if calls { STACK_SIZE - SMALLEST_FRAME } else { STACK_SIZE };
        if needed > u64::from(limit) {
            return Err(CodegenError::TooLarge {
                function: function.to_string(),
                needed: needed.min(u64::from(u32::MAX)) as u32,
                limit,
            });
        }
        Ok(needed as u32)
    }
}
