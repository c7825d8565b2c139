//! Scripts compiled once, here, for all guests; and the shell lines that run them there.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cases::{self, Case};
use crate::kernels::{self, Kernel};
use crate::payload;
use crate::programs;
use crate::results::PRELUDE;
use crate::shell::{self, Failure, Result};

/// The kernel whose BTF the objects are compiled against.
const REFERENCE: &str = "6.1";
const HOST_BTF: &str = "/sys/kernel/btf/vmlinux";
const PLAYER: &str = include_str!("cases.sh");
/// What that and the proofs start tracers with.
const TRACER: &str = include_str!("tracer.sh");

/// Where a case's program comes from.
#[derive(Clone, Debug)]
pub struct Variant {
    /// What stands behind the case's name.
    pub name: String,
    /// The kernel's types; none where the guest itself compiles.
    pub btf: Option<PathBuf>,
}

/// The name of the variant whose objects are made from this kernel's types.
pub fn made_from(kernel: &Kernel) -> String {
    format!("from-{}", kernel.name)
}

/// The variants this machine can make. The last one is compiled in the guest.
pub fn variants() -> Result<Vec<Variant>> {
    let reference = kernels::named(REFERENCE)?;
    kernels::ensure(&reference)?;
    let btf = reference[0].btf()?;
    let mut all = vec![Variant { name: made_from(&reference[0]), btf: Some(btf) }];
    if Path::new(HOST_BTF).exists() {
        all.push(Variant { name: "from-host".into(), btf: Some(HOST_BTF.into()) });
    }
    all.push(Variant { name: "compiled-there".into(), btf: None });
    Ok(all)
}

/// A script that did not compile.
pub struct Refused {
    /// The test's name.
    pub test: String,
    /// What the compiler said.
    pub why: String,
}

/// A payload with all programs, objects and workloads.
pub struct Prepared {
    /// The folder.
    pub payload: PathBuf,
    /// Objects that could not be made.
    pub refused: Vec<Refused>,
}

/// The name of a test: a case in a variant.
pub fn test_name(case: &Case, variant: &Variant) -> String {
    format!("{}/{}", case.name, variant.name)
}

fn copy_into(folder: &Path, files: impl Iterator<Item = PathBuf>) -> Result<()> {
    shell::make_folder(folder)?;
    for file in files {
        let name = file.file_name().map(PathBuf::from).unwrap_or_default();
        shell::write(&folder.join(name), shell::read(&file)?)?;
    }
    Ok(())
}

/// Makes the payload: everything that is the same on all kernels.
pub fn prepare(cases: &[Case], variants: &[Variant]) -> Result<Prepared> {
    let payload = shell::scratch()?.join("payload");
    payload::fill(&payload)?;
    let bin = payload.join("bin");
    // Programs of the cases, and those that are traced on this machine too.
    let folders = [cases::folder(), shell::root().join("testdata/kernel")];
    let sources = folders.iter().flat_map(|f| shell::entries(f)).filter(|f| f.extension().is_some_and(|e| e == "c"));
    for source in sources {
        let stem = source.file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
        programs::compile_c(&source, &bin.join(&stem), false)?;
        let shared = bin.join(format!("{stem}-shared"));
        programs::compile_c(&source, &shared, true)?;
        payload::add_program(&payload, &shared)?;
    }
    copy_into(&payload.join("cases"), shell::entries(&cases::folder()).into_iter())?;
    copy_into(&payload.join("proofs"), proofs().into_iter())?;
    shell::write(&payload.join("tracer.sh"), TRACER)?;
    let objects = payload.join("objects");
    shell::make_folder(&objects)?;
    let mut refused = Vec::new();
    for (case, variant) in cases.iter().flat_map(|c| variants.iter().map(move |v| (c, v))) {
        let Some(btf) = &variant.btf else { continue };
        let object = objects.join(format!("{}.{}.o", case.name, variant.name));
        let done = compile(&bin.join("btc"), case, btf, &object)?;
        refused.extend(done.err().map(|why| Refused { test: test_name(case, variant), why }));
    }
    for (script, kernel) in proof_scripts().iter().flat_map(|s| kernels::ALL.iter().map(move |k| (s, k))) {
        let stem = script.file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
        let object = objects.join(format!("{stem}.from-{}.o", kernel.name));
        if let Err(why) = compile_file(&bin.join("btc"), script, &kernel.btf()?, &object)? {
            // A script is for those kernels that have what it traces; the proof knows which.
            println!("{stem}: no object from {}: {}", kernel.name, why.lines().next().unwrap_or_default());
        }
    }
    Ok(Prepared { payload, refused })
}

