//! Scopes in which Kafka is late, forgets, or promises less.

use std::borrow::Cow;

use truecut_core::{CommitBy, Guarantee, TransactionProtocol};

use crate::assumption::Assumption::{
    Crash, EarlyLanding, IdExpiry, LateAddPartitions, LateInit, LateMarker, LateProduce, LostAnswer,
    ReadUncommitted, TransactionTimeout,
};
use crate::assumption::Budget;
use crate::scope::Scope;
use crate::scope::basic::SMALL;

/// What a sink without transactions can't fail, or does not promise.
pub(super) const WITHOUT_TRANSACTIONS: &[&str] = &[
    "no_duplicate",
    "all_or_nothing",
    "no_early_visibility",
    "no_zombie_commit",
    "no_foreign_abort",
    "no_silent_loss",
    "no_stuck_transaction",
];

/// What a sink that waits for nothing does not promise.
pub(super) const WITHOUT_GUARANTEE: &[&str] = &[
    "no_loss",
    "no_duplicate",
    "all_or_nothing",
    "order_per_key",
    "no_early_visibility",
    "no_zombie_commit",
    "no_foreign_abort",
    "no_silent_loss",
    "no_stuck_transaction",
    "everything_is_visible_at_rest",
];

pub(super) const SCOPES: &[Scope] = &[
    Scope {
        name: Cow::Borrowed("late_init"),
        purpose: "an InitProducerId that comes late aborts what is pre-committed: a loss is never silent",
        budget: Budget::checkpoints(1).with(Crash, 1).with(LateInit, 1),
        except: Cow::Borrowed(&["no_loss"]),
        ..SMALL
    },
    Scope {
        name: Cow::Borrowed("late_init_log"),
        purpose: "an InitProducerId that comes late, and the sink that commits by log has two transactions to commit: nothing is lost",
        commit_by: CommitBy::Log,
        budget: Budget::checkpoints(2).with(Crash, 1).with(LateInit, 1),
        ..SMALL
    },
    Scope {
        name: Cow::Borrowed("late_init_unheard"),
        purpose: "an InitProducerId that comes late, and a commit whose answer is lost: nobody can tell what became of it",
        budget: Budget::checkpoints(1).with(LostAnswer, 1).with(LateInit, 1),
        except: Cow::Borrowed(&["no_loss"]),
        too_calm_for: Cow::Borrowed(&["no_duplicate", "no_foreign_abort"]),
        ..SMALL
    },
    Scope {
        name: Cow::Borrowed("late_marker"),
        purpose: "each partition learns by itself that a transaction ended, and a transaction times out",
        input: &[&[0, 1, 0]],
        outputs: 2,
        budget: Budget::checkpoints(1).with(Crash, 1).with(TransactionTimeout, 1).with(LateMarker, 1),
        except: Cow::Borrowed(&["no_loss"]),
        ..SMALL
    },
    Scope {
        name: Cow::Borrowed("late_marker_log"),
        purpose: "the same with the sink that commits by log, whose marker topic learns it by itself, too",
        commit_by: CommitBy::Log,
        budget: Budget::checkpoints(1).with(Crash, 1).with(TransactionTimeout, 1).with(LateMarker, 1),
        ..SMALL
    },
    Scope {
        name: Cow::Borrowed("two_recoverers"),
        purpose: "the sink that commits by log: what a recovery that died still has on its way meets the next one",
        commit_by: CommitBy::Log,
        budget: Budget::checkpoints(0).with(Crash, 2).with(TransactionTimeout, 1).with(LateInit, 1),
        input: &[&[0]],
        except: Cow::Borrowed(&["order_per_key", "all_or_nothing", "no_phantom"]),
        too_calm_for: Cow::Borrowed(&["consistent_cut"]),
        ..SMALL
    },
    Scope {
        name: Cow::Borrowed("late_records"),
        purpose: "by transaction protocol V1 AddPartitionsToTxn comes late or twice, and so do records of dead senders",
        input: &[&[0, 1, 0]],
        outputs: 2,
        budget: Budget::checkpoints(1)
            .with(Crash, 1)
            .with(LateAddPartitions, 1)
            .with(LateProduce, 1)
            .with(LateMarker, 1),
        except: Cow::Borrowed(&["no_zombie_commit", "no_stuck_transaction"]),
        ..SMALL
    },
    Scope {
        name: Cow::Borrowed("late_reopened"),
        purpose: "by transaction protocol V1 a late AddPartitionsToTxn opens a committed transaction again, which times out",
        budget: Budget::checkpoints(1).with(Crash, 1).with(LateAddPartitions, 1).with(TransactionTimeout, 1),
        except: Cow::Borrowed(&["no_loss", "no_zombie_commit", "no_stuck_transaction"]),
        ..SMALL
    },
    Scope {
        name: Cow::Borrowed("late_reopened_log"),
        purpose: "the same with the sink that commits by log: the marker tells",
        commit_by: CommitBy::Log,
        budget: Budget::checkpoints(1).with(Crash, 1).with(LateAddPartitions, 1).with(TransactionTimeout, 1),
        except: Cow::Borrowed(&["no_zombie_commit", "no_stuck_transaction"]),
        ..SMALL
    },
    Scope {
        name: Cow::Borrowed("late_records_v2"),
        purpose: "by transaction protocol V2 records of dead senders come late: what is committed stays as it is",
        input: &[&[0, 1, 0]],
        outputs: 2,
        protocol: TransactionProtocol::V2,
        budget: Budget::checkpoints(1).with(Crash, 1).with(LateProduce, 1).with(LateMarker, 1),
        except: Cow::Borrowed(&["no_stuck_transaction"]),
        ..SMALL
    },
    Scope {
        name: Cow::Borrowed("v2"),
        purpose: "transaction protocol V2: each end bumps the producer epoch; a transaction times out, an answer is lost",
        protocol: TransactionProtocol::V2,
        budget: Budget::checkpoints(1).with(Crash, 1).with(TransactionTimeout, 1).with(LostAnswer, 1),
        except: Cow::Borrowed(&["no_loss"]),
        ..SMALL
    },
    Scope {
        name: Cow::Borrowed("v2_log"),
        purpose: "transaction protocol V2 and the sink that commits by log: an InitProducerId comes late, an end is learnt late",
        commit_by: CommitBy::Log,
        protocol: TransactionProtocol::V2,
        budget: Budget::checkpoints(1).with(Crash, 1).with(LateInit, 1).with(LateMarker, 1),
        ..SMALL
    },
    Scope {
        name: Cow::Borrowed("id_expiry"),
        purpose: "Kafka forgets an id before its commit was heard: nobody can tell any more, and the job says so",
        budget: Budget::checkpoints(1).with(Crash, 1).with(IdExpiry, 1),
        ..SMALL
    },
    Scope {
        name: Cow::Borrowed("id_expiry_log"),
        purpose: "Kafka forgets an id, and the sink that commits by log has two transactions to commit: the marker tells",
        commit_by: CommitBy::Log,
        budget: Budget::checkpoints(2).with(Crash, 1).with(IdExpiry, 1),
        ..SMALL
    },
    Scope {
        name: Cow::Borrowed("at_least_once"),
        purpose: "a sink that delivers at least once: nothing is lost, and a crash may repeat records",
        guarantee: Guarantee::AtLeastOnce,
        budget: Budget::checkpoints(2).with(Crash, 2).with(EarlyLanding, 1),
        except: Cow::Borrowed(WITHOUT_TRANSACTIONS),
        ..SMALL
    },
    Scope {
        name: Cow::Borrowed("no_guarantee"),
        purpose: "a sink that promises nothing: what the checkpoints hold is right all the same",
        guarantee: Guarantee::None,
        budget: Budget::checkpoints(2).with(Crash, 2),
        except: Cow::Borrowed(WITHOUT_GUARANTEE),
        ..SMALL
    },
    Scope {
        name: Cow::Borrowed("read_uncommitted"),
        purpose: "what a reader sees that does not wait for commits: records twice, and before their checkpoint is complete",
        budget: Budget::checkpoints(1).with(Crash, 1).with(ReadUncommitted, 1),
        except: Cow::Borrowed(&["no_duplicate", "no_early_visibility"]),
        too_calm_for: Cow::Borrowed(&["no_loss"]),
        ..SMALL
    },
];
