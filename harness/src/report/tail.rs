//! What a reader needs after the answer: the facts of the run, how to repeat it, what it does not show, its files.

use maud::{Markup, html};

use super::run::{FileEntry, FileKind, Run};
use super::text::{counted, duration, number, size};
use crate::verdict::{ChaosDocument, Verdict};

pub(super) fn facts(run: &Run) -> Markup {
    let document = &run.document;
    let wanted = &document.thresholds;
    let facts = [
        ("Kafka", format!("{}, version {}", document.kafka.kind, document.kafka.version)),
        ("Took", format!("{:.1} s", document.seconds)),
        ("Fed", counted(run.summary.fed, "record acknowledged by Kafka", "records acknowledged by Kafka")),
        (
            "Read back",
            format!(
                "{}, {}",
                counted(document.records_in, "record", "records"),
                counted(document.keys, "key", "keys")
            ),
        ),
        ("Committed output", counted(document.records_out, "record", "records")),
        ("Still pending", counted(document.records_pending, "input record", "input records")),
        ("Attempts of the job", number(document.attempts)),
        (
            "Needed to hold",
            format!(
                "{} records, {} kills, {} checkpoints, {} trace events",
                number(wanted.records_min),
                number(wanted.kills_min),
                number(wanted.checkpoints_min),
                number(wanted.trace_events_min)
            ),
        ),
        ("Run directory", document.run_directory.clone()),
    ];
    html! {
        section {
            h2 { "Facts" }
            dl.facts { @for (name, value) in facts { dt { (name) } dd { (value) } } }
        }
    }
}

pub(super) fn replay(run: &Run) -> Markup {
    html! {
        section {
            h2 { "Run it again" }
            pre { code { (run.document.replay) } }
            p.small { "The seed fixes the workload and the plan of kills. It does not fix how the operating system schedules processes, so a kill at a random moment may meet the protocol elsewhere the next time." }
        }
    }
}

pub(super) fn limits(run: &Run) -> Markup {
    let document = &run.document;
    let random_only = document.crash_points.values().all(|&kills| kills == 0);
    html! {
        section {
            h2 { "What this run does not show" }
            ul {
                li { "One run with one seed: what it did not meet, it does not judge. The model checks every interleaving, within its bounds." }
                li { (other_faults(document)) }
                @if random_only { li { "Kills at named crash points: all kills fell at random moments." } }
                @if document.kills_confirmed == 0 { li { "Recovery: nobody was confirmed killed." } }
                @if document.traces.verdict == Verdict::Unknown { li { "Agreement of the processes with the protocol core: the traces were not replayed in full." } }
                @if run.history.torn { li { "The very end: the last line of the history was cut off." } }
                li { "Speed: kills, samples and traces cost time, and broker and job share one machine." }
            }
        }
    }
}

/// Faults that this run did not bring.
fn other_faults(document: &ChaosDocument) -> String {
    let paused = if document.pauses == 0 { ", no process was paused and came back" } else { "" };
    let coordinator = if document.coordinator_kills == 0 { ", the coordinator was not killed" } else { "" };
    format!("Faults other than those above: no broker failed, no network broke{paused}{coordinator}.")
}

pub(super) fn files(run: &Run) -> Markup {
    html! {
        section {
            h2 { "Files of this run" }
            ul.files {
                @for FileEntry { name, kind } in &run.files {
                    li {
                        @match kind {
                            FileKind::File { bytes } => { a href=(href(name)) { (name) } span { (size(*bytes)) } },
                            FileKind::Directory { entries } => {
                                a href=(href(name) + "/") { (name) "/" } span { (counted(*entries, "entry", "entries")) }
                            },
                        }
                    }
                }
            }
            p.small { "The history ends " (duration(run.end_ms())) " after the run began." }
        }
    }
}

/// A link to a file beside the page; `./` keeps a colon in a name from looking like a scheme.
fn href(name: &str) -> String {
    let mut href = "./".to_owned();
    for &byte in name.as_bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            href.push(char::from(byte));
        } else {
            href.push_str(&format!("%{byte:02X}"));
        }
    }
    href
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_survive_odd_names() {
        assert_eq!(href("worker-0.log"), "./worker-0.log");
        assert_eq!(href("a b#c:d?"), "./a%20b%23c%3Ad%3F");
    }
}
