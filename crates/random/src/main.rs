//! Checks random scripts: `cargo xtask random`.

use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use btc_random::{checks, heavy, kernel, sample};

const USAGE: &str = "\
usage: btc-random [--seed N] [--count N] [--load] [--run] [--heavy] [--btc PATH] [--bpftrace PATH] [--show]
  --seed N         the first script (1)
  --count N        how many (500)
  --load           load the scripts that need inputs from the kernel, without attaching (root)
  --run            run the others in the kernel and compare (root)
  --heavy          instead load scripts that are much for the verifier (root)
  --btc PATH       the command to load and run with (btc)
  --bpftrace PATH  run the others under bpftrace and compare
  --show           print the script of the seed, and what it prints";

/// What the command line says.
struct Options {
    seed: u64,
    count: u64,
    load: bool,
    run: bool,
    heavy: bool,
    btc: String,
    bpftrace: Option<String>,
    show: bool,
}

fn options() -> Option<Options> {
    let btc = "btc".to_string();
    let mut o =
        Options { seed: 1, count: 500, load: false, run: false, heavy: false, btc, bpftrace: None, show: false };
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--seed" => o.seed = args.next()?.parse().ok()?,
            "--count" => o.count = args.next()?.parse().ok()?,
            "--btc" => o.btc = args.next()?,
            "--bpftrace" => o.bpftrace = Some(args.next()?),
            "--load" => o.load = true,
            "--run" => o.run = true,
            "--heavy" => o.heavy = true,
            "--show" => o.show = true,
            _ => return None,
        }
    }
    Some(o)
}

/// How many scripts came through what.
#[derive(Default)]
struct Counts {
    agreed: AtomicU64,
    ran: AtomicU64,
    loaded: AtomicU64,
    left_out: AtomicU64,
    failed: AtomicU64,
}

fn add(to: &AtomicU64) {
    to.fetch_add(1, Ordering::Relaxed);
}

fn check(seed: u64, options: &Options, counts: &Counts) -> Result<(), String> {
    let btc = [options.btc.clone(), "run".into()];
    if options.heavy {
        kernel::load(&btc, &heavy::script(seed))?;
        add(&counts.loaded);
        return Ok(());
    }
    let sample = sample(seed);
    if sample.outcome.is_none() {
        if !options.load {
            add(&counts.left_out);
            return Ok(());
        }
        kernel::load(&btc, &sample.text)?;
        add(&counts.loaded);
        return Ok(());
    }
    checks::agree(&sample)?;
    add(&counts.agreed);
    if options.run {
        kernel::run(&btc, &sample).map_err(|e| format!("kernel: {e}"))?;
        add(&counts.ran);
    }
    if let Some(bpftrace) = &options.bpftrace {
        kernel::run(std::slice::from_ref(bpftrace), &sample).map_err(|e| format!("bpftrace: {e}"))?;
        add(&counts.ran);
    }
    Ok(())
}

fn main() -> ExitCode {
    let Some(options) = options() else {
        eprintln!("{USAGE}");
        return ExitCode::FAILURE;
    };
    if options.show && options.heavy {
        print!("{}", heavy::script(options.seed));
        return ExitCode::SUCCESS;
    }
    if options.show {
        let sample = sample(options.seed);
        print!("{}", sample.text);
        if let Some(outcome) = sample.outcome {
            eprintln!("{}\n\n\n{}", outcome.lines.join("\n"), outcome.maps.join("\n"));
        }
        return ExitCode::SUCCESS;
    }
    let (counts, next, began) = (Counts::default(), AtomicU64::new(options.seed), Instant::now());
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| loop {
                let seed = next.fetch_add(1, Ordering::Relaxed);
                if seed >= options.seed + options.count {
                    return;
                }
                if let Err(e) = check(seed, &options, &counts) {
                    add(&counts.failed);
                    println!("seed {seed}: {e}");
                }
            });
        }
    });
    let get = |n: &AtomicU64| n.load(Ordering::Relaxed);
    println!(
        "{} scripts agreed in interpreter and machine, {} ran and agreed, {} were loaded, {} failed, in {} s",
        get(&counts.agreed),
        get(&counts.ran),
        get(&counts.loaded),
        get(&counts.failed),
        began.elapsed().as_secs()
    );
    if get(&counts.left_out) > 0 {
        println!("skipped: {} scripts with inputs from the kernel (--load loads them)", get(&counts.left_out));
    }
    if get(&counts.failed) > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
