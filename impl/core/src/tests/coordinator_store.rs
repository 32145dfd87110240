//! The store: claims, failed writes, unknown swaps; and transactions that dead attempts left open.

use expect_test::expect;

use super::coordinator::{ACKS, START, after};
use super::{check, job, read, run};
use crate::{Coordinator, Job, Settings, StartPosition, Token};

#[test]
fn a_restarted_job_claims_the_next_attempt_before_it_reads_the_latest_checkpoint() {
    let mut coordinator = Coordinator::new(job(), Token::new(9), false);
    check(
        &mut coordinator,
        "begin; head = 7 8 3 3.12 13; swap = ok; read = 3.12 2 1 A:2 12@3/0/0; join w0 2",
        expect![[r#"
            begin
                arm heartbeat
                start: read the head
            head = 7 8 3 3.12 13
                start: swap v7 for attempt 4 of coordinator 9, latest checkpoint 12 of attempt 3, next 13
            swap = ok
                start: read checkpoint 12 of attempt 3
            read = 3.12 2 1 A:2 12@3/0/0
                start: list transactions that are Ongoing
            join w0 2
                arm silence w0
                tell w0: deploy attempt 4 from checkpoint 12 of attempt 3 on w0 w0: sink-0 with [12@job/3/0/0 by 7.0 (3 records)], operator-0 with `A:2`, source-0 with 0:2, source-1 with 1:1
        "#]],
    );
}

#[test]
fn a_fresh_start_begins_at_the_groups_offsets_and_gives_out_no_id_twice() {
    let mut coordinator =
        Coordinator::new(Job { start: StartPosition::GroupOrLatest, ..job() }, Token::new(9), true);
    check(
        &mut coordinator,
        "begin; head = 7 8 3 3.12 13; swap = ok; start = 5 -; start = 9 9; write 13 = ok; swap = ok",
        expect![[r#"
            begin
                arm heartbeat
                start: read the head
            head = 7 8 3 3.12 13
                start: swap v7 for attempt 4 of coordinator 9, latest none, next 13
            swap = ok
                start: resolve the start (Committed)
            start = 5 -
                start: resolve the start (Latest)
            start = 9 9
                start: write checkpoint 13 of attempt 4: source-0 0:5, source-1 1:9, operator-0 no state, sink-0 []
            write 13 = ok
                start: swap v8 for attempt 4 of coordinator 9, latest checkpoint 13 of attempt 4, next 14
            swap = ok
                start: read checkpoint 13 of attempt 4
        "#]],
    );
}

#[test]
fn a_first_read_of_the_head_that_is_not_answered_is_repeated() {
    let mut coordinator = Coordinator::new(job(), Token::new(9), false);
    check(
        &mut coordinator,
        "begin; head = unknown; retry head",
        expect![[r#"
            begin
                arm heartbeat
                start: read the head
            head = unknown
                arm retry read_head
            retry head
                start: read the head
        "#]],
    );
}

#[test]
fn an_unknown_swap_is_sent_again_and_a_conflict_with_its_own_head_is_its_success() {
    let mut coordinator = after(job(), START);
    run(&mut coordinator, "fire interval", read::input);
    run(&mut coordinator, ACKS, read::input);
    check(
        &mut coordinator,
        "write 2 = ok; swap = unknown; retry swap; swap = conflict; head = failed; retry head; head = 3 9 1 1.2 3",
        expect![[r#"
            write 2 = ok
                start: swap v2 for attempt 1 of coordinator 9, latest checkpoint 2 of attempt 1, next 3
            swap = unknown
                arm retry swap_head
            retry swap
                start: swap v2 for attempt 1 of coordinator 9, latest checkpoint 2 of attempt 1, next 3
            swap = conflict
                start: read the head
            head = failed
                arm retry read_head
            retry head
                start: read the head
            head = 3 9 1 1.2 3
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
fn an_unknown_swap_that_had_not_landed_is_done_by_its_repetition() {
    let mut coordinator = after(job(), START);
    run(&mut coordinator, "fire interval", read::input);
    run(&mut coordinator, ACKS, read::input);
    check(
        &mut coordinator,
        "write 2 = ok; swap = unknown; retry swap; swap = ok",
        expect![[r#"
            write 2 = ok
                start: swap v2 for attempt 1 of coordinator 9, latest checkpoint 2 of attempt 1, next 3
            swap = unknown
                arm retry swap_head
            retry swap
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
fn a_store_that_fails_to_write_aborts_the_checkpoint() {
    let settings = Settings { tolerable_failures: 1, ..Settings::default() };
    let mut coordinator = after(Job { settings, ..job() }, START);
    run(&mut coordinator, "fire interval", read::input);
    run(&mut coordinator, ACKS, read::input);
    check(
        &mut coordinator,
        "write 2 = failed; fire interval",
        expect![[r#"
            write 2 = failed
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
        "#]],
    );
}

#[test]
fn an_attempt_that_fails_while_its_checkpoint_is_written_leaves_the_head_alone() {
    let mut coordinator = after(job(), START);
    run(&mut coordinator, "fire interval", read::input);
    run(&mut coordinator, ACKS, read::input);
    check(
        &mut coordinator,
        "sink-0 failed now; fire restart; write 2 = ok; swap = ok; read = 1.1 0 0 -",
        expect![[r#"
            sink-0 failed now
                tell w0: cancel attempt 1
                disarm expiry 2
                start: discard checkpoint 2 of attempt 1
                disarm interval
                arm restart
            fire restart
            write 2 = ok
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
fn a_swap_that_was_started_before_its_attempt_failed_may_complete_the_checkpoint_for_the_next_one() {
    let mut coordinator = after(job(), START);
    run(&mut coordinator, "fire interval", read::input);
    run(&mut coordinator, ACKS, read::input);
    check(
        &mut coordinator,
        "write 2 = ok; sink-0 failed now; fire restart; swap = ok; swap = ok; read = 1.2 2 1 A:2 2@1/0/0",
        expect![[r#"
            write 2 = ok
                start: swap v2 for attempt 1 of coordinator 9, latest checkpoint 2 of attempt 1, next 3
            sink-0 failed now
                tell w0: cancel attempt 1
                disarm expiry 2
                disarm interval
                arm restart
            fire restart
            swap = ok
                start: discard what is older than 2
                start: swap v3 for attempt 2 of coordinator 9, latest checkpoint 2 of attempt 1, next 3
            swap = ok
                start: read checkpoint 2 of attempt 1
            read = 1.2 2 1 A:2 2@1/0/0
                start: list transactions that are Ongoing
                tell w0: deploy attempt 2 from checkpoint 2 of attempt 1 on w0 w0: sink-0 with [2@job/1/0/0 by 7.0 (3 records)], operator-0 with `A:2`, source-0 with 0:2, source-1 with 1:1
        "#]],
    );
}

#[test]
fn a_head_or_a_checkpoint_that_can_not_be_read_stops_the_job() {
    let mut coordinator = Coordinator::new(job(), Token::new(9), false);
    check(
        &mut coordinator,
        "begin; head = failed",
        expect![[r#"
        begin
            arm heartbeat
            start: read the head
        head = failed
            halt: read_head: the disk is full; resume from nothing
    "#]],
    );
    let mut coordinator = Coordinator::new(job(), Token::new(9), false);
    check(
        &mut coordinator,
        "begin; head = 7 8 3 3.12 13; swap = ok; read = unknown; retry read; read = failed",
        expect![[r#"
            begin
                arm heartbeat
                start: read the head
            head = 7 8 3 3.12 13
                start: swap v7 for attempt 4 of coordinator 9, latest checkpoint 12 of attempt 3, next 13
            swap = ok
                start: read checkpoint 12 of attempt 3
            read = unknown
                arm retry read_checkpoint
            retry read
                start: read checkpoint 12 of attempt 3
            read = failed
                halt: read_checkpoint: the disk is full; resume from checkpoint 12 of attempt 3
        "#]],
    );
}

#[test]
fn where_the_job_starts_is_asked_again_while_kafka_is_not_there_and_a_refusal_stops_it() {
    let mut coordinator = Coordinator::new(job(), Token::new(9), false);
    check(
        &mut coordinator,
        "begin; head = none; swap = ok; start = unknown; retry start; start = 15; retry start; start = 29",
        expect![[r#"
            begin
                arm heartbeat
                start: read the head
            head = none
                start: swap v0 for attempt 1 of coordinator 9, latest none, next 1
            swap = ok
                start: resolve the start (Earliest)
            start = unknown
                arm retry resolve_start
            retry start
                start: resolve the start (Earliest)
            start = 15
                arm retry resolve_start
            retry start
                start: resolve the start (Earliest)
            start = 29
                halt: resolve_start was answered 29; resume from nothing
        "#]],
    );
}

#[test]
fn what_dead_attempts_left_open_is_listed_again_until_a_completed_checkpoint_finds_nothing() {
    let settings = Settings { max_concurrent: 2, ..Settings::default() };
    let mut coordinator = Coordinator::new(Job { settings, ..job() }, Token::new(9), false);
    run(
        &mut coordinator,
        "begin; head = 7 8 3 3.12 13; swap = ok; read = 3.12 2 1 A:2 12@3/0/0; join w0 2",
        read::input,
    );
    check(
        &mut coordinator,
        "list = some job/3/0/1; fence 3/0/1 = unknown; retry fence 3/0/1; fence 3/0/1 = 0; source-0/4 ready; source-1/4 ready;
         operator-0/4 ready; sink-0/4 ready; fire interval; source-0/4 ack 13 2; source-1/4 ack 13 1; operator-0/4 ack 13 A:2; sink-0/4 ack 13;
         write 13 = ok; swap = ok; list = all job/3/0/0 job/2/0/0; fence 2/0/0 = 0; retry list; list = all",
        expect![[r#"
            list = some job/3/0/1
                start: fence job/3/0/1
            fence 3/0/1 = unknown
                arm retry fence job/3/0/1
            retry fence 3/0/1
                start: fence job/3/0/1
            fence 3/0/1 = 0
            source-0/4 ready
            source-1/4 ready
            operator-0/4 ready
            sink-0/4 ready
                arm interval
            fire interval
                arm interval
                arm expiry 13
                tell w0: source-0: trigger 13
                tell w0: source-1: trigger 13
            source-0/4 ack 13 2
            source-1/4 ack 13 1
            operator-0/4 ack 13 A:2
            sink-0/4 ack 13
                disarm expiry 13
                start: write checkpoint 13 of attempt 4: source-0 0:2, source-1 1:1, operator-0 `A:2`, sink-0 []
            write 13 = ok
                start: swap v8 for attempt 4 of coordinator 9, latest checkpoint 13 of attempt 4, next 14
            swap = ok
                start: discard what is older than 13
                tell w0: sink-0: 13 is complete
                tell w0: operator-0: 13 is complete
                tell w0: source-0: 13 is complete
                tell w0: source-1: 13 is complete
                start: list transactions that are Ongoing
            list = all job/3/0/0 job/2/0/0
                start: fence job/2/0/0
            fence 2/0/0 = 0
                arm retry list_transactions
            retry list
                start: list transactions that are Ongoing
            list = all
        "#]],
    );
}

#[test]
fn a_checkpoint_that_the_head_may_name_by_now_is_not_declined_any_more() {
    let mut coordinator = after(job(), START);
    run(&mut coordinator, "fire interval", read::input);
    run(&mut coordinator, ACKS, read::input);
    check(
        &mut coordinator,
        "write 2 = ok; sink-0 declines 2; swap = ok",
        expect![[r#"
            write 2 = ok
                start: swap v2 for attempt 1 of coordinator 9, latest checkpoint 2 of attempt 1, next 3
            sink-0 declines 2
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
fn a_partition_that_is_not_found_stops_a_job_that_begins() {
    let mut coordinator = Coordinator::new(job(), Token::new(9), false);
    check(
        &mut coordinator,
        "begin; head = none; swap = ok; start = 5 -",
        expect![[r#"
        begin
            arm heartbeat
            start: read the head
        head = none
            start: swap v0 for attempt 1 of coordinator 9, latest none, next 1
        swap = ok
            start: resolve the start (Earliest)
        start = 5 -
            halt: resolve_start: topic example has other partitions than when the job began; run it again; resume from nothing
    "#]],
    );
}

#[test]
fn what_is_clean_is_looked_for_again_only_where_zombies_may_live() {
    const SECOND: &str = "fire interval; source-0 ack 2 2; source-1 ack 2 1; operator-0 ack 2 A:2; sink-0 ack 2;
         write 2 = ok; swap = ok; list = all; fire interval; source-0 ack 3 2; source-1 ack 3 1; operator-0 ack 3 A:2; sink-0 ack 3; write 3 = ok";
    let mut coordinator = after(job(), START);
    run(&mut coordinator, SECOND, read::input);
    check(
        &mut coordinator,
        "swap = ok",
        expect![[r#"
        swap = ok
            start: discard what is older than 3
            tell w0: sink-0: 3 is complete
            tell w0: operator-0: 3 is complete
            tell w0: source-0: 3 is complete
            tell w0: source-1: 3 is complete
    "#]],
    );
    let mut coordinator = after(job(), START);
    run(&mut coordinator, "join w1 2; fire silence w1", read::input);
    run(&mut coordinator, SECOND, read::input);
    check(
        &mut coordinator,
        "swap = ok; list = all",
        expect![[r#"
        swap = ok
            start: discard what is older than 3
            tell w0: sink-0: 3 is complete
            tell w0: operator-0: 3 is complete
            tell w0: source-0: 3 is complete
            tell w0: source-1: 3 is complete
            start: list transactions that are Ongoing
        list = all
    "#]],
    );
}
