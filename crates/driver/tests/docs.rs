//! `docs/language.md` says what the definitions say.

#![allow(clippy::disallowed_methods, reason = "a test compares files")]

#[test]
fn language_page_is_fresh() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/language.md");
    let page = btc_driver::docs::language();
    if std::env::var_os("BTC_BLESS").is_some() {
        std::fs::write(path, &page).expect("docs/language.md is written");
    }
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    assert!(committed == page, "docs/language.md is stale: BTC_BLESS=1 cargo test -p btc-driver --test docs");
}

#[test]
fn nothing_of_bpftrace_is_missing() {
    let missing: Vec<_> = btc_driver::docs::peer::entries().into_iter().filter(|(.., state)| state.is_none()).collect();
    assert!(missing.is_empty(), "btc lacks what bpftrace 0.27 documents: {missing:?}");
}
