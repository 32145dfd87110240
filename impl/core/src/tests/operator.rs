//! The operator: what it does at an aligned barrier, in which order, and when it acknowledges.

use alloc::string::String;

use expect_test::{Expect, expect};

use super::check;
use crate::{Attempt, Operator};

/// An operator with two inputs.
fn operator(script: &str, expected: Expect) {
    let mut operator = Operator::<String>::new(Attempt::new(1), 0, 2, Some("A:1".into()));
    check(&mut operator, script, expected);
}

#[test]
fn nothing_is_taken_before_the_state_is_restored() {
    operator(
        "begin; restore = ok; 0: B",
        expect![[r#"
        begin
            hold 0
            hold 1
            start: restore `A:1`
        restore = ok
            release 0
            release 1
            tell the coordinator: operator-0 of attempt 1 is ready
        0: B
            process B
    "#]],
    );
}

#[test]
fn a_state_that_can_not_be_restored_fails_the_attempt() {
    operator(
        "begin; restore = failed",
        expect![[r#"
        begin
            hold 0
            hold 1
            start: restore `A:1`
        restore = failed
            tell the coordinator: operator-0 of attempt 1 failed: restore: the disk is full
    "#]],
    );
}

#[test]
fn the_state_is_captured_before_the_barrier_goes_on_and_anything_held_is_released() {
    operator(
        "0: A; 0: barrier 2; 1: A; 1: barrier 2; 0: C; snapshot 2 = state-2",
        expect![[r#"
        0: A
            process A
        0: barrier 2
            hold 0
        1: A
            process A
        1: barrier 2
            start: snapshot for checkpoint 2 of attempt 1
            emit barrier 2
            release 0
            release 1
        0: C
            process C
        snapshot 2 = state-2
            tell the coordinator: operator-0 of attempt 1 acknowledges 2 with `state-2`
    "#]],
    );
}

#[test]
fn a_snapshot_that_fails_declines_the_checkpoint() {
    operator(
        "0: barrier 2; 1: barrier 2; snapshot 2 = failed",
        expect![[r#"
        0: barrier 2
            hold 0
        1: barrier 2
            start: snapshot for checkpoint 2 of attempt 1
            emit barrier 2
            release 0
            release 1
        snapshot 2 = failed
            tell the coordinator: operator-0 of attempt 1 declines 2
    "#]],
    );
}

#[test]
fn an_aborted_checkpoint_releases_what_it_held_and_its_late_barrier_is_ignored() {
    operator(
        "0: barrier 2; abort 2; 1: barrier 2; 0: B",
        expect![[r#"
        0: barrier 2
            hold 0
        abort 2
            emit cancellation of 2
            tell the coordinator: operator-0 of attempt 1 declines 2
            release 0
        1: barrier 2
        0: B
            process B
    "#]],
    );
}

#[test]
fn a_cancellation_in_band_goes_on_downstream() {
    operator(
        "0: barrier 2; 1: cancel 2; 0: barrier 3; 1: barrier 3",
        expect![[r#"
        0: barrier 2
            hold 0
        1: cancel 2
            emit cancellation of 2
            tell the coordinator: operator-0 of attempt 1 declines 2
            release 0
        0: barrier 3
            hold 0
        1: barrier 3
            start: snapshot for checkpoint 3 of attempt 1
            emit barrier 3
            release 0
            release 1
    "#]],
    );
}

#[test]
fn the_end_goes_on_when_every_input_has_ended() {
    operator(
        "0: last 2; 1: last 2; 0: end; 1: end",
        expect![[r#"
        0: last 2
            hold 0
        1: last 2
            start: snapshot for checkpoint 2 of attempt 1
            emit last barrier 2
            release 0
            release 1
        0: end
        1: end
            emit end
    "#]],
    );
}

#[test]
fn after_its_function_failed_nothing_is_taken_and_nothing_acknowledged() {
    operator(
        "0: A; failed no such key; 0: B; 0: barrier 2; 1: barrier 2",
        expect![[r#"
        0: A
            process A
        failed no such key
            tell the coordinator: operator-0 of attempt 1 failed: task: no such key
        0: B
        0: barrier 2
        1: barrier 2
    "#]],
    );
}
