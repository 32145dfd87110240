//! The sink that commits by log: outputs are durable before they are acknowledged, and what Kafka aborted is written again,
//! once and in order.

use alloc::vec::Vec;

use expect_test::{Expect, expect};

use super::read::{ORIGIN, committable};
use super::{check, job};
use crate::{Attempt, CommitBy, Job, Sink};

fn by_log() -> Job {
    Job { commit_by: CommitBy::Log, ..job() }
}

fn writing(script: &str, expected: Expect) {
    check(&mut Sink::new(&by_log(), Attempt::new(1), ORIGIN, 0, Vec::new(), None), script, expected);
}

/// A sink of attempt 2 that restores a checkpoint which lists two transactions of attempt 1.
fn restored(script: &str, expected: Expect) {
    let listed = Vec::from([committable("4@1/0/0"), committable("5@1/0/1")]);
    check(&mut Sink::new(&by_log(), Attempt::new(2), ORIGIN, 0, listed, None), script, expected);
}

#[test]
fn a_transaction_is_marked_flushed_and_uploaded_before_it_is_acknowledged() {
    writing(
        "begin; init 0 = 7.0; init 1 = 8.0; 0: A B; 0: barrier 2; flush 0 = ok; 0: C; upload 2 = unknown; retry upload 2; upload 2 = ok",
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
                produce A B in slot 0, and keep it
            0: barrier 2
                hold 0
                mark 2 of history 5 in slot 0
                start: flush slot 0
            flush 0 = ok
                close the producer of slot 0
                start: upload what was kept of slot 0 as the log of sink-0 at checkpoint 2 of attempt 1
                release 0
                start: init job/1/0/2
            0: C
                produce C in slot 1, and keep it
            upload 2 = unknown
                arm retry upload 2
            retry upload 2
                start: upload what was kept of slot 0 as the log of sink-0 at checkpoint 2 of attempt 1
            upload 2 = ok
                tell the coordinator: sink-0 of attempt 1 acknowledges 2 with [2@job/1/0/0 by 7.0 (2 records)]
        "#]],
    );
}

#[test]
fn a_later_checkpoint_waits_for_the_logs_of_what_it_lists() {
    writing(
        "begin; init 0 = 7.0; init 1 = 8.0; 0: A; 0: barrier 2; flush 0 = ok; abort 2; 0: barrier 3; upload 2 = ok",
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
                produce A in slot 0, and keep it
            0: barrier 2
                hold 0
                mark 2 of history 5 in slot 0
                start: flush slot 0
            flush 0 = ok
                close the producer of slot 0
                start: upload what was kept of slot 0 as the log of sink-0 at checkpoint 2 of attempt 1
                release 0
                start: init job/1/0/2
            abort 2
            0: barrier 3
            upload 2 = ok
                tell the coordinator: sink-0 of attempt 1 acknowledges 2 with [2@job/1/0/0 by 7.0 (1 record)]
                tell the coordinator: sink-0 of attempt 1 acknowledges 3 with [2@job/1/0/0 by 7.0 (1 record)]
        "#]],
    );
}

#[test]
fn a_log_that_can_not_be_stored_fails_the_attempt() {
    writing(
        "begin; init 0 = 7.0; init 1 = 8.0; 0: A; 0: barrier 2; flush 0 = ok; upload 2 = failed; 0: barrier 3",
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
                produce A in slot 0, and keep it
            0: barrier 2
                hold 0
                mark 2 of history 5 in slot 0
                start: flush slot 0
            flush 0 = ok
                close the producer of slot 0
                start: upload what was kept of slot 0 as the log of sink-0 at checkpoint 2 of attempt 1
                release 0
                start: init job/1/0/2
            upload 2 = failed
                tell the coordinator: sink-0 of attempt 1 failed: upload 2: the disk is full
            0: barrier 3
        "#]],
    );
}

