//! Messages for the user, on standard error.

/// Says a line on standard error, where a macro of the standard library would panic when nobody takes it. One that
/// cannot be written is lost: there is no other place to say so, and the trace is worth more.
macro_rules! say {
    ($($text:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(std::io::stderr(), $($text)*);
    }};
}
