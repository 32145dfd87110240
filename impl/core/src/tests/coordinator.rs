//! The coordinator: from an empty store to completed checkpoints, and what acknowledgements do and do not do.

use alloc::string::String;

use expect_test::{Expect, expect};

use super::{check, job, read, run};
use crate::{Coordinator, Job, Settings, Token};

/// From an empty store to a running attempt 1 on worker w0.
pub(super) const START: &str =
    "begin; head = none; swap = ok; start = 0 0; write 1 = ok; swap = ok; read = 1.1 0 0 -; join w0 2;
    source-0 ready; source-1 ready; operator-0 ready; sink-0 ready; list = all";

/// All acknowledgements of checkpoint 2, of which the sink's comes last.
pub(super) const ACKS: &str =
    "source-0 ack 2 2; source-1 ack 2 1; operator-0 ack 2 A:2 B:1; sink-0 ack 2 2@1/0/0";

/// Checkpoint 2 from its trigger to its completion.
pub(super) const COMPLETED: &str =
    "fire interval; source-0 ack 2 2; source-1 ack 2 1; operator-0 ack 2 A:2 B:1;
    sink-0 ack 2 2@1/0/0; write 2 = ok; swap = ok";

/// A coordinator that was through a script.
pub(super) fn after(job: Job, script: &str) -> Coordinator<String> {
    let mut coordinator = Coordinator::new(job, Token::new(9), false);
    run(&mut coordinator, script, read::input);
    coordinator
}

/// A running attempt, and a script from there on.
pub(super) fn running(script: &str, expected: Expect) {
    check(&mut after(job(), START), script, expected);
}

/// The same with other settings.
pub(super) fn running_with(settings: Settings, script: &str, expected: Expect) {
    check(&mut after(Job { settings, ..job() }, START), script, expected);
}

