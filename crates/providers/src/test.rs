//! `test` and `bench`: programs that only `--test` and `--bench` run.

use btc_abi::Attach;

use crate::{Extent, Parse, ProbeError, Provider};

/// `test`
pub static TEST: Provider = Provider {
    name: "test",
    syntax: "test:name",
    doc: "A test of the script itself, run by `--test`. It passes unless it returns something other than 0 \
          or reports an error.",
    parse: |p| named(p, "test:name").map(|name| Attach::Test { name }),
    normal: |attach| match attach {
        Attach::Test { name } => format!("test:{name}"),
        _ => String::new(),
    },
    extent: Extent::All,
    ..Provider::DEFAULT
};

/// `bench`
pub static BENCH: Provider = Provider {
    name: "bench",
    syntax: "bench:name",
    doc: "A benchmark of the script itself: `--bench` runs it many times and tells how long one run takes.",
    parse: |p| named(p, "bench:name").map(|name| Attach::Bench { name }),
    normal: |attach| match attach {
        Attach::Bench { name } => format!("bench:{name}"),
        _ => String::new(),
    },
    extent: Extent::All,
    ..Provider::DEFAULT
};

fn named(parse: &Parse, syntax: &str) -> Result<String, ProbeError> {
    match parse.parts.as_slice() {
        [name] if !name.is_empty() => Ok(name.clone()),
        _ => Err(ProbeError::syntax(format!("this is not written as `{syntax}`"))),
    }
}
