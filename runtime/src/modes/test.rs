//! `--test`: runs the `test:` probes. A test passes when its program returns 0 and reports no
//! error; what it printed is shown only when it does not.

use std::time::Instant;

use btc_abi::{Attach, Manifest};

use super::TestResult;
use crate::Error;
use crate::attach;
use crate::events::Reader;
use crate::load::Loaded;

/// Runs all tests of the script; whether all passed. What stands in the output behind `start`
/// belongs to the first.
pub(crate) fn run(
    manifest: &Manifest,
    loaded: &Loaded,
    reader: &mut Reader,
    mut start: usize,
) -> Result<bool, Error> {
    let tests = || {
        manifest.probes.iter().filter_map(|probe| match &probe.attach {
            Attach::Test { name } => Some((name, loaded.program(&probe.program)?)),
            _ => None,
        })
    };
    let state = reader.state();
    // The heading stands before what BEGIN printed.
    let early = state.sink.buffer().split_off(start);
    state.output.tests_begin(tests().count(), state.sink.buffer());
    start = state.sink.buffer().len();
    state.sink.buffer().extend_from_slice(&early);
    let mut failed = Vec::new();
    for (name, program) in tests() {
        let began = Instant::now();
        let errors = reader.state().errors;
        let result = attach::run_program(program.fd)?;
        reader.consume();
        loaded.unstop();
        let state = reader.state();
        (state.exit, state.discard) = (None, false);
        let passed = result == 0 && state.errors == errors;
        if !passed {
            failed.push(name.as_str());
        }
        let printed = state.sink.buffer().split_off(start);
        let result = TestResult { name, passed, duration: began.elapsed(), printed: &printed };
        state.output.test(&result, state.sink.buffer());
        start = state.sink.buffer().len();
    }
    let state = reader.state();
    state.output.tests_end(tests().count(), &failed, state.sink.buffer());
    Ok(failed.is_empty())
}
