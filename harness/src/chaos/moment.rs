//! What a chaos run tells while it goes on, for whoever shows progress.

use std::sync::Arc;

use crate::verdict::Verdict;

/// Something worth showing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Moment {
    /// A phase began, in words.
    Doing(String),
    /// How far the run is.
    Progress(Progress),
    /// A kill is confirmed.
    Killed {
        /// Its number, from 1.
        ordinal: u64,
        /// Who and where, in words.
        what: String,
    },
    /// The run is judged.
    Judged(Verdict),
}

/// How far a run is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Input records that Kafka has acknowledged.
    pub fed: u64,
    /// Input records in all.
    pub records: u64,
    /// Output records that are visible.
    pub visible: u64,
    /// Kills so far.
    pub kills: u64,
    /// Kills in all.
    pub kills_planned: u64,
    /// The job's attempt.
    pub attempt: u64,
    /// Completed checkpoints.
    pub checkpoints: u64,
}

/// Who is told; called from the run's own thread.
pub type Watch = Arc<dyn Fn(&Moment) + Send + Sync>;
