//! The sink's writer: one transaction per checkpoint, flushed before it is listed, slots used again only when it is safe.

use alloc::vec::Vec;

use expect_test::{Expect, expect};

use super::read::ORIGIN;
use super::{check, job};
use crate::{Attempt, Guarantee, Job, Sink};

fn sink(script: &str, expected: Expect) {
    let mut sink = Sink::new(&job(), Attempt::new(1), ORIGIN, 0, Vec::new(), None);
    check(&mut sink, script, expected);
}

#[test]
fn its_input_is_held_until_a_producer_is_ready_and_the_next_one_is_initialised_ahead() {
    sink(
        "begin; init 0 = 7.0; 0: A B; init 1 = 8.0",
        expect![[r#"
        begin
            hold 0
            start: init job/1/0/0
        init 0 = 7.0
            release 0
            start: init job/1/0/1
            tell the coordinator: sink-0 of attempt 1 is ready
        0: A B
            produce A B in slot 0
        init 1 = 8.0
    "#]],
    );
}

#[test]
fn a_barrier_is_acknowledged_and_followed_only_after_the_flush() {
    sink(
        "begin; init 0 = 7.0; init 1 = 8.0; 0: A B; 0: barrier 2; flush 0 = ok; 0: C",
        expect![[r#"
            begin
                hold 0
                start: init job/1/0/0
            init 0 = 7.0
                release 0
                start: init job/1/0/1
                tell the coordinator: sink-0 of attempt 1 is ready
            init 1 = 8.0
            0: A B
                produce A B in slot 0
            0: barrier 2
                hold 0
                start: flush slot 0
            flush 0 = ok
                close the producer of slot 0
                tell the coordinator: sink-0 of attempt 1 acknowledges 2 with [2@job/1/0/0 by 7.0 (2 records)]
                release 0
                start: init job/1/0/2
            0: C
                produce C in slot 1
        "#]],
    );
}

#[test]
fn after_the_flush_the_input_stays_held_while_the_next_producer_is_not_ready() {
    sink(
        "begin; init 0 = 7.0; 0: A; 0: barrier 2; flush 0 = ok; init 1 = 8.0",
        expect![[r#"
            begin
                hold 0
                start: init job/1/0/0
            init 0 = 7.0
                release 0
                start: init job/1/0/1
                tell the coordinator: sink-0 of attempt 1 is ready
            0: A
                produce A in slot 0
            0: barrier 2
                hold 0
                start: flush slot 0
            flush 0 = ok
                close the producer of slot 0
                tell the coordinator: sink-0 of attempt 1 acknowledges 2 with [2@job/1/0/0 by 7.0 (1 record)]
            init 1 = 8.0
                release 0
                start: init job/1/0/2
        "#]],
    );
}

#[test]
fn an_empty_transaction_is_not_listed_and_goes_on() {
    sink(
        "begin; init 0 = 7.0; 0: barrier 2; 0: A; 0: barrier 3",
        expect![[r#"
        begin
            hold 0
            start: init job/1/0/0
        init 0 = 7.0
            release 0
            start: init job/1/0/1
            tell the coordinator: sink-0 of attempt 1 is ready
        0: barrier 2
            tell the coordinator: sink-0 of attempt 1 acknowledges 2 with []
        0: A
            produce A in slot 0
        0: barrier 3
            hold 0
            start: flush slot 0
    "#]],
    );
}

#[test]
fn a_flush_that_fails_fails_the_attempt_and_is_never_acknowledged() {
    sink(
        "begin; init 0 = 7.0; 0: A; 0: barrier 2; flush 0 = 3",
        expect![[r#"
        begin
            hold 0
            start: init job/1/0/0
        init 0 = 7.0
            release 0
            start: init job/1/0/1
            tell the coordinator: sink-0 of attempt 1 is ready
        0: A
            produce A in slot 0
        0: barrier 2
            hold 0
            start: flush slot 0
        flush 0 = 3
            tell the coordinator: sink-0 of attempt 1 failed: flush 0 was answered 3
    "#]],
    );
}

#[test]
fn a_producer_that_can_be_initialised_later_is_retried_and_a_refused_one_fails_the_attempt() {
    sink(
        "begin; init 0 = 51; retry init 0; init 0 = unknown; retry init 0; init 0 = 53",
        expect![[r#"
        begin
            hold 0
            start: init job/1/0/0
        init 0 = 51
            arm retry init_producer 0
        retry init 0
            start: init job/1/0/0
        init 0 = unknown
            arm retry init_producer 0
        retry init 0
            start: init job/1/0/0
        init 0 = 53
            tell the coordinator: sink-0 of attempt 1 failed: init_producer 0 was answered 53
    "#]],
    );
}

#[test]
fn an_aborted_checkpoint_keeps_its_transaction_and_the_next_snapshot_lists_both() {
    sink(
        "begin; init 0 = 7.0; init 1 = 8.0; 0: A; 0: barrier 2; flush 0 = ok; init 2 = 9.0; abort 2; 0: B; 0: barrier 3; flush 1 = ok;
         complete 3; commit 1/0/0 = 0; commit 1/0/1 = 0",
        expect![[r#"
            begin
                hold 0
                start: init job/1/0/0
            init 0 = 7.0
                release 0
                start: init job/1/0/1
                tell the coordinator: sink-0 of attempt 1 is ready
            init 1 = 8.0
            0: A
                produce A in slot 0
            0: barrier 2
                hold 0
                start: flush slot 0
            flush 0 = ok
                close the producer of slot 0
                tell the coordinator: sink-0 of attempt 1 acknowledges 2 with [2@job/1/0/0 by 7.0 (1 record)]
                release 0
                start: init job/1/0/2
            init 2 = 9.0
            abort 2
            0: B
                produce B in slot 1
            0: barrier 3
                hold 0
                start: flush slot 1
            flush 1 = ok
                close the producer of slot 1
                tell the coordinator: sink-0 of attempt 1 acknowledges 3 with [2@job/1/0/0 by 7.0 (1 record), 3@job/1/0/1 by 8.0 (1 record)]
                release 0
                start: init job/1/0/3
            complete 3
                start: commit 2@job/1/0/0 by 7.0 (1 record)
            commit 1/0/0 = 0
                start: commit 3@job/1/0/1 by 8.0 (1 record)
            commit 1/0/1 = 0
        "#]],
    );
}

#[test]
fn a_slot_is_used_again_only_after_a_completed_checkpoint_that_does_not_list_it() {
    sink(
        "begin; init 0 = 7.0; init 1 = 8.0; 0: A; 0: barrier 1; flush 0 = ok; complete 1; commit 1/0/0 = 0; init 2 = 9.0;
         0: B; 0: barrier 2; flush 1 = ok; init 3 = 10.0; complete 2; commit 1/0/1 = 0; 0: C; 0: barrier 3; flush 2 = ok",
        expect![[r#"
            begin
                hold 0
                start: init job/1/0/0
            init 0 = 7.0
                release 0
                start: init job/1/0/1
                tell the coordinator: sink-0 of attempt 1 is ready
            init 1 = 8.0
            0: A
                produce A in slot 0
            0: barrier 1
                hold 0
                start: flush slot 0
            flush 0 = ok
                close the producer of slot 0
                tell the coordinator: sink-0 of attempt 1 acknowledges 1 with [1@job/1/0/0 by 7.0 (1 record)]
                release 0
                start: init job/1/0/2
            complete 1
                start: commit 1@job/1/0/0 by 7.0 (1 record)
            commit 1/0/0 = 0
            init 2 = 9.0
            0: B
                produce B in slot 1
            0: barrier 2
                hold 0
                start: flush slot 1
            flush 1 = ok
                close the producer of slot 1
                tell the coordinator: sink-0 of attempt 1 acknowledges 2 with [2@job/1/0/1 by 8.0 (1 record)]
                release 0
                start: init job/1/0/3
            init 3 = 10.0
            complete 2
                start: commit 2@job/1/0/1 by 8.0 (1 record)
            commit 1/0/1 = 0
            0: C
                produce C in slot 2
            0: barrier 3
                hold 0
                start: flush slot 2
            flush 2 = ok
                close the producer of slot 2
                tell the coordinator: sink-0 of attempt 1 acknowledges 3 with [3@job/1/0/2 by 9.0 (1 record)]
                release 0
                start: init job/1/0/0
        "#]],
    );
}

#[test]
fn after_the_last_barrier_it_opens_nothing_and_is_drained_when_all_is_committed() {
    sink(
        "begin; init 0 = 7.0; init 1 = 8.0; 0: A; 0: last 2; flush 0 = ok; 0: end; complete 2; commit 1/0/0 = 0",
        expect![[r#"
            begin
                hold 0
                start: init job/1/0/0
            init 0 = 7.0
                release 0
                start: init job/1/0/1
                tell the coordinator: sink-0 of attempt 1 is ready
            init 1 = 8.0
            0: A
                produce A in slot 0
            0: last 2
                hold 0
                start: flush slot 0
            flush 0 = ok
                close the producer of slot 0
                tell the coordinator: sink-0 of attempt 1 acknowledges 2 with [2@job/1/0/0 by 7.0 (1 record)]
                release 0
            0: end
            complete 2
                start: commit 2@job/1/0/0 by 7.0 (1 record)
            commit 1/0/0 = 0
                tell the coordinator: sink-0 of attempt 1 is drained
        "#]],
    );
}

#[test]
fn at_least_once_flushes_before_it_acknowledges_and_has_no_transactions() {
    let job = Job { guarantee: Guarantee::AtLeastOnce, ..job() };
    let mut sink = Sink::new(&job, Attempt::new(1), ORIGIN, 0, Vec::new(), None);
    check(
        &mut sink,
        "begin; init 0 = ok; 0: A B; 0: barrier 2; flush 0 = ok; 0: C; 0: last 3; flush 0 = ok; complete 3",
        expect![[r#"
            begin
                hold 0
                start: open a producer in slot 0
            init 0 = ok
                release 0
                tell the coordinator: sink-0 of attempt 1 is ready
            0: A B
                produce A B in slot 0
            0: barrier 2
                hold 0
                start: flush slot 0
            flush 0 = ok
                tell the coordinator: sink-0 of attempt 1 acknowledges 2 with []
                release 0
            0: C
                produce C in slot 0
            0: last 3
                hold 0
                start: flush slot 0
            flush 0 = ok
                tell the coordinator: sink-0 of attempt 1 acknowledges 3 with []
                release 0
            complete 3
                tell the coordinator: sink-0 of attempt 1 is drained
        "#]],
    );
}

#[test]
fn without_a_guarantee_nothing_is_waited_for_before_the_end() {
    let job = Job { guarantee: Guarantee::None, ..job() };
    let mut sink = Sink::new(&job, Attempt::new(1), ORIGIN, 0, Vec::new(), None);
    check(
        &mut sink,
        "begin; init 0 = ok; 0: A B; 0: barrier 2; 0: C; 0: last 3; flush 0 = ok; flush 0 = ok; complete 3",
        expect![[r#"
            begin
                hold 0
                start: open a producer in slot 0
            init 0 = ok
                release 0
                tell the coordinator: sink-0 of attempt 1 is ready
            0: A B
                produce A B in slot 0
            0: barrier 2
                tell the coordinator: sink-0 of attempt 1 acknowledges 2 with []
                start: flush slot 0
            0: C
                produce C in slot 0
            0: last 3
                hold 0
            flush 0 = ok
                start: flush slot 0
            flush 0 = ok
                tell the coordinator: sink-0 of attempt 1 acknowledges 3 with []
                release 0
            complete 3
                tell the coordinator: sink-0 of attempt 1 is drained
        "#]],
    );
}

#[test]
fn at_least_once_a_record_that_is_not_acknowledged_fails_the_attempt() {
    let job = Job { guarantee: Guarantee::AtLeastOnce, ..job() };
    let mut sink = Sink::new(&job, Attempt::new(1), ORIGIN, 0, Vec::new(), None);
    check(
        &mut sink,
        "begin; init 0 = ok; 0: A; 0: barrier 2; flush 0 = 10",
        expect![[r#"
            begin
                hold 0
                start: open a producer in slot 0
            init 0 = ok
                release 0
                tell the coordinator: sink-0 of attempt 1 is ready
            0: A
                produce A in slot 0
            0: barrier 2
                hold 0
                start: flush slot 0
            flush 0 = 10
                tell the coordinator: sink-0 of attempt 1 failed: flush 0 was answered 10
        "#]],
    );
}

#[test]
fn what_is_told_of_an_older_generation_is_never_listed() {
    sink(
        "begin; init 0 = CompleteCommit 7.0; retry init 0; init 0 = 7.1",
        expect![[r#"
        begin
            hold 0
            start: init job/1/0/0
        init 0 = CompleteCommit 7.0
            arm retry init_producer 0
        retry init 0
            start: init job/1/0/0
        init 0 = 7.1
            release 0
            start: init job/1/0/1
            tell the coordinator: sink-0 of attempt 1 is ready
    "#]],
    );
}

#[test]
fn without_a_guarantee_a_send_that_failed_fails_the_attempt_all_the_same() {
    let job = Job { guarantee: Guarantee::None, ..job() };
    let mut sink = Sink::new(&job, Attempt::new(1), ORIGIN, 0, Vec::new(), None);
    check(
        &mut sink,
        "begin; init 0 = ok; 0: A; 0: barrier 2; 0: B; 0: barrier 3; flush 0 = 10",
        expect![[r#"
            begin
                hold 0
                start: open a producer in slot 0
            init 0 = ok
                release 0
                tell the coordinator: sink-0 of attempt 1 is ready
            0: A
                produce A in slot 0
            0: barrier 2
                tell the coordinator: sink-0 of attempt 1 acknowledges 2 with []
                start: flush slot 0
            0: B
                produce B in slot 0
            0: barrier 3
                tell the coordinator: sink-0 of attempt 1 acknowledges 3 with []
            flush 0 = 10
                tell the coordinator: sink-0 of attempt 1 failed: flush 0 was answered 10
        "#]],
    );
}
