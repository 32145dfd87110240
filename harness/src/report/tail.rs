//! What a reader needs after the answer: the facts of the run, how to repeat it, what it does not show, its files.

use maud::{Markup, html};

use super::run::{FileEntry, FileKind, Run};
use super::text::{counted, duration, number, size};
use crate::coverage::ModelShapes;
use crate::verdict::Verdict;

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
        ("Model coverage", coverage(run)),
        (
            "Needed to hold",
            format!(
                "{}, {}, {}, {}",
                counted(wanted.records_min, "record", "records"),
                counted(wanted.kills_min, "kill", "kills"),
                counted(wanted.checkpoints_min, "checkpoint", "checkpoints"),
                counted(wanted.trace_events_min, "trace event", "trace events")
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

/// How many of the shapes of steps that the model reaches the replay of this run met.
fn coverage(run: &Run) -> String {
    let visited = &run.document.traces.shapes;
    if visited.is_empty() {
        return "unknown: no step was replayed, or not one of the protocol itself".to_owned();
    }
    let (common, all) = ModelShapes::committed().share(visited);
    let beyond = visited.len() - common;
    format!(
        "{common} of {all} shapes of steps that the model reaches, and {beyond} that no searched scope reaches (traces.shapes in verdict.json)"
    )
}

pub(super) fn replay(run: &Run) -> Markup {
    let document = &run.document;
    let directory = &document.run_directory;
    html! {
        section {
            h2 { "Run it again" }
            dl.facts {
                dt { "The same plan, against a new Kafka" }
                dd { code { (document.replay) } }
                dt { "Judge what this run left, again" }
                dd { code { "truecut analyze " (directory) } }
                dt { "Write this page again" }
                dd { code { "truecut report " (directory) } }
            }
            p.small.after { "Plan and seed fix the workload and the faults. They do not fix how the operating system schedules processes, so a kill at a random moment may meet the protocol elsewhere the next time; one at a crash point meets it at the same place." }
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
                li { (other_faults(run)) }
                @if random_only { li { "Kills at named crash points: all kills fell at random moments." } }
                @if document.kills_confirmed == 0 { li { "Recovery: nobody was confirmed killed." } }
                @if document.traces.verdict == Verdict::Unknown { li { "Agreement of the processes with the protocol core: the traces were not replayed in full." } }
                @if run.history.torn { li { "The very end: the last line of the history was cut off." } }
                li { "Speed: kills, samples and traces cost time, and broker and job share one machine." }
            }
        }
    }
}

/// Faults that this run did not bring, by family.
fn other_faults(run: &Run) -> String {
    let document = &run.document;
    let struck = |prefixes: &[&str]| {
        document
            .faults
            .iter()
            .any(|(name, count)| count.struck > 0 && prefixes.iter().any(|prefix| name.starts_with(prefix)))
    };
    let families = [
        (document.coordinator_kills > 0, "the coordinator was not killed"),
        (document.pauses > 0, "no process was paused and came back"),
        (struck(&["broker", "rolling", "move"]), "no broker failed"),
        (struck(&["kafka_", "control_"]), "no network broke"),
        (struck(&["store", "damage"]), "the checkpoint store did not fail"),
    ];
    let missing: Vec<&str> = families.iter().filter(|family| !family.0).map(|family| family.1).collect();
    if missing.is_empty() {
        "Faults other than those above.".to_owned()
    } else {
        format!("Faults other than those above: {}.", missing.join(", "))
    }
}

/// What the files of a run are, in the order in which they are told.
const KNOWN: [(&str, &str); 11] = [
    ("verdict.json", "the verdict and all numbers, for programs"),
    ("plan.json", "what was to be done; edit it and give it to --plan"),
    ("history.ndjson", "all that the harness saw, a line each"),
    ("job.toml", "the job, for truecut run"),
    ("logs", "the logs of every process and of Kafka"),
    ("traces", "what each role was given and gave; truecut show reads them"),
    ("metrics.ndjson", "the job's metrics, as scraped"),
    ("versions.json", "of all that took part"),
    ("input.records", "the input as Kafka gave it back"),
    ("output.records", "the committed output"),
    ("checkpoints", "the checkpoint directory, as it was left"),
];

pub(super) fn files(run: &Run) -> Markup {
    let known = KNOWN.iter().filter_map(|(name, what)| {
        run.files.iter().find(|file| file.name == *name).map(|file| (file, *what))
    });
    let others = run.files.iter().filter(|file| KNOWN.iter().all(|(name, _)| file.name != *name));
    html! {
        section {
            h2 { "Files of this run" }
            ul.files {
                @for (FileEntry { name, kind }, what) in known.chain(others.map(|file| (file, ""))) {
                    li {
                        @match kind {
                            FileKind::File { bytes } => { a href=(href(name)) { (name) } span { (size(*bytes)) } },
                            FileKind::Directory { entries } => {
                                a href=(href(name) + "/") { (name) "/" } span { (counted(*entries, "entry", "entries")) }
                            },
                        }
                        @if !what.is_empty() { p { (what) } }
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
