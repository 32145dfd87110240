//! The job and the Kafka that a counterexample happens to: as parallel as its scope, with its sink, and with times so short that what
//! the model brings at any moment comes within a run.

use truecut_core::{CommitBy, Guarantee, TransactionProtocol};
use truecut_model::{Action, Assumption, KafkaStep, Scope};
use truecut_mutants::Mutant;
use truecut_runtime::config::{CommitByConfig, ProducerConfig};

use super::Impossible;
use crate::chaos::{JobSetting, KafkaSetting};

/// Wrong protocols fail while a checkpoint is under way: there, one nearly always is.
const CHECKPOINT_INTERVAL_MS: u64 = 20;
/// Where Kafka must take a transaction, it must not be an empty one: input comes every 100 ms, and each checkpoint gets some of it.
const FILLED_INTERVAL_MS: u64 = 150;
/// A checkpoint that takes longer is given up, where the model gives one up.
pub(super) const SHORT_CHECKPOINT_MS: u64 = 500;
/// Kafka aborts transactions after this long, where the model has one time out.
pub(super) const SHORT_TRANSACTION_MS: u32 = 3_000;
/// Kafka forgets an id that nobody used for so long, where the model has one forgotten.
pub(super) const SHORT_ID_MS: u32 = 2_000;
/// A process is given up after so long, where messages are late for longer than Kafka lets a transaction live.
const PATIENT_MS: u64 = 30_000;
/// What a dead attempt left open blocks readers for longer than a run waits.
const LONG_TRANSACTION_MS: u32 = 600_000;

pub(super) fn of(
    scope: &Scope,
    actions: &[Action],
    mutant: Option<Mutant>,
) -> Result<(JobSetting, KafkaSetting), Impossible> {
    world(scope)?;
    let takes = |wanted: fn(&Action) -> bool| actions.iter().any(wanted);
    let gives_up = takes(|action| matches!(action, Action::GiveUp(_)));
    let expires = takes(|action| matches!(action, Action::Expire(_)));
    let times_out = takes(|action| matches!(action, Action::TimeOut(_)));
    let refuses = takes(|action| matches!(action, Action::RefuseStore(_) | Action::LoseStore(_)));
    let is_forgotten = takes(|action| matches!(action, Action::Kafka(KafkaStep::Forget(_))));
    let usual = JobSetting::default();
    let workers = u16::try_from(scope.workers).unwrap_or(u16::MAX) + u16::from(gives_up);
    let job = JobSetting {
        workers,
        input_partitions: scope.sources,
        output_partitions: u16::from(scope.outputs).max(2),
        operators: scope.operators,
        checkpoint_interval_ms: if times_out { FILLED_INTERVAL_MS } else { CHECKPOINT_INTERVAL_MS },
        checkpoint_timeout_ms: if expires { SHORT_CHECKPOINT_MS } else { usual.checkpoint_timeout_ms },
        tolerable_failures: if expires || refuses { 1_000 } else { scope.tolerable_failures },
        concurrent_checkpoints: if scope.budget.of(Assumption::Overlapping) > 0 { 2 } else { 1 },
        transaction_timeout_ms: match (times_out, mutant) {
            (true, _) => SHORT_TRANSACTION_MS,
            (false, Some(Mutant::NeverAbortLingering | Mutant::ForgetZombies)) => LONG_TRANSACTION_MS,
            (false, _) => usual.transaction_timeout_ms,
        },
        sink: match scope.commit_by {
            CommitBy::Resume => CommitByConfig::Resume,
            CommitBy::Log => CommitByConfig::Log,
        },
        bounded: scope.bounded,
        // What an owner that lives waits for is late, and nobody is to be given up for it.
        heartbeat_timeout_ms: times_out.then_some(PATIENT_MS),
        accept_loss: scope.accept_loss,
        producer: Some(ProducerConfig::Librdkafka),
        mutant: mutant.map(|mutant| mutant.name().to_owned()),
        ..usual
    };
    let job = if gives_up || takes(|action| matches!(action, Action::TakeOver)) {
        job.with_quick_heartbeats()
    } else {
        job
    };
    let transactional_id_expiration_ms = is_forgotten.then_some(SHORT_ID_MS);
    Ok((job, KafkaSetting { transactional_id_expiration_ms, ..KafkaSetting::default() }))
}

/// Whether a run can have such a world at all.
fn world(scope: &Scope) -> Result<(), Impossible> {
    let refuse = |why| Err(Impossible { step: 0, kind: "world".to_owned(), why });
    if scope.guarantee != Guarantee::ExactlyOnce {
        return refuse("the job of a chaos run delivers exactly once");
    }
    if scope.protocol == TransactionProtocol::V2 {
        return refuse(
            "compiled counterexamples are carried out with librdkafka, which speaks transaction protocol V1: no transaction is begun by V2",
        );
    }
    if scope.budget.of(Assumption::ReadUncommitted) > 0 {
        return refuse(
            "a run reads its output as committed: what a reader of the rest sees is Kafka's promise, and no fault",
        );
    }
    Ok(())
}
