//! A wrong protocol's trace is its own, and not one of the protocol.

use std::collections::BTreeMap;

use truecut_core::{
    Attempt, CheckpointId, CommitBy, Exchange, Guarantee, Input, Isolation, Job, Message, NextOffset, Order,
    Partition, Peer, Role as _, Settings, Snapshot, StartPosition, Subtask, Task, Token,
};
use truecut_runtime::store::StateHandle;
use truecut_runtime::trace::{BatchDigest, Construction, Writer};

use super::*;

fn source() -> Construction {
    let job = Job {
        topic: "example".into(),
        partitions: 1,
        sources: 1,
        operators: 1,
        exchange: Exchange::Key,
        guarantee: Guarantee::ExactlyOnce,
        commit_by: CommitBy::Resume,
        prefix: "job".into(),
        start: StartPosition::Earliest,
        isolation: Isolation::ReadCommitted,
        bounded: false,
        transaction_timeout_ms: 60_000,
        accept_loss: false,
        settings: Settings::default(),
    };
    let offsets = BTreeMap::from([(Partition::new(0), NextOffset::new(5))]);
    let task = Task { subtask: Subtask::source(0), restore: Snapshot::Source(offsets) };
    Construction::Subtask { job, attempt: Attempt::new(1), origin: Token::new(9), task, drained_at: None }
}

/// A source that takes a checkpoint, recorded with what ran.
fn record(directory: &Path, mutant: Option<Mutant>) {
    let subtask = Subtask::source(0);
    let attempt = Attempt::new(1);
    let header = Header {
        role: RoleId::Subtask { attempt, subtask },
        instance: 9,
        construction: source(),
        mutant: mutant.map(|mutant| mutant.name().to_owned()),
    };
    let mut writer = Writer::create(&directory.join("source.trace"), &header).unwrap();
    let mut role = Mutated::new(source().build(), mutant);
    let order = Order::Trigger { checkpoint: CheckpointId::new(2), last: false };
    let message = Message::ToSubtask { attempt, subtask, order };
    for input in [Input::Begin, Input::Message { from: Peer::Coordinator, message }] {
        writer.input::<BatchDigest>(&input, None).unwrap();
        let mut effects = Vec::<truecut_core::Effect<BatchDigest, StateHandle>>::new();
        role.step(input, &mut effects);
        for effect in &effects {
            writer.effect(effect).unwrap();
        }
    }
    writer.finish().unwrap();
}

/// What trace validation says with the protocol that ran, and what with the protocol itself.
fn verdicts(mutant: Option<Mutant>) -> (Traces, Traces) {
    let directory = tempfile::tempdir().unwrap();
    record(directory.path(), mutant);
    let ran = validate(directory.path(), mutant.map(Mutant::name), Circumstances::default()).unwrap();
    let protocol = validate_by_the_protocol(directory.path(), Circumstances::default()).unwrap();
    (ran, protocol)
}

#[test]
fn the_protocol_rejects_what_a_wrong_one_did_although_that_one_did_it() {
    let (ran, protocol) = verdicts(Some(Mutant::OffsetOffByOne));
    let parts = |traces: &Traces| traces.reasons.iter().any(|reason| reason.contains("expected Send"));
    assert!(!parts(&ran), "{ran:?}");
    assert_eq!(protocol.verdict, Verdict::Violated, "{protocol:?}");
    assert!(parts(&protocol), "{protocol:?}");
}

#[test]
fn the_protocol_finds_nothing_in_a_wrong_one_that_did_as_it_does() {
    for mutant in [None, Some(Mutant::RestartFromNone)] {
        let (ran, protocol) = verdicts(mutant);
        // Whose steps count as visited is another matter: not those of a wrong protocol.
        let found = |traces: Traces| Traces { shapes: BTreeSet::default(), ..traces };
        let (ran, protocol) = (found(ran), found(protocol));
        assert_eq!(ran, protocol);
        assert!(!protocol.reasons.iter().any(|reason| reason.contains("expected")), "{protocol:?}");
    }
}