#[test]
fn a_new_job_claims_attempt_1_and_makes_its_start_the_first_checkpoint() {
    check(
        &mut Coordinator::new(job(), Token::new(9), false),
        START,
        expect![[r#"
            begin
                arm heartbeat
                start: read the head
            head = none
                start: swap v0 for attempt 1 of coordinator 9, latest none, next 1
            swap = ok
                start: resolve the start (Earliest)
            start = 0 0
                start: write checkpoint 1 of attempt 1: source-0 0:0, source-1 1:0, operator-0 no state, sink-0 []
            write 1 = ok
                start: swap v1 for attempt 1 of coordinator 9, latest checkpoint 1 of attempt 1, next 2
            swap = ok
                start: read checkpoint 1 of attempt 1
            read = 1.1 0 0 -
                start: list transactions that are Ongoing
            join w0 2
                arm silence w0
                tell w0: deploy attempt 1 from checkpoint 1 of attempt 1 on w0 w0: sink-0 with [], operator-0 with no state, source-0 with 0:0, source-1 with 1:0
            source-0 ready
            source-1 ready
            operator-0 ready
            sink-0 ready
                arm interval
            list = all
        "#]],
    );
}

#[test]
fn a_checkpoint_is_stored_then_swapped_in_and_only_then_is_anybody_told() {
    running(
        COMPLETED,
        expect![[r#"
            fire interval
                arm interval
                arm expiry 2
                tell w0: source-0: trigger 2
                tell w0: source-1: trigger 2
            source-0 ack 2 2
            source-1 ack 2 1
            operator-0 ack 2 A:2 B:1
            sink-0 ack 2 2@1/0/0
                disarm expiry 2
                start: write checkpoint 2 of attempt 1: source-0 0:2, source-1 1:1, operator-0 `A:2 B:1`, sink-0 [2@job/1/0/0 by 7.0 (3 records)]
            write 2 = ok
                start: swap v2 for attempt 1 of coordinator 9, latest checkpoint 2 of attempt 1, next 3
            swap = ok
                start: discard what is older than 2
                tell w0: sink-0: 2 is complete
                tell w0: operator-0: 2 is complete
                tell w0: source-0: 2 is complete
                tell w0: source-1: 2 is complete
                start: list transactions that are Ongoing
        "#]],
    );
}

#[test]
fn duplicate_foreign_and_late_acknowledgements_change_nothing() {
    running(
        "fire interval; source-0 ack 2 2; source-0 ack 2 3; source-1/7 ack 2 1; source-1 ack 3 1; source-1 ack 1 1; operator-0 ack 2 A:2;
         source-1 ack 2 1; sink-0 ack 2; sink-0 ack 2; write 2 = ok; swap = ok; source-0 ack 2 2; source-0 declines 2; fire heartbeat",
        expect![[r#"
            fire interval
                arm interval
                arm expiry 2
                tell w0: source-0: trigger 2
                tell w0: source-1: trigger 2
            source-0 ack 2 2
            source-0 ack 2 3
            source-1/7 ack 2 1
            source-1 ack 3 1
            source-1 ack 1 1
            operator-0 ack 2 A:2
            source-1 ack 2 1
            sink-0 ack 2
                disarm expiry 2
                start: write checkpoint 2 of attempt 1: source-0 0:2, source-1 1:1, operator-0 `A:2`, sink-0 []
            sink-0 ack 2
            write 2 = ok
                start: swap v2 for attempt 1 of coordinator 9, latest checkpoint 2 of attempt 1, next 3
            swap = ok
                start: discard what is older than 2
                tell w0: sink-0: 2 is complete
                tell w0: operator-0: 2 is complete
                tell w0: source-0: 2 is complete
                tell w0: source-1: 2 is complete
                start: list transactions that are Ongoing
            source-0 ack 2 2
            source-0 declines 2
            fire heartbeat
                tell w0: attempt 1 is in force, 2 is complete
                arm heartbeat
        "#]],
    );
}

#[test]
fn a_worker_that_was_given_up_is_not_listened_to() {
    running(
        "fire interval; join w1 2; lost w0; source-0 ack 2 2; pulse w0; fire restart; swap = ok",
        expect![[r#"
            fire interval
                arm interval
                arm expiry 2
                tell w0: source-0: trigger 2
                tell w0: source-1: trigger 2
            join w1 2
                arm silence w1
            lost w0
                disarm silence w0
                disarm expiry 2
                start: discard checkpoint 2 of attempt 1
                disarm interval
                arm restart
            source-0 ack 2 2
            pulse w0
            fire restart
                start: swap v2 for attempt 2 of coordinator 9, latest checkpoint 1 of attempt 1, next 3
            swap = ok
                start: read checkpoint 1 of attempt 1
        "#]],
    );
}

#[test]
fn one_checkpoint_at_a_time_is_under_way_and_a_passed_interval_is_made_good() {
    running(
        "fire interval; fire interval; source-0 ack 2 2; source-1 ack 2 1; operator-0 ack 2 A:2; sink-0 ack 2; write 2 = ok; swap = ok",
        expect![[r#"
            fire interval
                arm interval
                arm expiry 2
                tell w0: source-0: trigger 2
                tell w0: source-1: trigger 2
            fire interval
                arm interval
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
                tell w0: source-0: trigger 3
                tell w0: source-1: trigger 3
        "#]],
    );
}

#[test]
fn the_shortest_pause_is_kept_between_two_checkpoints() {
    let settings = Settings { min_pause: true, ..Settings::default() };
    let script = "fire interval; source-0 ack 2 2; source-1 ack 2 1; operator-0 ack 2 A:2; sink-0 ack 2; write 2 = ok; swap = ok;
         fire interval; fire min-pause";
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
                arm min-pause
            fire interval
                arm interval
            fire min-pause
                arm expiry 3
                tell w0: source-0: trigger 3
                tell w0: source-1: trigger 3
        "#]],
    );
}

#[test]
fn a_newer_checkpoint_that_completes_first_subsumes_an_older_one() {
    let settings = Settings { max_concurrent: 2, ..Settings::default() };
    let script = "fire interval; fire interval; source-0 ack 3 2; source-1 ack 3 1; operator-0 ack 3 A:2; sink-0 ack 3; write 3 = ok;
         swap = ok; source-0 ack 2 2";
    running_with(
        settings,
        script,
        expect![[r#"
            fire interval
                arm interval
                arm expiry 2
                tell w0: source-0: trigger 2
                tell w0: source-1: trigger 2
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
                disarm expiry 2
                tell w0: sink-0: 2 is aborted
                tell w0: operator-0: 2 is aborted
                tell w0: source-0: 2 is aborted
                tell w0: source-1: 2 is aborted
                start: discard checkpoint 2 of attempt 1
                tell w0: sink-0: 3 is complete
                tell w0: operator-0: 3 is complete
                tell w0: source-0: 3 is complete
                tell w0: source-1: 3 is complete
                start: list transactions that are Ongoing
            source-0 ack 2 2
        "#]],
    );
}

#[test]
fn whole_checkpoints_wait_for_the_store_one_by_one() {
    let settings = Settings { max_concurrent: 2, ..Settings::default() };
    let script = "fire interval; fire interval; source-0 ack 2 2; source-1 ack 2 1; operator-0 ack 2 A:2; sink-0 ack 2;
         source-0 ack 3 2; source-1 ack 3 1; operator-0 ack 3 A:2; sink-0 ack 3; write 2 = ok; swap = ok; write 3 = ok; swap = ok";
    running_with(
        settings,
        script,
        expect![[r#"
            fire interval
                arm interval
                arm expiry 2
                tell w0: source-0: trigger 2
                tell w0: source-1: trigger 2
            fire interval
                arm interval
                arm expiry 3
                tell w0: source-0: trigger 3
                tell w0: source-1: trigger 3
            source-0 ack 2 2
            source-1 ack 2 1
            operator-0 ack 2 A:2
            sink-0 ack 2
                disarm expiry 2
                start: write checkpoint 2 of attempt 1: source-0 0:2, source-1 1:1, operator-0 `A:2`, sink-0 []
            source-0 ack 3 2
            source-1 ack 3 1
            operator-0 ack 3 A:2
            sink-0 ack 3
                disarm expiry 3
            write 2 = ok
                start: swap v2 for attempt 1 of coordinator 9, latest checkpoint 2 of attempt 1, next 4
            swap = ok
                start: discard what is older than 2
                tell w0: sink-0: 2 is complete
                tell w0: operator-0: 2 is complete
                tell w0: source-0: 2 is complete
                tell w0: source-1: 2 is complete
                start: list transactions that are Ongoing
                start: write checkpoint 3 of attempt 1: source-0 0:2, source-1 1:1, operator-0 `A:2`, sink-0 []
            write 3 = ok
                start: swap v3 for attempt 1 of coordinator 9, latest checkpoint 3 of attempt 1, next 4
            swap = ok
                start: discard what is older than 3
                tell w0: sink-0: 3 is complete
                tell w0: operator-0: 3 is complete
                tell w0: source-0: 3 is complete
                tell w0: source-1: 3 is complete
        "#]],
    );
}

#[test]
fn as_many_completed_checkpoints_are_kept_as_are_wanted() {
    let settings = Settings { retained: 2, ..Settings::default() };
    let script = "fire interval; source-0 ack 2 2; source-1 ack 2 1; operator-0 ack 2 A:2; sink-0 ack 2; write 2 = ok; swap = ok;
         fire interval; source-0 ack 3 2; source-1 ack 3 1; operator-0 ack 3 A:2; sink-0 ack 3; write 3 = ok; swap = ok";
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
            source-1 ack 2 1
            operator-0 ack 2 A:2
            sink-0 ack 2
                disarm expiry 2
                start: write checkpoint 2 of attempt 1: source-0 0:2, source-1 1:1, operator-0 `A:2`, sink-0 []
            write 2 = ok
                start: swap v2 for attempt 1 of coordinator 9, latest checkpoint 2 of attempt 1, next 3
            swap = ok
                tell w0: sink-0: 2 is complete
                tell w0: operator-0: 2 is complete
                tell w0: source-0: 2 is complete
                tell w0: source-1: 2 is complete
                start: list transactions that are Ongoing
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
                start: swap v3 for attempt 1 of coordinator 9, latest checkpoint 3 of attempt 1, next 4
            swap = ok
                start: discard what is older than 2
                tell w0: sink-0: 3 is complete
                tell w0: operator-0: 3 is complete
                tell w0: source-0: 3 is complete
                tell w0: source-1: 3 is complete
        "#]],
    );
}
