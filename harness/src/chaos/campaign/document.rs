//! The document of `chaos --campaign NAME --json`. Fields are added and never removed.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::coverage::{Coverage, Tally, Target};
use super::{CampaignInfo, CampaignOptions};
use crate::coverage::Visited;
use crate::failure::Failure;
use crate::history::Who;
use crate::oracle::Class;
use crate::verdict::{ChaosDocument, SCHEMA, Verdict};

/// The result of a campaign.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CampaignDocument {
    /// The version of this document.
    pub schema: u32,
    /// Always `campaign`.
    pub command: String,
    /// Its name.
    pub campaign: String,
    /// Violated if a run is; holds only if every plan's last run does, and all was reached that the campaign is there for.
    pub verdict: Verdict,
    /// Why it is not `holds`.
    pub reasons: Vec<String>,
    /// The first seed.
    pub seed: u64,
    /// How long it took.
    pub seconds: f64,
    /// Confirmed kills of all runs.
    pub kills: u64,
    /// Trace events replayed in all runs.
    pub trace_events: u64,
    /// Input records of all runs.
    pub records: u64,
    /// Completed checkpoints of all runs.
    pub checkpoints: u64,
    /// The runs, in order.
    pub runs: Vec<RunLine>,
    /// What they have reached.
    pub coverage: Vec<Point>,
    /// Crash points that nothing has struck.
    pub missing_points: Vec<String>,
    /// Kinds of fault that never struck.
    pub missing_faults: Vec<String>,
    /// Which steps of the model its runs have taken.
    #[serde(default)]
    pub visited: Visited,
    /// The command that repeats it.
    pub replay: String,
}

/// One run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunLine {
    /// Its number, from 1.
    pub number: usize,
    /// Which plan of the campaign it carried out, from 1: one whose evidence was not enough is carried out again.
    #[serde(default)]
    pub planned: usize,
    /// Its plan.
    pub plan: String,
    /// Its seed.
    pub seed: u64,
    /// The verdict.
    pub verdict: Verdict,
    /// Why it is not `holds`.
    pub reasons: Vec<String>,
    /// Confirmed kills.
    pub kills: u64,
    /// Faults that struck, kills among them.
    pub faults: u64,
    /// Input records.
    pub records: u64,
    /// Completed checkpoints.
    pub checkpoints: u64,
    /// Attempts of the job.
    pub attempts: u64,
    /// Trace events replayed.
    pub trace_events: u64,
    /// Offending records by class.
    pub anomalies: BTreeMap<Class, u64>,
    /// Median of kill to newly committed output, ms.
    pub recovery_p50_ms: Option<u64>,
    /// The Kafka release.
    pub kafka: String,
    /// How long it took.
    pub seconds: f64,
    /// Its directory, in the campaign's.
    pub directory: String,
}

/// What became of the faults of one target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Point {
    /// What was aimed at.
    #[serde(flatten)]
    pub target: Target,
    /// What became of it.
    #[serde(flatten)]
    pub tally: Tally,
}

impl RunLine {
    pub(super) fn of((number, planned): (usize, usize), directory: &Path, document: &ChaosDocument) -> Self {
        Self {
            number,
            planned,
            plan: document.plan.clone(),
            seed: document.seed,
            verdict: document.verdict,
            reasons: document.reasons.iter().map(|reason| anywhere(reason, directory)).collect(),
            kills: document.kills_confirmed,
            faults: document.faults.values().map(|count| count.struck).sum(),
            records: document.records_in,
            checkpoints: document.checkpoints_completed,
            attempts: document.attempts,
            trace_events: document.traces.events,
            anomalies: document.anomaly_counts.clone(),
            recovery_p50_ms: document.recovery_ms.as_ref().map(|ms| ms.p50),
            kafka: document.kafka.version.clone(),
            seconds: document.seconds,
            directory: name(directory),
        }
    }

    pub(super) fn failed(
        (number, planned): (usize, usize),
        (plan, seed): (&str, u64),
        directory: &Path,
        failure: &Failure,
    ) -> Self {
        Self {
            number,
            planned,
            plan: plan.to_owned(),
            seed,
            verdict: Verdict::Unknown,
            reasons: vec![anywhere(&failure.message, directory)],
            kills: 0,
            faults: 0,
            records: 0,
            checkpoints: 0,
            attempts: 0,
            trace_events: 0,
            anomalies: BTreeMap::new(),
            recovery_p50_ms: None,
            kafka: String::new(),
            seconds: 0.0,
            directory: name(directory),
        }
    }
}

