//! Shows on standard error how far a search is: a live line on a terminal, elsewhere a line now and then.

use std::io::{IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

use indicatif::ProgressBar;
use truecut::estimate::{Estimate, Estimator};
use truecut_model::Progress;

use crate::cli::output::grouped;
use crate::cli::show;

/// Between two lines where there is no terminal.
const PAUSE: Duration = Duration::from_secs(10);

/// Shows searches, one after another.
pub(in crate::cli) struct Watch {
    bar: Option<ProgressBar>,
    began: Instant,
    said: Instant,
    estimator: Estimator,
}

impl Watch {
    pub(in crate::cli) fn new() -> Self {
        let bar = std::io::stderr().is_terminal().then(show::spinner);
        Self { bar, began: Instant::now(), said: Instant::now(), estimator: Estimator::default() }
    }

    /// Another search begins.
    pub(in crate::cli) fn begin(&mut self) {
        self.began = Instant::now();
        self.estimator = Estimator::default();
    }

    pub(in crate::cli) fn show(&mut self, what: &str, progress: Progress) {
        let estimate = self.estimator.observe(&progress);
        self.say(&far(what, progress, self.began.elapsed(), estimate));
    }

    /// Shows this, or leaves it out if something was said a moment ago.
    pub(in crate::cli) fn say(&mut self, text: &str) {
        if let Some(bar) = &self.bar {
            bar.set_message(text.to_owned());
        } else if self.said.elapsed() >= PAUSE {
            self.said = Instant::now();
            drop(writeln!(std::io::stderr().lock(), "  {text}"));
        }
    }

    pub(in crate::cli) fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn far(what: &str, progress: Progress, elapsed: Duration, estimate: Option<Estimate>) -> String {
    let states = progress.unique_states;
    let millis = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX).max(1);
    let speed = states.saturating_mul(1_000) / millis;
    let rest =
        estimate.map_or_else(|| "no estimate yet".to_owned(), |estimate| about(estimate, speed, states));
    format!("{what}: {} states, {}/s, depth {}, {rest}", grouped(states), grouped(speed), progress.depth)
}

/// A range with one digit that counts, and what it takes at this speed.
fn about(estimate: Estimate, speed: u64, seen: u64) -> String {
    let (least, most) = (whole(estimate.least).max(seen), whole(estimate.most).max(seen));
    let seconds = |states: u64| (states - seen).div_ceil(speed.max(1));
    let (low, high) = (rounded(least), rounded(most));
    if low <= seen {
        return format!("probably at most {} in all, {} s to go", grouped(high.max(seen)), seconds(most));
    }
    let (low, high) = (grouped(low), grouped(high));
    format!("probably {low} to {high} in all, {} to {} s to go", seconds(least), seconds(most))
}

/// Two digits, and noughts.
fn rounded(number: u64) -> u64 {
    let unit = 10_u64.pow(number.max(1).ilog10().saturating_sub(1));
    (number + unit / 2) / unit * unit
}

#[expect(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a guess is told"
)]
fn whole(number: f64) -> u64 {
    number as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_how_far_how_fast_and_how_long_or_that_nobody_knows() {
        let progress =
            Progress { unique_states: 50_000, generated_states: 90_000, depth: 20, level: 900, expanded: 0 };
        let after = Duration::from_millis(500);
        assert_eq!(
            far("pr", progress, after, None),
            "pr: 50,000 states, 100,000/s, depth 20, no estimate yet"
        );
        let estimate = Some(Estimate { least: 61_234.0, most: 254_000.0 });
        assert_eq!(
            far("pr", progress, after, estimate),
            "pr: 50,000 states, 100,000/s, depth 20, probably 61,000 to 250,000 in all, 1 to 3 s to go"
        );
        let estimate = Some(Estimate { least: 50_010.0, most: 54_000.0 });
        assert_eq!(
            far("pr", progress, after, estimate),
            "pr: 50,000 states, 100,000/s, depth 20, probably at most 54,000 in all, 1 s to go"
        );
    }

    #[test]
    fn numbers_are_rounded_to_two_digits() {
        assert_eq!([0, 7, 99, 123, 4_567, 1_250_000].map(rounded), [0, 7, 99, 120, 4_600, 1_300_000]);
    }
}
