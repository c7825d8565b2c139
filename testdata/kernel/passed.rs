//! Rust functions that are not `extern "C"`. Each is called once.

use std::hint::black_box;

#[inline(never)]
#[unsafe(no_mangle)]
pub fn scalars(a: i32, c: char, t: bool, p: &u64, b: i32, q: *const u8, far: i16) -> i64 {
    black_box(i64::from(a) + c as i64 + i64::from(t) + *p as i64 + i64::from(b) + q as i64 + i64::from(far))
}

#[inline(never)]
#[unsafe(no_mangle)]
pub fn nothing(a: i32, b: i32) {
    black_box(a + b);
}

#[inline(never)]
#[unsafe(no_mangle)]
pub fn boxed(a: i32, v: Box<u64>, b: i32) -> *const u8 {
    black_box((a + b + *v as i32) as usize as *const u8)
}

macro_rules! taking {
    ($($name:ident($ty:ty);)*) => { $(
        #[inline(never)]
        #[unsafe(no_mangle)]
        pub fn $name(a: i32, v: $ty, b: i32) -> i32 {
            black_box(&v);
            black_box(a + b)
        }
    )* };
}

taking! {
    text(&str); tuple((u32, u32)); option(Option<u32>); vector(Vec<u8>); array([u8; 24]); number(f32); wide(i128); unit(());
}

#[inline(never)]
#[unsafe(no_mangle)]
pub fn large(a: i32, b: i32) -> (u64, u64, u64) {
    black_box((a as u64, b as u64, 0))
}

#[inline(never)]
#[unsafe(no_mangle)]
pub fn result(a: i32, b: i32) -> Result<u64, String> {
    black_box(if a > 0 { Ok(b as u64) } else { Err("x".into()) })
}

fn main() {
    let a = black_box(-1);
    scalars(a, 'A', true, &7, -2, std::ptr::null(), -3);
    nothing(a, -2);
    boxed(a, Box::new(5), -2);
    text(a, "text", -2);
    tuple(a, (1, 2), -2);
    option(a, Some(3), -2);
    vector(a, vec![1], -2);
    array(a, [1; 24], -2);
    number(a, 1.0, -2);
    wide(a, 1, -2);
    unit(a, (), -2);
    large(a, -2);
    let _ = result(a, -2);
}
