//! `cargo xtask binding-test`: what objects would read on other kernels, compared with what those kernels say.
//!
//! Types come from the kernels' images; the formats of tracepoints are collected in a guest once.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::guest::{Guest, MEMORY};
use crate::kernels::{self, Kernel};
use crate::shell::{self, Failure, Result};
use crate::sid::Sid;

/// Writes all formats to the second serial line: `@category/event`, then the fields.
const COLLECT: &str = "cd /sys/kernel/tracing/events && find . -name format | while read f; do \
                       d=${f#./}; echo @${d%/format}; grep field: $f; done > /dev/ttyS1; echo done > /dev/ttyS1";

/// The task.
pub fn run(args: &[String]) -> Result<u8> {
    if !args.is_empty() {
        return Err(Failure::new("usage: cargo xtask binding-test"));
    }
    kernels::ensure(kernels::ALL)?;
    let folder = shell::scratch()?.join("binding");
    shell::make_folder(&folder)?;
    for kernel in kernels::ALL {
        shell::copy(&kernel.btf()?, &folder.join(format!("{}.btf", kernel.name)))?;
        collect(kernel, &folder)?;
    }
    let tools = folder.join("tools");
    shell::empty_folder(&tools)?;
    for tool in Sid::ensure()?.tools()? {
        shell::copy(&tool, &tools.join(tool.file_name().unwrap_or_default()))?;
    }
    let mut command = Command::new("cargo");
    command.args(["test", "--quiet", "--package", "btc-testing", "--test", "binding"]);
    command.args(["--package", "btc-target", "--test", "formats", "--", "--ignored", "--nocapture"]);
    command.current_dir(shell::root()).env("BTC_BINDING", &folder);
    Ok(u8::from(!shell::succeeds(&mut command)?))
}

fn collect(kernel: &Kernel, folder: &Path) -> Result<PathBuf> {
    let file = folder.join(format!("{}.formats", kernel.name));
    if !file.exists() {
        println!("binding-test: reading the tracepoints of {}", kernel.name);
        let limit = Duration::from_secs(900);
        let guest = Guest { kernel, payload: None, command: COLLECT, limit, memory: MEMORY, echo: false };
        let text = String::from_utf8_lossy(&guest.run()?.results).replace('\r', "");
        if !text.ends_with("done\n") {
            return Err(Failure::new(format!("the guest did not tell all tracepoints of {}", kernel.name)));
        }
        shell::write(&file, text)?;
    }
    Ok(file)
}