#[test]
fn a_live_transaction_that_kafka_aborted_fails_the_attempt_and_is_left_to_the_next() {
    writing(
        "begin; init 0 = 7.0; 0: A; 0: barrier 2; flush 0 = ok; upload 2 = ok; complete 2; commit 1/0/0 = 90",
        expect![[r#"
            begin
                hold 0
                start: init job/1/0/0
            init 0 = 7.0
                release 0
                start: init job/1/0/1
                tell the coordinator: sink-0 of attempt 1 is ready
            0: A
                produce A in slot 0, and keep it
            0: barrier 2
                hold 0
                mark 2 of history 5 in slot 0
                start: flush slot 0
            flush 0 = ok
                close the producer of slot 0
                start: upload what was kept of slot 0 as the log of sink-0 at checkpoint 2 of attempt 1
            upload 2 = ok
                tell the coordinator: sink-0 of attempt 1 acknowledges 2 with [2@job/1/0/0 by 7.0 (1 record)]
            complete 2
                start: commit 2@job/1/0/0 by 7.0 (1 record)
            commit 1/0/0 = 90
                tell the coordinator: sink-0 of attempt 1 failed: commit job/1/0/0 was answered 90
        "#]],
    );
}

#[test]
fn what_is_answered_with_success_is_committed_and_nothing_is_written_again() {
    restored(
        "begin; init 0 = 8.0; commit 1/0/0 = 0; commit 1/0/1 = 0",
        expect![[r#"
        begin
            hold 0
            start: init job/2/0/0
            start: commit 4@job/1/0/0 by 7.0 (3 records)
        init 0 = 8.0
        commit 1/0/0 = 0
            start: commit 5@job/1/0/1 by 7.0 (3 records)
        commit 1/0/1 = 0
            release 0
            start: init job/2/0/1
            tell the coordinator: sink-0 of attempt 2 is ready
    "#]],
    );
}

#[test]
fn after_a_refusal_the_recovery_id_is_taken_then_all_is_fenced_then_the_marker_is_read_then_all_is_written_in_order()
 {
    restored(
        "begin; init 0 = 8.0; commit 1/0/0 = 90; take = 51; retry take; take = 9.0; fence 1/0/0 = 0; fence 1/0/1 = 51; retry fence 1/0/1;
         fence 1/0/1 = 0; marker = 5 at 3; rewrite 4 = ok; commit 0/0/65535 = unknown; retry commit 0/0/65535; commit 0/0/65535 = 0;
         take = 9.1; marker = 5 at 4; rewrite 5 = ok; commit 0/0/65535 = 0",
        expect![[r#"
            begin
                hold 0
                start: init job/2/0/0
                start: commit 4@job/1/0/0 by 7.0 (3 records)
            init 0 = 8.0
            commit 1/0/0 = 90
                start: init job/0/0/65535
            take = 51
                arm retry init_producer 65535
            retry take
                start: init job/0/0/65535
            take = 9.0
                start: fence job/1/0/0
            fence 1/0/0 = 0
                start: fence job/1/0/1
            fence 1/0/1 = 51
                arm retry fence job/1/0/1
            retry fence 1/0/1
                start: fence job/1/0/1
            fence 1/0/1 = 0
                start: read the marker of sink-0
            marker = 5 at 3
                start: write the log of sink-0 at checkpoint 4 of attempt 1 again, and mark 4 of history 5
            rewrite 4 = ok
                close the producer of slot 65535
                start: commit 4@job/0/0/65535 by 9.0 (3 records)
            commit 0/0/65535 = unknown
                arm retry commit job/0/0/65535
            retry commit 0/0/65535
                start: commit 4@job/0/0/65535 by 9.0 (3 records)
            commit 0/0/65535 = 0
                start: init job/0/0/65535
            take = 9.1
                start: read the marker of sink-0
            marker = 5 at 4
                start: write the log of sink-0 at checkpoint 5 of attempt 1 again, and mark 5 of history 5
            rewrite 5 = ok
                close the producer of slot 65535
                start: commit 5@job/0/0/65535 by 9.1 (3 records)
            commit 0/0/65535 = 0
                release 0
                start: init job/2/0/1
                tell the coordinator: sink-0 of attempt 2 is ready
        "#]],
    );
}

#[test]
fn what_the_marker_covers_is_committed_and_not_written_again() {
    restored(
        "begin; init 0 = 8.0; commit 1/0/0 = 90; take = 9.0; fence 1/0/0 = 0; fence 1/0/1 = 0; marker = 5 at 4; rewrite 5 = ok; commit 0/0/65535 = 0",
        expect![[r#"
            begin
                hold 0
                start: init job/2/0/0
                start: commit 4@job/1/0/0 by 7.0 (3 records)
            init 0 = 8.0
            commit 1/0/0 = 90
                start: init job/0/0/65535
            take = 9.0
                start: fence job/1/0/0
            fence 1/0/0 = 0
                start: fence job/1/0/1
            fence 1/0/1 = 0
                start: read the marker of sink-0
            marker = 5 at 4
                start: write the log of sink-0 at checkpoint 5 of attempt 1 again, and mark 5 of history 5
            rewrite 5 = ok
                close the producer of slot 65535
                start: commit 5@job/0/0/65535 by 9.0 (3 records)
            commit 0/0/65535 = 0
                release 0
                start: init job/2/0/1
                tell the coordinator: sink-0 of attempt 2 is ready
        "#]],
    );
}

#[test]
fn a_marker_that_covers_all_leaves_nothing_to_write() {
    restored(
        "begin; init 0 = 8.0; commit 1/0/0 = 49; take = 9.0; fence 1/0/0 = 0; fence 1/0/1 = 0; marker = 5 at 5",
        expect![[r#"
            begin
                hold 0
                start: init job/2/0/0
                start: commit 4@job/1/0/0 by 7.0 (3 records)
            init 0 = 8.0
            commit 1/0/0 = 49
                start: init job/0/0/65535
            take = 9.0
                start: fence job/1/0/0
            fence 1/0/0 = 0
                start: fence job/1/0/1
            fence 1/0/1 = 0
                start: read the marker of sink-0
            marker = 5 at 5
                release 0
                start: init job/2/0/1
                tell the coordinator: sink-0 of attempt 2 is ready
        "#]],
    );
}

#[test]
fn a_marker_of_another_history_covers_nothing() {
    restored(
        "begin; init 0 = 8.0; commit 1/0/0 = 90; take = 9.0; fence 1/0/0 = 0; fence 1/0/1 = 0; marker = 6 at 9",
        expect![[r#"
            begin
                hold 0
                start: init job/2/0/0
                start: commit 4@job/1/0/0 by 7.0 (3 records)
            init 0 = 8.0
            commit 1/0/0 = 90
                start: init job/0/0/65535
            take = 9.0
                start: fence job/1/0/0
            fence 1/0/0 = 0
                start: fence job/1/0/1
            fence 1/0/1 = 0
                start: read the marker of sink-0
            marker = 6 at 9
                start: write the log of sink-0 at checkpoint 4 of attempt 1 again, and mark 4 of history 5
        "#]],
    );
}

#[test]
fn what_was_written_again_in_part_is_aborted_by_the_next_generation() {
    restored(
        "begin; init 0 = 8.0; commit 1/0/0 = 90; take = 9.0; fence 1/0/0 = 0; fence 1/0/1 = 0; marker = none; rewrite 4 = -195; retry take;
         take = 9.2; marker = none; rewrite 4 = ok; commit 0/0/65535 = 0",
        expect![[r#"
            begin
                hold 0
                start: init job/2/0/0
                start: commit 4@job/1/0/0 by 7.0 (3 records)
            init 0 = 8.0
            commit 1/0/0 = 90
                start: init job/0/0/65535
            take = 9.0
                start: fence job/1/0/0
            fence 1/0/0 = 0
                start: fence job/1/0/1
            fence 1/0/1 = 0
                start: read the marker of sink-0
            marker = none
                start: write the log of sink-0 at checkpoint 4 of attempt 1 again, and mark 4 of history 5
            rewrite 4 = -195
                arm retry init_producer 65535
            retry take
                start: init job/0/0/65535
            take = 9.2
                start: read the marker of sink-0
            marker = none
                start: write the log of sink-0 at checkpoint 4 of attempt 1 again, and mark 4 of history 5
            rewrite 4 = ok
                close the producer of slot 65535
                start: commit 4@job/0/0/65535 by 9.2 (3 records)
            commit 0/0/65535 = 0
                start: init job/0/0/65535
        "#]],
    );
}

#[test]
fn a_recoverer_that_another_one_excluded_fails_its_attempt() {
    restored(
        "begin; init 0 = 8.0; commit 1/0/0 = 90; take = 9.0; fence 1/0/0 = 0; fence 1/0/1 = 0; marker = none; rewrite 4 = ok; commit 0/0/65535 = 90",
        expect![[r#"
            begin
                hold 0
                start: init job/2/0/0
                start: commit 4@job/1/0/0 by 7.0 (3 records)
            init 0 = 8.0
            commit 1/0/0 = 90
                start: init job/0/0/65535
            take = 9.0
                start: fence job/1/0/0
            fence 1/0/0 = 0
                start: fence job/1/0/1
            fence 1/0/1 = 0
                start: read the marker of sink-0
            marker = none
                start: write the log of sink-0 at checkpoint 4 of attempt 1 again, and mark 4 of history 5
            rewrite 4 = ok
                close the producer of slot 65535
                start: commit 4@job/0/0/65535 by 9.0 (3 records)
            commit 0/0/65535 = 90
                tell the coordinator: sink-0 of attempt 2 failed: commit job/0/0/65535 was answered 90
        "#]],
    );
}

#[test]
fn what_another_recoverer_wrote_in_between_is_not_written_once_more() {
    restored(
        "begin; init 0 = 8.0; commit 1/0/0 = 90; take = 9.0; fence 1/0/0 = 0; fence 1/0/1 = 0; marker = none; rewrite 4 = ok;
         commit 0/0/65535 = 0; take = 9.3; marker = 5 at 5",
        expect![[r#"
            begin
                hold 0
                start: init job/2/0/0
                start: commit 4@job/1/0/0 by 7.0 (3 records)
            init 0 = 8.0
            commit 1/0/0 = 90
                start: init job/0/0/65535
            take = 9.0
                start: fence job/1/0/0
            fence 1/0/0 = 0
                start: fence job/1/0/1
            fence 1/0/1 = 0
                start: read the marker of sink-0
            marker = none
                start: write the log of sink-0 at checkpoint 4 of attempt 1 again, and mark 4 of history 5
            rewrite 4 = ok
                close the producer of slot 65535
                start: commit 4@job/0/0/65535 by 9.0 (3 records)
            commit 0/0/65535 = 0
                start: init job/0/0/65535
            take = 9.3
                start: read the marker of sink-0
            marker = 5 at 5
                release 0
                start: init job/2/0/1
                tell the coordinator: sink-0 of attempt 2 is ready
        "#]],
    );
}
