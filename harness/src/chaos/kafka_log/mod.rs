//! Kafka's own account of a run: the output's log as it lies there, with batches and control markers, and what the transaction
//! coordinators wrote down of the job's transactional ids. It is read once, at the end, kept in the run directory, and
//! decoded from there: nothing of it comes from the job. What it means is left to the oracle and to trace validation.

mod decode;
mod fetch;
mod output;
mod states;
mod transactions;

use std::path::Path;

pub use output::{Batch, Ends, OutputLog, Record, What};
pub use states::{Logged, LoggedState, StateChange};
pub use transactions::{End, Transaction, Transactions};

pub(super) use fetch::save;
pub(crate) use output::checksum;

use super::records;
use crate::failure::Failure;

/// The raw output log in a run directory.
pub const LOG_FILE: &str = "output.log";
/// The transaction coordinators' records in a run directory.
pub const STATES_FILE: &str = "transactions.log";

/// What Kafka says of a run. Either part is absent where it was not kept: runs of older versions, a cluster that hides its
/// internal topics.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KafkaLog {
    /// The output topic.
    pub output: Option<OutputLog>,
    /// State changes of the job's transactional ids: in order for each id, ids of different coordinators one after another.
    pub states: Option<Vec<StateChange>>,
}

impl KafkaLog {
    /// Reads what a run directory holds. A million output records take about 30 MB.
    ///
    /// # Errors
    /// A file is there and damaged.
    pub fn load(directory: &Path) -> Result<Self, Failure> {
        let path = directory.join(LOG_FILE);
        let mut log = Self::default();
        if path.exists() {
            let mut output = OutputLog::default();
            records::read(&path, |kept| output.take(&kept).ok_or_else(|| damaged(&path)))?;
            log.output = Some(output);
        }
        let path = directory.join(STATES_FILE);
        if path.exists() {
            let mut states = Vec::new();
            records::read(&path, |kept| {
                let Some(change) = StateChange::decode(&kept) else { return Err(damaged(&path)) };
                states.push(change);
                Ok(())
            })?;
            log.states = Some(states);
        }
        Ok(log)
    }
}

fn damaged(path: &Path) -> Failure {
    Failure::bad_data(format!(
        "{}: an entry can't be read; it was written by another version, analyse it with that one",
        path.display()
    ))
}
