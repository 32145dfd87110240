//! Percentiles of a few numbers, exact: the smallest value that at least so many per cent do not exceed.

use serde::{Deserialize, Serialize};

/// The middle, the end and the worst of some durations, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Percentiles {
    /// Half of them took no longer.
    pub p50: u64,
    /// 99 of 100 took no longer; of fewer than 100 it is the longest.
    pub p99: u64,
    /// The longest.
    pub max: u64,
}

impl Percentiles {
    /// Of these values; none of none.
    #[must_use]
    pub fn of(values: impl IntoIterator<Item = u64>) -> Option<Self> {
        let mut values: Vec<u64> = values.into_iter().collect();
        values.sort_unstable();
        let max = *values.last()?;
        let rank = |percent: usize| values[(values.len() * percent).div_ceil(100) - 1];
        Some(Percentiles { p50: rank(50), p99: rank(99), max })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_occurred() {
        assert_eq!(Percentiles::of([]), None);
        assert_eq!(Percentiles::of([5]), Some(Percentiles { p50: 5, p99: 5, max: 5 }));
        assert_eq!(Percentiles::of([4, 1, 3, 2]), Some(Percentiles { p50: 2, p99: 4, max: 4 }));
        assert_eq!(Percentiles::of(1..=200), Some(Percentiles { p50: 100, p99: 198, max: 200 }));
    }
}
