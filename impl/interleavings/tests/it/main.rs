//! Every scenario holds for the structures as they are, and every mutant is caught by one.

use std::any::Any;
use std::thread;

use truecut_interleavings::mutants::MUTANTS;
use truecut_interleavings::scenarios;

macro_rules! holds {
    ($($scenario:ident)*) => { $(
        #[test]
        fn $scenario() {
            scenarios::$scenario();
        }
    )* };
}

holds! {
    credit_wakes_the_sender
    batches_arrive_once_in_order_within_credit
    batches_arrive_once_in_order_within_credit_of_two
    answers_of_client_threads_arrive_in_order
    a_held_channel_waits_and_nothing_is_lost
    a_held_gate_opens_with_the_answer
    nothing_is_sent_without_credit
    a_barrier_follows_the_records_before_it
    what_is_coalesced_goes_out_before_the_source_waits
    stopping_ends_source_and_chain
    a_pool_keeps_no_more_than_it_may
}

/// Why only the task that takes from a gate may release its channels.
#[test]
#[should_panic(expected = "deadlock")]
fn a_release_from_elsewhere_is_not_heard() {
    scenarios::a_release_from_elsewhere_is_not_heard();
}

fn said(panic: &(dyn Any + Send)) -> &str {
    panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref().copied()).unwrap_or("")
}

#[test]
fn every_mutant_is_caught_and_says_so() {
    let mut wrong = Vec::new();
    for mutant in MUTANTS {
        match mutant.run {
            Err(why) => wrong.push(format!("{}: {why}", mutant.name)),
            // A thread each: a panic leaves nothing of loom behind for the next one.
            Ok(run) => match thread::spawn(run).join() {
                Ok(()) => wrong.push(format!("{} lives", mutant.name)),
                Err(panic) if said(&*panic).contains(mutant.finding) => {}
                Err(panic) => wrong.push(format!("{}: {}", mutant.name, said(&*panic))),
            },
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(MUTANTS.len() >= 20, "each structure keeps its mutants: {}", MUTANTS.len());
}
