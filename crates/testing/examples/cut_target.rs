//! Makes `testdata/target` anew from the running kernel: BTF, tracepoint formats and the
//! list of functions, as `testdata/target/wishes.txt` asks. Needs root for tracefs.

use std::fs;

use btc_testing::cut::{Wishes, cut};
use btc_testing::testdata;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = testdata("target");
    let text = fs::read_to_string(folder.join("wishes.txt"))?;
    let (tracepoints, types): (Vec<&str>, Vec<&str>) = text.lines().partition(|l| l.starts_with("tracepoint "));
    let small = cut(&fs::read("/sys/kernel/btf/vmlinux")?, &Wishes::parse(&types.join("\n"))?)?;
    fs::write(folder.join("vmlinux.btf"), &small)?;
    let functions: Vec<&str> = types.iter().filter_map(|l| l.strip_prefix("func ")).collect();
    fs::write(folder.join("functions.txt"), functions.join("\n") + "\n")?;
    for tracepoint in tracepoints {
        let name = tracepoint.trim_start_matches("tracepoint ");
        let (category, event) = name.split_once(':').ok_or(tracepoint)?;
        fs::create_dir_all(folder.join("events").join(category))?;
        let format = fs::read_to_string(format!("/sys/kernel/tracing/events/{category}/{event}/format"))?;
        // The number is the running kernel's and tells nothing.
        let format: Vec<&str> = format.lines().filter(|l| !l.starts_with("ID:")).collect();
        fs::write(folder.join(format!("events/{category}/{event}.format")), format.join("\n") + "\n")?;
    }
    println!("{} bytes of BTF", small.len());
    Ok(())
}
