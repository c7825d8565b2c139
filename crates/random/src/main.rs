//! Prints the script of a seed.
fn main() {
    let args: Vec<String> = std::env::args().collect();
    if args[1] == "agree" {
        let (a, b): (u64, u64) = (args[2].parse().unwrap(), args[3].parse().unwrap());
        let mut bad = 0;
        for seed in a..b {
            let s = btc_random::sample(seed);
            if let Err(e) = btc_random::checks::agree(&s) { bad += 1; println!("SEED {seed}: {}", e.chars().take(300).collect::<String>()); }
        }
        println!("bad {bad}");
        return;
    }
    let seed = std::env::args().nth(1).and_then(|s| s.parse().ok()).unwrap_or(1);
    let s = btc_random::sample(seed);
    print!("{}", s.text);
    if let Some(o) = s.outcome { eprintln!("{}\n--\n{}", o.lines.join("\n"), o.maps.join("\n")); }
}
