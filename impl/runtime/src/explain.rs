//! How a job ended, in words: what, where, and what to do.

use truecut_core::{CheckpointName, Fate, Halt, Reason};

use crate::config::JobConfig;
use crate::store;

/// The end of a job for a person.
#[must_use]
pub fn halt(halt: &Halt, config: &JobConfig) -> String {
    match halt {
        Halt::Finished(name) => {
            format!("finished: checkpoint {name} is complete and every transaction of it is committed")
        }
        Halt::Failed { reason: why, resume } => {
            format!("the job failed: {}{}", reason(why), resume_from(*resume, config))
        }
        Halt::DataLoss { committable, fate, resume } => {
            let what = match fate {
                Fate::Aborted => "was aborted by Kafka before it was committed",
                Fate::Committed | Fate::Unknowable => {
                    "is not known to be committed, and can't be found out any more"
                }
            };
            format!(
                "data loss: transaction {} of checkpoint {} with {} records {what}. The job was down, or Kafka out of reach, for longer than \
                 `sink.transaction_timeout_ms` = {}. To go on without these records, run again with --accept-loss{}",
                committable.id.render(&config.name),
                committable.checkpoint,
                committable.records,
                config.sink.transaction_timeout_ms,
                resume_from(*resume, config)
            )
        }
        Halt::Superseded => format!(
            "another coordinator took over the checkpoint directory {}; stop one of the two",
            config.checkpoints.directory.display()
        ),
    }
}

fn resume_from(name: Option<CheckpointName>, config: &JobConfig) -> String {
    name.map_or_else(String::new, |name| {
        format!(
            "\nrun the job again to resume from checkpoint {name} in {}",
            config.checkpoints.directory.display()
        )
    })
}

/// Whether the reason is stored data that can't be used.
#[must_use]
pub fn is_bad_data(reason: &Reason) -> bool {
    matches!(reason, Reason::Environment { detail, .. } if store::is_bad_data(detail))
}

/// A reason for a person.
#[must_use]
pub fn reason(reason: &Reason) -> String {
    match reason {
        Reason::Kafka { op, code } => format!("Kafka answered {op:?} with error code {code}"),
        Reason::Environment { op, detail } => format!("{}: {detail}", op.name()),
        Reason::Input { code, detail } => format!("the input can't be read: {detail} (code {code})"),
        Reason::Task { detail } => detail.clone(),
        Reason::ChannelBroken => "a data channel between workers broke".into(),
        Reason::WorkerLost(worker) => format!("worker {worker} died or fell silent"),
        Reason::Expired(id) => {
            format!("checkpoint {id} was not acknowledged within `checkpoints.timeout_ms`")
        }
        Reason::Declined(id) => {
            format!("a subtask could not take part in checkpoint {id}; its worker's log says why")
        }
        Reason::NotStored(id) => {
            format!("checkpoint {id} could not be stored; the coordinator's log says why")
        }
    }
}
