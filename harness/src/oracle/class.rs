//! The names of what can be wrong, and which property of the model each one disproves. The only such table.

use serde::{Deserialize, Serialize};

/// A class of anomaly. Its name in JSON is that of [`ClassInfo::name`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// An input record that no visible output stands for.
    Lost,
    /// An input record that more than one visible output stands for.
    Duplicate,
    /// A visible output that no input demands, or that nobody can read.
    Phantom,
    /// Two inputs of one partition and key that became visible in the wrong order.
    Order,
    /// The counts of a key are not 1, 2, 3 … in the order of the output.
    Sequence,
    /// A digest that is not the fold of the inputs before it.
    WrongValue,
    /// A visible record whose transaction was aborted, or never ended.
    AbortedRead,
    /// A completed checkpoint of whose transactions only a part is visible.
    TornCheckpoint,
    /// A transaction committed before a checkpoint that lists it was complete.
    EarlyVisible,
    /// Two readings have different records at one offset.
    InconsistentOffset,
    /// Input that a source left out or took twice, or an offset that is not where it was.
    SkippedInput,
    /// A completed checkpoint whose offsets are not those of its outputs.
    InconsistentCut,
    /// A transaction committed that its writer wrote after its attempt was over.
    ZombieWrite,
    /// A transaction left open at rest.
    StuckTransaction,
    /// Input that is acknowledged and not visible yet.
    Unseen,
    /// What is complete went back, or was completed without an acknowledgement.
    CheckpointRegression,
    /// Transactions whose writes interleave in a cycle.
    WriteCycles,
}

/// What is told about a class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClassInfo {
    /// The class.
    pub class: Class,
    /// Its name in JSON, in the report and on the command line.
    pub name: &'static str,
    /// The properties of the model that one such record disproves, by their names there.
    pub properties: &'static [&'static str],
    /// What it means, in one sentence.
    pub meaning: &'static str,
    /// What it needs to be judged by.
    pub needs: Needs,
    /// It is told and never counts against a run: it is allowed.
    pub allowed: bool,
}

/// What a class is judged by, besides the input and the visible output. What is missing makes it unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// Nothing more.
    Output,
    /// Kafka's log of the output.
    Log,
    /// What the subject tells.
    Journal,
    /// Both.
    LogAndJournal,
    /// The history.
    History,
}

/// Every class there is, in the order in which reports list them.
pub const CLASSES: [ClassInfo; 17] = [
    ClassInfo {
        class: Class::Lost,
        name: "lost",
        properties: &["no_loss"],
        meaning: "An input record never became visible in the output.",
        needs: Needs::Output,
        allowed: false,
    },
    ClassInfo {
        class: Class::Duplicate,
        name: "duplicate",
        properties: &["no_duplicate"],
        meaning: "An input record is visible in the output more than once.",
        needs: Needs::Output,
        allowed: false,
    },
    ClassInfo {
        class: Class::Phantom,
        name: "phantom",
        properties: &["no_phantom"],
        meaning: "A visible output record stands for no input record.",
        needs: Needs::Output,
        allowed: false,
    },
    ClassInfo {
        class: Class::Order,
        name: "order",
        properties: &["order_per_key"],
        meaning: "Records of one input partition and key are visible in another order than they were written.",
        needs: Needs::Output,
        allowed: false,
    },
    ClassInfo {
        class: Class::Sequence,
        name: "sequence",
        properties: &["consistent_cut"],
        meaning: "The counts of a key do not run 1, 2, 3 … without gap or repeat.",
        needs: Needs::Output,
        allowed: false,
    },
    ClassInfo {
        class: Class::WrongValue,
        name: "wrong_value",
        properties: &["consistent_cut"],
        meaning: "A digest is not the fold of the input records before it: the state was wrong.",
        needs: Needs::Output,
        allowed: false,
    },
    ClassInfo {
        class: Class::AbortedRead,
        name: "aborted_read",
        properties: &["all_or_nothing"],
        meaning: "A visible record's transaction was aborted, or has no marker.",
        needs: Needs::Log,
        allowed: false,
    },
    ClassInfo {
        class: Class::TornCheckpoint,
        name: "torn_checkpoint",
        properties: &["all_or_nothing"],
        meaning: "Of what a completed checkpoint lists only a part is visible.",
        needs: Needs::LogAndJournal,
        allowed: false,
    },
    ClassInfo {
        class: Class::EarlyVisible,
        name: "early_visible",
        properties: &["no_early_visibility"],
        meaning: "A transaction was committed before a checkpoint that lists it was complete.",
        needs: Needs::LogAndJournal,
        allowed: false,
    },
    ClassInfo {
        class: Class::InconsistentOffset,
        name: "inconsistent_offset",
        properties: &["no_phantom"],
        meaning: "Two readings of the output differ at one offset.",
        needs: Needs::Log,
        allowed: false,
    },
    ClassInfo {
        class: Class::SkippedInput,
        name: "skipped_input",
        properties: &["no_loss", "restore_is_latest", "one_owner_per_split"],
        meaning: "A source left input out, took it twice, or was not where a checkpoint says.",
        needs: Needs::Journal,
        allowed: false,
    },
    ClassInfo {
        class: Class::InconsistentCut,
        name: "inconsistent_cut",
        properties: &["consistent_cut"],
        meaning: "The outputs up to a completed checkpoint are not those of the input before its offsets.",
        needs: Needs::LogAndJournal,
        allowed: false,
    },
    ClassInfo {
        class: Class::ZombieWrite,
        name: "zombie_write",
        properties: &["no_zombie_commit"],
        meaning: "An attempt that was over wrote what became visible, and no completed checkpoint lists it.",
        needs: Needs::LogAndJournal,
        allowed: false,
    },
    ClassInfo {
        class: Class::StuckTransaction,
        name: "stuck_transaction",
        properties: &["no_stuck_transaction"],
        meaning: "The job ended in good order and left a transaction open.",
        needs: Needs::Log,
        allowed: false,
    },
    ClassInfo {
        class: Class::Unseen,
        name: "unseen",
        properties: &["everything_is_visible_at_rest"],
        meaning: "Acknowledged input was not visible yet: told over time, and judged by the drain.",
        needs: Needs::History,
        allowed: true,
    },
    ClassInfo {
        class: Class::CheckpointRegression,
        name: "checkpoint_regression",
        properties: &["completion_is_monotone", "restore_is_latest"],
        meaning: "What is complete went back, was not what was restored, or was completed without an acknowledgement of its attempt.",
        needs: Needs::Journal,
        allowed: false,
    },
    ClassInfo {
        class: Class::WriteCycles,
        name: "write_cycles",
        properties: &["all_or_nothing"],
        meaning: "Transactions interleave in a cycle of writes, which Kafka allows.",
        needs: Needs::Log,
        allowed: true,
    },
];

impl Class {
    /// What is told about this class.
    ///
    /// # Panics
    /// Never: a test walks all classes.
    #[must_use]
    pub fn info(self) -> &'static ClassInfo {
        CLASSES.iter().find(|info| info.class == self).expect("every class has its row")
    }

    /// Its name in JSON and reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.info().name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_in_the_table_is_the_name_in_json() {
        for info in &CLASSES {
            assert_eq!(serde_json::to_string(&info.class).unwrap(), format!("\"{}\"", info.name));
            assert_eq!(info.class.info(), info);
            assert!(!info.properties.is_empty());
        }
    }
}
