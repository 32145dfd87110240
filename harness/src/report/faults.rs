//! What was done to the run: which kinds of fault struck how often, which crash points, and each fault with its time.

use maud::{Markup, html};

use super::run::Run;
use super::text::{duration, moment, number};
use crate::chaos::FAULTS;
use crate::history::{FaultSpan, KillAt};

/// More faults than this are not told one by one.
const TOLD_MAX: usize = 300;

pub(super) fn section(run: &Run) -> Markup {
    let document = &run.document;
    html! {
        section {
            h2 { "What was done to it" }
            p { (lead(run)) }
            div.columns {
                (kills(run))
                @if !document.faults.is_empty() { (kinds(run)) }
            }
            @if !run.faults.is_empty() {
                details open[run.faults.len() <= 12] {
                    summary { "Each fault that was no kill, in order" }
                    (each(&run.faults))
                }
            }
        }
    }
}

fn lead(run: &Run) -> String {
    let document = &run.document;
    let plan =
        if document.plan.is_empty() { String::new() } else { format!("Plan “{}”. ", document.plan) };
    let missed: u64 = document.faults.values().map(|count| count.missed).sum();
    let unconfirmed = run.summary.kills_unconfirmed;
    let doubt = match (missed, unconfirmed) {
        (0, 0) => "All that was tried struck.".to_owned(),
        (missed, 0) => format!("{} hit nothing.", number(missed)),
        (0, unconfirmed) => format!("{} kills are not confirmed.", number(unconfirmed)),
        (missed, unconfirmed) => {
            format!("{} hit nothing, and {} kills are not confirmed.", number(missed), number(unconfirmed))
        }
    };
    if document.kills_confirmed == 0 && document.faults.is_empty() && unconfirmed == 0 {
        return format!("{plan}Nothing was done to this run.");
    }
    format!("{plan}{doubt}")
}

/// Confirmed kills by where they struck.
fn kills(run: &Run) -> Markup {
    let points = &run.document.crash_points;
    let confirmed = run.recoveries.iter().filter(|recovery| recovery.confirmed);
    let random = confirmed.filter(|recovery| recovery.at == KillAt::Random).count();
    html! {
        div {
            h3 { "Kills" }
            @if points.is_empty() && random == 0 {
                p { "No kill was confirmed." }
            } @else {
                table {
                    thead { tr { th { "Where" } th.n { "Confirmed" } } }
                    tbody {
                        tr.muted[random == 0] { td { "at a random moment" } td.n { (random) } }
                        @for (name, kills) in points {
                            tr.muted[*kills == 0] { td { code { (name) } } td.n { (number(*kills)) } }
                        }
                    }
                }
            }
        }
    }
}

fn kinds(run: &Run) -> Markup {
    html! {
        div {
            h3 { "Other faults" }
            table {
                thead { tr { th { "Fault" } th.n { "Struck" } th.n { "Hit nothing" } } }
                tbody {
                    @for (name, count) in &run.document.faults {
                        @let meaning = FAULTS.iter().find(|info| info.name == name).map_or("", |info| info.meaning);
                        tr.doubtful[count.missed > 0] {
                            td title=(meaning) { code { (name) } }
                            td.n { (number(count.struck)) }
                            td.n { (number(count.missed)) }
                        }
                    }
                }
            }
        }
    }
}

fn each(faults: &[FaultSpan]) -> Markup {
    html! {
        div.scroll {
            table.cards {
                thead { tr { th.n { "At" } th { "Fault" } th { "Outcome" } th { "What was seen" } } }
                tbody {
                    @for fault in faults.iter().take(TOLD_MAX) {
                        tr.doubtful[fault.missed] {
                            td.n { (moment(fault.from_ms)) }
                            td { code { (fault.fault) } @if let Some(step) = fault.step { span.small { " step " (step) } } }
                            td { (outcome(fault)) }
                            td { (fault.texts.join("; ")) }
                        }
                    }
                }
            }
        }
        @if faults.len() > TOLD_MAX {
            p.small { "The other " (faults.len() - TOLD_MAX) " are in the history." }
        }
    }
}

fn outcome(fault: &FaultSpan) -> String {
    match (fault.in_force(), fault.struck_ms, fault.missed) {
        (_, _, true) => "hit nothing".to_owned(),
        (Some((from, to)), _, _) => format!("struck, healed after {}", duration(to.saturating_sub(from))),
        (None, Some(_), _) => "struck".to_owned(),
        (None, None, _) => "not seen to strike".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outcome_is_never_better_than_what_was_seen() {
        let began = FaultSpan {
            step: Some(1),
            fault: "kafka_api".to_owned(),
            from_ms: 5,
            struck_ms: None,
            healed_ms: None,
            missed: false,
            texts: vec![],
        };
        assert_eq!(outcome(&began), "not seen to strike");
        let struck = FaultSpan { struck_ms: Some(7), ..began.clone() };
        assert_eq!(outcome(&struck), "struck");
        assert_eq!(
            outcome(&FaultSpan { healed_ms: Some(17), ..struck.clone() }),
            "struck, healed after 10 ms"
        );
        assert_eq!(outcome(&FaultSpan { missed: true, ..struck }), "hit nothing");
    }
}
