//! What became of a counterexample, and of its wrong protocol, on real Kafka: each run, and what is concluded from all of them. A
//! counterexample is reproduced if its own property was violated under its own faults. A wrong protocol is killed by a layer if that
//! layer told any of its runs from one of the protocol.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::verdict::Verdict;

/// What became of a counterexample.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tried {
    /// Its name.
    pub name: String,
    /// The wrong protocol; none: the protocol itself.
    pub mutant: Option<String>,
    /// The property that the model violates.
    pub violates: String,
    /// The faults that it was compiled into, in order.
    pub faults: Vec<String>,
    /// Which step can't be made to happen, and why; then nothing was run of it.
    pub impossible: Option<String>,
    /// The runs.
    pub runs: Vec<Run>,
    /// Runs by plans that know nothing of the counterexample, where a layer had not killed the wrong protocol by then.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub general: Vec<Run>,
}

/// One run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// The plan, if it is not the compiled one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<String>,
    /// Its seed.
    pub seed: u64,
    /// Its verdict; unknown if it came to nothing.
    pub verdict: Verdict,
    /// What it violated, by the properties' names.
    pub violated: BTreeSet<String>,
    /// What each layer says of it; none of a run of the protocol itself, of one that came to nothing, and of one of an older version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layers: Option<Layers>,
    /// Why, and what was missing.
    pub reasons: Vec<String>,
    /// Seconds.
    pub seconds: u64,
    /// Where everything of it is.
    pub directory: String,
}

/// What the layers say of a run of a wrong protocol.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layers {
    /// From the start of the first run of this wrong protocol until this run was judged, ms, without the start of Kafka.
    pub at_ms: u64,
    /// Trace validation by the protocol itself: violated if it rejects what the wrong protocol did.
    pub traces: Verdict,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rejected: Option<String>,
    /// The oracles, which look at the output and Kafka's log alone.
    pub oracles: Verdict,
    /// What they flagged: classes of anomalies, and properties.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub flagged: BTreeSet<String>,
}

/// A layer that judges runs on real Kafka.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layer {
    /// Trace validation by the protocol.
    Traces,
    /// The oracles.
    Oracles,
}

impl Layer {
    /// What it says of a run.
    #[must_use]
    pub fn of(self, layers: &Layers) -> Verdict {
        match self {
            Self::Traces => layers.traces,
            Self::Oracles => layers.oracles,
        }
    }
}

/// What became of a wrong protocol in a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It was told from the protocol.
    Killed {
        /// After this long, ms, counted from the start of its first run.
        ms: u64,
        /// In this run, from 1.
        run: usize,
    },
    /// Nothing told it from the protocol.
    Survived {
        /// Runs that were judged.
        runs: usize,
        /// Runs among them that showed too little to say anything.
        unknown: usize,
    },
    /// No run was judged.
    NotMeasured,
}

impl Tried {
    /// The run, from 1, that violated the property of the counterexample.
    #[must_use]
    pub fn reproduced(&self) -> Option<usize> {
        self.runs.iter().position(|run| run.violated.contains(&self.violates)).map(|at| at + 1)
    }

    /// The first run, from 1, that violated anything, and what.
    #[must_use]
    pub fn violated(&self) -> Option<(usize, &Run)> {
        (1..).zip(&self.runs).find(|(_, run)| run.verdict == Verdict::Violated)
    }

    /// Violated if a run was. Unknown is no pass: a step that can't be made to happen, or a run that shows too little.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        let all = self.runs.iter().chain(&self.general).map(|run| run.verdict).reduce(Verdict::and);
        all.unwrap_or(Verdict::Unknown)
    }

    /// What the layers say, run by run.
    pub fn judged(&self) -> impl Iterator<Item = &Layers> {
        self.runs.iter().chain(&self.general).filter_map(|run| run.layers.as_ref())
    }

    /// What became of the wrong protocol in a layer.
    #[must_use]
    pub fn fate(&self, layer: Layer) -> Fate {
        let judged: Vec<&Layers> = self.judged().collect();
        let killed = (1..).zip(&judged).find(|(_, layers)| layer.of(layers) == Verdict::Violated);
        match killed {
            Some((run, layers)) => Fate::Killed { ms: layers.at_ms, run },
            None if judged.is_empty() => Fate::NotMeasured,
            None => Fate::Survived {
                runs: judged.len(),
                unknown: judged.iter().filter(|layers| layer.of(layers) == Verdict::Unknown).count(),
            },
        }
    }

    /// Whether both layers have killed it.
    pub(super) fn is_killed(&self) -> bool {
        let killed = |layer| matches!(self.fate(layer), Fate::Killed { .. });
        killed(Layer::Traces) && killed(Layer::Oracles)
    }

    /// Whether it was run by a version that asks both layers.
    #[must_use]
    pub fn is_measured(&self) -> bool {
        self.mutant.is_some() && self.fate(Layer::Traces) != Fate::NotMeasured
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(violated: &str, traces: Verdict, oracles: Verdict, at_ms: u64) -> Run {
        let layers = Layers { at_ms, traces, rejected: None, oracles, flagged: BTreeSet::new() };
        Run {
            plan: None,
            seed: 1,
            verdict: Verdict::Holds,
            violated: BTreeSet::from([violated.to_owned()]),
            layers: Some(layers),
            reasons: Vec::new(),
            seconds: 1,
            directory: String::new(),
        }
    }

    fn tried(runs: Vec<Run>, general: Vec<Run>) -> Tried {
        let (name, violates) = ("n".to_owned(), "no_loss".to_owned());
        Tried {
            name,
            mutant: Some("m".to_owned()),
            violates,
            faults: Vec::new(),
            impossible: None,
            runs,
            general,
        }
    }

    #[test]
    fn a_general_plan_kills_but_reproduces_nothing() {
        let holds = run("", Verdict::Holds, Verdict::Unknown, 10);
        let tried = tried(vec![holds], vec![run("no_loss", Verdict::Holds, Verdict::Violated, 30)]);
        assert_eq!(tried.reproduced(), None);
        assert_eq!(tried.fate(Layer::Oracles), Fate::Killed { ms: 30, run: 2 });
        assert_eq!(tried.fate(Layer::Traces), Fate::Survived { runs: 2, unknown: 0 });
        assert!(!tried.is_killed());
    }

    #[test]
    fn a_run_that_shows_too_little_is_counted_and_one_of_an_older_version_is_not_measured() {
        let unknown = run("", Verdict::Violated, Verdict::Unknown, 10);
        let of_both = tried(vec![unknown.clone()], Vec::new());
        assert_eq!(of_both.fate(Layer::Oracles), Fate::Survived { runs: 1, unknown: 1 });
        let older = tried(vec![Run { layers: None, ..unknown }], Vec::new());
        assert_eq!(older.fate(Layer::Traces), Fate::NotMeasured);
        assert!(!older.is_measured());
    }
}