/// The name of a run's directory.
fn name(directory: &Path) -> String {
    directory.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// A text that does not say where on this machine the run is.
fn anywhere(text: &str, directory: &Path) -> String {
    text.replace(&directory.display().to_string(), &name(directory))
}

impl CampaignDocument {
    pub(super) fn of(
        options: &CampaignOptions,
        runs: Vec<RunLine>,
        coverage: &Coverage,
        cut_short: Option<String>,
        took: Duration,
    ) -> Self {
        let name = |(who, point): (Who, &str)| format!("{who} {point}");
        let missing_points: Vec<String> = coverage.missing_points().into_iter().map(name).collect();
        let missing_faults: Vec<String> = coverage.missing_faults().into_iter().map(str::to_owned).collect();
        let replay = format!(
            "truecut chaos --campaign {} --seed {} --kafka {}",
            options.info.name, options.seed, options.kafka
        );
        let sum = |of: fn(&RunLine) -> u64| runs.iter().map(of).sum();
        let mut document = Self {
            schema: SCHEMA,
            command: "campaign".to_owned(),
            campaign: options.info.name.to_owned(),
            verdict: Verdict::Holds,
            reasons: cut_short.into_iter().collect(),
            seed: options.seed,
            seconds: took.as_secs_f64(),
            kills: sum(|run| run.kills),
            trace_events: sum(|run| run.trace_events),
            records: sum(|run| run.records),
            checkpoints: sum(|run| run.checkpoints),
            coverage: coverage
                .targets
                .iter()
                .map(|(target, tally)| Point { target: target.clone(), tally: *tally })
                .collect(),
            missing_points,
            missing_faults,
            visited: Visited { generated_by: format!("{replay} --write DIR"), ..coverage.visited.clone() },
            replay,
            runs,
        };
        document.judge(options.info);
        document
    }

    fn judge(&mut self, wanted: CampaignInfo) {
        let mut violated = false;
        for run in self.runs.iter().filter(|run| run.verdict == Verdict::Violated) {
            violated = true;
            let why = run.reasons.first().map_or("no reason was given", String::as_str);
            self.reasons.push(format!("run {} ({}) is violated: {why}", run.number, run.plan));
        }
        for run in self.without_a_pass() {
            let why = run.reasons.first().map_or("no reason was given", String::as_str);
            self.reasons.push(format!("{} is unknown, and so was every run of it: {why}", run.plan));
        }
        if self.kills < wanted.kills_min {
            self.reasons.push(format!("too few confirmed kills: {} of {}", self.kills, wanted.kills_min));
        }
        if wanted.points && !self.missing_points.is_empty() {
            self.reasons.push(format!(
                "{} crash points were not hit: {}",
                self.missing_points.len(),
                self.missing_points.join(", ")
            ));
        }
        if wanted.named && !self.missing_faults.is_empty() {
            self.reasons.push(format!("kinds of fault never struck: {}", self.missing_faults.join(", ")));
        }
        self.verdict = match (violated, self.reasons.is_empty()) {
            (true, _) => Verdict::Violated,
            (false, true) => Verdict::Holds,
            (false, false) => Verdict::Unknown,
        };
    }

    /// The last run of each plan of which none has passed. Plans that share a name are not the same.
    fn without_a_pass(&self) -> Vec<RunLine> {
        let mut last: BTreeMap<usize, &RunLine> = BTreeMap::new();
        for run in &self.runs {
            let passed = last.get(&run.planned).is_some_and(|known| known.verdict == Verdict::Holds);
            if !passed {
                last.insert(run.planned, run);
            }
        }
        last.into_values().filter(|run| run.verdict == Verdict::Unknown).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(planned: usize, verdict: Verdict) -> RunLine {
        let failure = Failure::internal("why");
        let line = RunLine::failed((1, planned), ("same_name", 1), Path::new("x"), &failure);
        RunLine { verdict, kills: 10, ..line }
    }

    #[test]
    fn a_line_says_nothing_of_where_on_this_machine_its_run_is() {
        let directory = Path::new("/somewhere/campaign/001-restarts");
        let failure = Failure::environment("see /somewhere/campaign/001-restarts/logs/worker.log");
        let line = RunLine::failed((1, 1), ("restarts", 1), directory, &failure);
        assert_eq!(line.directory, "001-restarts");
        assert_eq!(line.reasons, ["see 001-restarts/logs/worker.log"]);
    }

    fn judged(runs: Vec<RunLine>, points: bool, kills_min: u64) -> CampaignDocument {
        let info = CampaignInfo { name: "x", purpose: "", named: false, points, kills_min };
        let kafka = truecut_cluster::KafkaChoice::Auto;
        let time_limit = Duration::from_secs(1);
        let options = CampaignOptions { info, seed: 1, kafka, directory: "x".into(), time_limit };
        CampaignDocument::of(&options, runs, &Coverage::default(), None, Duration::from_secs(1))
    }

    #[test]
    fn a_campaign_holds_only_if_every_plan_does_and_enough_was_reached() {
        use Verdict::{Holds, Unknown, Violated};
        assert_eq!(judged(vec![line(1, Holds), line(2, Holds)], false, 20).verdict, Holds);
        assert_eq!(judged(vec![line(1, Unknown), line(1, Holds)], false, 0).verdict, Holds);
        assert_eq!(judged(vec![line(1, Holds), line(2, Unknown)], false, 0).verdict, Unknown);
        assert_eq!(judged(vec![line(1, Violated), line(1, Holds)], false, 0).verdict, Violated);
        assert_eq!(judged(vec![line(1, Holds)], false, 11).verdict, Unknown);
        let missed = judged(vec![line(1, Holds)], true, 0);
        assert!(missed.verdict == Unknown && missed.reasons[0].contains("crash points were not hit"));
    }
}
