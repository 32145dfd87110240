use truecut_core::{
    Attempt, CheckpointId, CheckpointName, Committable, Effect, Element, Head, HeadVersion, Input, Message,
    Op, Order, Outcome, Peer, Producer, Report, Request, Slot, Snapshot, Subtask, Token, TransactionProtocol,
    TransactionalId, WorkerId,
};
use truecut_runtime::store::StateHandle;
use truecut_runtime::trace::BatchDigest;

use super::*;
use crate::world::tests::sample;

const ATTEMPT: Attempt = Attempt::new(1);

type In = Input<BatchDigest, StateHandle>;
type Out = Effect<BatchDigest, StateHandle>;

fn id(checkpoint: u64) -> CheckpointId {
    CheckpointId::new(checkpoint)
}

/// Frames of one role, with the ms at which each comes.
struct Story(Checkpoints);

impl Story {
    fn role(&mut self, role: RoleId, frames: impl IntoIterator<Item = (u64, Event)>) {
        let mut under_way = UnderWay::default();
        for (ms, event) in frames {
            let frame = Frame { offset: 0, sequence: 1, monotonic_us: ms * 1000, wall_us: 0, event };
            self.0.visit(role, &mut under_way, &frame);
        }
    }
}

fn input(input: In) -> Event {
    Event::Input { input, stamp: None }
}

fn order(order: Order) -> Event {
    let message = Message::ToSubtask { attempt: ATTEMPT, subtask: Subtask::source(0), order };
    Event::Effect(Out::Send { to: Peer::Worker(WorkerId::new(1)), message })
}

fn acknowledged(subtask: Subtask, checkpoint: u64) -> Event {
    let snapshot = Snapshot::Operator(None);
    let report = Report::Acknowledged { checkpoint: id(checkpoint), snapshot };
    let message = Message::FromSubtask { attempt: ATTEMPT, subtask, report };
    input(In::Message { from: Peer::Worker(WorkerId::new(1)), message })
}

fn swap(checkpoint: u64) -> Event {
    let latest = Some(CheckpointName { attempt: ATTEMPT, id: id(checkpoint) });
    let head = Head { token: Token::new(1), attempt: ATTEMPT, latest, next: id(checkpoint + 1) };
    let request = Request::SwapHead { expected: HeadVersion::new(1), head };
    Event::Effect(Out::Start { op: Op::SwapHead, request })
}

fn committable(checkpoint: u64) -> Committable {
    Committable {
        checkpoint: id(checkpoint),
        id: TransactionalId { attempt: ATTEMPT, subtask: 0, slot: Slot::new(0) },
        producer: Producer::NONE,
        protocol: TransactionProtocol::V2,
        records: 1,
    }
}

fn start(op: Op, request: Request<StateHandle>) -> Event {
    Event::Effect(Out::Start { op, request })
}

fn done(op: Op, outcome: Outcome<StateHandle>) -> Event {
    input(In::Done { op, outcome })
}

/// Of a checkpoint that is triggered at this ms, what its sink sees.
fn of_sink(checkpoint: u64, from: u64) -> Vec<(u64, Event)> {
    let slot = Slot::new(0);
    let barrier = Element::Barrier { checkpoint: id(checkpoint), last: false };
    let commit = committable(checkpoint);
    vec![
        (from + 2, input(In::Element { channel: 0, element: barrier })),
        (from + 3, start(Op::Flush(slot), Request::Flush(slot))),
        (from + 6, done(Op::Flush(slot), Outcome::Flushed)),
        (from + 11, start(Op::Commit(commit.id), Request::Commit(commit))),
        (from + 15, done(Op::Commit(commit.id), Outcome::Answer(0))),
    ]
}

