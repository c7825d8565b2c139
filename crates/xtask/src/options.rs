//! Command lines of the tasks that boot guests: kernels, names, and a flag or two.

use crate::kernels::{self, Kernel};
use crate::shell::{Failure, Result};

/// What such a task was asked for.
pub struct Options {
    /// Kernels to boot.
    pub kernels: Vec<Kernel>,
    /// What to play there; all when empty.
    pub names: Vec<String>,
    /// Tell more.
    pub verbose: bool,
    flags: Vec<String>,
}

impl Options {
    /// Reads the arguments of `task`, which boots the kernels of the list `usual` when none is named, and
    /// knows these flags besides `--kernel K` and `--verbose`.
    pub fn read(task: &str, usual: &str, flags: &[&str], args: &[String]) -> Result<Options> {
        let mut list = usual;
        let mut options = Options { kernels: Vec::new(), names: Vec::new(), verbose: false, flags: Vec::new() };
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            match arg.as_str() {
                "--kernel" => list = args.next().ok_or_else(|| Failure::new("--kernel needs a name"))?,
                "-v" | "--verbose" => options.verbose = true,
                flag if flags.contains(&flag) => options.flags.push(flag.to_string()),
                option if option.starts_with('-') => return Err(Failure::new(format!("{task} has no {option}"))),
                name => options.names.push(name.to_string()),
            }
        }
        options.kernels = kernels::named(list)?;
        Ok(options)
    }

    /// Was this flag given?
    pub fn has(&self, flag: &str) -> bool {
        self.flags.iter().any(|f| f == flag)
    }

    /// Is this one among those to play?
    pub fn wants(&self, name: &str) -> bool {
        self.names.is_empty() || self.names.iter().any(|n| n == name)
    }
}

#[cfg(test)]
mod tests {
    use super::Options;

    fn read(line: &str) -> super::Result<Options> {
        let args: Vec<String> = line.split_whitespace().map(str::to_string).collect();
        Options::read("play", "6.1", &["--load"], &args)
    }

    #[test]
    fn kernels_names_and_flags() {
        let options = read("--kernel 5.10,new one --load two").unwrap_or_else(|e| panic!("{e}"));
        let kernels: Vec<&str> = options.kernels.iter().map(|k| k.name).collect();
        assert_eq!((kernels, options.names.len()), (vec!["5.10", "new"], 2));
        assert!(options.has("--load") && options.wants("two") && !options.wants("three") && !options.verbose);
        assert!(read("").is_ok_and(|o| o.wants("any") && o.kernels[0].name == "6.1"));
        assert!(read("--strange").is_err_and(|e| e.to_string() == "play has no --strange"));
        assert!(read("--kernel").is_err() && read("--kernel 4.9").is_err());
    }
}
