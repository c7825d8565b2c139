//! `--test`: runs the `test:` probes and tells which passed. A test passes when its program
//! returns 0; what it printed is shown only when it does not.

use btc_abi::{Attach, Manifest};

use crate::Error;
use crate::attach;
use crate::events::Reader;
use crate::load::Loaded;

/// Runs all tests of the script; whether all passed.
pub(crate) fn run(manifest: &Manifest, loaded: &Loaded, reader: &mut Reader) -> Result<bool, Error> {
    let (mut passed, mut failed) = (0, 0);
    for probe in &manifest.probes {
        let Attach::Test { name } = &probe.attach else { continue };
        let Some(program) = loaded.program(&probe.program) else { continue };
        let start = reader.state().sink.buffer().len();
        let result = attach::run_program(program.fd)?;
        reader.consume();
        let buffer = reader.state().sink.buffer();
        if result == 0 {
            buffer.truncate(start);
            passed += 1;
            buffer.extend_from_slice(format!("[ OK     ] {name}\n").as_bytes());
        } else {
            failed += 1;
            buffer.extend_from_slice(format!("[ FAILED ] {name}\n").as_bytes());
        }
    }
    let count = |n: u32| format!("{n} test{}", if n == 1 { "" } else { "s" });
    let buffer = reader.state().sink.buffer();
    if passed > 0 || failed == 0 {
        buffer.extend_from_slice(format!("[ PASSED ] {}\n", count(passed)).as_bytes());
    }
    if failed > 0 {
        buffer.extend_from_slice(format!("[ FAILED ] {}\n", count(failed)).as_bytes());
    }
    reader.state().sink.flush();
    Ok(failed == 0)
}
