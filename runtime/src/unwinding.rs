//! `dw_ustack` in the course of a run: which processes' unwind tables are made, and when.

use std::path::Path;

use btc_abi::unwind::{MAPPINGS_MAP, ROWS_MAP};

use crate::child::Child;
use crate::load::Loaded;
use crate::render::Context;
use crate::symbols::UnwindMaps;
use crate::{Error, Options, elf};

/// Whether the object unwinds stacks by tables, and this machine can.
///
/// # Errors
/// When nobody says of which processes.
pub(crate) fn wanted(object: &[u8], options: &Options) -> Result<bool, Error> {
    if !elf::has_symbol(object, ROWS_MAP)? {
        return Ok(false);
    }
    if !cfg!(target_arch = "x86_64") {
        if !options.no_warnings {
            say!(
                "WARNING: dw_ustack follows frame pointers on this machine: callers of code that was built without them \
                 are missing"
            );
        }
        return Ok(false);
    }
    if options.child.is_none() && options.pid.is_none() && options.unwound.is_empty() {
        return Err(Error::new("dw_ustack must know the processes: name them by -p, -c or --dwarf-pid"));
    }
    match options.unwound.iter().find(|pid| !Path::new(&format!("/proc/{pid}")).exists()) {
        Some(pid) => Err(Error::new(format!("there is no process {pid}, which --dwarf-pid names"))),
        None => Ok(true),
    }
}

/// Makes the tables of what runs already; yields the rows that their map must have room for.
pub(crate) fn prepare(ctx: &Context, options: &Options, traced: Option<u32>) -> u32 {
    let processes: Vec<u32> = traced.iter().chain(&options.unwound).copied().collect();
    ctx.symbols.borrow_mut().prepare_unwinding(&processes, options.no_warnings)
}

/// Gives the tables to the programs.
pub(crate) fn start(ctx: &Context, loaded: &Loaded) -> Result<(), Error> {
    let map = |name| {
        loaded.map(name).ok_or_else(|| Error::new(format!("the object is damaged: it has no map `{name}`")))
    };
    let maps = UnwindMaps { mappings: map(MAPPINGS_MAP)?, rows: map(ROWS_MAP)? };
    ctx.symbols.borrow_mut().start_unwinding(maps);
    Ok(())
}

/// Lets the child run, once the tables of all that its program begins with are there.
pub(crate) fn release(child: &mut Child, ctx: &Context) {
    #[cfg(target_arch = "x86_64")]
    {
        let pid = child.pid();
        crate::entry::hold(child, || ctx.symbols.borrow_mut().unwind_mapped(pid));
    }
    #[cfg(not(target_arch = "x86_64"))]
    {
        let _ = ctx;
        child.release();
    }
}
