//! What must hold, one property per file. Properties judge what happens in the world: Kafka's logs, the store, the group's
//! offsets, deployments. They share no code with the core's roles, and never look into one.
//!
//! A property is a monitor: it is shown each event in the state that the event led to, and answers [`Judgement::Violated`],
//! or [`Judgement::Witness`] when the event is one where a wrong protocol could have failed, or nothing. The violated ones
//! are remembered in the state. Progress is judged in states of rest, where only faults and late requests are left: the graph
//! of states is acyclic, so that this is exact.
#![expect(clippy::wildcard_enum_match_arm, reason = "a property looks at few kinds of events")]

mod all_or_nothing;
mod completion_is_monotone;
mod consistent_cut;
mod everything_is_visible_at_rest;
mod no_duplicate;
mod no_early_visibility;
mod no_foreign_abort;
mod no_loss;
mod no_phantom;
mod no_silent_loss;
mod no_stuck_transaction;
mod no_zombie_commit;
mod offsets_follow_checkpoints;
mod one_owner_per_split;
mod order_per_key;
mod restore_is_latest;

use truecut_core::{Attempt, Committable, Deployment, Halt, Head, Subtask, TransactionalId};

use crate::ledger::Ledger;
use crate::lineage::{Lineage, Record};
use crate::scope::Scope;
use crate::state::State;
use crate::world::kafka::Kafka;
use crate::world::store::{Offsets, Store};

/// Who ended a transaction without its sink's word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AbortedBy {
    /// The coordinator's clean-up.
    CleanUp,
    /// A sink that initialised the id again.
    Sink,
    /// The broker: the transaction timed out.
    Timeout,
    /// A request that came late.
    Late,
}

/// What happened.
#[derive(Clone, Debug)]
pub(crate) enum Event {
    /// Kafka took a record into an open transaction.
    Landed { id: TransactionalId, record: Record },
    /// Kafka committed a transaction with this many records; its producer had been handed that many.
    Committed { id: TransactionalId, landed: usize, handed: usize },
    /// Kafka was asked to commit what it had committed before.
    CommitRepeated { committable: Committable },
    /// Kafka aborted a transaction.
    Aborted { id: TransactionalId, by: AbortedBy },
    /// The head of the store was replaced.
    Swapped { before: Option<Head>, after: Head },
    /// Subtasks are sent to a worker.
    Deployed { deployment: Deployment<Lineage> },
    /// A source subtask begins to read.
    Consumed { attempt: Attempt, subtask: Subtask, offsets: Offsets },
    /// The consumer group's offsets of these partitions were set.
    GroupOffsets { offsets: Offsets },
    /// Subtasks are gone, and with them what was on its way from or to them.
    Gone,
    /// The job ended.
    Halted,
    /// Nothing is left to do but faults and requests of dead processes.
    Rest,
}

/// The world as properties see it.
pub(crate) struct Seen<'a> {
    pub(crate) scope: &'a Scope,
    pub(crate) state: &'a State,
}

impl<'a> Seen<'a> {
    fn kafka(&self) -> &'a Kafka<TransactionalId, Record> {
        &self.state.broker.kafka
    }

    fn store(&self) -> &'a Store {
        &self.state.store
    }

    fn ledger(&self) -> &'a Ledger {
        &self.state.ledger
    }

    /// How the job ended, once it did.
    fn halted(&self) -> Option<&'a Halt> {
        self.state.halted.as_ref()
    }
}

/// What a property says of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Judgement {
    /// Nothing.
    Nothing,
    /// It held where a wrong protocol could have failed.
    Witness,
    /// It does not hold.
    Violated,
}

impl Judgement {
    /// Violated, or a witness if this is a place where it could have been, or nothing.
    pub(crate) fn of(violated: bool, witness: bool) -> Self {
        match (violated, witness) {
            (true, _) => Self::Violated,
            (false, true) => Self::Witness,
            (false, false) => Self::Nothing,
        }
    }
}

/// A property.
#[derive(Clone, Copy, Debug)]
pub struct Property {
    /// Its name, the same in model, checker, reports and documents.
    pub name: &'static str,
    /// What it says, in one sentence.
    pub meaning: &'static str,
    /// Where a wrong protocol could have failed it.
    pub witness: &'static str,
    pub(crate) judge: fn(&Seen<'_>, &Event) -> Judgement,
}

/// All properties, in the order of the design.
pub fn properties() -> &'static [Property] {
    const ALL: &[Property] = &[
        no_loss::PROPERTY,
        no_duplicate::PROPERTY,
        no_phantom::PROPERTY,
        all_or_nothing::PROPERTY,
        order_per_key::PROPERTY,
        consistent_cut::PROPERTY,
        no_early_visibility::PROPERTY,
        no_zombie_commit::PROPERTY,
        no_foreign_abort::PROPERTY,
        no_silent_loss::PROPERTY,
        offsets_follow_checkpoints::PROPERTY,
        restore_is_latest::PROPERTY,
        one_owner_per_split::PROPERTY,
        no_stuck_transaction::PROPERTY,
        completion_is_monotone::PROPERTY,
        everything_is_visible_at_rest::PROPERTY,
    ];
    ALL
}

/// Judges an event: bits of the violated properties, and of the witnessed ones, in the order of [`properties`].
pub(crate) fn judge(seen: &Seen<'_>, event: &Event) -> (u32, u32) {
    let (mut violated, mut witnessed) = (0, 0);
    for (place, property) in properties().iter().enumerate() {
        match (property.judge)(seen, event) {
            Judgement::Nothing => {}
            Judgement::Witness => witnessed |= 1 << place,
            Judgement::Violated => violated |= 1 << place,
        }
    }
    (violated, witnessed)
}

/// Input records that the latest completed checkpoint has passed and that are not committed.
pub(crate) fn passed_and_not_committed<'a>(seen: &'a Seen<'_>) -> impl Iterator<Item = Record> + 'a {
    let offsets = seen.store().latest().map(crate::world::store::offsets).unwrap_or_default();
    let passed = seen.scope.records().filter(move |record| {
        offsets.get(&record.partition()).is_some_and(|next| i64::from(record.offset) < next.get())
    });
    passed.filter(|record| !seen.kafka().committed().any(|committed| committed.is_of(*record)))
}

/// Whether a record can still become visible: a transaction that the latest completed checkpoint lists holds it, open and
/// with the listed generation, or a living producer has it on its way to such a one, or its log is durable.
pub(crate) fn can_be_committed(seen: &Seen<'_>, record: Record) -> bool {
    let generation = |committable: &Committable| {
        let entry = seen.kafka().entry(committable.id);
        entry.is_none_or(|entry| entry.producer == committable.producer)
    };
    let held = |committable: &Committable| {
        seen.kafka().open_records(committable.id).any(|open| open.is_of(record))
            || seen.state.on_their_way().any(|(id, producer, sent)| {
                (id, producer) == (committable.id, committable.producer) && sent.is_of(record)
            })
    };
    let logged = |committable: &Committable| {
        let log = seen.store().read_log(committable.log());
        log.is_some_and(|outputs| outputs.iter().any(|output| output.is_of(record)))
    };
    seen.store().lists(|committable| generation(committable) && held(committable) || logged(committable))
}
