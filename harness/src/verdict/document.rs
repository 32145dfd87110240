//! The document of `chaos --json`, which is also `verdict.json` in the run directory. Fields are added and never removed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Evidence, Percentiles, Thresholds, Traces, Verdict, count, judge};
use crate::history::FaultCount;
use crate::oracle::{Anomaly, Class, Judged, UnseenAt};

/// The version of this document; it grows when a field changes its meaning.
pub const SCHEMA: u32 = 1;

/// Its name in a run directory.
pub const VERDICT_FILE: &str = "verdict.json";

/// The result of a chaos run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChaosDocument {
    /// Always [`SCHEMA`].
    pub schema: u32,
    /// Always `chaos`.
    pub command: String,
    /// The verdict.
    pub verdict: Verdict,
    /// Why it is not `holds`; empty if it is.
    pub reasons: Vec<String>,
    /// How long the run took.
    pub seconds: f64,
    /// The seed of plan and workload.
    pub seed: u64,
    /// The Kafka it ran against.
    pub kafka: Kafka,
    /// The broken protocol that was run on purpose, if any.
    pub mutant: Option<String>,
    /// Input records, as read back from Kafka.
    pub records_in: u64,
    /// Output records, as a `read_committed` reader saw them.
    pub records_out: u64,
    /// Distinct keys of the input.
    pub keys: u64,
    /// Input records that an unfinished drain may still bring to light.
    pub records_pending: u64,
    /// Attempts of the job.
    pub attempts: u64,
    /// Completed checkpoints.
    pub checkpoints_completed: u64,
    /// Checkpoints given up.
    pub checkpoints_aborted: u64,
    /// Kills that the plan asked for.
    pub kills_planned: u64,
    /// Kills that exit statuses prove.
    pub kills_confirmed: u64,
    /// Those of them that killed a coordinator.
    #[serde(default)]
    pub coordinator_kills: u64,
    /// Processes that were paused until others had given them up, and came back as zombies.
    #[serde(default)]
    pub pauses: u64,
    /// The plan's name.
    #[serde(default)]
    pub plan: String,
    /// Faults by kind: how many struck, how many hit nothing.
    #[serde(default)]
    pub faults: BTreeMap<String, FaultCount>,
    /// Confirmed kills by crash point.
    pub crash_points: BTreeMap<String, u64>,
    /// The replay of the traces.
    pub traces: Traces,
    /// How many records offend, by class.
    pub anomaly_counts: BTreeMap<Class, u64>,
    /// The first offending records of each class.
    pub anomalies: Vec<Anomaly>,
    /// What each oracle says, one for each class. Empty in documents of older versions.
    #[serde(default)]
    pub oracles: Vec<Judged>,
    /// Acknowledged input whose output was not visible yet, over time.
    #[serde(default)]
    pub unseen: Vec<UnseenAt>,
    /// Kill to first newly committed output; absent (null) if there was none.
    pub recovery_ms: Option<Percentiles>,
    /// What had to be shown.
    pub thresholds: Thresholds,
    /// The command that runs the same plan again.
    pub replay: String,
    /// Where everything of this run is.
    pub run_directory: String,
}

/// The Kafka of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kafka {
    /// `container`, `process`, or the address that was given.
    pub kind: String,
    /// Its version, as far as it is known.
    pub version: String,
}

/// What is known of a run without looking at its evidence.
#[derive(Clone, Debug)]
pub struct Setting {
    /// How long the run took.
    pub seconds: f64,
    /// The seed of plan and workload.
    pub seed: u64,
    /// The Kafka it ran against.
    pub kafka: Kafka,
    /// The broken protocol that was run on purpose, if any.
    pub mutant: Option<String>,
    /// Kills that the plan asked for.
    pub kills_planned: u64,
    /// The plan's name.
    pub plan: String,
    /// The command that runs the same plan again.
    pub replay: String,
    /// Where everything of this run is.
    pub run_directory: String,
}

/// Judges the evidence and writes the result down.
#[must_use]
pub fn conclude(setting: Setting, evidence: &Evidence<'_>, thresholds: Thresholds) -> ChaosDocument {
    let (verdict, reasons) = judge(evidence, &thresholds);
    let Evidence { findings, summary, recoveries, traces, .. } = *evidence;
    ChaosDocument {
        schema: SCHEMA,
        command: "chaos".to_owned(),
        verdict,
        reasons,
        seconds: setting.seconds,
        seed: setting.seed,
        kafka: setting.kafka,
        mutant: setting.mutant,
        records_in: findings.records_in,
        records_out: findings.records_out,
        keys: findings.keys,
        records_pending: findings.pending,
        attempts: summary.attempts,
        checkpoints_completed: count(summary.checkpoints_completed.len()),
        checkpoints_aborted: count(summary.checkpoints_aborted.len()),
        kills_planned: setting.kills_planned,
        kills_confirmed: summary.kills_confirmed,
        coordinator_kills: summary.coordinator_kills,
        pauses: summary.pauses,
        plan: setting.plan,
        faults: summary.faults.clone(),
        crash_points: summary.crash_points.clone(),
        traces: traces.clone(),
        anomaly_counts: findings.counts.clone(),
        anomalies: findings.anomalies.clone(),
        oracles: findings.oracles.clone(),
        unseen: Vec::new(),
        recovery_ms: Percentiles::of(recoveries.iter().filter_map(|recovery| recovery.total_ms())),
        thresholds,
        replay: setting.replay,
        run_directory: setting.run_directory,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::Summary;
    use crate::oracle::{Coordinates, Example, Findings};

    #[test]
    fn the_document_has_every_promised_field_and_reads_back() {
        let anomaly = Anomaly {
            class: Class::Lost,
            example: Example {
                text: "input 0@7 is nowhere".into(),
                input: Some(Coordinates { partition: 0, offset: 7 }),
                ..Example::default()
            },
        };
        let findings =
            Findings { counts: [(Class::Lost, 1)].into(), anomalies: vec![anomaly], ..Findings::default() };
        let evidence = Evidence {
            findings: &findings,
            summary: &Summary::default(),
            recoveries: &[],
            traces: &Traces::not_replayed("none"),
            ends_with: None,
        };
        let setting = Setting {
            seconds: 1.5,
            seed: 7,
            kafka: Kafka { kind: "container".into(), version: "4.3.0".into() },
            mutant: None,
            kills_planned: 8,
            plan: "drawn".into(),
            replay: "truecut replay runs/7".into(),
            run_directory: "runs/7".into(),
        };
        let document = conclude(setting, &evidence, Thresholds::default());
        let json = serde_json::to_value(&document).unwrap();
        for field in [
            "schema",
            "command",
            "verdict",
            "seconds",
            "seed",
            "kafka",
            "records_in",
            "records_out",
            "checkpoints_completed",
            "kills_confirmed",
            "crash_points",
            "traces",
            "anomalies",
            "recovery_ms",
            "run_directory",
            "reasons",
        ] {
            assert!(json.get(field).is_some(), "{field} is missing");
        }
        assert_eq!((&json["verdict"], &json["command"]), (&"violated".into(), &"chaos".into()));
        assert_eq!(json["anomalies"][0]["class"], "lost");
        assert_eq!(json["anomalies"][0]["example"]["input"]["offset"], 7);
        assert_eq!(json["anomaly_counts"]["lost"], 1);
        assert_eq!(json["traces"]["verdict"], "unknown");
        assert_eq!(serde_json::from_value::<ChaosDocument>(json).unwrap(), document);
    }
}
