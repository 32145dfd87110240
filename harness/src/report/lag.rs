//! How far the visible output was behind the input, and how far open transactions held readers of the output back.

use maud::{Markup, html};

use super::bands;
use super::chart::{Axis, Frame, TOP, both, value_ticks};
use super::run::Run;
use super::text::{duration, moment, number};

const HEIGHT: f64 = 120.0;

pub(super) fn section(run: &Run) -> Markup {
    let lag = run.totals.lag();
    let unstable = &run.totals.unstable;
    html! {
        section {
            h2 { "Lag" }
            h3 { "Fed but not yet visible" }
            p.small { (told(&lag, "records", run.end_ms())) }
            (both(run.end_ms(), "Records fed but not yet visible", |frame| chart(frame, run, &lag, "lag")))
            h3 { "Between the last stable offset and the high watermark" }
            @if unstable.is_empty() {
                p.small { "Not sampled in this run." }
            } @else {
                p.small {
                    (told(unstable, "offsets", run.end_ms()))
                    @if unstable[0].0 > run.end_ms() / 10 { " First known at " (moment(unstable[0].0)) "." }
                    " Behind the last stable offset a transaction is open, and readers of committed records wait."
                }
                (both(run.end_ms(), "Offsets held back by open transactions", |frame| chart(frame, run, unstable, "unstable")))
            }
            ul.legend {
                li { i.lag-key {} "acknowledged by Kafka as input, not yet visible as output" }
                @if !unstable.is_empty() { li { i.unstable-key {} "in the output, in open transactions or behind them" } }
                li { i.outage-key {} "kill to first newly committed output" }
                @if !run.faults.is_empty() { li { i.fault-key {} "another fault in force" } }
            }
        }
    }
}

fn told(values: &[(u64, u64)], what: &str, end_ms: u64) -> String {
    let Some(&(at_ms, most)) = values.iter().rev().max_by_key(|&&(_, value)| value) else {
        return "No sample was taken.".to_owned();
    };
    let median = median(values, end_ms);
    format!(
        "Half of the time no more than {} {what}; at most {}, {} into the run.",
        number(median),
        number(most),
        { if at_ms < 60_000 { moment(at_ms) } else { duration(at_ms) } }
    )
}

/// The value that half of the time is not exceeded. Each holds until the next.
fn median(values: &[(u64, u64)], end_ms: u64) -> u64 {
    let next = values.iter().skip(1).map(|&(t_ms, _)| t_ms).chain([end_ms]);
    let mut held: Vec<(u64, u64)> =
        values.iter().zip(next).map(|(&(from, value), to)| (value, to.saturating_sub(from))).collect();
    held.sort_unstable();
    let half = held.iter().map(|&(_, time)| time).sum::<u64>().div_ceil(2);
    let mut passed = 0;
    for (value, time) in held {
        passed += time;
        if passed >= half {
            return value;
        }
    }
    0
}

fn chart(frame: Frame, run: &Run, values: &[(u64, u64)], class: &str) -> (Markup, f64) {
    let ticks = value_ticks(values.iter().map(|&(_, value)| value).max().unwrap_or(0), 3);
    let axis = Axis::new(frame, &ticks, HEIGHT);
    let content = html! {
        (axis.draw(&ticks, ""))
        (frame.time_axis(TOP, TOP + HEIGHT))
        (bands::draw(frame, run, TOP, TOP + HEIGHT))
        path class=(class) d=(axis.area(values, run.end_ms())) {}
    };
    (content, TOP + HEIGHT + 22.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_weighs_values_by_the_time_that_they_held() {
        // 100 for 10 ms, 3 for 80 ms, 50 for 10 ms.
        assert_eq!(median(&[(0, 100), (10, 3), (90, 50)], 100), 3);
        assert_eq!(median(&[], 100), 0);
    }
}
