//! Each answer that is impossible is told, and its near miss is not.

use truecut_core::{
    Attempt, CheckpointId, CheckpointName, Committable, Described, Head, HeadVersion, Op, Outcome, Producer,
    Slot, Token, TransactionProtocol, TransactionState, TransactionalId,
};

use super::super::checkpoints::Checkpoints;
use super::super::head::HeadRegister;
use super::super::transactions::Transactions;
use super::super::{Answered, Asked, Circumstances, Impossible, WorldFound};

const SLOT: Slot = Slot::new(0);
const MS: u64 = 1_000;

fn id() -> TransactionalId {
    TransactionalId { attempt: Attempt::new(1), subtask: 0, slot: SLOT }
}

fn producer(epoch: i16) -> Producer {
    Producer { id: 4_711, epoch }
}

fn described(state: TransactionState, epoch: i16) -> Described {
    Described { state, producer: producer(epoch) }
}

fn committable(epoch: i16) -> Committable {
    Committable {
        checkpoint: CheckpointId::new(1),
        id: id(),
        producer: producer(epoch),
        protocol: TransactionProtocol::V1,
        records: 1,
    }
}

/// What is asked and answered, a millisecond apart, by the sink in trace 0 and the coordinator in trace 1.
struct Script {
    ids: Transactions,
    now_us: u64,
}

impl Script {
    fn new() -> Self {
        Self::under(&Circumstances::default())
    }

    fn under(circumstances: &Circumstances) -> Self {
        Self { ids: Transactions::new(Some("job".to_owned()), circumstances), now_us: MS }
    }

    /// The transaction is initialised, written and flushed.
    fn flushed() -> Self {
        Self::new().flush()
    }

    fn flush(self) -> Self {
        let mut script = self;
        script.ask(0, Op::InitProducer(SLOT), Asked::InitProducer { id: id(), timeout_ms: 1_000 });
        let initialised = Outcome::Initialised {
            described: described(TransactionState::Empty, 0),
            protocol: TransactionProtocol::V1,
        };
        script.hear(0, Op::InitProducer(SLOT), &initialised).unwrap();
        script.ids.records(0, script.now_us, SLOT);
        script.hear(0, Op::Flush(SLOT), &Outcome::Flushed).unwrap();
        script
    }

    fn ask(&mut self, trace: u32, op: Op, asked: Asked) {
        self.now_us += MS;
        self.ids.started(trace, self.now_us, op, &asked);
    }

    fn hear(&mut self, trace: u32, op: Op, answered: &Answered) -> Result<(), Impossible> {
        self.now_us += MS;
        self.ids.answered(trace, self.now_us, op, answered)
    }

    fn commit(&mut self, epoch: i16, code: i16) -> Result<(), Impossible> {
        self.ask(0, Op::Commit(id()), Asked::Commit(committable(epoch)));
        self.hear(0, Op::Commit(id()), &Outcome::Answer(code))
    }

    fn fence(&mut self) {
        self.ask(1, Op::Fence(id()), Asked::Fence { id: id(), timeout_ms: 1_000 });
    }

    fn describe(&mut self, state: TransactionState, epoch: i16) -> Result<(), Impossible> {
        self.ask(0, Op::Describe(id()), Asked::Describe(id()));
        self.hear(0, Op::Describe(id()), &Outcome::Described(described(state, epoch)))
    }

    fn list(&mut self, names: &[&str]) -> Result<(), Impossible> {
        self.ask(1, Op::ListTransactions, Asked::ListTransactions(TransactionState::Ongoing));
        let names = names.iter().map(ToString::to_string).collect();
        let listed = Outcome::Listed { topic: Some(0), leaderless: 0, brokers: vec![Some(0)], names };
        self.hear(1, Op::ListTransactions, &listed)
    }
}

