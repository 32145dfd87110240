//! How a job ends: with a last checkpoint whose commits are all confirmed, or with a loss that it tells.

use expect_test::expect;

use super::coordinator::{START, after, running};
use super::{check, job};
use crate::Job;

#[test]
fn a_stop_takes_a_last_checkpoint_and_finishes_when_every_commit_is_confirmed() {
    running(
        "stop; source-0 ack 2 2; source-1 ack 2 1; operator-0 ack 2 A:2; sink-0 ack 2 2@1/0/0; write 2 = ok; swap = ok; fire interval;
         list = all; sink-0 drained",
        expect![[r#"
            stop
                arm expiry 2
                tell w0: source-0: trigger 2, the last
                tell w0: source-1: trigger 2, the last
            source-0 ack 2 2
            source-1 ack 2 1
            operator-0 ack 2 A:2
            sink-0 ack 2 2@1/0/0
                disarm expiry 2
                start: write checkpoint 2 of attempt 1, the last: source-0 0:2, source-1 1:1, operator-0 `A:2`, sink-0 [2@job/1/0/0 by 7.0 (3 records)]
            write 2 = ok
                start: swap v2 for attempt 1 of coordinator 9, latest checkpoint 2 of attempt 1, next 3
            swap = ok
                start: discard what is older than 2
                tell w0: sink-0: 2 is complete
                tell w0: operator-0: 2 is complete
                tell w0: source-0: 2 is complete
                tell w0: source-1: 2 is complete
                start: list transactions that are Ongoing
            fire interval
            list = all
            sink-0 drained
                tell w0: cancel attempt 1
                disarm interval
                halt: finished at checkpoint 2 of attempt 1
        "#]],
    );
}

#[test]
fn a_job_is_not_finished_while_something_that_a_dead_attempt_left_may_be_open() {
    running(
        "stop; source-0 ack 2 2; source-1 ack 2 1; operator-0 ack 2 A:2; sink-0 ack 2 2@1/0/0; write 2 = ok; swap = ok; sink-0 drained;
         list = some; retry list; list = all",
        expect![[r#"
            stop
                arm expiry 2
                tell w0: source-0: trigger 2, the last
                tell w0: source-1: trigger 2, the last
            source-0 ack 2 2
            source-1 ack 2 1
            operator-0 ack 2 A:2
            sink-0 ack 2 2@1/0/0
                disarm expiry 2
                start: write checkpoint 2 of attempt 1, the last: source-0 0:2, source-1 1:1, operator-0 `A:2`, sink-0 [2@job/1/0/0 by 7.0 (3 records)]
            write 2 = ok
                start: swap v2 for attempt 1 of coordinator 9, latest checkpoint 2 of attempt 1, next 3
            swap = ok
                start: discard what is older than 2
                tell w0: sink-0: 2 is complete
                tell w0: operator-0: 2 is complete
                tell w0: source-0: 2 is complete
                tell w0: source-1: 2 is complete
                start: list transactions that are Ongoing
            sink-0 drained
            list = some
                arm retry list_transactions
            retry list
                start: list transactions that are Ongoing
            list = all
                tell w0: cancel attempt 1
                disarm interval
                halt: finished at checkpoint 2 of attempt 1
        "#]],
    );
}

#[test]
fn a_stop_waits_for_the_checkpoint_that_is_under_way() {
    running(
        "fire interval; stop; source-0 ack 2 2; source-1 ack 2 1; operator-0 ack 2 A:2; sink-0 ack 2; write 2 = ok; swap = ok",
        expect![[r#"
            fire interval
                arm interval
                arm expiry 2
                tell w0: source-0: trigger 2
                tell w0: source-1: trigger 2
            stop
            source-0 ack 2 2
            source-1 ack 2 1
            operator-0 ack 2 A:2
            sink-0 ack 2
                disarm expiry 2
                start: write checkpoint 2 of attempt 1: source-0 0:2, source-1 1:1, operator-0 `A:2`, sink-0 []
            write 2 = ok
                start: swap v2 for attempt 1 of coordinator 9, latest checkpoint 2 of attempt 1, next 3
            swap = ok
                start: discard what is older than 2
                tell w0: sink-0: 2 is complete
                tell w0: operator-0: 2 is complete
                tell w0: source-0: 2 is complete
                tell w0: source-1: 2 is complete
                start: list transactions that are Ongoing
                arm expiry 3
                tell w0: source-0: trigger 3, the last
                tell w0: source-1: trigger 3, the last
        "#]],
    );
}

#[test]
fn a_stop_before_the_job_runs_is_kept_until_it_does() {
    let mut coordinator = crate::Coordinator::new(job(), crate::Token::new(9), false);
    super::run(&mut coordinator, "stop", super::read::input);
    super::run(&mut coordinator, START, super::read::input);
    check(
        &mut coordinator,
        "fire interval; source-0 ack 2 0",
        expect![[r#"
        fire interval
            arm interval
        source-0 ack 2 0
    "#]],
    );
}

#[test]
fn the_end_of_every_input_ends_the_job() {
    running(
        "source-0 at-end; source-0 at-end; source-1 at-end; fire interval",
        expect![[r#"
        source-0 at-end
        source-0 at-end
        source-1 at-end
            arm expiry 2
            tell w0: source-0: trigger 2, the last
            tell w0: source-1: trigger 2, the last
        fire interval
            arm interval
    "#]],
    );
}

#[test]
fn a_last_checkpoint_that_fails_begins_the_attempt_anew_as_nothing_flows_after_its_barrier() {
    running(
        "stop; source-0 ack 2 2; fire expiry 2; fire restart; swap = ok; read = 1.1 0 0 -; source-0/2 ready; source-1/2 ready; operator-0/2 ready;
         sink-0/2 ready",
        expect![[r#"
            stop
                arm expiry 2
                tell w0: source-0: trigger 2, the last
                tell w0: source-1: trigger 2, the last
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
            source-0/2 ready
            source-1/2 ready
            operator-0/2 ready
            sink-0/2 ready
                arm interval
                arm expiry 3
                tell w0: source-0: trigger 3, the last
                tell w0: source-1: trigger 3, the last
        "#]],
    );
}

#[test]
fn an_attempt_that_fails_after_the_last_checkpoint_is_deployed_again_only_to_commit() {
    running(
        "stop; source-0 ack 2 2; source-1 ack 2 1; operator-0 ack 2 A:2; sink-0 ack 2 2@1/0/0; write 2 = ok; swap = ok; lost w0; fire restart;
         swap = ok; read = 1.2 2 1 A:2 2@1/0/0; join w1 2; source-0/2 ready; source-1/2 ready; operator-0/2 ready; sink-0/2 ready;
         list = all; sink-0/2 drained; retry list; list = all",
        expect![[r#"
            stop
                arm expiry 2
                tell w0: source-0: trigger 2, the last
                tell w0: source-1: trigger 2, the last
            source-0 ack 2 2
            source-1 ack 2 1
            operator-0 ack 2 A:2
            sink-0 ack 2 2@1/0/0
                disarm expiry 2
                start: write checkpoint 2 of attempt 1, the last: source-0 0:2, source-1 1:1, operator-0 `A:2`, sink-0 [2@job/1/0/0 by 7.0 (3 records)]
            write 2 = ok
                start: swap v2 for attempt 1 of coordinator 9, latest checkpoint 2 of attempt 1, next 3
            swap = ok
                start: discard what is older than 2
                tell w0: sink-0: 2 is complete
                tell w0: operator-0: 2 is complete
                tell w0: source-0: 2 is complete
                tell w0: source-1: 2 is complete
                start: list transactions that are Ongoing
            lost w0
                disarm silence w0
                disarm interval
                arm restart
            fire restart
                start: swap v3 for attempt 2 of coordinator 9, latest checkpoint 2 of attempt 1, next 3
            swap = ok
                start: read checkpoint 2 of attempt 1
            read = 1.2 2 1 A:2 2@1/0/0
            join w1 2
                arm silence w1
                tell w1: deploy attempt 2 from checkpoint 2 of attempt 1, drained on w1 w1: sink-0 with [2@job/1/0/0 by 7.0 (3 records)], operator-0 with `A:2`, source-0 with 0:2, source-1 with 1:1
            source-0/2 ready
            source-1/2 ready
            operator-0/2 ready
            sink-0/2 ready
            list = all
            sink-0/2 drained
            retry list
                start: list transactions that are Ongoing
            list = all
        "#]],
    );
}

#[test]
fn a_lost_transaction_stops_the_job_and_names_what_is_lost() {
    running(
        "sink-0 lost 2@1/0/0; sink-0 ready",
        expect![[r#"
        sink-0 lost 2@1/0/0
            tell w0: cancel attempt 1
            disarm interval
            halt: data loss: 2@job/1/0/0 by 7.0 (3 records) is Aborted; resume from checkpoint 1 of attempt 1
        sink-0 ready
    "#]],
    );
}

#[test]
fn a_loss_that_the_person_accepts_does_not_stop_the_job() {
    check(
        &mut after(Job { accept_loss: true, ..job() }, START),
        "sink-0 lost 2@1/0/0; fire interval",
        expect![[r#"
            sink-0 lost 2@1/0/0
            fire interval
                arm interval
                arm expiry 2
                tell w0: source-0: trigger 2
                tell w0: source-1: trigger 2
        "#]],
    );
}
