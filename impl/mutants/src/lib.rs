//! Named wrong protocols. Each one interposes on a role's `step` from outside: it may change inputs, effects and their
//! order, and issue requests of its own. The core knows nothing of them and stays as it is.
//!
//! A mutant is chosen at run time, so that the binary that is killed is the binary that ships. It shows that a property
//! can fail: the model must find a history in which the mutant violates the property that [`Mutant::expected_property`]
//! names. A panic of the core is no such history, so that every mutant keeps the core's own invariants. A mutant that nothing can
//! tell from the protocol is listed with the argument.
//!
//! [`Mutated`] wraps any role and passes everything through when no mutant is chosen, or one of another role.
#![forbid(unsafe_code)]
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "a mutant names what it changes and passes on the rest, also what comes later"
)]

mod abort_all_lingering;
mod abort_on_close;
mod abort_on_recovery;
mod abort_precommitted_on_expiry;
mod ack_before_flush;
mod acknowledge_before_upload;
mod acknowledge_twice;
mod assign_split_twice;
mod barrier_overtakes_committable;
mod claim_without_compare;
mod commit_after_rewrite;
mod commit_all_when_told;
mod commit_last_early;
mod commit_offsets_at_barrier;
mod commit_on_cancel;
mod commit_on_precommit;
mod commit_twice;
mod count_acks;
mod discard_before_complete;
mod discard_on_unknown;
mod drained_before_commit;
mod drop_committables_on_restore;
mod drop_lost_transaction;
mod drop_split_on_restore;
mod end_never_met;
mod fence_before_claim;
mod fenced_means_committed;
mod forget_committables_at_end;
mod forget_next_id;
mod forget_protocol;
mod forget_state_on_restore;
mod forget_zombies;
mod forward_barrier_at_first;
mod give_up_on_unknown;
mod heartbeat_without_latest;
mod hold_back_at_barrier;
mod ignore_broken_channel;
mod interpose;
mod list;
mod list_empty_transaction;
mod list_only_own_transaction;
mod mark_checkpoint_before;
mod mark_checkpoint_behind;
mod misattribute_committables;
mod mutated;
mod never_abort_lingering;
mod never_cancel;
mod never_fence_listed;
mod notify_before_store;
mod offset_off_by_one;
mod omit_splits_after_restore;
mod one_shot_commit;
mod only_exact_notification;
mod pool_too_small;
mod process_out_of_order;
mod produce_after_commit;
mod produce_again;
mod produce_ahead_of_flush;
mod read_before_claim;
mod read_marker_before_fence;
mod read_split_of_another;
mod reassign_splits_on_restore;
mod recovery_id_per_attempt;
mod recycle_at_precommit;
mod report_loss_late;
mod restart_from_none;
mod restore_older_checkpoint;
mod resume_from_group_offsets;
mod reuse_listed_slot;
mod reuse_producer_epoch;
mod rewrite_unmarked;
mod roll_back_on_claim;
mod share_ids_between_sinks;
mod skip_alignment;
mod skip_failed_record;
mod snapshot_after_barrier_release;
mod snapshot_before_drain;
mod swallow_send_error;
mod table;
mod trust_describe;
mod unknown_means_completed;
mod write_during_flush;

pub use list::Mutant;
pub use mutated::Mutated;
pub use table::{Expected, MutantInfo, Place};