#[test]
fn a_commit_succeeds_only_where_the_transaction_was_open() {
    assert_eq!(Script::flushed().commit(0, 0), Ok(()));
    assert!(Script::flushed().commit(1, 0).is_err(), "of another epoch");
    assert!(Script::flushed().commit(0, 90).is_err(), "nobody fenced it");
    let mut twice = Script::flushed();
    assert_eq!((twice.commit(0, 0), twice.commit(0, 0)), (Ok(()), Ok(())));
    let told = Script::flushed().commit(0, 48).unwrap_err();
    assert_eq!(
        told.to_string(),
        "transactional id 1/0/0: EndTxn(commit) of epoch 0 was answered with code 48; the modelled world allows that it has not landed, or with success"
    );
}

#[test]
fn who_fences_explains_a_commit_that_is_fenced_also_without_an_answer() {
    let mut fenced = Script::flushed();
    fenced.fence();
    assert_eq!(fenced.commit(0, 90), Ok(()), "the fencing has landed");
    assert!(fenced.commit(0, 0).is_err(), "and can't be undone");
    let mut not_yet = Script::flushed();
    not_yet.fence();
    not_yet.ids.over(1); // killed
    assert_eq!(not_yet.commit(0, 0), Ok(()), "it has not landed");
    assert_eq!(not_yet.describe(TransactionState::Empty, 1), Ok(()), "it lands later");
}

#[test]
fn a_transaction_times_out_when_it_is_old_enough_and_not_before() {
    assert!(Script::flushed().describe(TransactionState::CompleteAbort, 1).is_err());
    let mut old = Script::flushed();
    old.now_us += 2_000 * MS;
    assert_eq!(old.describe(TransactionState::CompleteAbort, 1), Ok(()));
    assert!(old.commit(0, 0).is_err());
    let clocks_jump = Circumstances { clocks_jump: true, ..Circumstances::default() };
    let mut jumped = Script::under(&clocks_jump).flush();
    assert_eq!(jumped.describe(TransactionState::CompleteAbort, 1), Ok(()), "Kafka thinks that it is old");
}

#[test]
fn a_commit_without_an_answer_is_narrowed_by_what_is_read_later() {
    let mut script = Script::flushed();
    script.ask(0, Op::Commit(id()), Asked::Commit(committable(0)));
    script.hear(0, Op::Commit(id()), &Outcome::Unknown).unwrap();
    assert_eq!(script.describe(TransactionState::Ongoing, 0), Ok(()), "not landed");
    assert_eq!(script.describe(TransactionState::CompleteCommit, 0), Ok(()), "landed");
    assert!(script.describe(TransactionState::Ongoing, 0).is_err(), "and it stays so");
}

#[test]
fn an_initialisation_that_is_asked_once_is_put_off_only_while_a_transaction_is_open_or_ends() {
    let init = |script: &mut Script, answer: &Answered| {
        script.ask(0, Op::InitProducer(SLOT), Asked::InitProducer { id: id(), timeout_ms: 600_000 });
        script.hear(0, Op::InitProducer(SLOT), answer)
    };
    let put_off = Outcome::Answer(51);
    let given = |epoch| Outcome::Initialised {
        described: described(TransactionState::Empty, epoch),
        protocol: TransactionProtocol::V2,
    };
    let mut ends = Script::flushed();
    assert_eq!(ends.commit(0, 0), Ok(()));
    assert_eq!(init(&mut ends, &put_off), Ok(()), "the markers of the commit are being written");
    assert_eq!(init(&mut ends, &given(1)), Ok(()));
    assert!(init(&mut ends, &put_off).is_err(), "nothing was open");

    let mut open = Script::flushed();
    assert_eq!(init(&mut open, &put_off), Ok(()), "it aborts what is open");
    assert!(init(&mut open, &given(1)).is_err(), "that abort took epoch 1");
    assert!(Script::new().commit(0, 51).is_err());
}