/// Compiles with the very binary that the guests get.
fn compile(btc: &Path, case: &Case, btf: &Path, object: &Path) -> Result<std::result::Result<(), String>> {
    compile_file(btc, &case.script, btf, object)
}

fn compile_file(btc: &Path, script: &Path, btf: &Path, object: &Path) -> Result<std::result::Result<(), String>> {
    let mut command = Command::new(btc);
    command.arg("compile").arg("--btf").arg(btf).arg(script).arg("-o").arg(object);
    let done = command.output().map_err(|e| Failure::new(format!("cannot run the static btc: {e}")))?;
    Ok(if done.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&done.stderr).into_owned()) })
}

/// The proofs of `testdata/guest`: scripts for the guest that end with 0, or with 77 and a reason
/// in their last line where the kernel lacks something.
pub fn proofs() -> Vec<PathBuf> {
    let files = shell::entries(&shell::root().join("testdata/guest"));
    files.into_iter().filter(|f| f.extension().is_some_and(|e| e == "sh")).collect()
}

/// A line that begins so says that nothing else may run beside a proof, and why.
const ALONE: &str = "# Alone: ";

/// Whether nothing else may run on this machine beside a proof.
pub fn runs_alone(proof: &str) -> bool {
    let text = shell::read_text(&shell::root().join("testdata/guest").join(format!("{proof}.sh")));
    text.is_ok_and(|text| text.lines().any(|line| line.starts_with(ALONE)))
}

/// Scripts of the proofs: compiled here against every kernel, as `NAME.from-KERNEL.o`.
fn proof_scripts() -> Vec<PathBuf> {
    let files = shell::entries(&shell::root().join("testdata/guest"));
    files.into_iter().filter(|f| f.extension().is_some_and(|e| e == "bt")).collect()
}

/// The shell lines for one case.
fn lines(case: &Case, variant: &Variant) -> String {
    let command = match &variant.btf {
        Some(_) => format!("btc-run -v {} $objects/{}.{}.o {}", case.args, case.name, variant.name, case.params),
        None => format!("btc run {} $cases/{}.bt {}", case.args, case.name, case.params),
    };
    // A script with an exit of its own is waited for.
    // A script that ends by itself is not told to: it might just be about to, and then the signal would end it.
    let ends = |text: String| text.contains("exit()") || text.lines().any(|l| l.starts_with("iter:"));
    let patient = u8::from(shell::read_text(&case.script).is_ok_and(ends));
    format!("run_case {} {} {} {patient} {command}\n", test_name(case, variant), case.name, case.limit)
}

/// What a guest does before all tests.
fn beginning(kernel: &Kernel) -> String {
    format!("modules=/payload/modules/{}\n{PRELUDE}{PLAYER}", kernel.name)
}

/// The plan of a guest that runs cases.
pub fn plan<'a>(kernel: &Kernel, runs: impl Iterator<Item = (&'a Case, &'a Variant)>) -> String {
    runs.fold(beginning(kernel), |text, (case, variant)| text + &lines(case, variant))
}

/// The plan of a guest that runs proofs, which leave out the objects of the cases that the kernel lacks something for.
pub fn plan_of_proofs(kernel: &Kernel, lacking: &[&str], proofs: &[String]) -> String {
    let text = format!("{}export LACKING=' {} '\n", beginning(kernel), lacking.join(" "));
    proofs.iter().fold(text, |text, proof| text + &format!("run_proof {proof}\n"))
}
