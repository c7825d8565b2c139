//! The kernel of the tests.

use btc_target::Source;
use btf_rs::Btf;

static BTF: &[u8] = include_bytes!("../../testdata/target/vmlinux.btf");
static FUNCTIONS: &str = include_str!("../../testdata/target/functions.txt");

/// It, without its tracepoints: the shipped table serves these.
pub struct Kernel;

impl Source for Kernel {
    fn tracepoint_format(&self, _: &str, _: &str) -> Option<String> {
        None
    }
    fn tracepoints(&self) -> Option<Vec<(String, String)>> {
        None
    }
    fn functions(&self) -> Option<Vec<(String, String)>> {
        Some(FUNCTIONS.lines().map(|name| (String::new(), name.to_string())).collect())
    }
    fn btf(&self) -> Option<Btf> {
        Btf::from_bytes(BTF).ok()
    }
}
