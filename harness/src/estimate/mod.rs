//! How many states a search will find, guessed from the sizes of its levels, as a range; and no guess where the sizes do not
//! bear one. It decides nothing: it is for the one who waits.
//!
//! Sizes of levels rise, then fall, and the logarithm of their ratio falls about evenly. So a line through the last ratios goes
//! on to the end. The guess is made once levels no longer grow, and told while the last few agree with each other.

use truecut_model::Progress;

/// Ratios that the line is put through.
const WINDOW: usize = 8;
/// The last level is at most this much larger than the one before, as a logarithm.
const STILL_GROWING: f64 = 0.05;
/// Guesses that must agree, and how far apart they may be.
const AGREEING: usize = 3;
const APART: f64 = 1.4;
/// How far a guess has been off where the answer is known (the test).
const BELOW: f64 = 0.6;
const ABOVE: f64 = 1.8;
/// Fewer states are seen before a guess is of use.
const FEW: f64 = 10_000.0;
/// A guess goes on for so many levels at most.
const FAR: u32 = 1_000;

/// Watches a search.
#[derive(Clone, Debug, Default)]
pub struct Estimator {
    /// Sizes of levels.
    levels: Vec<f64>,
    /// A guess after each level, where there is one.
    guesses: Vec<Option<f64>>,
}

/// About so many states in all.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// Hardly fewer.
    pub least: f64,
    /// Hardly more.
    pub most: f64,
}

impl Estimator {
    /// Takes note of how far the search is, and guesses how far it will go.
    pub fn observe(&mut self, progress: &Progress) -> Option<Estimate> {
        let depth = usize::try_from(progress.depth).unwrap_or(usize::MAX);
        if depth >= self.levels.len() {
            self.levels.push(real(progress.level));
            self.guesses.push(self.guess());
        }
        self.estimate()
    }

    fn estimate(&self) -> Option<Estimate> {
        let seen: f64 = self.levels.iter().sum();
        let last = self.guesses.get(self.guesses.len().checked_sub(AGREEING)?..)?;
        let guesses: Vec<f64> = last.iter().copied().collect::<Option<_>>()?;
        let least = guesses.iter().copied().fold(f64::INFINITY, f64::min);
        let most = guesses.iter().copied().fold(0.0, f64::max);
        let agree = seen >= FEW && most <= least * APART;
        agree.then(|| Estimate { least: (least * BELOW).max(seen), most: most * ABOVE })
    }

    /// All states, if the line through the last ratios goes on.
    fn guess(&self) -> Option<f64> {
        let recent = self.levels.get(self.levels.len().checked_sub(WINDOW + 2)?..)?;
        let ratios: Vec<f64> = recent.windows(2).skip(1).map(|pair| (pair[1] / pair[0]).ln()).collect();
        if *ratios.last()? > STILL_GROWING {
            return None;
        }
        let (rise, mut ratio) = line(&ratios)?;
        let mut total: f64 = self.levels.iter().sum();
        let mut level = *self.levels.last()?;
        for _ in 0..FAR {
            ratio += rise;
            level *= ratio.exp();
            total += level;
            if level < 0.5 {
                return Some(total);
            }
        }
        None
    }
}

/// The falling line of least squares: its rise, and its value at the last place.
fn line(values: &[f64]) -> Option<(f64, f64)> {
    let number = real(u64::try_from(values.len()).ok()?);
    let places = || (0_u32..).map(f64::from).zip(values);
    let (x_mean, y_mean) = ((number - 1.0) / 2.0, values.iter().sum::<f64>() / number);
    let both: f64 = places().map(|(x, y)| (x - x_mean) * (y - y_mean)).sum();
    let square: f64 = places().map(|(x, _)| (x - x_mean).powi(2)).sum();
    let rise = both / square;
    (rise < -0.001).then_some((rise, y_mean + rise * x_mean))
}

#[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "a guess is not exact")]
fn real(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guesses(levels: &[u64]) -> Vec<Option<Estimate>> {
        let mut estimator = Estimator::default();
        let progress = |(depth, level): (u64, &u64)| Progress {
            unique_states: 0,
            generated_states: 0,
            depth,
            level: *level,
            expanded: 0,
        };
        (0..).zip(levels).map(|each| estimator.observe(&progress(each))).collect()
    }

    /// Levels of searches that were run to their end.
    fn known() -> Vec<(&'static str, Vec<u64>)> {
        let scope = |line: &'static str| {
            let (name, levels) = line.split_once(' ').expect("a name and numbers");
            (name, levels.split(' ').map(|level| level.parse().expect("a number")).collect())
        };
        include_str!("levels.txt").lines().map(scope).collect()
    }

    #[test]
    fn the_truth_lies_in_every_range_that_is_told() {
        for (name, levels) in known() {
            let total = real(levels.iter().sum());
            for (depth, guess) in guesses(&levels).into_iter().enumerate() {
                let Some(Estimate { least, most }) = guess else { continue };
                assert!(
                    least <= total && total <= most,
                    "{name} at {depth}: {least} to {most}, it is {total}"
                );
            }
        }
    }

    #[test]
    fn a_range_is_told_before_the_search_is_nearly_over() {
        for (name, levels) in known() {
            let first = guesses(&levels).iter().position(Option::is_some).expect("one is told");
            let seen: u64 = levels[..=first].iter().sum();
            let all: u64 = levels.iter().sum();
            assert!(seen * 20 < all * 17, "{name}: after {seen} of {all}");
        }
    }

    #[test]
    fn nothing_is_told_of_levels_that_grow() {
        let doubling: Vec<u64> = (0..40).map(|depth| 1 << depth).collect();
        assert!(guesses(&doubling).iter().all(Option::is_none));
        assert!(guesses(&[1; 40]).iter().all(Option::is_none));
        assert!(guesses(&[]).is_empty());
    }
}
