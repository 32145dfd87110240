//! How long each kill took to get over, by phase: as bars, and as a table.

use maud::{Markup, html};

use super::run::Run;
use super::text::{duration, moment, real};
use crate::history::Recovery;

/// More bars than this do not help: the slowest are shown.
const BARS_MAX: usize = 40;
/// The same for the lines of the table.
const LINES_MAX: usize = 400;

pub(super) fn section(run: &Run) -> Markup {
    let slowest = slowest(&run.recoveries, BARS_MAX);
    let scale = Scale::of(&slowest);
    html! {
        section {
            h2 { "Recovery" }
            @if run.recoveries.is_empty() {
                p { "Nobody was killed." }
            } @else {
                p {
                    "From the kill to the first output that is newly committed and visible"
                    @if let Some(ms) = run.document.recovery_ms {
                        ": median " b { (duration(ms.p50)) } ", 99th percentile " b { (duration(ms.p99)) } ", longest " b { (duration(ms.max)) } "."
                    } @else { "." }
                    " The reader samples about every 50 ms, so no time is finer than that."
                }
                @if slowest.len() < run.recoveries.len() {
                    p.small { "The slowest " (slowest.len()) " of " (run.recoveries.len()) " are shown." }
                }
                ol.bars { @for recovery in &slowest { (bar(recovery, scale)) } }
                ul.legend {
                    li { i.detect {} "until the coordinator starts the next attempt" }
                    li { i.restore {} "until all subtasks run" }
                    li { i.first {} "until new output is visible" }
                    li { i.catch {} "until the output is no further behind than in the two seconds before the kill" }
                }
                details { summary { "As a table" } (table(&self::slowest(&run.recoveries, LINES_MAX))) }
            }
        }
    }
}

/// All of them if there are not more than `most`; else the slowest, those without an end first. In order of time.
fn slowest(recoveries: &[Recovery], most: usize) -> Vec<&Recovery> {
    let mut all: Vec<&Recovery> = recoveries.iter().collect();
    all.sort_by_key(|recovery| std::cmp::Reverse(recovery.total_ms().unwrap_or(u64::MAX)));
    all.truncate(most);
    all.sort_by_key(|recovery| recovery.killed_ms);
    all
}

/// How many milliseconds a whole bar stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Scale(u64);

impl Scale {
    /// Catching up takes as long as the plan feeds: it must not squeeze what comes before it.
    fn of(recoveries: &[&Recovery]) -> Self {
        let longest = |of: fn(&Recovery) -> Option<u64>| {
            recoveries.iter().filter_map(|recovery| of(recovery)).max().unwrap_or(0)
        };
        let first = longest(Recovery::total_ms);
        Self((first + first / 2).min(longest(caught_up).max(first)).max(1))
    }

    fn percent(self, ms: u64) -> f64 {
        100.0 * real(ms) / real(self.0)
    }
}

/// Kill to no further behind than before.
fn caught_up(recovery: &Recovery) -> Option<u64> {
    Some(recovery.caught_up_ms?.saturating_sub(recovery.killed_ms))
}

/// The phases in milliseconds; one that was not seen counts to the next.
fn phases(recovery: &Recovery) -> Option<[(&'static str, u64); 3]> {
    let visible = recovery.visible_ms?;
    let running = recovery.running_ms.unwrap_or(visible).min(visible);
    let detected = recovery.detected_ms.unwrap_or(running).min(running);
    Some([
        ("detect", detected.saturating_sub(recovery.killed_ms)),
        ("restore", running - detected),
        ("first", visible - running),
    ])
}

fn bar(recovery: &Recovery, scale: Scale) -> Markup {
    let catching = recovery.caught_up_ms.zip(recovery.visible_ms).map(|(to, from)| to.saturating_sub(from));
    html! {
        li {
            span.who {
                b { (recovery.ordinal) }
                span {
                    (recovery.who) " " (recovery.worker) ", " (recovery.at)
                    @if !recovery.confirmed { em { " not confirmed" } }
                }
            }
            span.bar {
                @if let Some(phases) = phases(recovery) {
                    @for (class, ms) in phases.into_iter().chain(catching.map(|ms| ("catch", ms))) {
                        i class=(class) style=(format!("flex-basis:{:.2}%", scale.percent(ms))) title=(format!("{class}: {}", duration(ms))) {}
                    }
                }
            }
            span.total { (recovery.total_ms().map_or("no new output".to_owned(), duration)) }
        }
    }
}

fn table(recoveries: &[&Recovery]) -> Markup {
    let or_dash = |ms: Option<u64>| ms.map_or("–".to_owned(), duration);
    html! {
        div.scroll {
            table {
                thead {
                    tr {
                        th.n { "Kill" } th.n { "At" } th { "Who" } th { "Where" }
                        th.n { "Noticed" } th.n { "Restored" } th.n { "First output" } th.n { "In all" } th.n { "Caught up after" }
                    }
                }
                tbody {
                    @for recovery in recoveries {
                        tr {
                            td.n { (recovery.ordinal) }
                            td.n { (moment(recovery.killed_ms)) }
                            td { (recovery.who) " " (recovery.worker) }
                            td { (recovery.at) @if !recovery.confirmed { " (not confirmed)" } }
                            @match phases(recovery) {
                                Some(phases) => @for (_, ms) in phases { td.n { (duration(ms)) } },
                                None => { td.n { "–" } td.n { "–" } td.n { "–" } },
                            }
                            td.n { (or_dash(recovery.total_ms())) }
                            td.n { (or_dash(caught_up(recovery))) }
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::KillAt;

    #[test]
    fn the_phases_add_up_to_the_whole() {
        let recovery = Recovery {
            ordinal: 1,
            who: crate::history::Who::Worker,
            worker: 0,
            at: KillAt::Random,
            confirmed: true,
            killed_ms: 100,
            detected_ms: Some(130),
            running_ms: Some(180),
            visible_ms: Some(260),
            caught_up_ms: Some(2_260),
        };
        assert_eq!(phases(&recovery), Some([("detect", 30), ("restore", 50), ("first", 80)]));
        let unseen = Recovery { detected_ms: None, ..recovery.clone() };
        assert_eq!(
            phases(&unseen).unwrap().iter().map(|phase| phase.1).sum::<u64>(),
            recovery.total_ms().unwrap()
        );
        assert_eq!(phases(&Recovery { visible_ms: None, ..recovery }), None);
    }
    #[test]
    fn a_long_way_to_catch_up_does_not_squeeze_the_recovery() {
        let recovery = |ordinal: u64, total: u64, caught_up_ms| Recovery {
            ordinal,
            who: crate::history::Who::Worker,
            worker: 0,
            at: KillAt::Random,
            confirmed: true,
            killed_ms: 100 * ordinal,
            detected_ms: None,
            running_ms: None,
            visible_ms: Some(100 * ordinal + total),
            caught_up_ms,
        };
        let all = [recovery(1, 200, Some(100_000)), recovery(2, 300, None), recovery(3, 10, None)];
        assert_eq!(Scale::of(&slowest(&all, 9)), Scale(450));
        let kept: Vec<u64> = slowest(&all, 2).iter().map(|recovery| recovery.ordinal).collect();
        assert_eq!(kept, [1, 2]);
    }
}
