//! Some of the metrics that the job served while it ran, as small charts.

use std::path::Path;

use maud::{Markup, html};

use super::chart::px;
use super::run::Run;
use super::text::{duration, number, real};
use crate::chaos::{METRICS_FILE, Reading};

/// A small chart: what it is called, the metrics that it adds up, and whether they are times.
struct Small {
    title: &'static str,
    /// Names without labels: samples of all workers and partitions are added up.
    names: &'static [&'static str],
    how: How,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    /// As it is.
    Number,
    /// Seconds.
    Time,
    /// Growth per second of a counter. It begins again with its process; that is no growth.
    Rate,
}

const SMALL: [Small; 8] = [
    Small { title: "Lag, records", names: &["truecut_lag_records"], how: How::Number },
    Small {
        title: "Duration of checkpoints",
        names: &["truecut_checkpoint_duration_seconds"],
        how: How::Time,
    },
    Small {
        title: "State in checkpoints, bytes",
        names: &["truecut_checkpoint_state_bytes"],
        how: How::Number,
    },
    Small {
        title: "Open transactions",
        names: &["truecut_transactions_open", "truecut_transactions_pre_committed"],
        how: How::Number,
    },
    Small { title: "Workers", names: &["truecut_workers"], how: How::Number },
    Small { title: "Records in per second", names: &["truecut_records_in_total"], how: How::Rate },
    Small { title: "Records out per second", names: &["truecut_records_out_total"], how: How::Rate },
    Small {
        title: "Producer's round trip, p99",
        names: &["truecut_producer_round_trip_seconds"],
        how: How::Time,
    },
];

const WIDTH: f64 = 320.0;
const HEIGHT: f64 = 48.0;

/// The readings of a run; none if there are none. A line that was cut off is left out.
pub(super) fn read(directory: &Path) -> Vec<Reading> {
    let text = std::fs::read_to_string(directory.join(METRICS_FILE)).unwrap_or_default();
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

pub(super) fn section(run: &Run) -> Markup {
    html! {
        @if !run.metrics.is_empty() {
            section {
                h2 { "Metrics" }
                p { "What the job served while it ran, read " (number(u64::try_from(run.metrics.len()).unwrap_or(u64::MAX))) " times; a gap is a time when no coordinator answered. Highest and last value." }
                div.small-charts {
                    @for small in &SMALL {
                        @let values = small.values(&run.metrics);
                        @if !values.is_empty() { (small.draw(&values, run.end_ms())) }
                    }
                }
            }
        }
    }
}

impl Small {
    /// Times and values, in order of time.
    fn values(&self, readings: &[Reading]) -> Vec<(u64, f64)> {
        let is_ours = |name: &str| self.names.contains(&name.split('{').next().unwrap_or(name));
        let sum = |reading: &Reading| {
            let ours = reading.metrics.iter().filter(|(name, _)| is_ours(name));
            ours.map(|(_, value)| *value).reduce(|a, b| a + b)
        };
        if self.how != How::Rate {
            return readings.iter().filter_map(|reading| Some((reading.t_ms, sum(reading)?))).collect();
        }
        let rate = |pair: &[Reading]| {
            let grown = |(name, value): (&String, &f64)| {
                let before = pair[0].metrics.get(name).copied().unwrap_or(0.0);
                is_ours(name).then_some(if *value < before { *value } else { *value - before })
            };
            let ms = pair[1].t_ms.saturating_sub(pair[0].t_ms).max(1);
            let grown = pair[1].metrics.iter().filter_map(grown).reduce(|a, b| a + b)?;
            Some((pair[1].t_ms, grown * 1_000.0 / real(ms)))
        };
        readings.windows(2).filter_map(rate).collect()
    }

    fn draw(&self, values: &[(u64, f64)], end_ms: u64) -> Markup {
        let top = values.iter().map(|&(_, value)| value).fold(0.0, f64::max);
        let last = values.last().map_or(0.0, |&(_, value)| value);
        let place = |&(t_ms, value): &(u64, f64)| {
            let x = WIDTH * real(t_ms) / real(end_ms);
            (x, HEIGHT - 2.0 - (HEIGHT - 4.0) * if top > 0.0 { value / top } else { 0.0 })
        };
        let (mut path, mut before): (String, Option<(u64, String)>) = (String::new(), None);
        for value in values {
            let (x, y) = place(value);
            let at = px(x.round());
            // One point a pixel, and a new line after a gap.
            if before.as_ref().is_some_and(|(_, drawn)| *drawn == at) {
                continue;
            }
            let goes_on = before.as_ref().is_some_and(|(t_ms, _)| value.0 - t_ms <= GAP_MS.max(end_ms / 100));
            path.push_str(&format!("{}{x:.1} {y:.1}", if goes_on { 'L' } else { 'M' }));
            before = Some((value.0, at));
        }
        html! {
            figure {
                figcaption { (self.title) span { (self.say(top)) " · " (self.say(last)) } }
                svg viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) role="img" aria-label=(self.title) { path d=(path) {} }
            }
        }
    }

    #[expect(
        clippy::as_conversions,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a count to show"
    )]
    fn say(&self, value: f64) -> String {
        match self.how {
            How::Time => duration((value * 1_000.0).round() as u64),
            How::Number | How::Rate => number(value.round() as u64),
        }
    }
}

/// Readings further apart than this have a gap between them.
const GAP_MS: u64 = 1_600;

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(t_ms: u64, values: &[(&str, f64)]) -> Reading {
        let metrics = values.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
        Reading { t_ms, metrics }
    }

    #[test]
    fn a_rate_adds_up_workers_and_a_counter_that_began_again_has_not_shrunk() {
        let (one, two) = ("truecut_records_in_total{worker=\"1\"}", "truecut_records_in_total{worker=\"2\"}");
        let readings = [
            reading(0, &[(one, 100.0), (two, 50.0)]),
            reading(500, &[(one, 150.0), (two, 10.0)]),
            reading(1_000, &[("truecut_workers", 1.0)]),
        ];
        let rate = SMALL.iter().find(|small| small.how == How::Rate).unwrap();
        assert_eq!(rate.values(&readings), [(500, 120.0)]);
        let workers = SMALL.iter().find(|small| small.title == "Workers").unwrap();
        assert_eq!(workers.values(&readings), [(1_000, 1.0)]);
    }
}