fn story() -> Story {
    let mut story = Story(Checkpoints::default());
    let trigger = |checkpoint| order(Order::Trigger { checkpoint: id(checkpoint), last: false });
    let coordinator = [
        (100, trigger(1)),
        // Each source gets the order; the first one counts.
        (101, trigger(1)),
        (107, acknowledged(Subtask::source(0), 1)),
        (108, acknowledged(Subtask::sink(0), 1)),
        (109, swap(1)),
        (110, order(Order::Completed(id(1)))),
        (112, order(Order::Completed(id(1)))),
        (200, trigger(2)),
        // Another attempt is claimed: the head names the same checkpoint again.
        (250, swap(1)),
    ];
    story.role(RoleId::Coordinator, coordinator);
    let barrier =
        |checkpoint| Event::Effect(Out::Emit(Element::Barrier { checkpoint: id(checkpoint), last: false }));
    let role = |subtask| RoleId::Subtask { attempt: ATTEMPT, subtask };
    story.role(role(Subtask::source(0)), [(101, barrier(1))]);
    story.role(role(Subtask::source(1)), [(102, barrier(1)), (201, barrier(2))]);
    let snapshot = || done(Op::Snapshot(id(1)), Outcome::Snapshotted(StateHandle::default()));
    story.role(role(Subtask::operator(0)), [(103, barrier(1)), (105, snapshot())]);
    story.role(role(Subtask::sink(0)), of_sink(1, 100).into_iter().chain(of_sink(2, 200)));
    // A later attempt commits it again.
    let later = RoleId::Subtask { attempt: Attempt::new(2), subtask: Subtask::sink(0) };
    let commit = committable(1);
    story.role(later, [(900, start(Op::Commit(commit.id), Request::Commit(commit)))]);
    story
}

#[test]
fn milestones_are_told_since_the_trigger_for_all_who_reach_them() {
    let timing = story().0.conclude(Duration::ZERO);
    assert_eq!(timing.completed, 1, "one that is not completed does not count");
    let told: Vec<_> =
        timing.milestones.iter().map(|reached| (reached.milestone, reached.times.p50_ms)).collect();
    let expected = [
        (Milestone::BarrierSent, 2.0),
        (Milestone::FlushBegun, 3.0),
        (Milestone::StateDurable, 5.0),
        (Milestone::Flushed, 6.0),
        (Milestone::Acknowledged, 8.0),
        (Milestone::Written, 9.0),
        (Milestone::Completed, 10.0),
        (Milestone::CommitAsked, 11.0),
        (Milestone::Committed, 15.0),
    ];
    assert_eq!(told, expected);
}

#[test]
fn checkpoints_of_the_start_can_be_left_out() {
    let mut all = Story(Checkpoints::default());
    for (checkpoint, at) in [(1, 0), (2, 100), (3, 200)] {
        let trigger = order(Order::Trigger { checkpoint: id(checkpoint), last: false });
        all.role(RoleId::Coordinator, [(at, trigger), (at + 5, order(Order::Completed(id(checkpoint))))]);
    }
    assert_eq!(all.0.conclude(Duration::from_millis(100)).completed, 2);
}

#[test]
fn times_are_values_that_occurred() {
    let times = Times::of((1..=200).map(|ms| ms * 1000).collect()).unwrap();
    assert_eq!(times, Times { p50_ms: 100.0, p90_ms: 180.0, p99_ms: 198.0, longest_ms: 200.0 });
    assert_eq!(Times::of(Vec::new()), None);
}

#[test]
fn checkpoints_of_a_recorded_run_reach_every_milestone_in_order() {
    use Milestone::{
        Acknowledged, BarrierSent, CommitAsked, Committed, Completed, FlushBegun, Flushed, Written,
    };
    let sample = sample::unpack();
    let checkpoints = Checkpoints::read(sample._directory.path()).unwrap();
    let mut whole = 0;
    for (name, reached) in checkpoints.reached.iter().filter(|(_, reached)| reached.contains_key(&Completed))
    {
        let in_order =
            [BarrierSent, FlushBegun, Flushed, Acknowledged, Written, Completed, CommitAsked, Committed];
        let times: Vec<u64> =
            in_order.iter().filter_map(|milestone| reached.get(milestone).copied()).collect();
        assert!(times.is_sorted(), "{name:?}: {reached:?}");
        assert!(reached.get(&Milestone::StateDurable) <= reached.get(&Acknowledged), "{name:?}: {reached:?}");
        whole += usize::from(times.len() == in_order.len() && reached.contains_key(&Milestone::StateDurable));
    }
    assert!(whole > 0);
}

#[test]
fn a_directory_without_traces_is_one_clear_error() {
    let directory = tempfile::tempdir().unwrap();
    let error = Timing::read(directory.path(), Duration::ZERO).unwrap_err();
    assert!(error.message.contains("there is no trace in"), "{}", error.message);
}
