//! Runs a scenario in every order of its threads.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// How often a thread that could go on is interrupted, at most, in one order. Three find every fault that is known here, and
/// faults that need more are rare; without a bound a scenario of three threads takes hours.
const PREEMPTIONS: usize = 3;

/// Steps of one order: more mean that threads go round in circles.
const STEPS: usize = 10_000;

/// Runs the scenario in every order with a bounded number of preemptions, and prints how many these were.
///
/// # Panics
/// If the scenario does in one of them, or if its threads wait for each other for ever.
pub fn explore(name: &str, scenario: impl Fn() + Send + Sync + 'static) {
    let orders = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&orders);
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(PREEMPTIONS);
    builder.max_branches = STEPS;
    builder.check(move || {
        counted.fetch_add(1, Ordering::Relaxed);
        scenario();
    });
    let orders = orders.load(Ordering::Relaxed);
    assert!(orders > 1, "{name}: one order of threads alone says nothing");
    eprintln!("{name}: {orders} orders");
}
