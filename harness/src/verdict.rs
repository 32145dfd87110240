//! Holds, violated or unknown: what a run's evidence is worth. Anything found wrong is a violation whatever else is missing;
//! anything missing makes the rest unknown; unknown is never a pass. What the evidence says is decided elsewhere.

mod document;
mod percentiles;

use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;

use serde::{Deserialize, Serialize};

pub use document::{ChaosDocument, Kafka, SCHEMA, Setting, VERDICT_FILE, conclude};
pub use percentiles::Percentiles;

use crate::history::{Recovery, Summary};
use crate::oracle::Findings;
use crate::world::WorldFound;

/// The answer of a check or a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Enough was seen, and nothing of it was wrong.
    Holds,
    /// Something was wrong.
    Violated,
    /// Nothing was wrong, but too little was seen. Not a pass.
    Unknown,
}

impl Verdict {
    /// Its name in JSON and in texts.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Verdict::Holds => "holds",
            Verdict::Violated => "violated",
            Verdict::Unknown => "unknown",
        }
    }

    /// The verdict on two things together: violated if one is, holds only if both do.
    #[must_use]
    pub fn and(self, other: Verdict) -> Verdict {
        match (self, other) {
            (Verdict::Violated, _) | (_, Verdict::Violated) => Verdict::Violated,
            (Verdict::Holds, Verdict::Holds) => Verdict::Holds,
            (Verdict::Unknown, _) | (_, Verdict::Unknown) => Verdict::Unknown,
        }
    }
}

/// How the program ends, for shells and CI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// All that was asked holds.
    Holds,
    /// A property is violated.
    Violated,
    /// The evidence does not suffice.
    Unknown,
    /// The environment is not usable: no container engine, Kafka not reachable, a port in use.
    Environment,
    /// The job failed.
    JobFailed,
    /// The command line is wrong.
    Usage,
    /// A job file, checkpoint or history is wrong.
    BadData,
    /// A defect of this program.
    Internal,
    /// Ended by Ctrl-C.
    Interrupted,
}

impl Exit {
    /// The process's exit code.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Exit::Holds => 0,
            Exit::Violated => 1,
            Exit::Unknown => 2,
            Exit::Environment => 3,
            Exit::JobFailed => 4,
            Exit::Usage => 64,
            Exit::BadData => 65,
            Exit::Internal => 70,
            Exit::Interrupted => 130,
        }
    }
}

impl From<Verdict> for Exit {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Holds => Exit::Holds,
            Verdict::Violated => Exit::Violated,
            Verdict::Unknown => Exit::Unknown,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit.code())
    }
}

/// What the replay of all traces through the protocol core gave.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Traces {
    /// Events replayed.
    pub events: u64,
    /// Holds: every event agreed. Violated: one was rejected. Unknown: a gap, or not replayed.
    pub verdict: Verdict,
    /// The first rejection or gap, in words; empty if it holds.
    #[serde(default)]
    pub reasons: Vec<String>,
    /// What the world answered, looked at; `None` if it was not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub world: Option<WorldFound>,
    /// Shapes of the steps that roles took (`truecut_model::StepShape`, as text); empty in documents of older versions, and of a wrong
    /// protocol's run.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub shapes: BTreeSet<String>,
}

impl Traces {
    /// No trace was replayed, for this reason.
    #[must_use]
    pub fn not_replayed(why: &str) -> Self {
        Traces {
            events: 0,
            verdict: Verdict::Unknown,
            reasons: vec![format!("the traces were not replayed: {why}")],
            world: None,
            shapes: BTreeSet::new(),
        }
    }
}

/// How much a run must show before it can hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Thresholds {
    /// Input records.
    pub records_min: u64,
    /// Confirmed kills. A plan asks for all of its own.
    pub kills_min: u64,
    /// Completed checkpoints.
    pub checkpoints_min: u64,
    /// Trace events replayed.
    pub trace_events_min: u64,
}

impl Default for Thresholds {
    /// Enough for a run with one kill to mean anything.
    fn default() -> Self {
        Thresholds { records_min: 10_000, kills_min: 1, checkpoints_min: 5, trace_events_min: 100 }
    }
}

