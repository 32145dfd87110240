//! The one list of mutants: name, roles, the property that must find it and where, the real bugs, one sentence; and those that
//! nothing can find, with the argument. `alone` is said of one that violates no other property in its whole scope, `first` of the
//! others.

use std::fmt;

use truecut_core::{Batch, Effect, Input};

use crate::interpose::{Interpose, Within};
use crate::table::{Expected, MutantInfo, Place, mutants};

mutants! {
    killed {
        CommitOnPrecommit commit_on_precommit at [Sink] by no_duplicate first in small, bugs []:
            "The sink commits a transaction when it is pre-committed, without waiting for the checkpoint to complete.";
        ResumeFromGroupOffsets resume_from_group_offsets at [Coordinator] by no_duplicate first in small, bugs ["beam#21742"]:
            "Sources restart from the offsets of the consumer group instead of those of the checkpoint.";
        RestartFromNone restart_from_none at [Coordinator] by no_duplicate first in small, bugs ["FLINK-25486", "FLINK-34518"]:
            "After a failure the job begins anew, as if no checkpoint had been completed.";
        OffsetOffByOne offset_off_by_one at [Source] by no_duplicate first in small, bugs ["arroyo: source commits offset, not offset + 1"]:
            "The source snapshots the offset of the last record that it read instead of the next one.";
        ProduceAgain produce_again at [Sink] by no_duplicate alone in calm, bugs []:
            "Every batch is produced a second time, as a retry without idempotence does.";
        SkipAlignment skip_alignment at [Operator] by consistent_cut first in smoke, bugs []:
            "The operator snapshots at the first barrier and does not wait for it on its other inputs.";
        SnapshotAfterBarrierRelease snapshot_after_barrier_release at [Operator] by consistent_cut first in smoke, bugs []:
            "The operator captures its state after it took records from behind the barrier.";
        SnapshotBeforeDrain snapshot_before_drain at [Operator] by consistent_cut alone in calm, bugs []:
            "The operator captures its state before it has processed all that came in front of the barrier.";
        CountAcks count_acks at [Coordinator] by consistent_cut first in expiry, bugs []:
            "The coordinator counts any acknowledgement for the checkpoint under way, also a late one of an aborted checkpoint.";
        OmitSplitsAfterRestore omit_splits_after_restore at [Source] by consistent_cut first in small, bugs ["FLINK-40469", "FLINK-40710"]:
            "The first checkpoint after a restart is taken before the source knows its splits again, and holds none.";
        DropSplitOnRestore drop_split_on_restore at [Coordinator] by consistent_cut first in small, bugs ["FLINK-7195", "FLINK-6006"]:
            "A split whose partition is missing from the metadata at a restart is dropped with its offset.";
        AckBeforeFlush ack_before_flush at [Sink] by no_loss first in small, bugs ["FLINK-31305"]:
            "The sink acknowledges a checkpoint before Kafka acknowledged its records.";
        HoldBackAtBarrier hold_back_at_barrier at [Sink] by no_loss first in small, bugs ["FLINK-31620", "FLINK-31408"]:
            "The sink buffers a batch in front of its transaction, and a barrier does not empty the buffer.";
        ListOnlyOwnTransaction list_only_own_transaction at [Sink] by no_loss first in two_checkpoints, bugs []:
            "The sink's snapshot lists the transaction of its own checkpoint only, not those whose commit is not confirmed.";
        BarrierOvertakesCommittable barrier_overtakes_committable at [Sink] by no_loss first in small, bugs ["FLINK-36287", "FLINK-37870"]:
            "The barrier overtakes the transaction that it closes: the snapshot of the next checkpoint is the first to list it.";
        ForgetCommittablesAtEnd forget_committables_at_end at [Sink] by no_loss first in small, bugs ["FLINK-26403", "FLINK-25920"]:
            "The last checkpoint lists no transaction: what is pre-committed at the end of the input is not handed over.";
        ForwardBarrierAtFirst forward_barrier_at_first at [Operator] by no_loss first in smoke, bugs []:
            "The operator passes a barrier on when it comes on the first of its inputs.";
        AbortPrecommittedOnExpiry abort_precommitted_on_expiry at [Sink] by no_loss first in expiry, bugs []:
            "The sink aborts its pre-committed transaction when the checkpoint is aborted, although the next checkpoint counts on it.";
        AbortOnClose abort_on_close at [Sink] by no_loss first in small, bugs ["FLINK-37622"]:
            "Closing a producer aborts the transaction that it has just pre-committed.";
        AbortOnRecovery abort_on_recovery at [Sink] by no_loss alone in small, bugs []:
            "A restored sink aborts what it finds open, also what it is to commit.";
        DropCommittablesOnRestore drop_committables_on_restore at [Coordinator] by no_loss first in small, bugs ["arroyo#224"]:
            "What a restored checkpoint lists is not committed again.";
        AbortAllLingering abort_all_lingering at [Coordinator] by no_foreign_abort first in small, bugs []:
            "The clean-up aborts every transaction of older attempts, also those that the restored checkpoint lists.";
        FenceBeforeClaim fence_before_claim at [Coordinator] by no_foreign_abort alone in small, bugs []:
            "The clean-up of a failed attempt begins before the next one is claimed, while the failed one is in force.";
        FencedMeansCommitted fenced_means_committed at [Sink] by no_silent_loss first in timeout, bugs ["FLINK-8086", "FLINK-23839"]:
            "A commit that Kafka refuses is taken for one that was done before.";
        DropLostTransaction drop_lost_transaction at [Sink] by no_silent_loss first in timeout, bugs []:
            "A transaction that is known to be aborted is counted as failed, and the job goes on.";
        ReportLossLate report_loss_late at [Sink] by no_silent_loss alone in late_loss, bugs []:
            "A sink says that a transaction is lost only after the next checkpoint passed over it.";
        SwallowSendError swallow_send_error at [Sink] by no_silent_loss alone in refused_records, bugs ["FLINK-35749", "KAFKA-13574"]:
            "A record that Kafka refused is a line in a log: the flush succeeds and the checkpoint is acknowledged.";
        NotifyBeforeStore notify_before_store at [Coordinator] by no_early_visibility first in small, bugs []:
            "Subtasks are told that a checkpoint is complete before it is stored.";
        CommitLastEarly commit_last_early at [Sink] by no_early_visibility first in small, bugs ["FLINK-37605"]:
            "What is pre-committed at the end of the input is taken for part of a checkpoint that is complete, and committed at once.";
        WriteDuringFlush write_during_flush at [Sink] by no_early_visibility alone in calm, bugs ["FLINK-33545"]:
            "Records from behind the barrier go into the transaction while it is being flushed.";
        ReuseProducerEpoch reuse_producer_epoch at [Sink] by all_or_nothing first in two_checkpoints, bugs ["FLINK-8132", "KAFKA-17754"]:
            "A later transaction uses producer id and epoch of an earlier one that a checkpoint still lists.";
        RecycleAtPrecommit recycle_at_precommit at [Sink] by all_or_nothing alone in calm, bugs ["FLINK-37282", "FLINK-37356"]:
            "A producer is used for the next transaction when its last one is pre-committed and not yet committed.";
        CommitOnCancel commit_on_cancel at [Worker] by no_zombie_commit first in two_workers, bugs []:
            "A worker whose attempt is cancelled commits what is pre-committed before it stops.";
        GiveUpOnUnknown give_up_on_unknown at [Sink] by no_zombie_commit alone in losses_accepted, bugs []:
            "A commit without an answer counts as a loss that was accepted, although the request may still arrive.";
        ProduceAheadOfFlush produce_ahead_of_flush at [Sink] by order_per_key alone in overtaking, bugs []:
            "Records behind the barrier are produced before Kafka acknowledged those in front of it.";
        ForgetStateOnRestore forget_state_on_restore at [Operator] by no_phantom first in small, bugs []:
            "The operator restarts with empty state although sources restart behind the start.";
        ProcessOutOfOrder process_out_of_order at [Operator, Sink] by no_phantom alone in calm, bugs []:
            "The operator processes records out of order, and the sink puts their results back in order.";
        CommitOffsetsAtBarrier commit_offsets_at_barrier at [Source] by offsets_follow_checkpoints alone in small, bugs ["beam#21742"]:
            "The source commits offsets to the consumer group at the barrier, before the checkpoint is complete.";
        RestoreOlderCheckpoint restore_older_checkpoint at [Coordinator] by restore_is_latest first in small, bugs ["FLINK-20441", "FLINK-26783"]:
            "An attempt restores the checkpoint before the latest completed one.";
        ReassignSplitsOnRestore reassign_splits_on_restore at [Coordinator] by restore_is_latest alone in two_sources, bugs ["FLINK-7143"]:
            "At a restart splits are assigned anew, whoever held them in the checkpoint.";
        MisattributeCommittables misattribute_committables at [Coordinator] by restore_is_latest first in two_sinks, bugs ["FLINK-29509", "FLINK-36368"]:
            "At a restart a sink subtask is given the transactions that another one had listed.";
        RollBackOnClaim roll_back_on_claim at [Coordinator] by completion_is_monotone first in small, bugs ["FLINK-7783"]:
            "A new attempt sets the head of the store back to the checkpoint before the latest completed one.";
        ForgetNextId forget_next_id at [Coordinator] by completion_is_monotone alone in calm, bugs []:
            "The head is written without the counter of checkpoint ids, so that a later coordinator gives them out again.";
        AssignSplitTwice assign_split_twice at [Coordinator] by one_owner_per_split first in two_workers, bugs ["FLINK-20290"]:
            "After a failure every source subtask is given all splits.";
        ReadSplitOfAnother read_split_of_another at [Source] by one_owner_per_split alone in two_sources, bugs ["FLINK-40615"]:
            "A partition that was discovered twice is read by a second subtask, which drops what it reads.";
        NeverAbortLingering never_abort_lingering at [Coordinator] by no_stuck_transaction first in small, bugs ["FLINK-23854", "FLINK-13535"]:
            "Transactions that a dead attempt left open are never looked for.";
        ProduceAfterCommit produce_after_commit at [Sink] by no_stuck_transaction alone in calm, bugs ["KIP-890", "KAFKA-12671"]:
            "A late retry of a batch reaches Kafka after its transaction was committed, and opens one that nobody ends.";
        OnlyExactNotification only_exact_notification at [Sink] by everything_is_visible_at_rest first in expiry, bugs ["FLINK-10377"]:
            "A notification for checkpoint n commits the transaction of n only, none before it.";
        OneShotCommit one_shot_commit at [Sink] by everything_is_visible_at_rest first in lost_answers, bugs ["FLINK-24773"]:
            "A commit without an answer is a line in a log: it is not sent again.";
        DrainedBeforeCommit drained_before_commit at [Sink] by everything_is_visible_at_rest first in small, bugs ["FLINK-21080"]:
            "The job ends when the last checkpoint is complete, before its transactions are committed.";
        EndNeverMet end_never_met at [Source] by everything_is_visible_at_rest alone in bounded, bugs ["FLINK-31319", "FLINK-36780"]:
            "The end of a bounded partition is looked for at its last record, which a source that restarts behind it never reads.";
        ListEmptyTransaction list_empty_transaction at [Sink] by everything_is_visible_at_rest first in small, bugs ["FLINK-31363"]:
            "A transaction without records is listed, and Kafka, which has not heard of it, refuses to commit it.";
        ReuseListedSlot reuse_listed_slot at [Sink] by everything_is_visible_at_rest first in reused_slot, bugs ["FLINK-40626", "FLINK-40585"]:
            "A transactional id is used again as soon as its commit is confirmed, while a checkpoint still lists its older generation.";
        ShareIdsBetweenSinks share_ids_between_sinks at [Sink] by everything_is_visible_at_rest first in two_sinks, bugs ["FLINK-7978", "FLINK-9295"]:
            "Transactional ids do not name the sink subtask, so that subtasks fence each other.";
        PoolTooSmall pool_too_small at [Sink] by everything_is_visible_at_rest alone in calm, bugs []:
            "The sink has two transactional ids, one too few for one open, one pre-committed and one listed transaction.";
        DiscardBeforeComplete discard_before_complete at [Coordinator] by everything_is_visible_at_rest first in small, bugs []:
            "The latest completed checkpoint is deleted when the next one is being stored, before that is complete.";
        UnknownMeansCompleted unknown_means_completed at [Coordinator] by no_early_visibility first in store_fault, bugs []:
            "A swap of the head without an answer is taken for done: the checkpoint is notified although it may not be complete.";
        DiscardOnUnknown discard_on_unknown at [Coordinator] by everything_is_visible_at_rest first in store_fault, bugs ["FLINK-22494"]:
            "A swap of the head without an answer counts as a checkpoint that failed, and its data is deleted.";
        ClaimWithoutCompare claim_without_compare at [Coordinator] by completion_is_monotone first in takeover, bugs []:
            "The head is replaced without a look at its version, so that a coordinator that was taken over from takes it back.";
        ReadBeforeClaim read_before_claim at [Coordinator] by restore_is_latest first in takeover, bugs []:
            "A coordinator that takes over reads what to restore before it claims its attempt, while the one before may still complete a checkpoint.";
        ForgetZombies forget_zombies at [Coordinator] by no_stuck_transaction first in zombie_worker, bugs []:
            "A worker that fell silent counts as dead: what it opens after the clean-up is not looked for.";
        CommitAllWhenTold commit_all_when_told at [Sink] by no_early_visibility first in overlapping, bugs []:
            "A notification commits all that is pre-committed, also for a later checkpoint that is still under way.";
        HeartbeatWithoutLatest heartbeat_without_latest at [Coordinator] by everything_is_visible_at_rest first in lost_notification, bugs []:
            "Heartbeats do not say what is complete: what a lost notification would have committed is never committed.";
        IgnoreBrokenChannel ignore_broken_channel at [Worker] by everything_is_visible_at_rest first in channel_break, bugs []:
            "A broken data channel fails nothing: its ends go on as if it would come back.";
        SkipFailedRecord skip_failed_record at [Operator] by consistent_cut first in task_failure, bugs []:
            "The operator skips the records that the job's function failed on.";
        ReadMarkerBeforeFence read_marker_before_fence at [Sink] by no_duplicate first in late_init_log, bugs []:
            "A recovery by log reads the marker before it fences what it is going to write again.";
        NeverFenceListed never_fence_listed at [Sink] by no_duplicate first in id_expiry_log, bugs []:
            "A recovery by log does not fence what it is going to write again.";
        TrustDescribe trust_describe at [Sink] by no_duplicate first in id_expiry_log, bugs []:
            "A recovery by log writes again what Kafka does not describe as committed, whatever the marker says.";
        RecoveryIdPerAttempt recovery_id_per_attempt at [Sink] by no_duplicate first in log_twice, bugs []:
            "Each attempt writes again under a recovery id of its own, so that none excludes the one before.";
        MarkCheckpointBefore mark_checkpoint_before at [Sink] by no_duplicate first in id_expiry_log, bugs []:
            "The marker of a transaction names the checkpoint before its own.";
        RewriteUnmarked rewrite_unmarked at [Sink] by no_duplicate first in two_recoverers, bugs []:
            "What is written again carries no marker of its checkpoint.";
        MarkCheckpointBehind mark_checkpoint_behind at [Sink] by no_loss first in log, bugs []:
            "The marker of a transaction names the checkpoint behind its own.";
        AcknowledgeBeforeUpload acknowledge_before_upload at [Sink] by no_loss first in log, bugs []:
            "A checkpoint is acknowledged before the log of its transaction is durable.";
        CommitAfterRewrite commit_after_rewrite at [Sink] by order_per_key first in log, bugs []:
            "What follows a transaction that was written again is committed as it lies there, and not written again, too.";
        ForgetProtocol forget_protocol at [Sink] by everything_is_visible_at_rest first in v2, bugs ["KIP-890"]:
            "A snapshot does not say by which transaction protocol its transactions are to be committed.";
    }
    equivalent {
        NeverCancel never_cancel at [Coordinator] in two_workers:
            "A failed attempt is not cancelled on the workers that live."
            because "A worker that is told of a newer attempt stops the older one by itself. Until then the coordinator takes no report of it, and the clean-up fences what it left open; it only uses resources.";
        CommitTwice commit_twice at [Sink] in small:
            "Every commit is sent a second time after it was confirmed."
            because "A generation has one transaction only, and its id is initialised again only after a completed checkpoint that does not list it, which a later barrier begins. So the second request meets the committed transaction, and Kafka answers it as a repeated one, or meets a newer generation, and is fenced.";
        AcknowledgeTwice acknowledge_twice at [Sink] in expiry:
            "Every acknowledgement is sent twice."
            because "Acknowledgements are a set of subtasks per checkpoint: the second one finds its place taken, or its checkpoint gone.";
    }
}

