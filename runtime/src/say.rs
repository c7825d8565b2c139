//! Messages for the user, on standard error.

/// Says a line on standard error, where a macro of the standard library would panic when nobody takes it. One that
/// cannot be written is lost: there is no other place to say so, and the trace is worth more.
/// Names and paths in it are often those of others: control characters become visible, ends of lines too:
/// what looks like a message is one.
macro_rules! say {
    ($($text:tt)*) => {{
        use std::io::Write as _;
        let text = $crate::render::escape::shown(&format!($($text)*), $crate::render::escape::Keep::Seen);
        let _ = writeln!(std::io::stderr(), "{text}");
    }};
}
