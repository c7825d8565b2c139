//! Aggregations: map values that are merged rather than assigned.

/// An aggregation with its parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Aggregation {
    /// `count()`
    Count,
    /// `sum(n)`
    Sum {
        /// Of signed numbers.
        signed: bool,
    },
    /// `min(n)`
    Min {
        /// Of signed numbers.
        signed: bool,
    },
    /// `max(n)`
    Max {
        /// Of signed numbers.
        signed: bool,
    },
    /// `avg(n)`
    Avg {
        /// Of signed numbers.
        signed: bool,
    },
    /// `stats(n)`
    Stats {
        /// Of signed numbers.
        signed: bool,
    },
    /// `hist(n, bits)`
    Hist {
        /// Bits below the top one that choose a bucket, 0 to 5.
        bits: u8,
    },
    /// `lhist(n, min, max, step)`
    LHist {
        /// Least number of the first bucket.
        min: i64,
        /// Number after the last bucket.
        max: i64,
        /// Width of a bucket.
        step: u64,
    },
    /// `tseries(n, interval, buckets, aggregation)`
    TSeries {
        /// Nanoseconds a bucket.
        interval: u64,
        /// Number of buckets.
        buckets: u32,
        /// `none`, `avg`, `max`, `min`, `sum`
        aggregation: String,
        /// Of signed numbers.
        signed: bool,
    },
}

impl Aggregation {
    /// The function that makes it.
    pub fn name(&self) -> &'static str {
        match self {
            Aggregation::Count => "count",
            Aggregation::Sum { .. } => "sum",
            Aggregation::Min { .. } => "min",
            Aggregation::Max { .. } => "max",
            Aggregation::Avg { .. } => "avg",
            Aggregation::Stats { .. } => "stats",
            Aggregation::Hist { .. } => "hist",
            Aggregation::LHist { .. } => "lhist",
            Aggregation::TSeries { .. } => "tseries",
        }
    }

    /// Whether the numbers are signed.
    pub fn signed(&self) -> bool {
        match self {
            Aggregation::Count | Aggregation::Hist { .. } | Aggregation::LHist { .. } => false,
            Aggregation::Sum { signed }
            | Aggregation::Min { signed }
            | Aggregation::Max { signed }
            | Aggregation::Avg { signed }
            | Aggregation::Stats { signed }
            | Aggregation::TSeries { signed, .. } => *signed,
        }
    }

    /// Both as one, when the script uses them for the same map; signed if either is.
    pub fn join(&self, other: &Aggregation) -> Option<Aggregation> {
        let signed = self.signed() || other.signed();
        let same = |a: &Aggregation| a.clone().with_signed(signed);
        (same(self) == same(other)).then(|| same(self))
    }

    /// The type of the numbers that it keeps; none where it only counts.
    pub fn kept(&self) -> Option<crate::Type> {
        match self {
            Aggregation::Count | Aggregation::Hist { .. } | Aggregation::LHist { .. } => None,
            other => Some(crate::Type::int(8, other.signed())),
        }
    }

    /// The same with another sign.
    pub fn with_signed(self, to: bool) -> Aggregation {
        match self {
            Aggregation::Sum { .. } => Aggregation::Sum { signed: to },
            Aggregation::Min { .. } => Aggregation::Min { signed: to },
            Aggregation::Max { .. } => Aggregation::Max { signed: to },
            Aggregation::Avg { .. } => Aggregation::Avg { signed: to },
            Aggregation::Stats { .. } => Aggregation::Stats { signed: to },
            Aggregation::TSeries { interval, buckets, aggregation, .. } => {
                Aggregation::TSeries { interval, buckets, aggregation, signed: to }
            }
            Aggregation::Count | Aggregation::Hist { .. } | Aggregation::LHist { .. } => self,
        }
    }

    /// The type of the aggregation read as a number, where it can be.
    pub fn as_number(&self) -> Option<crate::Type> {
        match self {
            Aggregation::Count => Some(crate::Type::UINT64),
            Aggregation::Hist { .. }
            | Aggregation::LHist { .. }
            | Aggregation::TSeries { .. }
            | Aggregation::Stats { .. } => None,
            other => Some(crate::Type::int(8, other.signed())),
        }
    }
}
