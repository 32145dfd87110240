//! Delivery of batches: order, sequences, what comes back and is sent again, when a flush is answered.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use expect_test::{Expect, expect};

use super::statements;
use crate::TransactionProtocol::{self, V1, V2};
use crate::delivery::{Answer, Delivery, Effect, IN_FLIGHT_MAX, Input, Sequence, Timer};

/// Statements: `A*3 to 1`, `flush`, `1@0 = 6`, `1@0 lost`, `added 1 = 0, 2 = 51`, `1 again`, `add again`, `look again`,
/// `nowhere = 3`, `refused 3`, `ended`.
fn input(statement: &str) -> Input<u8, String> {
    let words: Vec<&str> = statement.split([' ', ',']).filter(|word| !word.is_empty()).collect();
    match words.as_slice() {
        ["flush"] => Input::Flush,
        ["ended"] => Input::Ended,
        ["refused", code] => Input::Refused(number(code)),
        ["nowhere", "lost"] => Input::NotLocated(Answer::Missing),
        ["nowhere", "=", code] => Input::NotLocated(Answer::Code(number(code))),
        ["add", "again"] => Input::Fired(Timer::Add),
        ["look", "again"] => Input::Fired(Timer::Locate),
        [to, "again"] => Input::Fired(Timer::Produce(number(to))),
        ["added", rest @ ..] => Input::Added(rest.chunks(3).map(added).collect()),
        [batch, "to", to] => {
            let (batch, records) = batch.split_once('*').unwrap_or((batch, "1"));
            Input::Batch { to: number(to), records: number(records), batch: batch.into() }
        }
        [sent, answer @ ..] => {
            let (to, first) = sent.split_once('@').expect("a partition and a sequence");
            let first = Sequence::FIRST.after(number(first));
            Input::Produced { to: number(to), first, answer: self::answer(answer) }
        }
        [] => panic!("an empty statement"),
    }
}

fn added(words: &[&str]) -> (u8, Answer) {
    (number(words[0]), answer(&words[1..]))
}

fn answer(words: &[&str]) -> Answer {
    match words {
        ["lost"] | ["lost", _] => Answer::Missing,
        ["=", code] => Answer::Code(number(code)),
        _ => panic!("no answer: {words:?}"),
    }
}

fn number<N: core::str::FromStr<Err = core::num::ParseIntError>>(word: &str) -> N {
    word.parse().expect("a number")
}

fn text(effect: &Effect<u8, String>) -> String {
    match effect {
        Effect::Add(partitions) => format!("add {partitions:?}"),
        Effect::Produce { to, first, batch } => format!("send {batch} to {to}@{}", first.get()),
        Effect::Arm(Timer::Produce(to)) => format!("pause {to}"),
        Effect::Arm(Timer::Add) => "pause adding".into(),
        Effect::Arm(Timer::Locate) => "pause looking".into(),
        Effect::Flushed { records } => format!("flushed {records}"),
        Effect::Failed(code) => format!("flush failed: {code}"),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "expect! makes a value")]
fn check(protocol: Option<TransactionProtocol>, script: &str, expected: Expect) {
    let mut delivery = Delivery::new(protocol, IN_FLIGHT_MAX);
    let mut told = String::new();
    for statement in statements(script) {
        let mut out = Vec::new();
        delivery.step(input(statement), &mut out);
        told += &format!("{statement}\n");
        out.iter().for_each(|effect| told += &format!("    {}\n", text(effect)));
    }
    expected.assert_eq(&told);
}

