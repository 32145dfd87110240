//! The worker: it serves the newest attempt that it was told of, and refuses whatever is of an older one.

use alloc::string::String;
use alloc::vec::Vec;

use expect_test::{Expect, expect};

use super::read::{self, subtask, worker};
use super::{In, name, run};
use crate::{Attempt, CheckpointId, Deployment, Input, Message, Order, Peer, Report, Snapshot, Task, Worker};

fn attempt(text: &str) -> Attempt {
    Attempt::new(text.parse().unwrap())
}

/// `deploy ATTEMPT SUBTASK*`, `cancel ATTEMPT`, `heartbeat ATTEMPT ID`, `complete ID ATTEMPT SUBTASK`, `offer ATTEMPT FROM TO`,
/// `broken ATTEMPT SUBTASK`, `report ATTEMPT SUBTASK`.
fn input(statement: &str) -> In {
    let words: Vec<&str> = statement.split_whitespace().collect();
    let message = match words.as_slice() {
        ["deploy", of, subtasks @ ..] => {
            let restore = Snapshot::Operator(None);
            let tasks = subtasks
                .iter()
                .map(|text| Task { subtask: subtask(text), restore: restore.clone() })
                .collect();
            let placement = Vec::from([worker("w0")]);
            Message::Deploy(Deployment {
                attempt: attempt(of),
                restored: name(1, 1),
                origin: read::ORIGIN,
                drained: false,
                tasks,
                placement,
            })
        }
        ["cancel", of] => Message::Cancel(attempt(of)),
        ["heartbeat", of, id] => {
            Message::Heartbeat { attempt: attempt(of), latest: id.parse().ok().map(CheckpointId::new) }
        }
        ["complete", id, of, to] => {
            let order = Order::Completed(CheckpointId::new(id.parse().unwrap()));
            Message::ToSubtask { attempt: attempt(of), subtask: subtask(to), order }
        }
        ["offer", of, from, to] => {
            return Input::ChannelOffered { attempt: attempt(of), from: subtask(from), to: subtask(to) };
        }
        ["broken", of, at] => return Input::ChannelBroken { attempt: attempt(of), subtask: subtask(at) },
        ["report", of, by] => {
            let message =
                Message::FromSubtask { attempt: attempt(of), subtask: subtask(by), report: Report::Ready };
            return Input::Message { from: Peer::Subtask(subtask(by)), message };
        }
        _ => return read::input(statement),
    };
    Input::Message { from: Peer::Coordinator, message }
}

#[expect(clippy::needless_pass_by_value, reason = "expect! makes a value")]
fn check(script: &str, expected: Expect) {
    let text: String = run(&mut Worker::new(), script, input);
    expected.assert_eq(&text);
}

