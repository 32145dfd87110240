//! What the oracle found: counts of everything, the first few offending records of each class in full.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::class::{CLASSES, Class, ClassInfo};
use crate::verdict::Verdict;

/// Where a record is in a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Coordinates {
    /// The partition.
    pub partition: i32,
    /// The offset in that partition.
    pub offset: i64,
}

impl fmt::Display for Coordinates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.partition, self.offset)
    }
}

/// One offending record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Anomaly {
    /// What is wrong.
    pub class: Class,
    /// The record, and what was expected.
    pub example: Example,
}

/// An offending record with all that is needed to look it up.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Example {
    /// What was seen and what should have been, as a sentence. Coordinates read partition@offset.
    pub text: String,
    /// The key, where it is known.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub key: Option<String>,
    /// The input record.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub input: Option<Coordinates>,
    /// The offending output record.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub output: Option<Coordinates>,
    /// The output record that it contradicts.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub against: Option<Coordinates>,
}

/// The oracle's judgement.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Findings {
    /// Input records taken.
    pub records_in: u64,
    /// Visible output records taken.
    pub records_out: u64,
    /// Distinct keys of the input.
    pub keys: u64,
    /// Input records without an output that an unfinished drain may still bring. 0 after a complete drain.
    pub pending: u64,
    /// How many records offend, by class; classes without any are absent.
    pub counts: BTreeMap<Class, u64>,
    /// The first offending records of each class.
    pub anomalies: Vec<Anomaly>,
    /// What each oracle says, one for each class, in the order of the table. Empty in documents of older versions.
    #[serde(default)]
    pub oracles: Vec<Judged>,
}

/// What an oracle says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judged {
    /// What it looks for.
    pub class: Class,
    /// Whether it found any. An oracle of what is allowed always holds.
    pub verdict: Verdict,
    /// How many things it looked at: records, transactions, checkpoints, steps.
    pub looked_at: u64,
    /// How many it found, also of what is allowed.
    pub found: u64,
    /// Why it is unknown.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason: Option<String>,
}

impl Findings {
    /// No record offends.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.counts.is_empty()
    }
}

/// Gathers anomalies while the checks run.
#[derive(Debug)]
pub(super) struct Collector {
    examples_per_class: u64,
    counts: BTreeMap<Class, u64>,
    anomalies: Vec<Anomaly>,
    /// Of each class that was judged by what not every run has: how much was looked at, how much is found and allowed.
    looked_at: BTreeMap<Class, (u64, u64)>,
    unknown: BTreeMap<Class, String>,
}

impl Collector {
    pub(super) fn new(examples_per_class: usize) -> Self {
        Collector {
            examples_per_class: super::log::count(examples_per_class),
            counts: BTreeMap::new(),
            anomalies: Vec::new(),
            looked_at: BTreeMap::new(),
            unknown: BTreeMap::new(),
        }
    }

    /// Says how much an oracle looked at. An oracle that had nothing to look at does not know.
    pub(super) fn looked(&mut self, class: Class, at: u64) {
        self.looked_at.entry(class).or_default().0 += at;
    }

    /// Says how much was found of what is allowed.
    pub(super) fn allow(&mut self, class: Class, found: u64) {
        self.looked_at.entry(class).or_default().1 += found;
    }

    /// Says why an oracle can't judge. What it finds all the same is found.
    pub(super) fn unknown(&mut self, class: Class, why: &str) {
        self.unknown.entry(class).or_insert_with(|| why.to_owned());
    }

    fn judged(&self, info: &ClassInfo) -> Judged {
        let class = info.class;
        let (looked_at, allowed) = self.looked_at.get(&class).copied().unwrap_or_default();
        let found = self.counts.get(&class).copied().unwrap_or(allowed);
        let nothing = || (looked_at == 0).then(|| "there was nothing to look at".to_owned());
        let reason = self.unknown.get(&class).cloned().or_else(nothing);
        let verdict = match (self.counts.contains_key(&class), &reason) {
            (true, _) => Verdict::Violated,
            (false, Some(_)) => Verdict::Unknown,
            (false, None) => Verdict::Holds,
        };
        Judged { class, verdict, looked_at, found, reason: reason.filter(|_| verdict == Verdict::Unknown) }
    }

    /// Counts one offending record; `example` is only told while there is room for it.
    pub(super) fn add(&mut self, class: Class, example: impl FnOnce() -> Example) {
        let count = self.counts.entry(class).or_default();
        *count += 1;
        if *count <= self.examples_per_class {
            self.anomalies.push(Anomaly { class, example: example() });
        }
    }

    /// Counts offending records of which nothing more is known.
    pub(super) fn add_untold(&mut self, class: Class, records: u64) {
        if records > 0 {
            *self.counts.entry(class).or_default() += records;
        }
    }

    pub(super) fn into_findings(
        self,
        records_in: u64,
        records_out: u64,
        keys: u64,
        pending: u64,
    ) -> Findings {
        let oracles = CLASSES.iter().map(|info| self.judged(info)).collect();
        let Collector { counts, mut anomalies, .. } = self;
        anomalies.sort_by_key(|anomaly| anomaly.class);
        Findings { records_in, records_out, keys, pending, counts, anomalies, oracles }
    }
}
