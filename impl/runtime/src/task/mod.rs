//! The tasks of a worker: one thread for each source subtask, one for each operator with its chained sink, and one
//! beside each operator that makes its state durable.

mod chain;
mod output_log;
mod sink;
mod snapshots;
mod source;
pub(crate) mod transactions;

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::mpsc::UnboundedSender;
use truecut_core::{Input, Job, Op, Outcome, Subtask, Timer};

use crate::config::JobConfig;
use crate::function::Function;
use crate::inbox::Inbox;
use crate::kafka::Cluster;
use crate::kafka::producer::TransactionalProducers;
use crate::kafka::raw::RawClient;
use crate::store::{Checkpoints, StateHandle};
use crate::trace::Stamp;
use crate::types::{In, Mail};

pub use chain::Chain;
pub use snapshots::SnapshotLane;
pub(crate) use source::DELIVERIES;
pub use source::{SourceInbox, SourceTask};

/// A message of a subtask on its way to its worker.
#[derive(Debug)]
pub struct Reported {
    /// The subtask.
    pub from: Subtask,
    /// What it says.
    pub message: Mail,
    /// The effect that sent it; `None` for what the worker itself found out about a task.
    pub stamp: Option<Stamp>,
}

/// An input and the stamp of the message that it holds, if it holds one.
#[derive(Debug)]
pub struct Stepped {
    /// The input.
    pub input: In,
    /// The effect that sent it, for what another role sent.
    pub stamp: Option<Stamp>,
}

impl From<In> for Stepped {
    fn from(input: In) -> Self {
        Self { input, stamp: None }
    }
}

/// What all tasks of a worker share.
#[derive(Clone)]
pub struct Shared {
    /// The job's description.
    pub config: Arc<JobConfig>,
    /// The job as the core knows it.
    pub job: Arc<Job>,
    /// Its Kafka cluster.
    pub cluster: Cluster,
    /// Raw requests.
    pub raw: RawClient,
    /// Transactions.
    pub producers: TransactionalProducers,
    /// The checkpoint store.
    pub checkpoints: Checkpoints,
    /// Runs what must not block a task.
    pub runtime: Handle,
    /// To the worker.
    pub reports: UnboundedSender<Reported>,
    /// Makes the job's function.
    pub function: Arc<dyn Fn() -> Box<dyn Function> + Send + Sync>,
}

/// Answers an operation past the channels of a task.
fn done<T>(inbox: &Inbox<Stepped, T>, to: Subtask, op: Op, outcome: Outcome<StateHandle>) {
    inbox.push_control(to, Input::Done { op, outcome }.into());
}

/// Tries an operation again after a pause.
fn retry_later<T: Send + 'static>(
    shared: &Shared,
    inbox: &Arc<Inbox<Stepped, T>>,
    to: Subtask,
    op: Op,
    pause: Duration,
) {
    let inbox = Arc::clone(inbox);
    shared.runtime.spawn(async move {
        tokio::time::sleep(pause).await;
        inbox.push_control(to, Input::Fired(Timer::Retry(op)).into());
    });
}
