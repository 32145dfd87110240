//! The checkpoint protocol of truecut, and nothing else: pure, deterministic state machines.
//!
//! An [`Input`] goes in, [`Effect`]s come out. There is no clock, no network, no randomness, no Kafka client and
//! no logging here; `no_std` and the empty dependency list keep it so. Three things execute this code: the model
//! (with a modelled world around it), the runtime (with a real one) and trace validation (with a recorded one).
//!
//! The protocol is Flink's asynchronous barrier snapshotting (Carbone et al., arXiv 1506.08603) with two-phase
//! commit sinks on Kafka transactions (FLIP-143, KIP-98). Where a rule comes from a known bug, its id is named.
//!
//! | role | decides | file |
//! | --- | --- | --- |
//! | [`Coordinator`] | attempts, triggers, the acknowledgement set, completion, restart, lingering transactions | `coordinator/` |
//! | [`Worker`] | which attempt a worker process serves; what of other attempts is refused | `worker.rs` |
//! | [`Source`] | next offsets, barriers | `source.rs` |
//! | [`Operator`] | alignment, when state is snapshotted | `operator.rs`, `alignment.rs` |
//! | [`Sink`] | transactions: slots, pre-commit, commit, what an outcome means | `sink/` |
//! | [`delivery::Delivery`], below the sink | which batch is sent when, with which sequence; what an answer means | `delivery/` |
//!
//! What is deliberately absent: unaligned checkpoints, rescaling on restore, and everything per record.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod alignment;
mod alphabet;
mod codec;
mod coordinator;
pub mod delivery;
mod id;
mod job;
mod kafka;
mod operator;
mod role;
mod sink;
mod snapshot;
mod source;
#[cfg(test)]
mod tests;
mod transaction;
mod worker;

pub use alignment::{Alignment, Arrival};
pub use alphabet::{
    Channel, Deployment, Effect, Element, Halt, Input, Kind, Message, Op, Order, Outcome, Peer, Reason,
    Report, Request, Task, Timer,
};
pub use codec::{Decode, Encode, Malformed, Reader};
pub use coordinator::Coordinator;
pub use id::{
    Attempt, CheckpointId, CheckpointName, HeadVersion, NextOffset, Offset, Partition, Subtask, Token,
    Vertex, WorkerId,
};
pub use job::{
    CommitBy, Exchange, Guarantee, Isolation, Job, Position, Settings, StartPosition, owner_of_partition,
};
pub use kafka::{ErrorCode, Meaning, meaning};
pub use operator::Operator;
pub use role::{AnyRole, Batch, Effects, Role};
pub use sink::{Fate, Sink, fate};
pub use snapshot::{Checkpoint, Committable, Head, LogName, Marker, MarkerEvent, Snapshot, committed_up_to};
pub use source::Source;
pub use transaction::{Described, Producer, Slot, TransactionProtocol, TransactionState, TransactionalId};
pub use worker::Worker;
