//! Searches for attach points: `provider:pattern`, or a pattern alone, several joined by commas.

use btc_abi::Attach;
use btc_target::{Target, glob, is_glob};

use crate::{ALL, Parse, Provider, find};

/// An attach point that a search found.
#[derive(Clone, Copy, Debug)]
pub struct Found<'a> {
    /// Its kind.
    pub provider: &'static Provider,
    /// What stands behind `provider:`.
    pub rest: &'a str,
}

impl Found<'_> {
    /// The attach point as scripts write it.
    pub fn name(&self) -> String {
        match self.rest {
            "" => self.provider.name.to_string(),
            rest => format!("{}:{rest}", self.provider.name),
        }
    }

    /// What programs read there, as C declares it.
    pub fn fields(&self, target: &Target) -> Vec<String> {
        let attach: Option<Attach> = (self.provider.parse)(&Parse::new(&self.name())).ok();
        attach.map(|a| (self.provider.fields)(target, &a)).unwrap_or_default()
    }
}

/// Hands out all that a search matches, by provider and in their order. An empty search means everything.
pub fn search(target: &Target, text: &str, found: &mut dyn FnMut(&Found)) {
    for part in text.split(',').map(str::trim) {
        if part.is_empty() && !text.is_empty() {
            continue;
        }
        let (kind, rest) = part.split_once(':').unwrap_or(("*", part));
        let rest = if rest.is_empty() { "*" } else { rest };
        for provider in kinds(kind) {
            (provider.list)(target, rest, &mut |rest| found(&Found { provider, rest }));
        }
    }
}

/// The providers of a name, or those that a pattern finds, by name.
fn kinds(pattern: &str) -> Vec<&'static Provider> {
    if !is_glob(pattern) {
        return find(pattern).into_iter().collect();
    }
    let mut all: Vec<_> = ALL.iter().copied().filter(|p| p.is_listed && glob(pattern, p.name)).collect();
    all.sort_unstable_by_key(|p| p.name);
    all
}

/// The names of a short list that match.
pub(crate) fn choose<T: AsRef<str>>(names: &[T], search: &str, found: &mut dyn FnMut(&str)) {
    names.iter().map(AsRef::as_ref).filter(|name| glob(search, name)).for_each(found);
}
