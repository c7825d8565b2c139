//! `btc man`: manual pages, made from the command line's own definition.

use std::process::ExitCode;

use clap_mangen::Man;

use crate::cli::{self, ManArgs};
use crate::report;

pub fn run(args: &ManArgs) -> ExitCode {
    match write(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => report::error(message),
    }
}

fn write(args: &ManArgs) -> Result<(), String> {
    match &args.folder {
        Some(folder) => clap_mangen::generate_to(cli::command(), folder)
            .map_err(|e| format!("the pages cannot be written to `{}`: {e}", folder.display())),
        None => {
            let mut page = Vec::new();
            Man::new(cli::command()).render(&mut page).map_err(|e| e.to_string())?;
            report::print(&page)
        }
    }
}
