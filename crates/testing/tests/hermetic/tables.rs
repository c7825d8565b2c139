//! The tables that documentation is made from say something in every row.

use std::collections::HashSet;

use btc_diagnostics::ALL_CODES;

#[test]
fn every_builtin_is_documented() {
    let without: Vec<&str> = btc_builtins::ALL.iter().filter(|f| f.doc.trim().is_empty()).map(|f| f.name).collect();
    assert!(without.is_empty(), "builtins without `doc`: {}", without.join(", "));
}

#[test]
fn every_provider_is_documented() {
    let without: Vec<&str> = btc_providers::ALL
        .iter()
        .filter(|p| p.doc.trim().is_empty() || p.syntax.is_empty())
        .map(|p| p.name)
        .collect();
    assert!(without.is_empty(), "providers without `doc` or `syntax`: {}", without.join(", "));
}

#[test]
fn names_are_given_once() {
    let mut seen = HashSet::new();
    let twice: Vec<&str> = btc_builtins::ALL
        .iter()
        .flat_map(|f| std::iter::once(&f.name).chain(f.aliases))
        .copied()
        .filter(|name| !seen.insert(*name))
        .collect();
    assert!(twice.is_empty(), "two builtins of the name {}", twice.join(", "));
    let mut seen = HashSet::new();
    let twice: Vec<&str> = ALL_CODES.iter().map(|c| c.name()).filter(|name| !seen.insert(*name)).collect();
    assert!(twice.is_empty(), "two codes of the name {}", twice.join(", "));
}
