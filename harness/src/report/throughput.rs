//! How many records became visible per second, and how far the visible output was behind what was fed.

use maud::{Markup, html};

use super::chart::{Frame, both, line, px, span, value_ticks};
use super::run::Run;
use super::text::{counted, duration, number, real, short};
use crate::history::{Event, History};

const RATE_HEIGHT: f64 = 170.0;
const LAG_HEIGHT: f64 = 110.0;
const TOP: f64 = 10.0;
/// The reader samples about every 50 ms; a bin holds several samples.
const BIN_MIN_MS: u64 = 250;

pub(super) fn section(run: &Run) -> Markup {
    let series = Series::of(&run.history);
    html! {
        section {
            h2 { "Throughput" }
            p { (told(run, &series)) }
            (both(run.end_ms(), "Records that became visible per second", |frame| rate_chart(frame, run, &series)))
            h3 { "Fed but not yet visible" }
            (both(run.end_ms(), "Records fed but not yet visible", |frame| lag_chart(frame, run, &series)))
            ul.legend {
                li { i.rate-key {} "became visible to a read_committed reader, per second" }
                li { i.lag-key {} "acknowledged by Kafka as input, not yet visible as output" }
                li { i.outage-key {} "kill to first newly committed output" }
            }
        }
    }
}

/// Totals over time, in order of time.
#[derive(Debug, Default)]
struct Series {
    fed: Vec<(u64, u64)>,
    visible: Vec<(u64, u64)>,
}

impl Series {
    fn of(history: &History) -> Series {
        let mut series = Series::default();
        for entry in &history.entries {
            if let Event::Fed { records_total } = entry.event {
                series.fed.push((entry.t_ms, records_total));
            } else if let Event::Visible { records_total } = entry.event {
                series.visible.push((entry.t_ms, records_total));
            }
        }
        series
    }

    /// How many records were fed but not visible, at each sample of either.
    fn lags(&self) -> Vec<(u64, u64)> {
        let mut times: Vec<u64> = self.fed.iter().chain(&self.visible).map(|&(t_ms, _)| t_ms).collect();
        times.sort_unstable();
        times.dedup();
        let lag = |t_ms| total_at(&self.fed, t_ms).saturating_sub(total_at(&self.visible, t_ms));
        times.into_iter().map(|t_ms| (t_ms, lag(t_ms))).collect()
    }

    /// The longest time without new output between the first and the last, as (start, length).
    fn longest_silence(&self) -> Option<(u64, u64)> {
        let mut grown: Vec<(u64, u64)> = Vec::new();
        for &(t_ms, total) in &self.visible {
            if total > grown.last().map_or(0, |&(_, last)| last) {
                grown.push((t_ms, total));
            }
        }
        grown.windows(2).map(|pair| (pair[0].0, pair[1].0 - pair[0].0)).max_by_key(|&(_, length)| length)
    }
}

/// The last total at or before this moment.
fn total_at(series: &[(u64, u64)], t_ms: u64) -> u64 {
    let after = series.partition_point(|&(t, _)| t <= t_ms);
    after.checked_sub(1).map_or(0, |last| series[last].1)
}

fn told(run: &Run, series: &Series) -> String {
    let grown = |pair: &&[(u64, u64)]| pair[1].1 > pair[0].1;
    let last_growth = series.visible.windows(2).rfind(grown).map(|pair| pair[1].0);
    let Some((from_ms, to_ms)) =
        series.visible.iter().find(|&&(_, total)| total > 0).map(|first| first.0).zip(last_growth)
    else {
        return "No sample of the visible output was taken.".to_owned();
    };
    let per_second = run.summary.visible * 1_000 / (to_ms - from_ms).max(1);
    let silence = series.longest_silence().map_or(String::new(), |(at_ms, length)| {
        format!(" The longest time without any was {}, from {} on.", duration(length), duration(at_ms))
    });
    format!(
        "{} became visible in {}, {} per second over all, kills included.{silence}",
        counted(run.summary.visible, "record", "records"),
        duration(to_ms - from_ms),
        number(per_second),
    )
}

