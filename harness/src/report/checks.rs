//! What was checked, with the number of records that offend, the first of them in full, and where kills struck.

use maud::{Markup, html};

use super::run::Run;
use super::text::number;
use crate::history::KillAt;
use crate::oracle::{CLASSES, ClassInfo, Coordinates, Judged};

pub(super) fn section(run: &Run) -> Markup {
    let counts = &run.document.anomaly_counts;
    html! {
        section {
            h2 { "What was checked" }
            p { "The committed output against the input that Kafka gave back, record by record; against Kafka's own log of it, with every transaction's marker; and against what the job tells of its checkpoints. Each line names the property of the model that one such finding disproves." }
            div.scroll {
                table.checks {
                    thead { tr { th { "Anomaly" } th { "Disproves" } th { "Meaning" } th.n { "Looked at" } th.n { "Found" } th { "Verdict" } } }
                    tbody {
                        @for info in &CLASSES {
                            @let records = counts.get(&info.class).copied().unwrap_or(0);
                            @let judged = run.document.oracles.iter().find(|judged| judged.class == info.class);
                            tr.bad[records > 0] {
                                td { code { (info.name) } }
                                td { (properties(info)) }
                                td { (info.meaning) }
                                td.n { @if let Some(judged) = judged { (number(judged.looked_at)) } }
                                td.n { (number(judged.map_or(records, |judged| judged.found))) }
                                td { (said(judged, info)) }
                            }
                        }
                    }
                }
            }
            @if !run.document.anomalies.is_empty() { (anomalies(run)) }
        }
    }
}

/// The verdict of one oracle, with the reason if it does not know. Documents of older versions have none.
fn said(judged: Option<&Judged>, info: &ClassInfo) -> Markup {
    html! {
        @match judged {
            Some(_) if info.allowed => "allowed",
            Some(judged) => {
                (judged.verdict.name())
                @if let Some(reason) = &judged.reason { ": " (reason) }
            }
            None => "",
        }
    }
}

fn properties(info: &ClassInfo) -> Markup {
    html! { @for property in info.properties { code { (property) } " " } }
}

fn anomalies(run: &Run) -> Markup {
    let document = &run.document;
    html! {
        h3 { "The first offending records" }
        p.small { "Coordinates read partition@offset." }
        @for info in &CLASSES {
            @let of_class: Vec<_> = document.anomalies.iter().filter(|anomaly| anomaly.class == info.class).collect();
            @if !of_class.is_empty() {
                @let all = document.anomaly_counts.get(&info.class).copied().unwrap_or(0);
                details.anomaly open {
                    summary { code { (info.name) } span { (of_class.len()) " of " (number(all)) } }
                    ol {
                        @for anomaly in of_class {
                            @let example = &anomaly.example;
                            li {
                                (example.text)
                                p.where {
                                    @if let Some(key) = &example.key { span { "key " b { (key) } } }
                                    (place("input", example.input))
                                    (place("output", example.output))
                                    (place("against output", example.against))
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn place(what: &str, at: Option<Coordinates>) -> Markup {
    html! { @if let Some(at) = at { span { (what) " " b { (at) } } } }
}

pub(super) fn crash_points(run: &Run) -> Markup {
    let points = &run.document.crash_points;
    let confirmed = run.recoveries.iter().filter(|recovery| recovery.confirmed);
    let random = confirmed.filter(|recovery| recovery.at == KillAt::Random).count();
    html! {
        section {
            h2 { "Where kills struck" }
            @if points.is_empty() && random == 0 {
                p { "No kill was confirmed." }
            } @else {
                div.scroll {
                    table.narrow-table {
                        thead { tr { th { "Crash point" } th.n { "Confirmed kills" } } }
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
}
