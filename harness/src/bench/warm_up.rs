//! Before anything counts: a broker compiles its hot code while it runs, and is 1.4 to 2 times as fast after some ten million records. So
//! truecut runs again and again at full speed until it gets no faster. These runs are not judged, and have no numbers in the document.

use std::time::Duration;

use super::input::{self, Recipe};
use super::progress::{Watched, watch};
use super::run::{Bench, Started, blocking};
use super::settings::{Cell, Guarantee, Query};
use super::statistics::real;
use super::subject::{Subject, SubjectName};
use crate::failure::Failure;
use crate::verdict::Verdict;

/// Records of one run: a few seconds.
const RECORDS: u64 = 3_000_000;
/// A run is faster than another one if it is so many times as fast: less is chance.
const FASTER: f64 = 1.05;
/// So many runs in a row that are not faster than all before end it.
const IN_VAIN: u32 = 3;
/// No more runs than these.
const RUNS_MAX: u32 = 12;

/// The job that warms up, whatever is measured then: with transactions, and with all that a checkpoint needs.
const CELL: Cell = Cell {
    query: Query::Count,
    bytes: 100,
    guarantee: Guarantee::ExactlyOnce,
    interval_ms: 100,
    keys: 10_000,
    partitions: 4,
    records: Some(RECORDS),
    parallelism: 2,
};

/// How fast the runs so far were.
#[derive(Default)]
struct Rates {
    runs: u32,
    fastest: f64,
    /// Runs in a row that were no faster.
    in_vain: u32,
}

impl Rates {
    /// Another run may be faster yet.
    fn may_rise(&self) -> bool {
        self.in_vain < IN_VAIN && self.runs < RUNS_MAX
    }

    fn took(&mut self, rate: f64) {
        self.runs += 1;
        self.in_vain = if rate > self.fastest * FASTER { 0 } else { self.in_vain + 1 };
        self.fastest = rate.max(self.fastest);
    }
}

impl Bench {
    /// Who warms the broker up, doing this: truecut, if it is to be warm.
    fn warming(&self, cell: Cell) -> Option<(SubjectName, &dyn Subject)> {
        let found = self.subjects(0, cell).find(|(name, _)| *name == SubjectName::Truecut);
        found.filter(|_| self.common.warm_up)
    }

    /// What is run before anything counts, where the warm-up at full load is not enough: the first cell, by who warms up.
    pub(super) fn rehearsal(&self) -> Option<(Cell, (SubjectName, &dyn Subject))> {
        let cell = self.common.cells().first().copied()?;
        Some((cell, self.warming(cell)?))
    }

    /// Warms the broker up, if that is wanted.
    pub(super) async fn warm_up(&self) -> Result<(), Failure> {
        let Some(subject) = self.warming(CELL) else { return Ok(()) };
        let topic = self.kafka.create(self.name("warm"), CELL.partitions).await?;
        let (bootstrap, name) = (self.kafka.bootstrap().to_owned(), topic.name.clone());
        let recipe = Recipe::of(CELL, self.common.seed);
        blocking(move || input::write(&bootstrap, &name, recipe, RECORDS)).await?;
        let mut rates = Rates::default();
        while rates.may_rise() {
            let Some(rate) = self.warm(subject, &topic.name).await? else {
                (self.tell)("warm up: truecut did not come to its end");
                break;
            };
            rates.took(rate);
            (self.tell)(&format!("warm up, run {}: {rate:.0} records/s", rates.runs));
        }
        self.kafka.delete(&topic).await;
        Ok(())
    }

    /// One run, and its records per second; none if it did not come to its end.
    async fn warm(&self, subject: (SubjectName, &dyn Subject), input: &str) -> Result<Option<f64>, Failure> {
        let Started { mut running, output, directory } = self.start(subject, CELL, input, false).await?;
        let interval = Duration::from_millis(CELL.interval_ms);
        let watched = watch(&self.kafka, &output, RECORDS, interval, &mut running).await?;
        let unended = running.stop().await?;
        let ended = watched.gave_up.is_none() && unended.is_none();
        self.tidy(&output, &directory, if ended { Verdict::Holds } else { Verdict::Unknown }).await;
        Ok(if ended { rate(&watched) } else { None })
    }
}

/// Offsets per second, the markers of transactions among them: a few in a million.
fn rate(watched: &Watched) -> Option<f64> {
    let total = |ends: &[i64]| u64::try_from(ends.iter().sum::<i64>()).unwrap_or(0);
    let ((from, first), (to, last)) = (watched.ends.first()?, watched.ends.last()?);
    (to > from).then(|| real(total(last) - total(first)) / (to - from))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// After how many of these runs it is over.
    fn ends_after(rates: impl IntoIterator<Item = f64>) -> u32 {
        let mut rates_so_far = Rates::default();
        for rate in rates {
            if !rates_so_far.may_rise() {
                break;
            }
            rates_so_far.took(rate);
        }
        rates_so_far.runs
    }

    #[test]
    fn it_is_over_after_three_runs_in_a_row_that_were_no_faster() {
        // Faster by less than 5 % is no faster; a slow one between does not end it, nor does one that is only faster than that.
        assert_eq!(ends_after([100.0, 104.0, 90.0, 104.0, 300.0]), 4);
        assert_eq!(ends_after([100.0, 90.0, 95.0, 120.0, 119.0, 125.0, 110.0, 300.0]), 7);
        assert_eq!(ends_after([100.0, 90.0]), 2);
    }

    #[test]
    fn it_is_over_after_twelve_runs_though_each_was_faster() {
        assert_eq!(ends_after((1..100).map(|run| f64::from(run) * 10.0)), RUNS_MAX);
    }

    #[test]
    fn a_rate_is_of_what_came_after_the_first_commit() {
        let mut watched = Watched::of(1, None);
        watched.ends = vec![(1.0, vec![100, 0]), (1.5, vec![100, 300]), (3.0, vec![500, 600])];
        assert_eq!(rate(&watched), Some(500.0));
        assert_eq!(rate(&Watched::of(1, None)), None);
    }
}
