//! Random scripts on this machine: `btc-random` with the `btc` of this tree.

use std::process::Command;

use crate::shell::{self, Result};
use crate::suite;

/// The task; arguments go to `btc-random`.
pub fn run(args: &[String]) -> Result<u8> {
    let btc = suite::plain_build()?;
    let mut command = Command::new("cargo");
    command.args(["run", "--quiet", "--package", "btc-random", "--", "--btc"]).arg(btc).args(args);
    Ok(u8::from(!shell::succeeds(command.current_dir(shell::root()))?))
}
