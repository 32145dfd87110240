//! Other coordinators: who gives way, who claims back, and what is kept.

use expect_test::expect;

use super::coordinator::{ACKS, START, after};
use super::{check, job, read, run};
use crate::{Coordinator, Token};

#[test]
fn a_conflict_with_the_head_of_a_later_coordinator_ends_this_one() {
    let mut coordinator = after(job(), START);
    run(&mut coordinator, "fire interval", read::input);
    run(&mut coordinator, ACKS, read::input);
    check(
        &mut coordinator,
        "write 2 = ok; swap = conflict; head = 3 12 2 1.1 3; fire heartbeat; fire interval",
        expect![[r#"
            write 2 = ok
                start: swap v2 for attempt 1 of coordinator 9, latest checkpoint 2 of attempt 1, next 3
            swap = conflict
                start: read the head
            head = 3 12 2 1.1 3
                tell w0: cancel attempt 1
                disarm expiry 2
                disarm interval
                halt: superseded
            fire heartbeat
            fire interval
        "#]],
    );
}

#[test]
fn a_head_of_an_earlier_coordinator_is_claimed_back_and_nothing_is_discarded() {
    let mut coordinator = after(job(), START);
    run(&mut coordinator, "fire interval", read::input);
    run(&mut coordinator, ACKS, read::input);
    check(
        &mut coordinator,
        "write 2 = ok; swap = conflict; head = 3 5 2 1.1 3; fire heartbeat; fire interval",
        expect![[r#"
            write 2 = ok
                start: swap v2 for attempt 1 of coordinator 9, latest checkpoint 2 of attempt 1, next 3
            swap = conflict
                start: read the head
            head = 3 5 2 1.1 3
                tell w0: cancel attempt 1
                disarm expiry 2
                disarm interval
                start: swap v3 for attempt 3 of coordinator 9, latest checkpoint 1 of attempt 1, next 3
            fire heartbeat
                tell w0: attempt 2 is in force, 1 is complete
                arm heartbeat
            fire interval
        "#]],
    );
}

#[test]
fn a_claim_that_a_later_coordinator_won_ends_this_one_before_it_restores_anything() {
    let mut coordinator = Coordinator::new(job(), Token::new(9), false);
    check(
        &mut coordinator,
        "begin; head = none; swap = conflict; head = 1 12 1 none 1",
        expect![[r#"
        begin
            arm heartbeat
            start: read the head
        head = none
            start: swap v0 for attempt 1 of coordinator 9, latest none, next 1
        swap = conflict
            start: read the head
        head = 1 12 1 none 1
            halt: superseded
    "#]],
    );
}

#[test]
fn a_takeover_that_meets_a_late_swap_of_the_one_before_claims_again_and_restores_what_that_completed() {
    let mut coordinator = Coordinator::new(job(), Token::new(9), false);
    check(
        &mut coordinator,
        "begin; head = 7 8 3 3.12 13; swap = unknown; retry swap; swap = conflict; head = failed; retry head; head = 8 8 3 3.13 14; swap = ok",
        expect![[r#"
            begin
                arm heartbeat
                start: read the head
            head = 7 8 3 3.12 13
                start: swap v7 for attempt 4 of coordinator 9, latest checkpoint 12 of attempt 3, next 13
            swap = unknown
                arm retry swap_head
            retry swap
                start: swap v7 for attempt 4 of coordinator 9, latest checkpoint 12 of attempt 3, next 13
            swap = conflict
                start: read the head
            head = failed
                arm retry read_head
            retry head
                start: read the head
            head = 8 8 3 3.13 14
                start: swap v8 for attempt 4 of coordinator 9, latest checkpoint 13 of attempt 3, next 14
            swap = ok
                start: read checkpoint 13 of attempt 3
        "#]],
    );
}

#[test]
fn a_coordinator_that_wakes_after_a_later_one_has_claimed_ends_before_it_claims_anything() {
    let mut coordinator = Coordinator::new(job(), Token::new(9), false);
    check(
        &mut coordinator,
        "begin; head = 7 12 3 3.12 13",
        expect![[r#"
            begin
                arm heartbeat
                start: read the head
            head = 7 12 3 3.12 13
                halt: superseded
        "#]],
    );
}

#[test]
fn a_first_claim_that_meets_a_late_one_of_an_earlier_coordinator_is_made_again() {
    let mut coordinator = Coordinator::new(job(), Token::new(9), false);
    check(
        &mut coordinator,
        "begin; head = none; swap = conflict; head = 1 5 1 none 1",
        expect![[r#"
            begin
                arm heartbeat
                start: read the head
            head = none
                start: swap v0 for attempt 1 of coordinator 9, latest none, next 1
            swap = conflict
                start: read the head
            head = 1 5 1 none 1
                start: swap v1 for attempt 2 of coordinator 9, latest none, next 1
        "#]],
    );
}

#[test]
fn a_fresh_start_that_claims_back_keeps_what_it_completed_itself() {
    let mut coordinator = Coordinator::new(job(), Token::new(9), true);
    check(
        &mut coordinator,
        "begin; head = 7 8 3 3.12 13; swap = ok; start = 5 9; write 13 = ok; swap = ok; read = 4.13 5 9 -; join w0 2; lost w0; fire restart; swap = conflict; head = 10 5 5 4.13 14",
        expect![[r#"
            begin
                arm heartbeat
                start: read the head
            head = 7 8 3 3.12 13
                start: swap v7 for attempt 4 of coordinator 9, latest none, next 13
            swap = ok
                start: resolve the start (Earliest)
            start = 5 9
                start: write checkpoint 13 of attempt 4: source-0 0:5, source-1 1:9, operator-0 no state, sink-0 []
            write 13 = ok
                start: swap v8 for attempt 4 of coordinator 9, latest checkpoint 13 of attempt 4, next 14
            swap = ok
                start: read checkpoint 13 of attempt 4
            read = 4.13 5 9 -
                start: list transactions that are Ongoing
            join w0 2
                arm silence w0
                tell w0: deploy attempt 4 from checkpoint 13 of attempt 4 on w0 w0: sink-0 with [], operator-0 with no state, source-0 with 0:5, source-1 with 1:9
            lost w0
                disarm silence w0
                disarm interval
                arm restart
            fire restart
                start: swap v9 for attempt 5 of coordinator 9, latest checkpoint 13 of attempt 4, next 14
            swap = conflict
                start: read the head
            head = 10 5 5 4.13 14
                start: swap v10 for attempt 6 of coordinator 9, latest checkpoint 13 of attempt 4, next 14
        "#]],
    );
}

#[test]
fn a_takeover_that_meets_a_later_one_has_lost_and_so_has_a_claim_after_the_first() {
    let mut coordinator = Coordinator::new(job(), Token::new(9), false);
    check(
        &mut coordinator,
        "begin; head = 7 8 3 3.12 13; swap = conflict; head = 8 12 4 3.12 13",
        expect![[r#"
        begin
            arm heartbeat
            start: read the head
        head = 7 8 3 3.12 13
            start: swap v7 for attempt 4 of coordinator 9, latest checkpoint 12 of attempt 3, next 13
        swap = conflict
            start: read the head
        head = 8 12 4 3.12 13
            halt: superseded
    "#]],
    );
    let mut coordinator = after(job(), START);
    check(
        &mut coordinator,
        "lost w0; fire restart; swap = conflict; head = 3 12 2 1.1 2",
        expect![[r#"
        lost w0
            disarm silence w0
            disarm interval
            arm restart
        fire restart
            start: swap v2 for attempt 2 of coordinator 9, latest checkpoint 1 of attempt 1, next 2
        swap = conflict
            start: read the head
        head = 3 12 2 1.1 2
            halt: superseded
    "#]],
    );
}

#[test]
fn after_a_takeover_a_listing_that_is_older_than_the_completed_checkpoint_does_not_count() {
    let mut coordinator = Coordinator::new(job(), Token::new(9), false);
    run(
        &mut coordinator,
        "begin; head = 7 8 3 3.12 13; swap = ok; read = 3.12 2 1 A:2 12@3/0/0; join w0 2; list = all; source-0/4 ready; source-1/4 ready;
         operator-0/4 ready; sink-0/4 ready; fire interval; source-0/4 ack 13 2; source-1/4 ack 13 1; operator-0/4 ack 13 A:2; sink-0/4 ack 13;
         write 13 = ok; swap = ok; fire interval; source-0/4 ack 14 2; source-1/4 ack 14 1; operator-0/4 ack 14 A:2; sink-0/4 ack 14;
         write 14 = ok; swap = ok",
        read::input,
    );
    check(
        &mut coordinator,
        "list = all; retry list; list = all job/3/0/1; fence 3/0/1 = 0; retry list; list = all",
        expect![[r#"
            list = all
                arm retry list_transactions
            retry list
                start: list transactions that are Ongoing
            list = all job/3/0/1
                start: fence job/3/0/1
            fence 3/0/1 = 0
                arm retry list_transactions
            retry list
                start: list transactions that are Ongoing
            list = all
        "#]],
    );
}
