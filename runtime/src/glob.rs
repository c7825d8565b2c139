//! Wildcards: `*`, `?`, `[…]`.

pub(crate) use btc_abi::is_pattern;

/// Whether all of `text` matches. Takes time in the product of both lengths at worst.
pub(crate) fn matches(pattern: &str, text: &str) -> bool {
    let (p, t) = (pattern.as_bytes(), text.as_bytes());
    let (mut i, mut j) = (0, 0);
    // Where to go on after a mismatch: behind the last star, one byte further.
    let mut retry: Option<(usize, usize)> = None;
    while j < t.len() {
        if p.get(i) == Some(&b'*') {
            retry = Some((i + 1, j));
            i += 1;
            continue;
        }
        if let Some(next) = one(p, i, t[j]) {
            i = next;
            j += 1;
            continue;
        }
        match retry {
            Some((star, from)) => {
                retry = Some((star, from + 1));
                i = star;
                j = from + 1;
            }
            None => return false,
        }
    }
    p[i..].iter().all(|c| *c == b'*')
}

/// The pattern index after the element at `i` if that matches `byte`.
fn one(p: &[u8], i: usize, byte: u8) -> Option<usize> {
    match *p.get(i)? {
        b'?' => Some(i + 1),
        b'[' => {
            let end = i + 2 + p.get(i + 2..)?.iter().position(|c| *c == b']')?;
            let (negated, mut k) = if matches!(p[i + 1], b'!' | b'^') { (true, i + 2) } else { (false, i + 1) };
            let mut found = false;
            while k < end {
                if k + 2 < end && p[k + 1] == b'-' {
                    found |= (p[k]..=p[k + 2]).contains(&byte);
                    k += 3;
                } else {
                    found |= p[k] == byte;
                    k += 1;
                }
            }
            (found != negated).then_some(end + 1)
        }
        c => (c == byte).then_some(i + 1),
    }
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn wildcards() {
        assert!(matches("vfs_*", "vfs_open"));
        assert!(matches("*_o?en", "vfs_open"));
        assert!(matches("sys_[a-c]*t", "sys_accept"));
        assert!(!matches("sys_[!a-c]*", "sys_accept"));
        assert!(matches("*", ""));
        assert!(!matches("a", "ab"));
        assert!(!matches("[", "a"));
        assert!(matches("a*b*c", "axxbyybzc"));
    }
}
