//! How long each kill took to get over, by phase: as bars, and as a table.

use maud::{Markup, html};

use super::run::Run;
use super::text::{duration, moment, real};
use crate::history::Recovery;

pub(super) fn section(run: &Run) -> Markup {
    let longest = run.recoveries.iter().filter_map(Recovery::total_ms).max().unwrap_or(1).max(1);
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
                ol.bars { @for recovery in &run.recoveries { (bar(recovery, longest)) } }
                ul.legend {
                    li { i.detect {} "until the coordinator starts the next attempt" }
                    li { i.restore {} "until all subtasks run" }
                    li { i.first {} "until new output is visible" }
                }
                details { summary { "As a table" } (table(&run.recoveries)) }
            }
        }
    }
}

/// The three phases in milliseconds; one that was not seen counts to the next.
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

fn bar(recovery: &Recovery, longest_ms: u64) -> Markup {
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
                    @for (class, ms) in phases {
                        i class=(class) style=(format!("width:{:.2}%", 100.0 * real(ms) / real(longest_ms))) title=(format!("{class}: {}", duration(ms))) {}
                    }
                }
            }
            span.total { (recovery.total_ms().map_or("no new output".to_owned(), duration)) }
        }
    }
}

fn table(recoveries: &[Recovery]) -> Markup {
    html! {
        div.scroll {
            table {
                thead {
                    tr {
                        th.n { "Kill" } th.n { "At" } th { "Who" } th { "Where" }
                        th.n { "Noticed" } th.n { "Restored" } th.n { "Visible" } th.n { "In all" }
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
                            td.n { (recovery.total_ms().map_or("–".to_owned(), duration)) }
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
        };
        assert_eq!(phases(&recovery), Some([("detect", 30), ("restore", 50), ("first", 80)]));
        let unseen = Recovery { detected_ms: None, ..recovery.clone() };
        assert_eq!(
            phases(&unseen).unwrap().iter().map(|phase| phase.1).sum::<u64>(),
            recovery.total_ms().unwrap()
        );
        assert_eq!(phases(&Recovery { visible_ms: None, ..recovery }), None);
    }
}
