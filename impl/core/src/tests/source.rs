//! The source: offsets at the barrier, and what it does and does not say after it.

use expect_test::{Expect, expect};

use super::{check, job, offsets};
use crate::{Attempt, Job, Source};

fn unbounded() -> Job {
    Job { bounded: false, ..job() }
}

/// A source of partition 0 from offset 0, begun.
fn source(script: &str, expected: Expect) {
    let mut source = Source::new(&unbounded(), Attempt::new(1), 0, offsets(&[0]), false);
    check(&mut source, script, expected);
}

#[test]
fn a_checkpoint_catches_the_offset_after_the_last_record_before_its_barrier() {
    source(
        "begin; fetched 0 A B to 2; trigger 2; fetched 0 C to 3; complete 2; offsets = 0",
        expect![[r#"
        begin
            consume from 0:0
            tell the coordinator: source-0 of attempt 1 is ready
        fetched 0 A B to 2
            emit A B
        trigger 2
            emit barrier 2
            tell the coordinator: source-0 of attempt 1 acknowledges 2 with 0:2
        fetched 0 C to 3
            emit C
        complete 2
            start: commit offsets 0:2
        offsets = 0
    "#]],
    );
}

#[test]
fn a_repeated_or_older_trigger_is_ignored() {
    source(
        "trigger 2; trigger 2; trigger 1",
        expect![[r#"
        trigger 2
            emit barrier 2
            tell the coordinator: source-0 of attempt 1 acknowledges 2 with 0:0
        trigger 2
        trigger 1
    "#]],
    );
}

#[test]
fn offsets_are_committed_only_when_the_checkpoint_is_complete_and_a_later_one_subsumes_it() {
    source(
        "fetched 0 A to 1; trigger 1; fetched 0 B to 2; trigger 2; fetched 0 C to 3; trigger 3; complete 2; complete 2;
         complete 3; offsets = 14; offsets = unknown",
        expect![[r#"
            fetched 0 A to 1
                emit A
            trigger 1
                emit barrier 1
                tell the coordinator: source-0 of attempt 1 acknowledges 1 with 0:1
            fetched 0 B to 2
                emit B
            trigger 2
                emit barrier 2
                tell the coordinator: source-0 of attempt 1 acknowledges 2 with 0:2
            fetched 0 C to 3
                emit C
            trigger 3
                emit barrier 3
                tell the coordinator: source-0 of attempt 1 acknowledges 3 with 0:3
            complete 2
                start: commit offsets 0:2
            complete 2
            complete 3
            offsets = 14
                start: commit offsets 0:3
            offsets = unknown
        "#]],
    );
}

#[test]
fn offsets_of_an_aborted_checkpoint_are_never_committed() {
    source(
        "fetched 0 A to 1; trigger 1; abort 1; complete 1",
        expect![[r#"
        fetched 0 A to 1
            emit A
        trigger 1
            emit barrier 1
            tell the coordinator: source-0 of attempt 1 acknowledges 1 with 0:1
        abort 1
        complete 1
    "#]],
    );
}

#[test]
fn a_checkpoint_aborted_before_its_trigger_came_is_cancelled_in_band_and_then_ignored() {
    source(
        "abort 1; trigger 1; trigger 2",
        expect![[r#"
        abort 1
            emit cancellation of 1
        trigger 1
        trigger 2
            emit barrier 2
            tell the coordinator: source-0 of attempt 1 acknowledges 2 with 0:0
    "#]],
    );
}

#[test]
fn after_the_last_barrier_nothing_is_emitted() {
    source(
        "fetched 0 A to 1; last 1; fetched 0 B to 2; trigger 2; complete 1",
        expect![[r#"
        fetched 0 A to 1
            emit A
        last 1
            emit last barrier 1
            tell the coordinator: source-0 of attempt 1 acknowledges 1 with 0:1
            emit end
        fetched 0 B to 2
        trigger 2
            tell the coordinator: source-0 of attempt 1 declines 2
        complete 1
            start: commit offsets 0:1
    "#]],
    );
}

#[test]
fn a_source_that_restores_the_end_of_the_job_reads_nothing() {
    let mut source = Source::new(&job(), Attempt::new(2), 0, offsets(&[5]), true);
    check(
        &mut source,
        "begin",
        expect![[r#"
        begin
            tell the coordinator: source-0 of attempt 2 is ready
    "#]],
    );
}

#[test]
fn a_surplus_source_without_partitions_still_carries_barriers() {
    let mut source = Source::new(&unbounded(), Attempt::new(1), 1, offsets(&[]), false);
    check(
        &mut source,
        "begin; trigger 1; complete 1",
        expect![[r#"
            begin
                tell the coordinator: source-1 of attempt 1 is ready
            trigger 1
                emit barrier 1
                tell the coordinator: source-1 of attempt 1 acknowledges 1 with no offsets
            complete 1
        "#]],
    );
}

#[test]
fn a_bounded_input_is_read_once_the_end_of_every_partition_was_met() {
    let mut source = Source::new(&job(), Attempt::new(1), 0, offsets(&[0, 0]), false);
    check(
        &mut source,
        "begin; end of 1; end of 1; fetched 1 A to 1; end of 0; end of 0; fetched 0 B to 1",
        expect![[r#"
            begin
                consume from 0:0 1:0, and say when the end is met
                tell the coordinator: source-0 of attempt 1 is ready
            end of 1
            end of 1
            fetched 1 A to 1
                emit A
            end of 0
                tell the coordinator: source-0 of attempt 1 is at the end of its input
            end of 0
            fetched 0 B to 1
                emit B
        "#]],
    );
}

#[test]
fn a_surplus_source_of_a_bounded_input_is_at_its_end_at_once() {
    let mut source = Source::new(&job(), Attempt::new(1), 1, offsets(&[]), false);
    check(
        &mut source,
        "begin",
        expect![[r#"
        begin
            tell the coordinator: source-1 of attempt 1 is ready
            tell the coordinator: source-1 of attempt 1 is at the end of its input
    "#]],
    );
}

#[test]
fn an_unbounded_input_has_no_end() {
    source(
        "end of 0",
        expect![[r#"
        end of 0
    "#]],
    );
}

#[test]
fn what_the_client_gets_over_by_itself_is_no_failure() {
    source(
        "fetch failed -195; fetch failed -140",
        expect![[r#"
        fetch failed -195
        fetch failed -140
            tell the coordinator: source-0 of attempt 1 failed: the input: -140, the broker says so
    "#]],
    );
}

#[test]
fn a_failure_is_reported() {
    source(
        "failed the broker is gone",
        expect![[r#"
        failed the broker is gone
            tell the coordinator: source-0 of attempt 1 failed: task: the broker is gone
    "#]],
    );
}