impl Mutant {
    /// All mutants that a property must find, in the order of the list.
    pub const fn all() -> &'static [Self] {
        Self::KILLED
    }

    /// Mutants that nothing tells from the protocol.
    pub const fn equivalents() -> &'static [Self] {
        Self::EQUIVALENT
    }

    /// Its name, such as `skip_alignment`.
    pub const fn name(self) -> &'static str {
        self.info().name
    }

    /// Name of the property that must find it; empty if nothing can.
    pub const fn expected_property(self) -> &'static str {
        match self.info().expected {
            Expected::Killed { property, .. } => property,
            Expected::Equivalent { .. } => "",
        }
    }

    /// What it does wrong, in one sentence.
    pub const fn describe(self) -> &'static str {
        self.info().meaning
    }

    /// The mutant of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::KILLED.iter().chain(Self::EQUIVALENT).copied().find(|mutant| mutant.name() == name)
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
        for mutant in Mutant::all().iter().chain(Mutant::equivalents()) {
            assert_eq!(Mutant::from_name(mutant.name()), Some(*mutant));
        }
        assert_eq!(Mutant::from_name("none_such"), None);
    }

    #[test]
    fn there_are_enough_and_many_were_real() {
        assert!(Mutant::all().len() >= 45);
        let public = |bug: &&str| ["FLINK-", "KAFKA-", "KIP-"].iter().any(|of| bug.starts_with(of));
        let real = Mutant::all().iter().filter(|mutant| mutant.info().bugs.iter().any(public));
        assert!(real.count() >= 20);
    }

    #[test]
    fn every_mutant_says_where_it_sits() {
        for mutant in Mutant::all().iter().chain(Mutant::equivalents()) {
            assert!(!mutant.info().places.is_empty(), "{mutant}");
        }
    }
}
