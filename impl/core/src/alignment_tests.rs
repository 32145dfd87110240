//! Alignment as scripts: barriers, cancellations and ends in; holds and releases out.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use expect_test::{Expect, expect};

use super::*;

/// Runs a script such as `b0:1 b1:1 c0:2 x3 e1` over two channels: barrier on channel 0 of checkpoint 1, cancellation,
/// abort by the coordinator, end of channel 1; `l0:1` is a last barrier.
#[expect(clippy::needless_pass_by_value, reason = "expect! makes a value")]
fn check(script: &str, expected: Expect) {
    let mut alignment = Alignment::new(2);
    let mut lines = String::new();
    for word in script.split_whitespace() {
        let (kind, rest) = word.split_at(1);
        let (channel, id) = rest.split_once(':').unwrap_or((rest, rest));
        let channel: Channel = channel.parse().unwrap();
        let id = CheckpointId::new(id.parse().unwrap());
        let arrivals = match kind {
            "b" => alignment.barrier(channel, id, false),
            "l" => alignment.barrier(channel, id, true),
            "c" => Vec::from([alignment.cancel(channel, id)]),
            "x" => Vec::from([alignment.abort(id)]),
            "e" => Vec::from([alignment.end(channel)]),
            other => panic!("{other}"),
        };
        lines += &format!("{word}: {arrivals:?}\n").replace("CheckpointId", "");
    }
    expected.assert_eq(&lines);
}

#[test]
fn a_channel_is_held_until_the_barrier_has_come_on_all() {
    check(
        "b0:1 b1:1 l1:2 l0:2",
        expect![[r#"
            b0:1: [Hold(0)]
            b1:1: [Aligned { checkpoint: (1), last: false, release: [0, 1] }]
            l1:2: [Hold(1)]
            l0:2: [Aligned { checkpoint: (2), last: true, release: [0, 1] }]
        "#]],
    );
}

#[test]
fn a_newer_barrier_cancels_an_older_alignment() {
    check(
        "b0:1 b1:2 b0:2",
        expect![[r#"
            b0:1: [Hold(0)]
            b1:2: [Cancelled { checkpoint: (1), release: [0] }, Hold(1)]
            b0:2: [Aligned { checkpoint: (2), last: false, release: [0, 1] }]
        "#]],
    );
}

#[test]
fn a_cancellation_releases_and_a_late_barrier_of_it_is_ignored() {
    check(
        "b0:1 c1:1 b0:2 b1:2 b1:1",
        expect![[r#"
            b0:1: [Hold(0)]
            c1:1: [Cancelled { checkpoint: (1), release: [0] }]
            b0:2: [Hold(0)]
            b1:2: [Aligned { checkpoint: (2), last: false, release: [0, 1] }]
            b1:1: []
        "#]],
    );
}

#[test]
fn an_abort_before_the_barrier_is_remembered() {
    check(
        "x1 b0:1 b1:1 b0:2 x2 b1:2",
        expect![[r#"
            x1: [Nothing]
            b0:1: [Cancelled { checkpoint: (1), release: [] }]
            b1:1: []
            b0:2: [Hold(0)]
            x2: [Cancelled { checkpoint: (2), release: [0] }]
            b1:2: []
        "#]],
    );
}

#[test]
fn an_ended_channel_counts_as_having_delivered_every_later_barrier() {
    check(
        "b0:1 e1 b0:2",
        expect![[r#"
            b0:1: [Hold(0)]
            e1: [Aligned { checkpoint: (1), last: false, release: [0] }]
            b0:2: [Aligned { checkpoint: (2), last: false, release: [0] }]
        "#]],
    );
}

#[test]
#[should_panic(expected = "nothing is taken from a held channel")]
fn a_held_channel_delivers_nothing() {
    let mut alignment = Alignment::new(2);
    alignment.barrier(0, CheckpointId::new(1), false);
    alignment.barrier(0, CheckpointId::new(2), false);
}
