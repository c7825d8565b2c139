//! Calls Rust functions down to a system call, and ends.

use std::hint::black_box;

unsafe extern "C" {
    fn getppid() -> i32;
}

mod demo {
    #[inline(never)]
    pub fn leaf() -> i32 {
        // SAFETY: getppid has no preconditions.
        super::black_box(unsafe { super::getppid() })
    }

    pub struct Shape;

    impl Shape {
        #[inline(never)]
        pub fn draw(&self) -> i32 {
            super::black_box(leaf() + 1)
        }
    }
}

#[inline(never)]
fn twice() -> i32 {
    black_box(demo::Shape.draw() + 1)
}

fn main() {
    black_box(twice());
}
