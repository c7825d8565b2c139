//! Makes a folder of `testdata` (`binding`, `formats`) anew from whole kernels, `NAME.btf` and `NAME.formats` in the folder
//! that is given (the one of `cargo xtask binding-test`), as the `wishes.txt` in it asks.

use std::fs;
use std::path::Path;

use btc_testing::cut::{Wishes, cut};
use btc_testing::testdata;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let usage = "usage: cut_binding FOLDER binding|formats";
    let from = std::env::args().nth(1).ok_or(usage)?;
    let folder = testdata(&std::env::args().nth(2).ok_or(usage)?);
    let text = fs::read_to_string(folder.join("wishes.txt"))?;
    let (tracepoints, types): (Vec<&str>, Vec<&str>) = text.lines().partition(|l| l.starts_with("tracepoint "));
    let events: Vec<String> =
        tracepoints.iter().map(|t| format!("@{}", t.trim_start_matches("tracepoint ").replace(':', "/"))).collect();
    for kernel in ["5.10", "6.1", "6.12", "new"] {
        let whole = Path::new(&from).join(kernel);
        // `with_extension` would take off what stands behind the dot.
        let file = |end: &str| format!("{}.{end}", whole.display());
        let small = cut(&fs::read(file("btf"))?, &Wishes::parse(&types.join("\n"))?)?;
        fs::write(folder.join(format!("{kernel}.btf")), small)?;
        let (formats, mut out, mut wanted) = (fs::read_to_string(file("formats"))?, String::new(), false);
        for line in formats.lines() {
            if line.starts_with('@') {
                wanted = events.iter().any(|e| e == line);
            }
            if wanted && (line.starts_with('@') || line.contains("field:")) {
                out += line;
                out += "\n";
            }
        }
        fs::write(folder.join(format!("{kernel}.formats")), out)?;
    }
    Ok(())
}
