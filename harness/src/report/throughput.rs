//! How many records became visible per second.

use maud::{Markup, html};

use super::bands;
use super::chart::{Axis, Frame, TOP, both, value_ticks};
use super::run::Run;
use super::text::{counted, duration, number};
use crate::history::Totals;

const HEIGHT: f64 = 170.0;
/// The reader samples about every 50 ms; a bin holds several samples.
const BIN_MIN_MS: u64 = 250;

pub(super) fn section(run: &Run) -> Markup {
    html! {
        section {
            h2 { "Throughput" }
            p { (told(run)) }
            (both(run.end_ms(), "Records that became visible per second", |frame| rate_chart(frame, run)))
            ul.legend {
                li { i.rate-key {} "became visible to a read_committed reader, per second" }
                li { i.fed-key {} "acknowledged by Kafka as input, per second" }
            }
        }
    }
}

/// The longest time without new output from the first input to the last output, as (start, length).
fn longest_silence(fed_from_ms: u64, visible: &[(u64, u64)]) -> Option<(u64, u64)> {
    let mut grown: Vec<(u64, u64)> = vec![(fed_from_ms, 0)];
    for &(t_ms, total) in visible {
        if total > grown.last().map_or(0, |&(_, last)| last) {
            grown.push((t_ms, total));
        }
    }
    let lengths = grown.windows(2).map(|pair| (pair[0].0, pair[1].0.saturating_sub(pair[0].0)));
    lengths.max_by_key(|&(_, length)| length)
}

fn told(run: &Run) -> String {
    let (fed, visible) = (&run.totals.fed, &run.totals.visible);
    let last_growth = visible.windows(2).rfind(|pair| pair[1].1 > pair[0].1).map(|pair| pair[1].0);
    let last_growth = last_growth.or_else(|| visible.first().map(|first| first.0));
    let Some((from_ms, to_ms)) = fed.first().map(|first| first.0).zip(last_growth) else {
        return "No sample of the visible output was taken.".to_owned();
    };
    let per_second = run.summary.visible * 1_000 / to_ms.saturating_sub(from_ms).max(1);
    let silence = longest_silence(from_ms, visible).map_or(String::new(), |(at_ms, length)| {
        format!(" The longest time without new output was {}, from {} on.", duration(length), duration(at_ms))
    });
    format!(
        "{} became visible, {} per second from the first input to the last output, faults included.{silence}",
        counted(run.summary.visible, "record", "records"),
        number(per_second),
    )
}

fn rate_chart(frame: Frame, run: &Run) -> (Markup, f64) {
    let bins_most = if frame.narrow { 80 } else { 240 };
    let bin_ms = run.end_ms().div_ceil(bins_most).max(BIN_MIN_MS);
    let rates = |totals: &[(u64, u64)]| -> Vec<(u64, u64)> {
        let bins = 0..run.end_ms().div_ceil(bin_ms);
        let rate = |bin| {
            let (from, to) = (bin * bin_ms, (bin + 1) * bin_ms);
            let grown = Totals::at(totals, to).saturating_sub(Totals::at(totals, from));
            (from, grown * 1_000 / bin_ms)
        };
        bins.map(rate).collect()
    };
    let (fed, visible) = (rates(&run.totals.fed), rates(&run.totals.visible));
    let top = fed.iter().chain(&visible).map(|&(_, rate)| rate).max().unwrap_or(0);
    let ticks = value_ticks(top, 4);
    let axis = Axis::new(frame, &ticks, HEIGHT);
    let steps = |rates: &[(u64, u64)]| -> String {
        let one = |&(from_ms, rate): &(u64, u64)| {
            let to_ms = (from_ms + bin_ms).min(run.end_ms());
            format!("V{:.1}H{:.1}", axis.y(rate), frame.x(to_ms))
        };
        rates.iter().map(one).collect()
    };
    let (left, zero) = (frame.x(0), axis.y(0));
    let content = html! {
        (axis.draw(&ticks, "/s"))
        (frame.time_axis(TOP, TOP + HEIGHT))
        (bands::draw(frame, run, TOP, TOP + HEIGHT))
        path.rate d=(format!("M{left:.1} {zero:.1}{}V{zero:.1}Z", steps(&visible))) {}
        path.fed d=(format!("M{left:.1} {zero:.1}{}V{zero:.1}", steps(&fed))) {}
    };
    (content, TOP + HEIGHT + 22.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_silence_is_between_growths_not_samples() {
        let visible = [(10, 0), (20, 5), (30, 5), (90, 5), (100, 6), (110, 7), (500, 7)];
        assert_eq!(longest_silence(5, &visible), Some((20, 80)));
        assert_eq!(longest_silence(5, &[(500, 7)]), Some((5, 495)));
    }
}
