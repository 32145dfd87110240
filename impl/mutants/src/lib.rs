//! Named wrong protocols. Each one interposes on a role's `step` from outside: it may change inputs, effects and their
//! order, and issue requests of its own. The core knows nothing of them and stays as it is.
//!
//! A mutant is chosen at run time, so that the binary that is killed is the binary that ships. It shows that a property
//! can fail: the model must find a history in which the mutant violates the property that [`Mutant::expected_property`]
//! names. A panic of the core is no such history, so that every mutant keeps the core's own invariants.
//!
//! [`Mutated`] wraps any role and passes everything through when no mutant is chosen, or one of another role.
#![forbid(unsafe_code)]
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "a mutant names what it changes and passes on the rest, also what comes later"
)]

mod abort_all_lingering;
mod abort_precommitted_on_expiry;
mod ack_before_flush;
mod assign_split_twice;
mod commit_offsets_at_barrier;
mod commit_on_cancel;
mod commit_on_precommit;
mod count_acks;
mod drop_committables_on_restore;
mod fenced_means_committed;
mod forget_state_on_restore;
mod interpose;
mod list_only_own_transaction;
mod mutated;
mod never_abort_lingering;
mod notify_before_store;
mod offset_off_by_one;
mod only_exact_notification;
mod produce_ahead_of_flush;
mod restore_older_checkpoint;
mod resume_from_group_offsets;
mod reuse_producer_epoch;
mod roll_back_on_claim;
mod skip_alignment;
mod snapshot_after_barrier_release;
mod table;

pub use mutated::Mutated;
pub use table::{Mutant, Place};
