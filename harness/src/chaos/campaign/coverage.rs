//! What a campaign has reached: fault x place in the protocol x ordinal, and what became of the runs.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use truecut_runtime::crash_point::{self, Host};

use super::super::plan::{FAULTS, Fault, Plan};
use crate::coverage::Visited;
use crate::history::{Event, History, Phase, Summary, Who};
use crate::to_model::hazards;
use crate::verdict::{Traces, Verdict};

/// What a fault was aimed at.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Target {
    /// The kind of fault.
    pub fault: String,
    /// Whose protocol, if it is aimed at a crash point.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub who: Option<Who>,
    /// The crash point; or the frame, with what happens to it; empty if the fault has no such place.
    pub place: String,
    /// The visit; 0 if the fault has no place.
    pub ordinal: u64,
}

/// What became of the faults of one target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// They struck.
    pub hit: u64,
    /// They struck in runs that held.
    pub held: u64,
    /// They hit nothing.
    pub missed: u64,
}

/// The coverage of several runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    /// What was aimed at.
    pub targets: BTreeMap<Target, Tally>,
    /// Which steps of the model were taken.
    pub visited: Visited,
}

impl Coverage {
    /// Takes in a run.
    pub fn add(&mut self, plan: &Plan, history: &History, verdict: Verdict) {
        let mut steps: BTreeMap<u32, (bool, bool)> = BTreeMap::new();
        for entry in &history.entries {
            if let Event::Fault { step, phase, .. } = &entry.event {
                let (struck, missed) = steps.entry(*step).or_default();
                *struck |= *phase == Phase::Struck;
                *missed |= *phase == Phase::Missed;
            }
        }
        for (number, step) in (1..).zip(&plan.steps) {
            let Some((struck, missed)) = steps.get(&number) else { continue };
            let tally = self.targets.entry(Target::of(&step.fault)).or_default();
            tally.hit += u64::from(*struck);
            tally.held += u64::from(*struck && verdict == Verdict::Holds);
            tally.missed += u64::from(*missed && !*struck);
        }
    }

    /// Takes in the steps of a run. One whose traces are no behaviour of the core says nothing about the model.
    pub fn visit(&mut self, plan: &Plan, history: &History, traces: &Traces) {
        if traces.verdict != Verdict::Violated {
            self.visited.add(&traces.shapes, &hazards(plan, &Summary::of(history)));
        }
    }

    /// Crash points at which nothing was killed.
    #[must_use]
    pub fn missing_points(&self) -> Vec<(Who, &'static str)> {
        let hit: BTreeSet<(Who, &str)> = self
            .targets
            .iter()
            .filter(|(target, tally)| target.fault == "crash_point" && tally.hit > 0)
            .filter_map(|(target, _)| Some((target.who?, target.place.as_str())))
            .collect();
        let all = crash_point::all().iter().map(|point| (who(point.host), point.name));
        all.filter(|point| !hit.contains(point)).collect()
    }

    /// Kinds of fault that never struck.
    #[must_use]
    pub fn missing_faults(&self) -> Vec<&'static str> {
        let struck =
            |name: &str| self.targets.iter().any(|(target, tally)| target.fault == name && tally.hit > 0);
        FAULTS.iter().map(|fault| fault.name).filter(|name| !struck(name)).collect()
    }
}

/// Whose a crash point is, in the words of histories.
#[must_use]
pub(super) fn who(host: Host) -> Who {
    match host {
        Host::Worker => Who::Worker,
        Host::Coordinator => Who::Coordinator,
    }
}

impl Target {
    fn of(fault: &Fault) -> Self {
        #[expect(clippy::wildcard_enum_match_arm, reason = "other faults have no place in the protocol")]
        let (who, place, ordinal) = match fault {
            Fault::CrashPoint { who, point, ordinal } => (Some(*who), point.clone(), u64::from(*ordinal)),
            Fault::Pause { who, point: Some(point), ordinal, .. } => {
                (Some(*who), point.clone(), u64::from(*ordinal))
            }
            Fault::Outage { point: Some(point), ordinal, .. } => {
                (Some(Who::Worker), point.clone(), u64::from(*ordinal))
            }
            Fault::Kill { who } | Fault::Pause { who, .. } | Fault::Stop { who } => {
                (Some(*who), String::new(), 0)
            }
            Fault::KafkaApi(rule) | Fault::ControlMessage(rule) => {
                let nth = match rule.when {
                    truecut_proxy::Occurrence::Nth(nth) => nth,
                    truecut_proxy::Occurrence::Every => 0,
                };
                let action = format!("{:?}", rule.action);
                let action = action.split_whitespace().next().unwrap_or_default().to_lowercase();
                (None, format!("{} {:?} {action}", rule.frame, rule.side), nth)
            }
            Fault::KafkaLink { link, .. } | Fault::ControlLink { link, .. } => {
                (None, format!("{link:?}").to_lowercase(), 0)
            }
            _ => (None, String::new(), 0),
        };
        Self { fault: fault.name().to_owned(), who, place, ordinal }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chaos::{Victims, Wanted};
    use crate::history::Entry;

    fn fault(step: u32, phase: Phase) -> Entry {
        Entry {
            t_ms: 1,
            event: Event::Fault { step, fault: "crash_point".into(), phase, text: String::new() },
        }
    }

    #[test]
    fn steps_count_only_where_the_traces_agree_with_the_core() {
        let plan = Plan::draw(Wanted {
            kills: 1,
            records: 1,
            workers: 3,
            victims: Victims::Workers,
            ..Wanted::default()
        });
        let history = History { entries: Vec::new(), torn: false };
        let traces = |verdict| Traces {
            verdict,
            shapes: BTreeSet::from(["worker: begin ->".to_owned()]),
            ..Traces::not_replayed("it was")
        };
        let mut coverage = Coverage::default();
        coverage.visit(&plan, &history, &traces(Verdict::Violated));
        assert_eq!((coverage.visited.runs, coverage.visited.shapes.len()), (0, 0));
        coverage.visit(&plan, &history, &traces(Verdict::Unknown));
        coverage.visit(&plan, &history, &traces(Verdict::Holds));
        assert_eq!((coverage.visited.runs, coverage.visited.shapes["worker: begin ->"]), (2, 2));
    }

    #[test]
    fn only_what_struck_is_reached_and_only_what_held_is_held() {
        let wanted =
            Wanted { kills: 4, records: 1, workers: 3, victims: Victims::Workers, ..Wanted::default() };
        let plan = Plan::draw(wanted);
        let history =
            History { entries: vec![fault(1, Phase::Struck), fault(3, Phase::Missed)], torn: false };
        let mut coverage = Coverage::default();
        let all = coverage.missing_points().len();
        coverage.add(&plan, &history, Verdict::Unknown);
        let target = Target::of(&plan.steps[0].fault);
        assert_eq!(coverage.targets[&target], Tally { hit: 1, held: 0, missed: 0 });
        assert_eq!(coverage.targets[&Target::of(&plan.steps[2].fault)].missed, 1);
        assert_eq!(coverage.missing_points().len(), all - 1);
        assert!(!coverage.missing_faults().contains(&"crash_point"));
        coverage.add(&plan, &history, Verdict::Holds);
        assert_eq!(coverage.targets[&target], Tally { hit: 2, held: 1, missed: 0 });
    }
}
