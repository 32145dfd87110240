//! A judged chaos run as JUnit cases: one for each class of anomaly, one for the traces, one for the kills and for each other kind
//! of fault, and one for the whole. What too little was seen of is an error, never a pass.

use std::path::Path;

use truecut::chaos::campaign::CampaignDocument;
use truecut::failure::Failure;
use truecut::oracle::{CLASSES, ClassInfo};
use truecut::verdict::{ChaosDocument, Verdict};

use super::junit::{self, Case, Suite};

/// Writes them.
pub(super) fn save(file: &Path, document: &ChaosDocument) -> Result<(), Failure> {
    let name = format!("plan {}, seed {}", document.plan, document.seed);
    let suite = Suite { command: "truecut chaos", name: &name, seconds: document.seconds };
    junit::save(file, suite, &cases(document))
}

/// Writes those of a campaign: one for each run, one for each thing that was not reached, and one for the whole.
pub(super) fn save_campaign(
    file: &Path,
    document: &CampaignDocument,
    directory: &Path,
) -> Result<(), Failure> {
    let name = format!("campaign {}, seed {}", document.campaign, document.seed);
    let suite = Suite { command: "truecut chaos", name: &name, seconds: document.seconds };
    junit::save(file, suite, &of_campaign(document, directory))
}

fn of_campaign(document: &CampaignDocument, directory: &Path) -> Vec<Case> {
    let case = |name: String, verdict: Verdict, reasons: &[String], again: &str| match verdict {
        Verdict::Holds => Case::passed(name),
        Verdict::Violated => {
            let first = reasons.first().cloned().unwrap_or_default();
            Case::failed(name, first, format!("{}\nagain: {again}", reasons.join("\n")))
        }
        Verdict::Unknown => Case::unknown(name, reasons.join("\n")),
    };
    let whole = "the campaign as a whole".to_owned();
    let mut cases = vec![case(whole, document.verdict, &document.reasons, &document.replay)];
    for run in &document.runs {
        let name = format!("run {}: {}, seed {}", run.number, run.plan, run.seed);
        cases.push(case(
            name,
            run.verdict,
            &run.reasons,
            &format!("truecut replay {}", directory.join(&run.directory).display()),
        ));
    }
    cases
}

fn cases(document: &ChaosDocument) -> Vec<Case> {
    let mut cases = vec![whole(document)];
    cases.extend(CLASSES.iter().map(|info| anomaly(document, info)));
    cases.push(traces(document));
    cases.push(kills(document));
    cases.extend(document.crash_points.keys().map(|point| Case::passed(format!("killed at {point}"))));
    for (fault, count) in &document.faults {
        let name = format!("fault {fault}");
        cases.push(match count.missed {
            0 => Case::passed(name),
            missed => Case::unknown(name, format!("{missed} of {} hit nothing", missed + count.struck)),
        });
    }
    cases
}

fn whole(document: &ChaosDocument) -> Case {
    let name = "the run as a whole".to_owned();
    let reasons = document.reasons.join("\n");
    match document.verdict {
        Verdict::Holds => Case::passed(name),
        Verdict::Violated => {
            let first = document.reasons.first().cloned().unwrap_or_default();
            Case::failed(name, first, format!("{reasons}\nagain: {}", document.replay))
        }
        Verdict::Unknown => Case::unknown(name, reasons),
    }
}

fn anomaly(document: &ChaosDocument, info: &ClassInfo) -> Case {
    let name = format!("{} ({})", info.name, info.properties.join(", "));
    let records = document.anomaly_counts.get(&info.class).copied().unwrap_or(0);
    let examples = document.anomalies.iter().filter(|anomaly| anomaly.class == info.class);
    let examples: Vec<&str> = examples.map(|anomaly| anomaly.example.text.as_str()).collect();
    if records > 0 {
        Case::failed(name, format!("{records} records. {}", info.meaning), examples.join("\n"))
    } else if saw_enough(document) {
        Case::passed(name)
    } else {
        Case::unknown(name, "nothing was found, but too little was seen".to_owned())
    }
}