#[test]
fn a_broker_that_is_away_for_long_leaves_no_more_states_than_requests() {
    const REQUESTS: i16 = 150;
    let repeats = Circumstances { repeats: true, ..Circumstances::default() };
    let told = |epoch| {
        let mut script = Script::under(&repeats);
        let init = || Asked::InitProducer { id: id(), timeout_ms: 600_000 };
        for _ in 0..REQUESTS {
            script.ask(0, Op::InitProducer(SLOT), init());
            script.hear(0, Op::InitProducer(SLOT), &Outcome::Unknown).unwrap();
        }
        script.ask(0, Op::InitProducer(SLOT), init());
        let initialised = Outcome::Initialised {
            described: described(TransactionState::Empty, epoch),
            protocol: TransactionProtocol::V2,
        };
        let heard = script.hear(0, Op::InitProducer(SLOT), &initialised);
        let mut found = WorldFound::default();
        script.ids.report(&mut found);
        (heard, found)
    };
    for epoch in [0, REQUESTS / 2, REQUESTS] {
        let (heard, found) = told(epoch);
        assert_eq!(heard, Ok(()));
        assert!(found.gaps.is_empty() && found.most_states < 2_000, "{found:?}");
    }
    assert!(told(3 * REQUESTS).0.is_err(), "nobody asked so often");
}

#[test]
fn what_is_listed_was_opened_and_what_is_open_is_listed() {
    assert_eq!(Script::flushed().list(&["job/1/0/0", "other/1/0/0"]), Ok(()));
    assert!(Script::flushed().list(&[]).is_err());
    assert!(Script::flushed().list(&["job/1/0/0", "job/1/1/0"]).is_err());
    let mut committed = Script::flushed();
    committed.commit(0, 0).unwrap();
    assert_eq!(committed.list(&[]), Ok(()));
    assert!(committed.list(&["job/1/0/0"]).is_err());
}

#[test]
fn a_broker_that_was_cut_off_lists_what_is_over_and_never_what_nobody_opened() {
    let moves = Circumstances { moves: true, ..Circumstances::default() };
    let mut committed = Script::under(&moves).flush();
    committed.commit(0, 0).unwrap();
    assert_eq!(committed.list(&["job/1/0/0"]), Ok(()), "its coordinator of before does not know");
    assert_eq!(committed.list(&[]), Ok(()), "nor need it be asked");
    assert!(committed.list(&["job/1/1/0"]).is_err(), "nobody opened that");
    let mut open = Script::under(&moves).flush();
    assert!(open.list(&[]).is_err(), "its coordinator knows");
    assert_eq!(open.list(&["job/1/0/0"]), Ok(()));
}

#[test]
fn a_producer_id_belongs_to_one_transactional_id_and_stays_with_it() {
    let mut script = Script::flushed();
    let other = TransactionalId { subtask: 1, ..id() };
    script.ask(2, Op::InitProducer(SLOT), Asked::InitProducer { id: other, timeout_ms: 1_000 });
    let initialised = Outcome::Initialised {
        described: described(TransactionState::Empty, 0),
        protocol: TransactionProtocol::V1,
    };
    assert!(script.hear(2, Op::InitProducer(SLOT), &initialised).is_err());
}

fn head(attempt: u64) -> Head {
    Head { token: Token::new(1), attempt: Attempt::new(attempt), latest: None, next: CheckpointId::new(1) }
}

fn swap(
    register: &mut HeadRegister,
    trace: u32,
    expected: u64,
    attempt: u64,
    answer: &Answered,
) -> Result<(), Impossible> {
    let expected = HeadVersion::new(expected);
    register.started(trace, &Asked::SwapHead { expected, head: head(attempt) });
    register.answered(trace, Op::SwapHead, answer, u64::from)
}

fn read(register: &mut HeadRegister, version: u64, attempt: Option<u64>) -> Result<(), Impossible> {
    register.started(9, &Asked::ReadHead);
    let answer = Outcome::Head { version: HeadVersion::new(version), head: attempt.map(head) };
    register.answered(9, Op::ReadHead, &answer, u64::from)
}