/// All that a verdict on a chaos run is drawn from.
#[derive(Clone, Copy, Debug)]
pub struct Evidence<'a> {
    /// The oracle's judgement of the output.
    pub findings: &'a Findings,
    /// What the history counts.
    pub summary: &'a Summary,
    /// What followed each kill.
    pub recoveries: &'a [Recovery],
    /// The replay of the traces.
    pub traces: &'a Traces,
    /// The exit code with which the plan expects the job to fail, if it does.
    pub ends_with: Option<u8>,
}

/// The verdict on a chaos run, with the reasons: what was violated, then what is missing.
#[must_use]
pub fn judge(evidence: &Evidence<'_>, thresholds: &Thresholds) -> (Verdict, Vec<String>) {
    let mut reasons = violations(evidence);
    let violated = !reasons.is_empty();
    reasons.extend(doubts(evidence, thresholds));
    let verdict = match (violated, reasons.is_empty()) {
        (true, _) => Verdict::Violated,
        (false, true) => Verdict::Holds,
        (false, false) => Verdict::Unknown,
    };
    (verdict, reasons)
}

fn violations(evidence: &Evidence<'_>) -> Vec<String> {
    let mut reasons = Vec::new();
    for (class, &records) in &evidence.findings.counts {
        let info = class.info();
        let properties = info.properties.join(", ");
        let records = counted(records, "record", "records");
        reasons.push(format!("{}: {records} against {properties}. {}", info.name, info.meaning));
    }
    let in_good_order = evidence.summary.cut_short.is_empty() && evidence.summary.failed.is_none();
    if let Some(open) = evidence.summary.left_open.as_ref().filter(|_| in_good_order) {
        reasons.push(format!("no_stuck_transaction: the job ended in good order, but {open}"));
    }
    if evidence.traces.verdict == Verdict::Violated {
        let why = evidence.traces.reasons.first().map_or("no reason was given", String::as_str);
        reasons.push(format!("a trace was rejected by the protocol core: {why}"));
    }
    reasons
}

fn doubts(evidence: &Evidence<'_>, thresholds: &Thresholds) -> Vec<String> {
    let Evidence { findings, summary, recoveries, traces, ends_with } = *evidence;
    let mut reasons = summary.cut_short.clone();
    let as_expected = ends_with.is_some() && ends_with == summary.failed.as_ref().map(|(code, _)| *code);
    match (&summary.failed, ends_with) {
        (Some((code, said)), _) if !as_expected => {
            reasons.push(format!("the job ended with exit code {code}: {said}"));
        }
        (None, Some(code)) => {
            reasons.push(format!("the job did not end with exit code {code}, as the plan expects of it"));
        }
        (None | Some(_), _) => {}
    }
    reasons.extend(summary.missed.iter().map(|missed| format!("a fault hit nothing: {missed}")));
    let mut at_least = |found: u64, wanted: u64, what: &str| {
        if found < wanted {
            reasons.push(format!("too few {what}: {found}, at least {wanted} are needed"));
        }
    };
    at_least(findings.records_in, thresholds.records_min, "input records");
    at_least(summary.kills_confirmed, thresholds.kills_min, "confirmed kills");
    at_least(count(summary.checkpoints_completed.len()), thresholds.checkpoints_min, "completed checkpoints");
    at_least(traces.events, thresholds.trace_events_min, "replayed trace events");

    if findings.records_in < summary.fed {
        let (back, fed) = (findings.records_in, summary.fed);
        reasons.push(format!("Kafka acknowledged {fed} input records but gave back {back}"));
    }
    if summary.kills_unconfirmed > 0 {
        let kills = counted(summary.kills_unconfirmed, "kill was", "kills were");
        reasons.push(format!("{kills} not confirmed by the exit status of the process"));
    }
    if !as_expected
        && summary.kills_confirmed > 0
        && recoveries.iter().all(|recovery| recovery.total_ms().is_none())
    {
        reasons.push(
            "no kill was followed by newly committed output: they struck when the work was done".to_owned(),
        );
    }
    if !summary.drained && !as_expected {
        let pending = findings.pending;
        reasons.push(format!("the drain did not complete: {pending} input records may still become visible"));
    }
    if !as_expected {
        // A job that failed as it had to has left no end to judge.
        reasons.extend(unknown_oracles(findings));
    }
    if traces.verdict == Verdict::Unknown {
        let why = traces.reasons.first().map_or("a gap", String::as_str);
        reasons.push(format!("the traces do not tell everything: {why}"));
    }
    reasons
}

