//! Prints the script of a seed.
fn main() {
    let seed = std::env::args().nth(1).and_then(|s| s.parse().ok()).unwrap_or(1);
    let s = btc_random::sample(seed);
    print!("{}", s.text);
    if let Some(o) = s.outcome { eprintln!("{}\n--\n{}", o.lines.join("\n"), o.maps.join("\n")); }
}