#[test]
fn a_version_of_the_head_has_one_author() {
    let mut register = HeadRegister::default();
    assert_eq!(swap(&mut register, 0, 0, 1, &Outcome::Swapped), Ok(()));
    let told = swap(&mut register, 1, 0, 2, &Outcome::Swapped).unwrap_err().to_string();
    assert!(
        told.starts_with("version 1 of the head was swapped in by two coordinators, processes 0 and 1"),
        "{told}"
    );
}

#[test]
fn a_conflict_needs_another_version() {
    let mut register = HeadRegister::default();
    assert!(swap(&mut register, 0, 0, 1, &Outcome::Conflict).is_err());
    let mut own = HeadRegister::default();
    assert_eq!(swap(&mut own, 0, 0, 1, &Outcome::Unknown), Ok(()));
    assert_eq!(swap(&mut own, 0, 0, 1, &Outcome::Conflict), Ok(()), "the first try may have landed");
    assert_eq!(read(&mut own, 1, Some(1)), Ok(()));
}

#[test]
fn what_is_read_of_the_head_was_written_and_is_not_older_than_what_was_known() {
    let mut register = HeadRegister::default();
    assert_eq!(read(&mut register, 0, None), Ok(()));
    assert!(read(&mut register, 1, Some(1)).is_err(), "nobody wrote it");
    assert_eq!(swap(&mut register, 0, 0, 1, &Outcome::Swapped), Ok(()));
    assert!(read(&mut register, 0, None).is_err(), "it was replaced");
    assert!(read(&mut register, 1, Some(2)).is_err(), "it was written otherwise");
    assert_eq!(swap(&mut register, 0, 1, 2, &Outcome::Unknown), Ok(()));
    assert_eq!(read(&mut register, 1, Some(1)), Ok(()), "not landed");
    assert_eq!(read(&mut register, 2, Some(2)), Ok(()), "landed");
    assert!(read(&mut register, 1, Some(1)).is_err());
    assert_eq!(swap(&mut register, 0, 2, 3, &Outcome::Failed { detail: String::new() }), Ok(()));
    assert!(read(&mut register, 3, Some(3)).is_err(), "it was certainly not done");
}

#[test]
fn a_head_names_a_checkpoint_that_is_written() {
    let name = CheckpointName { attempt: Attempt::new(1), id: CheckpointId::new(1) };
    let checkpoint = truecut_core::Checkpoint {
        name,
        origin: Token::new(1),
        last: false,
        snapshots: std::collections::BTreeMap::new(),
    };
    let names =
        Asked::SwapHead { expected: HeadVersion::new(1), head: Head { latest: Some(name), ..head(1) } };
    let mut store = Checkpoints::default();
    assert!(store.started(0, Op::SwapHead, &names).is_err());
    let mut store = Checkpoints::default();
    let write = Op::WriteCheckpoint(name.id);
    assert_eq!(store.started(0, write, &Asked::WriteCheckpoint(checkpoint.clone())), Ok(()));
    assert_eq!(store.answered(0, write, &Outcome::Written), Ok(()));
    assert_eq!(store.started(0, Op::SwapHead, &names), Ok(()));
    let mut read = |checkpoint| {
        store.started(0, Op::ReadCheckpoint, &Asked::ReadCheckpoint(name)).unwrap();
        store.answered(0, Op::ReadCheckpoint, &Outcome::Checkpoint(checkpoint))
    };
    assert_eq!(read(checkpoint.clone()), Ok(()));
    assert!(read(truecut_core::Checkpoint { last: true, ..checkpoint.clone() }).is_err());
    assert_eq!(store.started(0, Op::Discard(name.id), &Asked::Discard(name)), Ok(()));
    assert_eq!(store.answered(0, Op::Discard(name.id), &Outcome::Written), Ok(()));
    store.started(0, Op::ReadCheckpoint, &Asked::ReadCheckpoint(name)).unwrap();
    assert!(store.answered(0, Op::ReadCheckpoint, &Outcome::Checkpoint(checkpoint)).is_err());
}
