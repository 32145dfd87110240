//! The sink's committer: what a completed checkpoint lists is committed, once each and in order, and never given up in silence.

use alloc::vec::Vec;

use expect_test::{Expect, expect};

use super::read::{ORIGIN, committable};
use super::{check, job};
use crate::{Attempt, CheckpointId, Job, Sink};

/// A sink of attempt 2 that restores a checkpoint which lists one transaction of attempt 1.
fn restored(script: &str, expected: Expect) {
    accepting(false, script, expected);
}

fn accepting(loss: bool, script: &str, expected: Expect) {
    let listed = Vec::from([committable("4@1/0/0")]);
    let mut sink = Sink::new(&Job { accept_loss: loss, ..job() }, Attempt::new(2), ORIGIN, 0, listed, None);
    check(&mut sink, script, expected);
}

#[test]
fn what_the_restored_checkpoint_lists_is_committed_before_it_is_ready() {
    restored(
        "begin; init 0 = 8.0; commit 1/0/0 = 0",
        expect![[r#"
        begin
            hold 0
            start: init job/2/0/0
            start: commit 4@job/1/0/0 by 7.0 (3 records)
        init 0 = 8.0
            release 0
            start: init job/2/0/1
        commit 1/0/0 = 0
            tell the coordinator: sink-0 of attempt 2 is ready
    "#]],
    );
}

#[test]
fn a_commit_without_an_answer_is_sent_again_with_the_same_identity() {
    restored(
        "begin; commit 1/0/0 = unknown; retry commit 1/0/0; commit 1/0/0 = 51; retry commit 1/0/0; commit 1/0/0 = 0",
        expect![[r#"
            begin
                hold 0
                start: init job/2/0/0
                start: commit 4@job/1/0/0 by 7.0 (3 records)
            commit 1/0/0 = unknown
                arm retry commit job/1/0/0
            retry commit 1/0/0
                start: commit 4@job/1/0/0 by 7.0 (3 records)
            commit 1/0/0 = 51
                arm retry commit job/1/0/0
            retry commit 1/0/0
                start: commit 4@job/1/0/0 by 7.0 (3 records)
            commit 1/0/0 = 0
        "#]],
    );
}

#[test]
fn a_fenced_commit_that_is_described_as_committed_is_committed() {
    restored(
        "begin; init 0 = 8.0; commit 1/0/0 = 90; describe 1/0/0 = CompleteCommit 7.0",
        expect![[r#"
        begin
            hold 0
            start: init job/2/0/0
            start: commit 4@job/1/0/0 by 7.0 (3 records)
        init 0 = 8.0
            release 0
            start: init job/2/0/1
        commit 1/0/0 = 90
            start: describe job/1/0/0
        describe 1/0/0 = CompleteCommit 7.0
            tell the coordinator: sink-0 of attempt 2 is ready
    "#]],
    );
}

#[test]
fn a_fenced_commit_that_is_described_as_aborted_is_lost() {
    restored(
        "begin; init 0 = 8.0; commit 1/0/0 = 90; describe 1/0/0 = CompleteAbort 7.1",
        expect![[r#"
        begin
            hold 0
            start: init job/2/0/0
            start: commit 4@job/1/0/0 by 7.0 (3 records)
        init 0 = 8.0
            release 0
            start: init job/2/0/1
        commit 1/0/0 = 90
            start: describe job/1/0/0
        describe 1/0/0 = CompleteAbort 7.1
            tell the coordinator: sink-0 of attempt 2 lost 4@job/1/0/0 by 7.0 (3 records) (Aborted)
    "#]],
    );
}

#[test]
fn a_fenced_commit_of_which_nobody_can_tell_is_lost_too() {
    restored(
        "begin; commit 1/0/0 = 47; describe 1/0/0 = Empty 7.1",
        expect![[r#"
        begin
            hold 0
            start: init job/2/0/0
            start: commit 4@job/1/0/0 by 7.0 (3 records)
        commit 1/0/0 = 47
            start: describe job/1/0/0
        describe 1/0/0 = Empty 7.1
            tell the coordinator: sink-0 of attempt 2 lost 4@job/1/0/0 by 7.0 (3 records) (Unknowable)
    "#]],
    );
    restored(
        "begin; commit 1/0/0 = 49; describe 1/0/0 = 105",
        expect![[r#"
        begin
            hold 0
            start: init job/2/0/0
            start: commit 4@job/1/0/0 by 7.0 (3 records)
        commit 1/0/0 = 49
            start: describe job/1/0/0
        describe 1/0/0 = 105
            tell the coordinator: sink-0 of attempt 2 lost 4@job/1/0/0 by 7.0 (3 records) (Unknowable)
    "#]],
    );
}

#[test]
fn a_description_that_does_not_come_is_asked_for_again() {
    restored(
        "begin; commit 1/0/0 = 90; describe 1/0/0 = unknown; retry describe 1/0/0; describe 1/0/0 = 15; retry describe 1/0/0",
        expect![[r#"
            begin
                hold 0
                start: init job/2/0/0
                start: commit 4@job/1/0/0 by 7.0 (3 records)
            commit 1/0/0 = 90
                start: describe job/1/0/0
            describe 1/0/0 = unknown
                arm retry describe job/1/0/0
            retry describe 1/0/0
                start: describe job/1/0/0
            describe 1/0/0 = 15
                arm retry describe job/1/0/0
            retry describe 1/0/0
                start: describe job/1/0/0
        "#]],
    );
}

#[test]
fn an_accepted_loss_is_told_and_the_job_goes_on() {
    accepting(
        true,
        "begin; init 0 = 8.0; commit 1/0/0 = 90; describe 1/0/0 = CompleteAbort 7.1; 0: A; init 1 = 9.0; 0: barrier 5; flush 0 = ok",
        expect![[r#"
            begin
                hold 0
                start: init job/2/0/0
                start: commit 4@job/1/0/0 by 7.0 (3 records)
            init 0 = 8.0
                release 0
                start: init job/2/0/1
            commit 1/0/0 = 90
                start: describe job/1/0/0
            describe 1/0/0 = CompleteAbort 7.1
                tell the coordinator: sink-0 of attempt 2 lost 4@job/1/0/0 by 7.0 (3 records) (Aborted)
                tell the coordinator: sink-0 of attempt 2 is ready
            0: A
                produce A in slot 0
            init 1 = 9.0
            0: barrier 5
                hold 0
                start: flush slot 0
            flush 0 = ok
                close the producer of slot 0
                tell the coordinator: sink-0 of attempt 2 acknowledges 5 with [5@job/2/0/0 by 8.0 (1 record)]
                release 0
                start: init job/2/0/2
        "#]],
    );
}

#[test]
fn after_a_loss_nothing_more_is_committed() {
    let listed = Vec::from([committable("3@1/0/0"), committable("4@1/0/1")]);
    let mut sink = Sink::new(&job(), Attempt::new(2), ORIGIN, 0, listed, None);
    check(
        &mut sink,
        "begin; commit 1/0/0 = 90; describe 1/0/0 = CompleteAbort 7.1; complete 5/2",
        expect![[r#"
            begin
                hold 0
                start: init job/2/0/0
                start: commit 3@job/1/0/0 by 7.0 (3 records)
            commit 1/0/0 = 90
                start: describe job/1/0/0
            describe 1/0/0 = CompleteAbort 7.1
                tell the coordinator: sink-0 of attempt 2 lost 3@job/1/0/0 by 7.0 (3 records) (Aborted)
            complete 5/2
        "#]],
    );
}

#[test]
fn commits_go_one_at_a_time_in_checkpoint_order() {
    let listed = Vec::from([committable("3@1/0/0"), committable("4@1/0/1")]);
    let mut sink = Sink::new(&job(), Attempt::new(2), ORIGIN, 0, listed, None);
    check(
        &mut sink,
        "begin; init 0 = 8.0; commit 1/0/0 = 0; commit 1/0/1 = 0",
        expect![[r#"
        begin
            hold 0
            start: init job/2/0/0
            start: commit 3@job/1/0/0 by 7.0 (3 records)
        init 0 = 8.0
            release 0
            start: init job/2/0/1
        commit 1/0/0 = 0
            start: commit 4@job/1/0/1 by 7.0 (3 records)
        commit 1/0/1 = 0
            tell the coordinator: sink-0 of attempt 2 is ready
    "#]],
    );
}

#[test]
fn a_notification_that_was_lost_is_made_good_by_the_next_one() {
    restored(
        "begin; commit 1/0/0 = 0; init 0 = 8.0; init 1 = 9.0; 0: A; 0: barrier 5; flush 0 = ok; init 2 = 10.0; 0: B; 0: barrier 6; flush 1 = ok;
         complete 6/2; commit 2/0/0 = 0; commit 2/0/1 = 0; complete 5/2",
        expect![[r#"
            begin
                hold 0
                start: init job/2/0/0
                start: commit 4@job/1/0/0 by 7.0 (3 records)
            commit 1/0/0 = 0
            init 0 = 8.0
                release 0
                start: init job/2/0/1
                tell the coordinator: sink-0 of attempt 2 is ready
            init 1 = 9.0
            0: A
                produce A in slot 0
            0: barrier 5
                hold 0
                start: flush slot 0
            flush 0 = ok
                close the producer of slot 0
                tell the coordinator: sink-0 of attempt 2 acknowledges 5 with [5@job/2/0/0 by 8.0 (1 record)]
                release 0
                start: init job/2/0/2
            init 2 = 10.0
            0: B
                produce B in slot 1
            0: barrier 6
                hold 0
                start: flush slot 1
            flush 1 = ok
                close the producer of slot 1
                tell the coordinator: sink-0 of attempt 2 acknowledges 6 with [5@job/2/0/0 by 8.0 (1 record), 6@job/2/0/1 by 9.0 (1 record)]
                release 0
                start: init job/2/0/3
            complete 6/2
                start: commit 5@job/2/0/0 by 8.0 (1 record)
            commit 2/0/0 = 0
                start: commit 6@job/2/0/1 by 9.0 (1 record)
            commit 2/0/1 = 0
            complete 5/2
        "#]],
    );
}

#[test]
fn a_sink_that_restores_the_end_of_the_job_commits_and_is_drained() {
    let listed = Vec::from([committable("4@1/0/0")]);
    let drained_at = Some(CheckpointId::new(4));
    let mut sink = Sink::new(&job(), Attempt::new(2), ORIGIN, 0, listed, drained_at);
    check(
        &mut sink,
        "begin; commit 1/0/0 = 0",
        expect![[r#"
        begin
            start: commit 4@job/1/0/0 by 7.0 (3 records)
        commit 1/0/0 = 0
            tell the coordinator: sink-0 of attempt 2 is ready
            tell the coordinator: sink-0 of attempt 2 is drained
    "#]],
    );
}

#[test]
fn a_commit_that_can_not_be_sent_at_all_fails_the_attempt() {
    restored(
        "begin; commit 1/0/0 = failed",
        expect![[r#"
        begin
            hold 0
            start: init job/2/0/0
            start: commit 4@job/1/0/0 by 7.0 (3 records)
        commit 1/0/0 = failed
            tell the coordinator: sink-0 of attempt 2 failed: commit job/1/0/0: the disk is full
    "#]],
    );
}