/// Oracles that do not know, those for the same reason together.
fn unknown_oracles(findings: &Findings) -> Vec<String> {
    let mut by_reason: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for judged in findings.oracles.iter().filter(|judged| judged.verdict == Verdict::Unknown) {
        let why = judged.reason.as_deref().unwrap_or("it does not say why");
        by_reason.entry(why).or_default().push(judged.class.name());
    }
    by_reason
        .into_iter()
        .map(|(why, who)| format!("unknown to the oracle of {}: {why}", who.join(", ")))
        .collect()
}

fn counted(n: u64, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}

fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::KillAt;
    use crate::oracle::Class;

    struct Case {
        findings: Findings,
        summary: Summary,
        recoveries: Vec<Recovery>,
        traces: Traces,
        ends_with: Option<u8>,
    }

    /// A run with just enough of everything.
    fn enough() -> Case {
        Case {
            findings: Findings { records_in: 10_000, records_out: 10_000, ..Findings::default() },
            summary: Summary {
                fed: 10_000,
                kills_confirmed: 1,
                checkpoints_completed: (1..=5).map(|id| (1, id)).collect(),
                drained: true,
                ..Summary::default()
            },
            recoveries: vec![Recovery {
                ordinal: 1,
                who: crate::history::Who::Worker,
                worker: 0,
                at: KillAt::Random,
                confirmed: true,
                killed_ms: 1,
                detected_ms: Some(2),
                running_ms: Some(3),
                visible_ms: Some(4),
                caught_up_ms: None,
            }],
            traces: Traces {
                events: 100,
                verdict: Verdict::Holds,
                reasons: vec![],
                ..Traces::not_replayed("it was")
            },
            ends_with: None,
        }
    }

    fn judged(spoil: impl FnOnce(&mut Case)) -> (Verdict, String) {
        let mut case = enough();
        spoil(&mut case);
        let Case { findings, summary, recoveries, traces, ends_with } = &case;
        let (verdict, reasons) = judge(
            &Evidence { findings, summary, recoveries, traces, ends_with: *ends_with },
            &Thresholds::default(),
        );
        (verdict, reasons.join("; "))
    }

    #[test]
    fn enough_evidence_without_a_fault_holds() {
        assert_eq!(judged(|_| {}), (Verdict::Holds, String::new()));
    }

    #[test]
    fn each_thing_that_is_missing_makes_it_unknown_and_is_named() {
        type Spoil = fn(&mut Case);
        let spoils: [(Spoil, &str); 12] = [
            (
                |c| (c.findings.records_in, c.summary.fed) = (9_999, 9_999),
                "too few input records: 9999, at least 10000",
            ),
            (|c| c.summary.fed = 10_001, "acknowledged 10001 input records but gave back 10000"),
            (|c| c.summary.kills_confirmed = 0, "too few confirmed kills"),
            (|c| c.summary.kills_unconfirmed = 1, "1 kill was not confirmed"),
            (
                |c| c.summary.checkpoints_completed = [(1, 1), (1, 2), (1, 3), (2, 4)].into(),
                "too few completed checkpoints: 4",
            ),
            (|c| c.recoveries[0].visible_ms = None, "no kill was followed by newly committed output"),
            (|c| c.summary.drained = false, "the drain did not complete"),
            (
                |c| c.summary.failed = Some((4, "data loss".into())),
                "the job ended with exit code 4: data loss",
            ),
            (|c| c.ends_with = Some(4), "did not end with exit code 4"),
            (|c| c.summary.missed = vec!["step 3, api: nothing".into()], "a fault hit nothing: step 3"),
            (|c| c.traces.events = 99, "too few replayed trace events"),
            (
                |c| c.traces = Traces { events: 500, ..Traces::not_replayed("no file") },
                "not replayed: no file",
            ),
        ];
        for (spoil, reason) in spoils {
            let (verdict, reasons) = judged(spoil);
            assert_eq!(verdict, Verdict::Unknown, "{reason}");
            assert!(
                reasons.contains(reason) && !reasons.contains("; "),
                "{reasons} should only say: {reason}"
            );
        }
    }

    #[test]
    fn a_job_that_fails_as_the_plan_expects_need_not_drain() {
        let (verdict, reasons) = judged(|c| {
            (c.summary.failed, c.ends_with) = (Some((4, "data loss".into())), Some(4));
            c.summary.drained = false;
            c.recoveries[0].visible_ms = None;
        });
        assert_eq!((verdict, reasons.as_str()), (Verdict::Holds, ""));
        let (verdict, reasons) =
            judged(|c| (c.summary.failed, c.ends_with) = (Some((3, "no broker".into())), Some(4)));
        assert_eq!(verdict, Verdict::Unknown);
        assert!(reasons.contains("exit code 3: no broker"), "{reasons}");
    }

    #[test]
    fn one_anomaly_or_one_rejected_trace_violates_whatever_else_is_missing() {
        let (verdict, reasons) = judged(|c| {
            c.findings.counts.insert(Class::Duplicate, 1);
            c.summary.drained = false;
        });
        assert_eq!(verdict, Verdict::Violated);
        assert!(reasons.starts_with("duplicate: 1 record against no_duplicate. "), "{reasons}");
        assert!(reasons.contains("; the drain did not complete"), "{reasons}");
        let (verdict, reasons) = judged(|c| {
            c.traces = Traces {
                events: 100,
                verdict: Verdict::Violated,
                reasons: vec!["event 7 of sink 1".into()],
                ..Traces::not_replayed("it was")
            };
        });
        assert_eq!(verdict, Verdict::Violated);
        assert!(reasons.contains("event 7 of sink 1"), "{reasons}");
    }

    #[test]
    fn an_oracle_that_does_not_know_makes_the_run_unknown_and_those_of_one_reason_are_told_together() {
        let unknown = |class| crate::oracle::Judged {
            class,
            verdict: Verdict::Unknown,
            looked_at: 0,
            found: 0,
            reason: Some("no log".into()),
        };
        let (verdict, reasons) = judged(|c| {
            c.findings.oracles = vec![unknown(Class::AbortedRead), unknown(Class::EarlyVisible)];
        });
        assert_eq!(verdict, Verdict::Unknown);
        assert_eq!(reasons, "unknown to the oracle of aborted_read, early_visible: no log");
    }

    #[test]
    fn what_a_job_leaves_open_violates_only_if_it_ended_in_good_order() {
        let (verdict, reasons) = judged(|c| c.summary.left_open = Some("a/1/0/0 is open".into()));
        assert_eq!(verdict, Verdict::Violated);
        assert!(reasons.contains("no_stuck_transaction") && reasons.contains("a/1/0/0"), "{reasons}");
        let (verdict, reasons) = judged(|c| {
            c.summary.left_open = Some("a/1/0/0 is open".into());
            c.summary.failed = Some((4, "data loss".into()));
        });
        assert_eq!(
            (verdict, reasons.as_str()),
            (Verdict::Unknown, "the job ended with exit code 4: data loss")
        );
    }

    #[test]
    fn verdicts_combine_to_the_worse_one() {
        use Verdict::{Holds, Unknown, Violated};
        assert_eq!((Holds.and(Holds), Holds.and(Unknown), Unknown.and(Holds)), (Holds, Unknown, Unknown));
        assert_eq!(
            (Unknown.and(Violated), Violated.and(Holds), Holds.and(Violated)),
            (Violated, Violated, Violated)
        );
    }

    #[test]
    fn exit_codes_are_pinned() {
        assert_eq!(
            [Verdict::Holds, Verdict::Violated, Verdict::Unknown].map(|v| Exit::from(v).code()),
            [0, 1, 2]
        );
        let others = [
            Exit::Environment,
            Exit::JobFailed,
            Exit::Usage,
            Exit::BadData,
            Exit::Internal,
            Exit::Interrupted,
        ];
        assert_eq!(others.map(Exit::code), [3, 4, 64, 65, 70, 130]);
    }
}
