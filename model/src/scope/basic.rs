//! The scopes of the protocol as it is meant: crashes, checkpoints that expire, transactions that time out, answers that are lost.

use std::borrow::Cow;

use truecut_core::{CommitBy, Guarantee, TransactionProtocol};

use crate::assumption::Assumption::{Crash, EarlyLanding, Expiry, LostAnswer, TransactionTimeout};
use crate::assumption::Budget;
use crate::scope::{Course, Scope};

/// What needs a failure to fail.
pub(super) const CALM: &[&str] = &[
    "no_duplicate",
    "no_phantom",
    "no_zombie_commit",
    "no_foreign_abort",
    "no_silent_loss",
    "restore_is_latest",
    "one_owner_per_split",
    "no_stuck_transaction",
    "completion_is_monotone",
    "everything_is_visible_at_rest",
];

/// One source, one worker, one partition: the smallest job that can fail.
pub(super) const SMALL: Scope = Scope {
    name: Cow::Borrowed("small"),
    purpose: "one source, one worker, one crash: the smallest job that can fail",
    input: &[&[0, 0]],
    sources: 1,
    operators: 1,
    workers: 1,
    slots: 1,
    outputs: 1,
    credit: 2,
    tolerable_failures: 0,
    guarantee: Guarantee::ExactlyOnce,
    commit_by: CommitBy::Resume,
    protocol: TransactionProtocol::V1,
    max_restarts: 10,
    bounded: false,
    accept_loss: false,
    may_fail: false,
    alarms_are_counted: false,
    course: None,
    budget: Budget::checkpoints(1).with(Crash, 1),
    except: Cow::Borrowed(&[]),
    too_calm_for: Cow::Borrowed(&[]),
};