fn rate_chart(frame: Frame, run: &Run, series: &Series) -> (Markup, f64) {
    let bins_most = if frame.narrow { 80 } else { 240 };
    let bin_ms = run.end_ms().div_ceil(bins_most).max(BIN_MIN_MS);
    let rates: Vec<(u64, u64)> = (0..run.end_ms().div_ceil(bin_ms))
        .map(|bin| {
            let (from, to) = (bin * bin_ms, (bin + 1) * bin_ms);
            let grown = total_at(&series.visible, to).saturating_sub(total_at(&series.visible, from));
            (from, grown * 1_000 / bin_ms)
        })
        .collect();
    let ticks = value_ticks(rates.iter().map(|&(_, rate)| rate).max().unwrap_or(0), 4);
    let axis = Axis::new(frame, &ticks, RATE_HEIGHT);
    let mut path = format!("M{:.1} {:.1}", frame.x(0), axis.y(0));
    for &(from_ms, rate) in &rates {
        let to_ms = (from_ms + bin_ms).min(run.end_ms());
        path.push_str(&format!("V{:.1}H{:.1}", axis.y(rate), frame.x(to_ms)));
    }
    path.push_str(&format!("V{:.1}Z", axis.y(0)));
    let content = html! {
        (axis.draw(&ticks, "/s"))
        (frame.time_axis(TOP, TOP + RATE_HEIGHT))
        (outages(frame, run, RATE_HEIGHT))
        path.rate d=(path) {}
    };
    (content, TOP + RATE_HEIGHT + 22.0)
}

fn lag_chart(frame: Frame, run: &Run, series: &Series) -> (Markup, f64) {
    let lags = series.lags();
    let ticks = value_ticks(lags.iter().map(|&(_, lag)| lag).max().unwrap_or(0), 3);
    let axis = Axis::new(frame, &ticks, LAG_HEIGHT);
    let content = html! {
        (axis.draw(&ticks, ""))
        (frame.time_axis(TOP, TOP + LAG_HEIGHT))
        (outages(frame, run, LAG_HEIGHT))
        path.lag d=(area(frame, &axis, &lags, run.end_ms())) {}
    };
    (content, TOP + LAG_HEIGHT + 22.0)
}

/// The area under a line that keeps each value until the next. Of all values that fall on one pixel the highest is drawn.
fn area(frame: Frame, axis: &Axis, values: &[(u64, u64)], end_ms: u64) -> String {
    let mut path = format!("M{:.1} {:.1}", frame.x(0), axis.y(0));
    for on_pixel in values.chunk_by(|a, b| px_of(frame, a.0) == px_of(frame, b.0)) {
        let highest = on_pixel.iter().map(|&(_, value)| value).max().unwrap_or(0);
        path.push_str(&format!("H{:.1}V{:.1}", frame.x(on_pixel[0].0), axis.y(highest)));
    }
    path.push_str(&format!("H{:.1}V{:.1}Z", frame.x(end_ms), axis.y(0)));
    path
}

fn px_of(frame: Frame, t_ms: u64) -> String {
    format!("{:.0}", frame.x(t_ms))
}

fn outages(frame: Frame, run: &Run, height: f64) -> Markup {
    html! {
        @for recovery in &run.recoveries {
            @let to_ms = recovery.visible_ms.unwrap_or(recovery.killed_ms);
            (span("outage", frame.x(recovery.killed_ms), frame.x(to_ms), TOP, height, &format!("kill {}", recovery.ordinal)))
        }
    }
}

/// A vertical axis from 0 to its last tick.
#[derive(Debug)]
struct Axis {
    frame: Frame,
    top: u64,
    height: f64,
}

impl Axis {
    fn new(frame: Frame, ticks: &[u64], height: f64) -> Self {
        Axis { frame, top: ticks.last().copied().unwrap_or(0).max(1), height }
    }

    fn y(&self, value: u64) -> f64 {
        TOP + self.height * (1.0 - real(value) / real(self.top))
    }

    fn draw(&self, ticks: &[u64], unit: &str) -> Markup {
        html! {
            @for &tick in ticks {
                (line("grid", self.frame.gutter, self.y(tick), self.frame.right(), self.y(tick)))
                text x=(px(self.frame.gutter - 8.0)) y=(px(self.y(tick))) text-anchor="end" dominant-baseline="central" {
                    (short(tick)) @if tick > 0 && !self.frame.narrow { (unit) }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn totals_hold_until_the_next_sample() {
        let series = [(10, 1), (20, 5)];
        assert_eq!([0, 10, 19, 20, 99].map(|t| total_at(&series, t)), [0, 1, 1, 5, 5]);
    }

    #[test]
    fn the_lag_is_what_was_fed_less_what_is_visible() {
        let series = Series { fed: vec![(10, 4), (30, 9)], visible: vec![(20, 3), (30, 4), (40, 9)] };
        assert_eq!(series.lags(), [(10, 4), (20, 1), (30, 5), (40, 0)]);
    }

    #[test]
    fn the_longest_silence_is_between_growths_not_samples() {
        let visible = vec![(10, 0), (20, 5), (30, 5), (90, 5), (100, 6), (110, 7), (500, 7)];
        assert_eq!(Series { fed: vec![], visible }.longest_silence(), Some((20, 80)));
    }
}
