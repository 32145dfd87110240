//! The one list of mutants: name, place, the property that must find it, the real bug, one sentence.

use std::fmt;

use truecut_core::{AnyRole, Batch, Effect, Input};

use crate::interpose::Interpose;

/// The role that a mutant sits at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// The coordinator.
    Coordinator,
    /// Workers.
    Worker,
    /// Source subtasks.
    Source,
    /// Operator subtasks.
    Operator,
    /// Sink subtasks.
    Sink,
}

impl Place {
    pub(crate) fn of<S>(role: &AnyRole<S>) -> Self {
        match role {
            AnyRole::Coordinator(_) => Self::Coordinator,
            AnyRole::Worker(_) => Self::Worker,
            AnyRole::Source(_) => Self::Source,
            AnyRole::Operator(_) => Self::Operator,
            AnyRole::Sink(_) => Self::Sink,
        }
    }
}

/// Declares the mutants, and the type that holds any of them with what it remembers.
macro_rules! mutants {
    ($($variant:ident, $module:ident, $place:ident, $property:literal, $bug:expr, $describe:literal;)*) => {
        /// A named wrong protocol.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Mutant {
            $(#[doc = $describe] $variant,)*
        }

        impl Mutant {
            const ALL: &[Self] = &[$(Self::$variant,)*];

            /// Its name, such as `skip_alignment`.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => stringify!($module),)* }
            }

            /// The role that it sits at.
            pub const fn place(self) -> Place {
                match self { $(Self::$variant => Place::$place,)* }
            }

            /// Name of the property that must find it.
            pub const fn expected_property(self) -> &'static str {
                match self { $(Self::$variant => $property,)* }
            }

            /// Public id of a bug of this kind, where there was one.
            pub const fn bug(self) -> Option<&'static str> {
                match self { $(Self::$variant => $bug,)* }
            }

            /// What it does wrong, in one sentence.
            pub const fn describe(self) -> &'static str {
                match self { $(Self::$variant => $describe,)* }
            }
        }

        /// A mutant with what it remembers.
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub(crate) enum Mutation {
            $($variant(crate::$module::$variant),)*
        }

        impl Mutation {
            pub(crate) fn new(mutant: Mutant) -> Self {
                match mutant { $(Mutant::$variant => Self::$variant(crate::$module::$variant::default()),)* }
            }
        }

        impl Interpose for Mutation {
            fn step<B: Batch + Clone, S: Clone>(&mut self, role: &mut AnyRole<S>, input: Input<B, S>) -> Vec<Effect<B, S>> {
                match self { $(Self::$variant(mutation) => mutation.step(role, input),)* }
            }
        }
    };
}

mutants! {
    CommitOnPrecommit, commit_on_precommit, Sink, "no_duplicate", None,
        "The sink commits a transaction when it is pre-committed, without waiting for the checkpoint to complete.";
    ResumeFromGroupOffsets, resume_from_group_offsets, Coordinator, "no_duplicate", Some("beam#21742"),
        "Sources restart from the offsets of the consumer group instead of those of the checkpoint.";
    OffsetOffByOne, offset_off_by_one, Source, "no_duplicate", Some("arroyo: source commits offset, not offset + 1"),
        "The source snapshots the offset of the last record that it read instead of the next one.";
    SkipAlignment, skip_alignment, Operator, "consistent_cut", None,
        "The operator snapshots at the first barrier and does not wait for it on its other inputs.";
    SnapshotAfterBarrierRelease, snapshot_after_barrier_release, Operator, "consistent_cut", None,
        "The operator captures its state after it took records from behind the barrier.";
    CountAcks, count_acks, Coordinator, "consistent_cut", None,
        "The coordinator counts any acknowledgement for the checkpoint under way, also a late one of an aborted checkpoint.";
    AckBeforeFlush, ack_before_flush, Sink, "no_loss", Some("FLINK-31305"),
        "The sink acknowledges a checkpoint before Kafka acknowledged its records.";
    ListOnlyOwnTransaction, list_only_own_transaction, Sink, "no_loss", None,
        "The sink's snapshot lists the transaction of its own checkpoint only, not those whose commit is not confirmed.";
    AbortPrecommittedOnExpiry, abort_precommitted_on_expiry, Sink, "no_loss", None,
        "The sink aborts its pre-committed transaction when the checkpoint is aborted, although the next checkpoint counts on it.";
    DropCommittablesOnRestore, drop_committables_on_restore, Coordinator, "no_loss", Some("arroyo#224"),
        "What a restored checkpoint lists is not committed again.";
    AbortAllLingering, abort_all_lingering, Coordinator, "no_foreign_abort", None,
        "The clean-up aborts every transaction of older attempts, also those that the restored checkpoint lists.";
    FencedMeansCommitted, fenced_means_committed, Sink, "no_silent_loss", Some("FLINK-8086"),
        "A commit that Kafka refuses is taken for one that was done before.";
    NotifyBeforeStore, notify_before_store, Coordinator, "no_early_visibility", None,
        "Subtasks are told that a checkpoint is complete before it is stored.";
    ReuseProducerEpoch, reuse_producer_epoch, Sink, "all_or_nothing", Some("FLINK-8132"),
        "A later transaction uses producer id and epoch of an earlier one that a checkpoint still lists.";
    CommitOnCancel, commit_on_cancel, Worker, "no_zombie_commit", None,
        "A worker whose attempt is cancelled commits what is pre-committed before it stops.";
    ProduceAheadOfFlush, produce_ahead_of_flush, Sink, "order_per_key", None,
        "Records behind the barrier are produced before Kafka acknowledged those in front of it.";
    ForgetStateOnRestore, forget_state_on_restore, Operator, "no_phantom", Some("FLINK-25486"),
        "The operator restarts with empty state although sources restart behind the start.";
    CommitOffsetsAtBarrier, commit_offsets_at_barrier, Source, "offsets_follow_checkpoints", Some("beam#21742"),
        "The source commits offsets to the consumer group at the barrier, before the checkpoint is complete.";
    RestoreOlderCheckpoint, restore_older_checkpoint, Coordinator, "restore_is_latest", Some("FLINK-20441"),
        "An attempt restores the checkpoint before the latest completed one.";
    RollBackOnClaim, roll_back_on_claim, Coordinator, "completion_is_monotone", Some("FLINK-7783"),
        "A new attempt sets the head of the store back to the checkpoint before the latest completed one.";
    AssignSplitTwice, assign_split_twice, Coordinator, "one_owner_per_split", Some("FLINK-20290"),
        "After a failure every source subtask is given all splits.";
    NeverAbortLingering, never_abort_lingering, Coordinator, "no_stuck_transaction", Some("FLINK-23854"),
        "Transactions that a dead attempt left open are never looked for.";
    OnlyExactNotification, only_exact_notification, Sink, "everything_is_visible_at_rest", Some("FLINK-10377"),
        "A notification for checkpoint n commits the transaction of n only, none before it.";
}

impl Mutant {
    /// All mutants, in the order of the list.
    pub const fn all() -> &'static [Self] {
        Self::ALL
    }

    /// The mutant of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|mutant| mutant.name() == name)
    }
}

impl fmt::Display for Mutant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_leads_to_its_mutant() {
        for mutant in Mutant::all() {
            assert_eq!(Mutant::from_name(mutant.name()), Some(*mutant));
        }
        assert_eq!(Mutant::from_name("none_such"), None);
    }
}
