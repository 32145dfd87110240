//! The answer: the verdict in one word, why, and the six numbers that carry it.

use maud::{Markup, html};

use super::run::Run;
use super::text::{counted, duration, number};
use crate::verdict::Verdict;

pub(super) fn head(run: &Run) -> Markup {
    let document = &run.document;
    html! {
        header {
            p.eyebrow { strong { "truecut" } " chaos run, seed " (document.seed) }
            h1 { (mark(document.verdict)) (word(document.verdict)) }
            p.lead { (sentence(run)) }
            @if let Some(mutant) = &document.mutant {
                p.mutant {
                    "This run executed the broken protocol " code { (mutant) } " on purpose. It has done its work if it ends "
                    em { "violated" } "."
                }
            }
            @if !document.reasons.is_empty() {
                ul.reasons { @for reason in &document.reasons { li { (reason) } } }
            }
        }
    }
}

fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Holds => "Holds",
        Verdict::Violated => "Violated",
        Verdict::Unknown => "Unknown",
    }
}

/// A tick, a cross or a question mark in a disc: the colour alone must not carry the verdict.
fn mark(verdict: Verdict) -> Markup {
    let path = match verdict {
        Verdict::Holds => "M11 20.5l6.5 6.5L29.5 14",
        Verdict::Violated => "M13 13l14 14M27 13L13 27",
        Verdict::Unknown => "M14.5 15.5a5.5 5.5 0 1 1 8 5c-1.8 1-2.5 2-2.5 4M20 29.6v.4",
    };
    html! {
        svg.mark viewBox="0 0 40 40" aria-hidden="true" { circle cx="20" cy="20" r="19" {} path d=(path) {} }
    }
}

fn sentence(run: &Run) -> String {
    let document = &run.document;
    match document.verdict {
        Verdict::Holds => format!(
            "Each of {} is in the committed output exactly once, in order and with the right value, through {}. \
             All {} replayed through the protocol core, and every one agreed.",
            counted(document.records_in, "input record", "input records"),
            counted(document.kills_confirmed, "confirmed SIGKILL", "confirmed SIGKILLs"),
            counted(document.traces.events, "recorded event", "recorded events"),
        ),
        Verdict::Violated => {
            let offending = document.anomaly_counts.values().sum();
            if offending > 0 {
                let what = counted(offending, "finding", "findings");
                format!("The committed output is not what the input demands: {what}.")
            } else {
                "The output was not found wrong, but the processes did what the protocol does not allow."
                    .to_owned()
            }
        }
        Verdict::Unknown => {
            "Nothing was found wrong, but too little was seen to say that it holds. This is not a pass."
                .to_owned()
        }
    }
}

pub(super) fn numbers(run: &Run) -> Markup {
    let document = &run.document;
    let recovery = document.recovery_ms;
    let tiles = [
        ("input records", number(document.records_in), format!("{} keys", number(document.keys))),
        ("committed outputs", number(document.records_out), "read_committed".to_owned()),
        (
            "confirmed kills",
            number(document.kills_confirmed),
            format!(
                "of {} planned, {}",
                document.kills_planned,
                counted(document.attempts, "attempt", "attempts")
            ),
        ),
        (
            "recovery, median",
            recovery.map_or("none".to_owned(), |ms| duration(ms.p50)),
            recovery.map_or("no new output after a kill".to_owned(), |ms| {
                format!("longest {}", duration(ms.max))
            }),
        ),
        (
            "completed checkpoints",
            number(document.checkpoints_completed),
            format!("{} given up", number(document.checkpoints_aborted)),
        ),
        (
            "trace events",
            number(document.traces.events),
            format!("replay: {}", document.traces.verdict.name()),
        ),
    ];
    html! {
        dl.tiles {
            @for (name, value, beside) in tiles {
                div { dt { (name) } dd { (value) } dd.beside { (beside) } }
            }
        }
    }
}