#[test]
fn the_first_batch_goes_alone_and_then_five_are_on_the_way() {
    check(
        Some(V2),
        "A*3 to 1; B*2 to 1; C to 1; D to 1; E to 1; F to 1; G to 1; X to 2; 1@0 = 0; 1@5 = 0; 1@3 = 0",
        expect![[r#"
            A*3 to 1
                send A to 1@0
            B*2 to 1
            C to 1
            D to 1
            E to 1
            F to 1
            G to 1
            X to 2
                send X to 2@0
            1@0 = 0
                send B to 1@3
                send C to 1@5
                send D to 1@6
                send E to 1@7
                send F to 1@8
            1@5 = 0
            1@3 = 0
                send G to 1@9
        "#]],
    );
}

#[test]
fn a_flush_is_answered_when_all_before_it_is_acknowledged() {
    check(
        None,
        "flush; A*3 to 1; B*2 to 2; flush; C*7 to 2; 2@0 = 0; 1@0 = 0; flush; 2@2 = 0",
        expect![[r#"
            flush
                flushed 0
            A*3 to 1
                send A to 1@0
            B*2 to 2
                send B to 2@0
            flush
            C*7 to 2
            2@0 = 0
                send C to 2@2
            1@0 = 0
                flushed 5
            flush
            2@2 = 0
                flushed 7
        "#]],
    );
}

#[test]
fn what_comes_back_is_sent_again_in_order_when_all_of_it_has_come_back() {
    check(
        Some(V2),
        "A to 1; 1@0 = 0; B to 1; C to 1; D to 1; flush; 1@1 = 6; E to 1; 1@2 = 45; 1@3 lost; 1 again; 1@1 = 0; 1@2 = 46; 1@3 = 0; 1@4 = 0",
        expect![[r#"
            A to 1
                send A to 1@0
            1@0 = 0
            B to 1
                send B to 1@1
            C to 1
                send C to 1@2
            D to 1
                send D to 1@3
            flush
            1@1 = 6
            E to 1
            1@2 = 45
            1@3 lost
                pause 1
            1 again
                send B to 1@1
                send C to 1@2
                send D to 1@3
                send E to 1@4
            1@1 = 0
            1@2 = 46
            1@3 = 0
                flushed 4
            1@4 = 0
        "#]],
    );
}

#[test]
fn a_lost_answer_is_no_acknowledgement_even_if_a_later_batch_is_acknowledged() {
    check(
        Some(V2),
        "A to 1; 1@0 = 0; B to 1; C to 1; flush; 1@1 lost; 1@2 = 0; 1 again; 1@1 = 0",
        expect![[r#"
            A to 1
                send A to 1@0
            1@0 = 0
            B to 1
                send B to 1@1
            C to 1
                send C to 1@2
            flush
            1@1 lost
            1@2 = 0
                pause 1
            1 again
                send B to 1@1
            1@1 = 0
                flushed 3
        "#]],
    );
}

#[test]
fn a_sequence_that_is_out_of_order_with_nothing_missing_before_it_is_a_loss() {
    check(
        Some(V2),
        "A to 1; 1@0 = 0; B to 1; flush; 1@1 = 45; flush; C to 1; flush",
        expect![[r#"
            A to 1
                send A to 1@0
            1@0 = 0
            B to 1
                send B to 1@1
            flush
            1@1 = 45
                flush failed: 45
            flush
                flush failed: 45
            C to 1
            flush
                flush failed: 45
        "#]],
    );
}

#[test]
fn what_can_not_be_delivered_fails_every_flush_with_its_code() {
    for code in [10, 29, 47, 48, 90, 120] {
        let script = format!("A to 1; B to 2; flush; flush; 1@0 = {code}; 2@0 = 0; flush; refused 3; flush");
        let expected = format!(
            "A to 1\n    send A to 1@0\nB to 2\n    send B to 2@0\nflush\nflush\n1@0 = {code}\n    flush failed: {code}\n    flush failed: {code}\n\
             2@0 = 0\nflush\n    flush failed: {code}\nrefused 3\nflush\n    flush failed: {code}\n"
        );
        let mut delivery = Delivery::new(Some(V2), IN_FLIGHT_MAX);
        let mut told = String::new();
        for statement in statements(&script) {
            let mut out = Vec::new();
            delivery.step(input(statement), &mut out);
            told += &format!("{statement}\n");
            out.iter().for_each(|effect| told += &format!("    {}\n", text(effect)));
        }
        assert_eq!(told, expected);
    }
}

#[test]
fn in_v1_partitions_are_added_before_anything_is_written_to_them() {
    check(
        Some(V1),
        "A to 1; B to 2; C to 3; B2 to 2; added 1 = 51; add again; added 1 = 0, 2 = 55, 3 lost; add again; added 2 = 0, 3 = 0; flush",
        expect![[r#"
            A to 1
                add [1]
            B to 2
            C to 3
            B2 to 2
            added 1 = 51
                pause adding
            add again
                add [1, 2, 3]
            added 1 = 0, 2 = 55, 3 lost
                send A to 1@0
                pause adding
            add again
                add [2, 3]
            added 2 = 0, 3 = 0
                send B to 2@0
                send C to 3@0
            flush
        "#]],
    );
}

#[test]
fn a_partition_that_may_not_be_added_fails_the_flush() {
    check(
        Some(V1),
        "A to 1; flush; added 1 = 47; flush",
        expect![[r#"
            A to 1
                add [1]
            flush
            added 1 = 47
                flush failed: 47
            flush
                flush failed: 47
        "#]],
    );
}

/// A delivery whose log knows it, and that has these batches of one record on the way.
fn known_with_on_the_way(batches: u32) -> Delivery<u8, String> {
    let mut delivery = Delivery::new(Some(V2), IN_FLIGHT_MAX);
    step(&mut delivery, &["A to 1", "1@0 = 0"]);
    (0..batches).for_each(|_| step(&mut delivery, &["B to 1"]));
    delivery
}

fn step(delivery: &mut Delivery<u8, String>, statements: &[&str]) {
    statements.iter().for_each(|statement| delivery.step(input(statement), &mut Vec::new()));
}

#[test]
fn a_topic_that_nobody_has_heard_of_is_looked_for_a_while() {
    let mut delivery: Delivery<u8, String> = Delivery::new(None, IN_FLIGHT_MAX);
    let mut out = Vec::new();
    delivery.step(Input::NotLocated(Answer::Missing), &mut out);
    delivery.step(Input::NotLocated(Answer::Code(5)), &mut out);
    for _ in 0..50 {
        delivery.step(Input::NotLocated(Answer::Code(3)), &mut out);
    }
    assert_eq!(out, [const { Effect::Arm(Timer::Locate) }; 52]);
    delivery.step(Input::NotLocated(Answer::Code(3)), &mut out);
    assert_eq!(delivery.failed(), Some(3));

    // Nor is a partition taken as gone sooner when more batches are on the way.
    for batches in [1, 2, 5] {
        let mut delivery = known_with_on_the_way(batches);
        let round = |delivery: &mut Delivery<u8, String>| {
            (1..=batches).for_each(|sequence| step(delivery, &[&format!("1@{sequence} = 3")]));
            step(delivery, &["1 again"]);
        };
        (0..50).for_each(|_| round(&mut delivery));
        assert_eq!(delivery.failed(), None, "{batches}");
        round(&mut delivery);
        assert_eq!(delivery.failed(), Some(3), "{batches}");
    }
    // An acknowledgement begins anew.
    let mut delivery = known_with_on_the_way(2);
    (0..50).for_each(|_| step(&mut delivery, &["1@1 = 3", "1@2 = 3", "1 again"]));
    step(&mut delivery, &["1@1 = 0"]);
    (0..50).for_each(|_| step(&mut delivery, &["1@2 = 3", "1 again"]));
    assert_eq!(delivery.failed(), None);
}

#[test]
fn a_generation_that_is_used_again_adds_its_partitions_again_and_counts_on() {
    check(
        Some(V1),
        "A*4 to 1; added 1 = 0; 1@0 = 0; ended; B to 1; added 1 = 0",
        expect![[r#"
            A*4 to 1
                add [1]
            added 1 = 0
                send A to 1@0
            1@0 = 0
            ended
            B to 1
                add [1]
            added 1 = 0
                send B to 1@4
        "#]],
    );
}
