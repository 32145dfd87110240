//! Counts over time, as the history tells them: what was fed, what is visible, where the output ends.

use super::event::Event;
use super::{Entry, History};

/// Totals at moments (ms since the run started), each in order of time. A total holds until the next one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Input records that Kafka has acknowledged.
    pub fed: Vec<(u64, u64)>,
    /// Output records that a reader of committed records has seen.
    pub visible: Vec<(u64, u64)>,
    /// Offsets between the last stable offsets and the high watermarks of the output.
    pub unstable: Vec<(u64, u64)>,
}

impl Totals {
    /// Those of a history.
    #[must_use]
    pub fn of(history: &History) -> Self {
        let mut totals = Self::default();
        for Entry { t_ms, event } in &history.entries {
            if let Event::Fed { records_total } = event {
                totals.fed.push((*t_ms, *records_total));
            } else if let Event::Visible { records_total } = event {
                totals.visible.push((*t_ms, *records_total));
            } else if let Event::OutputEnds { high_watermark_total, last_stable_total } = event {
                totals.unstable.push((*t_ms, high_watermark_total.saturating_sub(*last_stable_total)));
            }
        }
        totals
    }

    /// How many records were fed but not visible, whenever either number changed.
    #[must_use]
    pub fn lag(&self) -> Vec<(u64, u64)> {
        let mut times: Vec<u64> = self.fed.iter().chain(&self.visible).map(|&(t_ms, _)| t_ms).collect();
        times.sort_unstable();
        times.dedup();
        let lag = |t_ms| Self::at(&self.fed, t_ms).saturating_sub(Self::at(&self.visible, t_ms));
        times.into_iter().map(|t_ms| (t_ms, lag(t_ms))).collect()
    }

    /// The last total at or before this moment; 0 before the first.
    #[must_use]
    pub fn at(series: &[(u64, u64)], t_ms: u64) -> u64 {
        let after = series.partition_point(|&(t, _)| t <= t_ms);
        after.checked_sub(1).map_or(0, |last| series[last].1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn totals_hold_until_the_next_sample() {
        let series = [(10, 1), (20, 5)];
        assert_eq!([0, 10, 19, 20, 99].map(|t| Totals::at(&series, t)), [0, 1, 1, 5, 5]);
    }

    #[test]
    fn the_lag_is_what_was_fed_less_what_is_visible() {
        let totals = Totals {
            fed: vec![(10, 4), (30, 9)],
            visible: vec![(20, 3), (30, 4), (40, 9)],
            ..Totals::default()
        };
        assert_eq!(totals.lag(), [(10, 4), (20, 1), (30, 5), (40, 0)]);
    }
}
