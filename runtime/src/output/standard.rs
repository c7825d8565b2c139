//! Standard output, where it is closed, too (`btc … >&-`).
//!
//! Rust opens `/dev/null` in the place of a closed descriptor before `main`, and its own standard output takes "bad file
//! descriptor" for success: what is written is lost without a word. So the place is taken before that, by a descriptor that
//! refuses to be written.

use std::fs::File;
use std::os::fd::AsFd;

/// Called by the C library before `main`, when there is one thread.
#[used]
#[unsafe(link_section = ".init_array")]
static FIRST: extern "C" fn() = take_the_place;

extern "C" fn take_the_place() {
    // SAFETY: asks for flags, and opens a path that ends with a nul. The lowest free descriptor is taken: standard input's
    // before that of output, as Rust would do it.
    unsafe {
        if libc::fcntl(libc::STDOUT_FILENO, libc::F_GETFD) < 0 {
            while (0..libc::STDOUT_FILENO).contains(&libc::open(c"/dev/null".as_ptr(), libc::O_RDONLY)) {}
        }
    }
}

/// Standard output. Each write to it fails that loses anything.
///
/// # Errors
/// When there is no descriptor left.
pub fn standard_output() -> std::io::Result<File> {
    std::io::stdout().as_fd().try_clone_to_owned().map(File::from)
}
