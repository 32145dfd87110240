//! Whole runs replay, and their traces agree with each other.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::trace::{Delivery, Event, RoleId, causality, in_causal_order};

#[test]
fn every_trace_of_a_run_replays_through_the_core() {
    for seed in 0..10 {
        let (_directory, recorded) = recorded(seed);
        assert!(
            recorded.completed > 3 && recorded.killed > 1,
            "seed {seed}: {} completed",
            recorded.completed
        );
        let mut unfinished = 0;
        for path in &recorded.paths {
            let replayed = replayed(path).unwrap();
            assert_eq!(replayed.divergence, None, "seed {seed}");
            assert!(replayed.events > 0 && replayed.last_sequence == replayed.events, "{replayed:?}");
            unfinished += usize::from(!replayed.finished);
        }
        assert_eq!(unfinished, recorded.killed, "seed {seed}");
    }
}

#[test]
fn everything_received_in_a_run_was_sent() {
    for seed in 0..10 {
        let (_directory, recorded) = recorded(seed);
        let found = causality(&recorded.paths).unwrap();
        assert_eq!(found.first, [], "seed {seed}");
        assert!(found.received > 100 && found.unstamped == 0 && found.violations == 0, "{found:?}");
    }
}

#[test]
fn frames_are_visited_in_causal_order_whatever_the_order_of_the_files() {
    let (_directory, mut recorded) = recorded(3);
    let mut roles = BTreeSet::new();
    for _ in 0..4 {
        recorded.paths.rotate_left(3);
        let mut visited: BTreeMap<RoleId, u64> = BTreeMap::new();
        let found = in_causal_order(&recorded.paths, Delivery::default(), |header, frame| {
            let before = visited.insert(header.role, frame.sequence);
            assert_eq!(before.unwrap_or_default() + 1, frame.sequence, "each trace in its own order, once");
            if let Event::Input { stamp: Some(stamp), .. } = &frame.event {
                assert!(visited.get(&stamp.role) >= Some(&stamp.sequence), "sent before it is received");
            }
            roles.insert(header.role);
        })
        .unwrap();
        assert_eq!(found.events, visited.values().sum::<u64>());
        assert_eq!(visited.len(), recorded.paths.len());
    }
    assert_eq!(roles.len(), recorded.paths.len());
}
