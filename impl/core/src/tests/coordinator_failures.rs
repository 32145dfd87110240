//! Checkpoints that fail, attempts that fail, workers that are lost.

use expect_test::expect;

use super::coordinator::{COMPLETED, START, after, running, running_with};
use super::{check, job};
use crate::{Coordinator, Settings, Token};

#[test]
fn a_checkpoint_that_expires_fails_the_attempt_by_default() {
    running(
        "fire interval; source-0 ack 2 2; fire expiry 2; fire restart; swap = ok; read = 1.1 0 0 -",
        expect![[r#"
            fire interval
                arm interval
                arm expiry 2
                tell w0: source-0: trigger 2
                tell w0: source-1: trigger 2
            source-0 ack 2 2
            fire expiry 2
                disarm expiry 2
                tell w0: sink-0: 2 is aborted
                tell w0: operator-0: 2 is aborted
                tell w0: source-0: 2 is aborted
                tell w0: source-1: 2 is aborted
                start: discard checkpoint 2 of attempt 1
                tell w0: cancel attempt 1
                disarm interval
                arm restart
            fire restart
                start: swap v2 for attempt 2 of coordinator 9, latest checkpoint 1 of attempt 1, next 3
            swap = ok
                start: read checkpoint 1 of attempt 1
            read = 1.1 0 0 -
                start: list transactions that are Ongoing
                tell w0: deploy attempt 2 from checkpoint 1 of attempt 1 on w0 w0: sink-0 with [], operator-0 with no state, source-0 with 0:0, source-1 with 1:0
        "#]],
    );
}

#[test]
fn a_tolerated_failure_aborts_the_checkpoint_alone_and_the_next_one_begins_at_the_interval() {
    let settings = Settings { tolerable_failures: 1, ..Settings::default() };
    let script = "fire interval; source-0 ack 2 2; fire expiry 2; sink-0 ack 2; operator-0 declines 2; fire interval; operator-0 declines 3";
    running_with(
        settings,
        script,
        expect![[r#"
            fire interval
                arm interval
                arm expiry 2
                tell w0: source-0: trigger 2
                tell w0: source-1: trigger 2
            source-0 ack 2 2
            fire expiry 2
                disarm expiry 2
                tell w0: sink-0: 2 is aborted
                tell w0: operator-0: 2 is aborted
                tell w0: source-0: 2 is aborted
                tell w0: source-1: 2 is aborted
                start: discard checkpoint 2 of attempt 1
            sink-0 ack 2
            operator-0 declines 2
            fire interval
                arm interval
                arm expiry 3
                tell w0: source-0: trigger 3
                tell w0: source-1: trigger 3
            operator-0 declines 3
                disarm expiry 3
                tell w0: sink-0: 3 is aborted
                tell w0: operator-0: 3 is aborted
                tell w0: source-0: 3 is aborted
                tell w0: source-1: 3 is aborted
                start: discard checkpoint 3 of attempt 1
                tell w0: cancel attempt 1
                disarm interval
                arm restart
        "#]],
    );
}

#[test]
fn a_completed_checkpoint_forgets_the_failures_before_it() {
    let settings = Settings { tolerable_failures: 1, ..Settings::default() };
    let script = "fire interval; operator-0 declines 2; fire interval; source-0 ack 3 2; source-1 ack 3 1; operator-0 ack 3 A:2; sink-0 ack 3;
         write 3 = ok; swap = ok; fire interval; operator-0 declines 4";
    running_with(
        settings,
        script,
        expect![[r#"
            fire interval
                arm interval
                arm expiry 2
                tell w0: source-0: trigger 2
                tell w0: source-1: trigger 2
            operator-0 declines 2
                disarm expiry 2
                tell w0: sink-0: 2 is aborted
                tell w0: operator-0: 2 is aborted
                tell w0: source-0: 2 is aborted
                tell w0: source-1: 2 is aborted
                start: discard checkpoint 2 of attempt 1
            fire interval
                arm interval
                arm expiry 3
                tell w0: source-0: trigger 3
                tell w0: source-1: trigger 3
            source-0 ack 3 2
            source-1 ack 3 1
            operator-0 ack 3 A:2
            sink-0 ack 3
                disarm expiry 3
                start: write checkpoint 3 of attempt 1: source-0 0:2, source-1 1:1, operator-0 `A:2`, sink-0 []
            write 3 = ok
                start: swap v2 for attempt 1 of coordinator 9, latest checkpoint 3 of attempt 1, next 4
            swap = ok
                start: discard what is older than 3
                tell w0: sink-0: 3 is complete
                tell w0: operator-0: 3 is complete
                tell w0: source-0: 3 is complete
                tell w0: source-1: 3 is complete
                start: list transactions that are Ongoing
            fire interval
                arm interval
                arm expiry 4
                tell w0: source-0: trigger 4
                tell w0: source-1: trigger 4
            operator-0 declines 4
                disarm expiry 4
                tell w0: sink-0: 4 is aborted
                tell w0: operator-0: 4 is aborted
                tell w0: source-0: 4 is aborted
                tell w0: source-1: 4 is aborted
                start: discard checkpoint 4 of attempt 1
        "#]],
    );
}

#[test]
fn a_lost_worker_ends_the_attempt_everywhere_and_the_next_one_restores_the_latest_checkpoint() {
    let mut coordinator = after(job(), START);
    super::run(&mut coordinator, COMPLETED, super::read::input);
    check(
        &mut coordinator,
        "join w1 2; fire interval; lost w0; fire restart; swap = ok; read = 1.2 2 1 A:2 2@1/0/0; list = all job/1/0/0 job/1/0/1 other/1/0/1;
         fence 1/0/1 = 51; retry fence 1/0/1; fence 1/0/1 = 0; source-0/2 ready; source-1/2 ready; operator-0/2 ready; sink-0/2 ready",
        expect![[r#"
            join w1 2
                arm silence w1
            fire interval
                arm interval
                arm expiry 3
                tell w0: source-0: trigger 3
                tell w0: source-1: trigger 3
            lost w0
                disarm silence w0
                disarm expiry 3
                start: discard checkpoint 3 of attempt 1
                disarm interval
                arm restart
            fire restart
                start: swap v3 for attempt 2 of coordinator 9, latest checkpoint 2 of attempt 1, next 4
            swap = ok
                start: read checkpoint 2 of attempt 1
            read = 1.2 2 1 A:2 2@1/0/0
                tell w1: deploy attempt 2 from checkpoint 2 of attempt 1 on w1 w1: sink-0 with [2@job/1/0/0 by 7.0 (3 records)], operator-0 with `A:2`, source-0 with 0:2, source-1 with 1:1
            list = all job/1/0/0 job/1/0/1 other/1/0/1
                start: fence job/1/0/1
            fence 1/0/1 = 51
                arm retry fence job/1/0/1
            retry fence 1/0/1
                start: fence job/1/0/1
            fence 1/0/1 = 0
            source-0/2 ready
            source-1/2 ready
            operator-0/2 ready
            sink-0/2 ready
        "#]],
    );
}

#[test]
fn a_worker_lost_before_it_was_needed_changes_nothing_and_without_slots_the_job_waits() {
    let mut coordinator = Coordinator::new(job(), Token::new(9), false);
    check(
        &mut coordinator,
        "begin; join w0 1; lost w0; head = none; join w1 1; lost w1; swap = ok; start = 0 0; join w2 1; write 1 = ok; swap = ok; lost w2;
         read = 1.1 0 0 -; join w3 1; lost w3; join w4 2",
        expect![[r#"
            begin
                arm heartbeat
                start: read the head
            join w0 1
                arm silence w0
            lost w0
                disarm silence w0
            head = none
                start: swap v0 for attempt 1 of coordinator 9, latest none, next 1
            join w1 1
                arm silence w1
            lost w1
                disarm silence w1
            swap = ok
                start: resolve the start (Earliest)
            start = 0 0
                start: write checkpoint 1 of attempt 1: source-0 0:0, source-1 1:0, operator-0 no state, sink-0 []
            join w2 1
                arm silence w2
            write 1 = ok
                start: swap v1 for attempt 1 of coordinator 9, latest checkpoint 1 of attempt 1, next 2
            swap = ok
                start: read checkpoint 1 of attempt 1
            lost w2
                disarm silence w2
            read = 1.1 0 0 -
                start: list transactions that are Ongoing
            join w3 1
                arm silence w3
            lost w3
                disarm silence w3
            join w4 2
                arm silence w4
                tell w4: deploy attempt 1 from checkpoint 1 of attempt 1 on w4 w4: sink-0 with [], operator-0 with no state, source-0 with 0:0, source-1 with 1:0
        "#]],
    );
}

#[test]
fn a_worker_lost_while_the_job_backs_off_is_not_deployed_to() {
    running(
        "join w1 2; lost w0; lost w1; fire restart; swap = ok; join w2 2; read = 1.1 0 0 -",
        expect![[r#"
            join w1 2
                arm silence w1
            lost w0
                disarm silence w0
                disarm interval
                arm restart
            lost w1
                disarm silence w1
            fire restart
                start: swap v2 for attempt 2 of coordinator 9, latest checkpoint 1 of attempt 1, next 2
            swap = ok
                start: read checkpoint 1 of attempt 1
            join w2 2
                arm silence w2
            read = 1.1 0 0 -
                start: list transactions that are Ongoing
                tell w2: deploy attempt 2 from checkpoint 1 of attempt 1 on w2 w2: sink-0 with [], operator-0 with no state, source-0 with 0:0, source-1 with 1:0
        "#]],
    );
}

#[test]
fn a_spare_worker_that_is_lost_does_not_disturb_the_attempt() {
    running(
        "join w1 2; lost w1; fire interval",
        expect![[r#"
        join w1 2
            arm silence w1
        lost w1
            disarm silence w1
        fire interval
            arm interval
            arm expiry 2
            tell w0: source-0: trigger 2
            tell w0: source-1: trigger 2
    "#]],
    );
}

#[test]
fn a_silent_worker_is_disconnected_and_lost() {
    running(
        "pulse w0; fire silence w0",
        expect![[r#"
        pulse w0
            arm silence w0
        fire silence w0
            disconnect w0
            disarm silence w0
            disarm interval
            arm restart
    "#]],
    );
}

#[test]
fn a_failed_subtask_fails_the_attempt_once() {
    running(
        "sink-0 failed a record was not acknowledged; operator-0 failed me too; fire restart; swap = ok; operator-0 failed late",
        expect![[r#"
            sink-0 failed a record was not acknowledged
                tell w0: cancel attempt 1
                disarm interval
                arm restart
            operator-0 failed me too
            fire restart
                start: swap v2 for attempt 2 of coordinator 9, latest checkpoint 1 of attempt 1, next 2
            swap = ok
                start: read checkpoint 1 of attempt 1
            operator-0 failed late
        "#]],
    );
}

#[test]
fn after_too_many_restarts_without_a_checkpoint_the_job_fails_with_the_first_reason_of_the_last_failure() {
    let settings = Settings { max_restarts: 1, ..Settings::default() };
    let script = "sink-0 failed once; fire restart; swap = ok; read = 1.1 0 0 -; source-0/2 failed twice; fire heartbeat";
    running_with(
        settings,
        script,
        expect![[r#"
            sink-0 failed once
                tell w0: cancel attempt 1
                disarm interval
                arm restart
            fire restart
                start: swap v2 for attempt 2 of coordinator 9, latest checkpoint 1 of attempt 1, next 2
            swap = ok
                start: read checkpoint 1 of attempt 1
            read = 1.1 0 0 -
                start: list transactions that are Ongoing
                tell w0: deploy attempt 2 from checkpoint 1 of attempt 1 on w0 w0: sink-0 with [], operator-0 with no state, source-0 with 0:0, source-1 with 1:0
            source-0/2 failed twice
                tell w0: cancel attempt 2
                disarm interval
                halt: task: twice; resume from checkpoint 1 of attempt 1
            fire heartbeat
        "#]],
    );
}

const LEFT_OPEN: &str =
    "join w1 2; lost w0; fire restart; swap = ok; read = 1.2 2 1 A:2; list = all job/1/0/1";

#[test]
fn what_can_never_be_fenced_ends_the_job_as_it_would_hide_records_for_ever() {
    let mut coordinator = after(job(), START);
    super::run(&mut coordinator, COMPLETED, super::read::input);
    super::run(&mut coordinator, LEFT_OPEN, super::read::input);
    check(
        &mut coordinator,
        "fence 1/0/1 = 53; fire interval",
        expect![[r#"
        fence 1/0/1 = 53
            tell w1: cancel attempt 2
            disarm interval
            halt: fence job/1/0/1 was answered 53; resume from checkpoint 2 of attempt 1
        fire interval
    "#]],
    );
}

#[test]
fn a_listing_that_can_never_be_had_ends_the_job() {
    let mut coordinator = after(job(), START);
    super::run(&mut coordinator, COMPLETED, super::read::input);
    super::run(&mut coordinator, LEFT_OPEN, super::read::input);
    check(
        &mut coordinator,
        "fence 1/0/1 = 0; retry list; list = failed",
        expect![[r#"
        fence 1/0/1 = 0
        retry list
            start: list transactions that are Ongoing
        list = failed
            tell w1: cancel attempt 2
            disarm interval
            halt: list_transactions: the disk is full; resume from checkpoint 2 of attempt 1
    "#]],
    );
}
