//! What the oracle found: counts of everything, the first few offending records of each class in full.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::class::Class;

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
}

impl Collector {
    pub(super) fn new(examples_per_class: usize) -> Self {
        Collector {
            examples_per_class: super::log::count(examples_per_class),
            counts: BTreeMap::new(),
            anomalies: Vec::new(),
        }
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
        let Collector { counts, mut anomalies, .. } = self;
        anomalies.sort_by_key(|anomaly| anomaly.class);
        Findings { records_in, records_out, keys, pending, counts, anomalies }
    }
}
