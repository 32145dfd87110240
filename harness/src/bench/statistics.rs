//! Numbers of a few runs: the middle, the spread, and what a steady part of a run is.

use serde::{Deserialize, Serialize};

/// The middle of some values and how far they lie apart.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// Half of them are no greater; of an even number the mean of the two in the middle.
    pub median: f64,
    /// The smallest.
    pub min: f64,
    /// The greatest.
    pub max: f64,
    /// How many.
    pub runs: usize,
}

impl Spread {
    /// Of these values; none of none.
    #[must_use]
    pub fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let (min, max) = (*values.first()?, *values.last()?);
        let (runs, middle) = (values.len(), values.len() / 2);
        let median = if runs.is_multiple_of(2) {
            f64::midpoint(values[middle - 1], values[middle])
        } else {
            values[middle]
        };
        Some(Self { median, min, max, runs })
    }

    /// Half of the distance between the smallest and the greatest, in per cent of the middle.
    #[must_use]
    pub fn percent(&self) -> f64 {
        if self.median == 0.0 { 0.0 } else { (self.max - self.min) / 2.0 / self.median * 100.0 }
    }
}

/// Records that were visible at a moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Visible {
    /// Seconds since the subject was started.
    pub(super) at: f64,
    pub(super) records: u64,
}

/// Part of a run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Part {
    pub(super) from: Visible,
    pub(super) to: Visible,
}

impl Part {
    pub(super) fn records(&self) -> u64 {
        self.to.records - self.from.records
    }

    pub(super) fn rate(&self) -> f64 {
        real(self.records()) / (self.to.at - self.from.at)
    }
}

/// Output comes in steps, one per commit: a part with fewer steps than this says nothing about a rate.
const STEPS_MIN: usize = 3;

/// From the first moment at which a tenth of all records was visible to the first at which nine tenths were. Both follow a commit, so that
/// it does not matter how large a step is; start and end, where not everything is at work, stay out. `None` if too few steps were seen.
pub(super) fn steady(samples: &[Visible], records: u64) -> Option<Part> {
    between(samples, records.div_ceil(10), (records * 9).div_ceil(10))
}

/// The same to the moment at which everything was visible.
pub(super) fn to_the_end(samples: &[Visible], records: u64) -> Option<Part> {
    between(samples, records.div_ceil(10), records)
}

fn between(samples: &[Visible], low: u64, high: u64) -> Option<Part> {
    let first = samples.iter().position(|sample| sample.records >= low)?;
    let last = samples.iter().position(|sample| sample.records >= high)?;
    let steps = samples[first..=last].windows(2).filter(|pair| pair[1].records > pair[0].records).count();
    (steps >= STEPS_MIN).then(|| Part { from: samples[first], to: samples[last] })
}

/// A count as a real number: exact up to 2^53.
#[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "counts are far below 2^53")]
pub(super) fn real(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(values: &[(f64, u64)]) -> Vec<Visible> {
        values.iter().map(|&(at, records)| Visible { at, records }).collect()
    }

    #[test]
    fn the_median_of_an_even_number_lies_between() {
        assert_eq!(Spread::of([]), None);
        assert_eq!(Spread::of([3.0]), Some(Spread { median: 3.0, min: 3.0, max: 3.0, runs: 1 }));
        let four = Spread::of([4.0, 1.0, 2.0, 3.0]).unwrap();
        assert_eq!((four.median, four.min, four.max), (2.5, 1.0, 4.0));
        assert_eq!(Spread::of([90.0, 100.0, 110.0]).unwrap().percent(), 10.0);
    }

    #[test]
    fn the_steady_part_begins_and_ends_with_a_commit() {
        let seen = samples(&[
            (1.0, 0),
            (2.0, 90),
            (3.0, 150),
            (3.5, 150),
            (4.0, 400),
            (5.0, 650),
            (6.0, 910),
            (9.0, 1_000),
        ]);
        let part = steady(&seen, 1_000).unwrap();
        assert_eq!((part.from.at, part.to.at, part.records()), (3.0, 6.0, 760));
        assert!((part.rate() - 760.0 / 3.0).abs() < 1e-9);
        assert_eq!(to_the_end(&seen, 1_000).unwrap().to.at, 9.0);
        assert_eq!(to_the_end(&seen, 1_001), None, "the end was not seen");
    }

    #[test]
    fn a_handful_of_commits_is_no_rate() {
        assert_eq!(steady(&samples(&[(1.0, 0), (2.0, 500), (3.0, 1_000)]), 1_000), None);
        assert_eq!(steady(&samples(&[(1.0, 0), (2.0, 1_000)]), 1_000), None);
        assert_eq!(steady(&[], 0), None);
    }
}