/// Whether it means anything that nothing was found. What a violated run saw is looked at by itself: its reasons tell both.
fn saw_enough(document: &ChaosDocument) -> bool {
    let wanted = &document.thresholds;
    match document.verdict {
        Verdict::Holds => true,
        Verdict::Unknown => false,
        Verdict::Violated => {
            document.records_pending == 0
                && document.records_in >= wanted.records_min
                && document.kills_confirmed >= wanted.kills_min
                && document.checkpoints_completed >= wanted.checkpoints_min
        }
    }
}

fn traces(document: &ChaosDocument) -> Case {
    let name = "traces replayed through the protocol core".to_owned();
    let reasons = document.traces.reasons.join("\n");
    match document.traces.verdict {
        Verdict::Holds => Case::passed(name),
        Verdict::Violated => {
            let first = document.traces.reasons.first().cloned().unwrap_or_default();
            Case::failed(name, first, reasons)
        }
        Verdict::Unknown => Case::unknown(name, reasons),
    }
}

fn kills(document: &ChaosDocument) -> Case {
    let (confirmed, planned) = (document.kills_confirmed, document.kills_planned);
    let name = "kills".to_owned();
    if confirmed >= planned {
        Case::passed(name)
    } else {
        Case::unknown(name, format!("{confirmed} confirmed of {planned} planned"))
    }
}

#[cfg(test)]
mod tests {
    use truecut::history::FaultCount;
    use truecut::oracle::Class;

    use super::*;

    /// A run that holds, as its document says it.
    fn document() -> ChaosDocument {
        serde_json::from_value(serde_json::json!({
            "schema": 1, "command": "chaos", "verdict": "holds", "reasons": [], "seconds": 9.5, "seed": 7,
            "kafka": {"kind": "container", "version": "4.3.0"}, "mutant": null, "plan": "brokers",
            "records_in": 20_000, "records_out": 20_000, "keys": 9, "records_pending": 0, "attempts": 3,
            "checkpoints_completed": 30, "checkpoints_aborted": 0, "kills_planned": 2, "kills_confirmed": 2,
            "crash_points": {"flush.before": 1}, "faults": {"broker_kill": {"struck": 1, "missed": 0}},
            "traces": {"events": 900, "verdict": "holds", "reasons": []},
            "anomaly_counts": {}, "anomalies": [], "recovery_ms": null,
            "thresholds": {"records_min": 10_000, "kills_min": 2, "checkpoints_min": 5, "trace_events_min": 100},
            "replay": "truecut replay r", "run_directory": "r",
        }))
        .expect("a document of this version")
    }

    fn not_passed(document: &ChaosDocument) -> Vec<String> {
        let told = cases(document);
        let told = told.iter().map(Case::told).filter(|told| told.1 != "passed");
        told.map(|(name, ended)| format!("{name}: {ended}")).collect()
    }

    #[test]
    fn a_run_that_holds_passes_with_a_case_for_each_check_and_fault() {
        let document = document();
        assert_eq!(not_passed(&document), [""; 0]);
        assert_eq!(cases(&document).len(), 1 + CLASSES.len() + 1 + 1 + 1 + 1);
    }

    #[test]
    fn what_is_violated_fails_and_what_missed_is_an_error() {
        let mut document = document();
        document.verdict = Verdict::Violated;
        document.reasons = vec!["duplicate: 1 record".to_owned()];
        document.anomaly_counts.insert(Class::Duplicate, 1);
        document.faults.insert("kafka_api".to_owned(), FaultCount { struck: 1, missed: 2 });
        assert_eq!(
            not_passed(&document),
            ["the run as a whole: failed", "duplicate (no_duplicate): failed", "fault kafka_api: unknown"]
        );
    }

    #[test]
    fn nothing_passes_the_oracle_when_too_little_was_seen() {
        let mut document = document();
        document.verdict = Verdict::Unknown;
        document.kills_confirmed = 1;
        // The whole, every class, and the kills.
        assert_eq!(not_passed(&document).len(), 1 + CLASSES.len() + 1);
    }
}
