//! "Did you mean": the known name nearest to a misspelt one.

/// A help line that names the candidate nearest to `name`, if one is near enough.
///
/// Near is an edit distance (with transpositions) of at most a third of the name's length.
pub fn did_you_mean<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let limit = (name.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .filter(|c| *c != name && c.len().abs_diff(name.len()) <= limit)
        .map(|c| (distance(name, c), !lacks_letters(name, c), c))
        .filter(|(d, ..)| *d <= limit)
        .min()
        .map(|(.., c)| format!("did you mean `{c}`?"))
}

/// Whether `name` is `full` with letters left out, the commonest slip of all.
fn lacks_letters(name: &str, full: &str) -> bool {
    let mut letters = full.chars();
    name.chars().all(|c| letters.any(|l| l == c))
}

/// Optimal string alignment distance.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut before: Vec<usize> = vec![0; b.len() + 1];
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut next = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let cost = usize::from(a[i - 1] != b[j - 1]);
            next[j] = (row[j - 1] + cost).min(row[j] + 1).min(next[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                next[j] = next[j].min(before[j - 2] + 1);
            }
        }
        before = std::mem::replace(&mut row, next);
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::did_you_mean;

    #[test]
    fn names_the_nearest() {
        let known = ["pid", "tid", "printf", "print", "sk_rcvbuf"];
        assert_eq!(did_you_mean("prinf", known).unwrap(), "did you mean `printf`?");
        assert_eq!(did_you_mean("sk_rcvbuff", known).unwrap(), "did you mean `sk_rcvbuf`?");
        assert_eq!(did_you_mean("piid", known).unwrap(), "did you mean `pid`?");
        assert_eq!(did_you_mean("nothing_alike", known), None);
    }
}
