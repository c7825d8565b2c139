//! `--probe-filter`: only probes whose names match.

use btc_abi::{Attach, Probe};
use regex_lite::Regex;

use super::{Point, Target};
use crate::Error;

/// A regular expression over names of attach points.
pub(super) struct Filter(Regex);

impl Filter {
    /// # Errors
    /// When it is no regular expression.
    pub(super) fn new(text: &str) -> Result<Filter, Error> {
        let regex = Regex::new(text)
            .map_err(|e| Error::new(format!("--probe-filter takes a regular expression, which `{text}` is not: {e}")))?;
        Ok(Filter(regex))
    }

    /// Leaves out what does not match.
    pub(super) fn apply(&self, probe: &Probe, targets: &mut Vec<Target>) {
        if is_of_the_run(probe) {
            return;
        }
        targets.retain_mut(|target| match &mut target.point {
            Point::Multi(multi) => {
                multi.places.retain(|place| self.0.is_match(&place.name.name));
                !multi.places.is_empty()
            }
            _ => self.0.is_match(&target.name.name),
        });
    }
}

/// Whether a probe belongs to every run: BEGIN and END.
pub(super) fn is_of_the_run(probe: &Probe) -> bool {
    matches!(probe.attach, Attach::Begin | Attach::End)
}
