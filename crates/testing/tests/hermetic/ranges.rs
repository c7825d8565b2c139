//! Ranges over all of int64 and uint64: between every two edges, written as literals and read from maps.

use btc_random::checks::printed;

/// Most rounds that a loop goes here.
const ROUNDS: i128 = 3;

fn edges(signed: bool) -> Vec<i128> {
    let around = |n: i128| [n - 5, n - 1, n, n + 1];
    let middle = [-(1i128 << 63), -(1 << 62), 0, 1 << 31, 1 << 32, 1 << 62, 1 << 63, 1 << 64];
    let all = middle.into_iter().flat_map(around);
    // The least number of int64 cannot be written: its minus is an operator.
    let fits = |n: &i128| if signed { (-(1 << 63) + 1..1 << 63).contains(n) } else { (0..1 << 64).contains(n) };
    all.filter(fits).collect()
}

#[test]
fn every_two_edges() {
    let mut tried = 0;
    for (signed, ty) in [(true, "int64"), (false, "uint64")] {
        let edges = edges(signed);
        for low in &edges {
            let each = |high: &i128| {
                let cast = |n: &i128| format!("({ty}){n}");
                let body = format!("{{ $n++; if ($n == {ROUNDS}) {{ break; }} }} print($n);");
                format!(
                    "$n = 0; for ($i : {low}..{high}) {body} @low = {low}; @high = {high}; $n = 0; for ($i : @low..@high) {body}\n",
                    low = cast(low),
                    high = cast(high),
                )
            };
            let text: String = edges.iter().map(each).collect();
            let wanted: Vec<String> = edges.iter().flat_map(|high| vec![(high - low).clamp(0, ROUNDS).to_string(); 2]).collect();
            // `printed` wants a parameter.
            let script = format!("BEGIN {{ $p = $1;\n{text}}}\n");
            for (how, lines) in printed(&script, &[0]).unwrap_or_else(|e| panic!("{ty} {low}: {e}")) {
                assert!(lines == wanted, "{how}, {ty} from {low}: {lines:?}, wanted {wanted:?}");
            }
            tried += wanted.len();
        }
    }
    assert!(tried > 500, "{tried} ranges");
}