pub(super) const SCOPES: &[Scope] = &[
    Scope {
        name: Cow::Borrowed("example"),
        purpose: "the step by step example: two partitions A to E, a checkpoint at offsets 2 and 1, a failure, a restart",
        input: &[&[0, 1, 2, 3, 4], &[5, 6, 7, 8, 9]],
        sources: 2,
        workers: 1,
        slots: 2,
        outputs: 2,
        credit: 1,
        course: Some(Course { checkpoint_at: &[2, 1], crash_before: &[3, 2] }),
        except: Cow::Borrowed(&["no_phantom", "order_per_key"]),
        ..SMALL
    },
    Scope {
        name: Cow::Borrowed("smoke"),
        purpose: "two sources, a two-input alignment, one crash of a worker that runs all, two output partitions",
        input: &[&[0], &[0]],
        sources: 2,
        workers: 1,
        slots: 2,
        outputs: 2,
        credit: 1,
        except: Cow::Borrowed(&["order_per_key"]),
        ..SMALL
    },
    Scope {
        name: Cow::Borrowed("pr"),
        purpose: "two sources on two workers, a two-input alignment, one crash of either at any crash point, two output partitions",
        input: &[&[0, 0], &[1]],
        sources: 2,
        workers: 2,
        outputs: 2,
        ..SMALL
    },
    Scope {
        name: Cow::Borrowed("release"),
        purpose: "the scope of pull requests with two checkpoints and two crashes: more than 100 million states, minutes",
        input: &[&[0, 0], &[1]],
        sources: 2,
        workers: 2,
        outputs: 2,
        budget: Budget::checkpoints(2).with(Crash, 2),
        ..SMALL
    },
    SMALL,
    Scope {
        name: Cow::Borrowed("two_checkpoints"),
        purpose: "two checkpoints and a crash: what the second must still list of the first",
        input: &[&[0, 0, 0]],
        budget: Budget::checkpoints(2).with(Crash, 1).with(EarlyLanding, 1),
        ..SMALL
    },
    Scope {
        name: Cow::Borrowed("expiry"),
        purpose: "checkpoints that expire, and the job survives it: aborted checkpoints, late acknowledgements",
        tolerable_failures: 1,
        budget: Budget::checkpoints(2).with(Expiry, 1),
        ..SMALL
    },
    Scope {
        name: Cow::Borrowed("two_workers"),
        purpose: "one source on each of two workers, a crash of one while the other lives on",
        input: &[&[0], &[0]],
        sources: 2,
        workers: 2,
        except: Cow::Borrowed(&["order_per_key"]),
        ..SMALL
    },
    Scope {
        name: Cow::Borrowed("timeout"),
        purpose: "Kafka times a transaction out: a loss is never silent",
        budget: Budget::checkpoints(2).with(Crash, 1).with(TransactionTimeout, 1),
        except: Cow::Borrowed(&["no_loss"]),
        ..SMALL
    },
    Scope {
        name: Cow::Borrowed("log"),
        purpose: "the sink that commits by log, a crash and a transaction that times out: nothing is lost",
        commit_by: CommitBy::Log,
        budget: Budget::checkpoints(2).with(Crash, 1).with(TransactionTimeout, 1),
        ..SMALL
    },
    Scope {
        name: Cow::Borrowed("log_twice"),
        purpose: "the sink that commits by log, and a second crash while it writes again what Kafka aborted",
        commit_by: CommitBy::Log,
        budget: Budget::checkpoints(1).with(Crash, 2).with(TransactionTimeout, 2),
        ..SMALL
    },
    Scope {
        name: Cow::Borrowed("lost_answers"),
        purpose: "requests to Kafka or their answers are lost",
        budget: Budget::checkpoints(1).with(Crash, 1).with(LostAnswer, 1),
        ..SMALL
    },
    Scope {
        name: Cow::Borrowed("matrix"),
        purpose: "a checkpoint, the last one, and nothing fails: the safety matrix adds one hazard after the other",
        budget: Budget::checkpoints(1),
        too_calm_for: Cow::Borrowed(CALM),
        ..SMALL
    },
    Scope {
        name: Cow::Borrowed("matrix_two"),
        purpose: "the same on two workers, for channels that break between them",
        input: &[&[0], &[0]],
        sources: 2,
        workers: 2,
        credit: 1,
        budget: Budget::checkpoints(1),
        except: Cow::Borrowed(&["order_per_key"]),
        too_calm_for: Cow::Borrowed(CALM),
        ..SMALL
    },
    Scope {
        name: Cow::Borrowed("calm"),
        purpose: "nothing fails: two checkpoints and the last one of a job that does what it should",
        input: &[&[0, 0, 0]],
        budget: Budget::checkpoints(2),
        too_calm_for: Cow::Borrowed(CALM),
        ..SMALL
    },
    Scope {
        name: Cow::Borrowed("overtaking"),
        purpose: "nothing fails, and records reach Kafka whenever they like: what overtakes what",
        input: &[&[0, 0, 0]],
        budget: Budget::checkpoints(2).with(EarlyLanding, 1),
        too_calm_for: Cow::Borrowed(CALM),
        ..SMALL
    },
    Scope {
        name: Cow::Borrowed("two_sources"),
        purpose: "two sources on one worker, and a crash before any checkpoint: who reads what after it",
        input: &[&[0], &[0]],
        sources: 2,
        slots: 2,
        credit: 1,
        budget: Budget::checkpoints(0).with(Crash, 1),
        except: Cow::Borrowed(&["order_per_key"]),
        ..SMALL
    },
    Scope {
        name: Cow::Borrowed("reused_slot"),
        purpose: "two checkpoints and a crash, no record before its flush: which generation of an id is listed",
        budget: Budget::checkpoints(2).with(Crash, 1),
        ..SMALL
    },
    Scope {
        name: Cow::Borrowed("losses_accepted"),
        purpose: "a job that was told to go on when a transaction is lost: what it says is lost must stay lost",
        input: &[&[0]],
        accept_loss: true,
        budget: Budget::checkpoints(1).with(Crash, 1).with(LostAnswer, 1),
        except: Cow::Borrowed(&[
            "order_per_key",
            "all_or_nothing",
            "no_loss",
            "no_silent_loss",
            "everything_is_visible_at_rest",
        ]),
        too_calm_for: Cow::Borrowed(&["no_phantom", "consistent_cut"]),
        ..SMALL
    },
    Scope {
        name: Cow::Borrowed("bounded"),
        purpose: "an input that ends: the job ends with it, also after a crash",
        bounded: true,
        ..SMALL
    },
    Scope {
        name: Cow::Borrowed("two_sinks"),
        purpose: "two operators with a sink each on one worker: what one sink does to the other",
        input: &[&[0, 1]],
        operators: 2,
        slots: 2,
        max_restarts: 2,
        except: Cow::Borrowed(&["order_per_key", "all_or_nothing"]),
        too_calm_for: Cow::Borrowed(&["no_phantom"]),
        ..SMALL
    },
    Scope {
        name: Cow::Borrowed("late_loss"),
        purpose: "Kafka times a transaction out and nothing else fails: when the job says so",
        budget: Budget::checkpoints(2).with(TransactionTimeout, 1),
        except: Cow::Borrowed(&["no_loss"]),
        too_calm_for: Cow::Borrowed(&[
            "no_duplicate",
            "no_phantom",
            "no_zombie_commit",
            "no_foreign_abort",
            "restore_is_latest",
            "one_owner_per_split",
            "completion_is_monotone",
            "everything_is_visible_at_rest",
        ]),
        ..SMALL
    },
    Scope {
        name: Cow::Borrowed("refused_records"),
        purpose: "a transaction times out while it is written: Kafka refuses the rest of its records",
        budget: Budget::checkpoints(1).with(TransactionTimeout, 1).with(EarlyLanding, 1),
        except: Cow::Borrowed(&["no_loss"]),
        too_calm_for: Cow::Borrowed(&[
            "no_duplicate",
            "no_zombie_commit",
            "no_foreign_abort",
            "restore_is_latest",
        ]),
        ..SMALL
    },
];