#[test]
fn a_newer_attempt_stops_the_one_before_and_an_older_one_is_ignored() {
    check(
        "begin; deploy 1 sink-0; deploy 2 sink-0; deploy 1 sink-0; deploy 2 sink-0",
        expect![[r#"
        begin
        deploy 1 sink-0
            launch attempt 1 from checkpoint 1 of attempt 1 on w0: sink-0 with no state
        deploy 2 sink-0
            stop attempt 1
            launch attempt 2 from checkpoint 1 of attempt 1 on w0: sink-0 with no state
        deploy 1 sink-0
        deploy 2 sink-0
    "#]],
    );
}

#[test]
fn a_cancelled_attempt_stops_and_does_not_come_back() {
    check(
        "deploy 1 sink-0; cancel 1; cancel 1; deploy 1 sink-0; deploy 2 sink-0; cancel 1",
        expect![[r#"
        deploy 1 sink-0
            launch attempt 1 from checkpoint 1 of attempt 1 on w0: sink-0 with no state
        cancel 1
            stop attempt 1
        cancel 1
        deploy 1 sink-0
        deploy 2 sink-0
            launch attempt 2 from checkpoint 1 of attempt 1 on w0: sink-0 with no state
        cancel 1
    "#]],
    );
}

#[test]
fn a_cancellation_that_overtakes_its_deployment_wins() {
    check(
        "cancel 1; deploy 1 sink-0; offer 1 source-0 operator-0",
        expect![[r#"
        cancel 1
        deploy 1 sink-0
        offer 1 source-0 operator-0
            refuse the channel source-0 -> operator-0 of attempt 1
    "#]],
    );
}

#[test]
fn an_offered_channel_waits_for_its_attempt_and_one_of_an_older_attempt_is_refused() {
    check(
        "offer 2 source-1 operator-0; deploy 1 operator-0; offer 1 source-1 operator-0; offer 3 source-1 operator-0;
         deploy 2 operator-0; offer 1 source-1 operator-0; offer 2 source-1 operator-7",
        expect![[r#"
            offer 2 source-1 operator-0
            deploy 1 operator-0
                launch attempt 1 from checkpoint 1 of attempt 1 on w0: operator-0 with no state
            offer 1 source-1 operator-0
                accept the channel source-1 -> operator-0 of attempt 1
            offer 3 source-1 operator-0
            deploy 2 operator-0
                stop attempt 1
                launch attempt 2 from checkpoint 1 of attempt 1 on w0: operator-0 with no state
                accept the channel source-1 -> operator-0 of attempt 2
            offer 1 source-1 operator-0
                refuse the channel source-1 -> operator-0 of attempt 1
            offer 2 source-1 operator-7
                refuse the channel source-1 -> operator-7 of attempt 2
        "#]],
    );
}

#[test]
fn offers_of_attempts_that_never_came_here_are_refused_when_a_newer_one_does() {
    check(
        "offer 2 source-1 operator-0; offer 3 source-1 operator-0; deploy 3 operator-0",
        expect![[r#"
        offer 2 source-1 operator-0
        offer 3 source-1 operator-0
        deploy 3 operator-0
            launch attempt 3 from checkpoint 1 of attempt 1 on w0: operator-0 with no state
            refuse the channel source-1 -> operator-0 of attempt 2
            accept the channel source-1 -> operator-0 of attempt 3
    "#]],
    );
}

#[test]
fn messages_of_and_for_another_attempt_go_nowhere() {
    check(
        "deploy 2 sink-0; report 1 sink-0; report 2 sink-0; complete 5 1 sink-0; complete 5 2 sink-0; complete 5 2 source-0",
        expect![[r#"
            deploy 2 sink-0
                launch attempt 2 from checkpoint 1 of attempt 1 on w0: sink-0 with no state
            report 1 sink-0
            report 2 sink-0
                tell the coordinator: sink-0 of attempt 2 is ready
            complete 5 1 sink-0
            complete 5 2 sink-0
                tell sink-0: sink-0: 5 is complete
            complete 5 2 source-0
        "#]],
    );
}

#[test]
fn a_heartbeat_is_answered_and_makes_a_lost_notification_good() {
    check(
        "heartbeat 0 none; deploy 2 sink-0 operator-0; heartbeat 2 5; heartbeat 1 4; heartbeat 2 none",
        expect![[r#"
            heartbeat 0 none
                tell the coordinator: alive
            deploy 2 sink-0 operator-0
                launch attempt 2 from checkpoint 1 of attempt 1 on w0: sink-0 with no state, operator-0 with no state
            heartbeat 2 5
                tell the coordinator: alive
                tell sink-0: sink-0: 5 is complete
                tell operator-0: operator-0: 5 is complete
            heartbeat 1 4
                tell the coordinator: alive
            heartbeat 2 none
                tell the coordinator: alive
        "#]],
    );
}

#[test]
fn a_broken_channel_fails_its_attempt_once_it_is_the_served_one() {
    check(
        "deploy 2 operator-0; broken 1 operator-0; broken 2 operator-0; cancel 2; broken 2 operator-0",
        expect![[r#"
            deploy 2 operator-0
                launch attempt 2 from checkpoint 1 of attempt 1 on w0: operator-0 with no state
            broken 1 operator-0
            broken 2 operator-0
                tell the coordinator: operator-0 of attempt 2 failed: a channel broke
            cancel 2
                stop attempt 2
            broken 2 operator-0
        "#]],
    );
}

#[test]
fn a_worker_that_loses_its_coordinator_stops_what_it_runs() {
    check(
        "deploy 1 source-0; coordinator lost; offer 1 source-1 operator-0",
        expect![[r#"
        deploy 1 source-0
            launch attempt 1 from checkpoint 1 of attempt 1 on w0: source-0 with no state
        coordinator lost
            stop attempt 1
        offer 1 source-1 operator-0
            refuse the channel source-1 -> operator-0 of attempt 1
    "#]],
    );
}

#[test]
fn a_launch_that_failed_fails_the_attempt_in_force_only() {
    check(
        "deploy 2 source-0 operator-0; launch failed 1; launch failed 2; cancel 2; launch failed 2",
        expect![[r#"
            deploy 2 source-0 operator-0
                launch attempt 2 from checkpoint 1 of attempt 1 on w0: source-0 with no state, operator-0 with no state
            launch failed 1
            launch failed 2
                tell the coordinator: source-0 of attempt 2 failed: task: there is no thread left
            cancel 2
                stop attempt 2
            launch failed 2
        "#]],
    );
}
