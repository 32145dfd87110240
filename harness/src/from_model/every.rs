//! The counterexamples that are tried when all are: the shortest of each wrong protocol, and the one that is KAFKA-17754.

use truecut_model::{Options, check_mutant, seek};
use truecut_mutants::Mutant;

use crate::counterexample::saved::Saved;
use crate::counterexample::world::{Assumed, World};

/// Searches for them, KAFKA-17754 first. `wanted` says of a wrong protocol whether it is asked for.
#[must_use]
pub fn every(threads: usize, wanted: impl Fn(&str) -> bool) -> Vec<Saved> {
    let mutants = Mutant::all().iter().filter(|mutant| wanted(mutant.name()));
    let late_commit = wanted(LATE_COMMIT.name()).then(|| late_commit(threads)).flatten();
    let shortest = mutants.filter_map(|mutant| {
        let options = Options { threads, time_limit: None, mutant: Some(*mutant), progress: &mut |_| {} };
        let report = check_mutant(*mutant, options);
        let found = report.counterexample?;
        Some(Saved::new(&World::of(&report.scope, Some(*mutant)), &found))
    });
    late_commit.into_iter().chain(shortest).collect()
}

/// The wrong protocol of KAFKA-17754: transactions share a producer epoch.
const LATE_COMMIT: Mutant = Mutant::ReuseProducerEpoch;

/// A commit that was sent twice ends, the second time, the next transaction: with those of its records that Kafka has by then.
fn late_commit(threads: usize) -> Option<Saved> {
    let assume = ["lost_answer", "early_landing"].map(|name| Assumed { name: name.to_owned(), times: 1 });
    let world = World { assume: assume.into(), ..World::of("calm", Some(LATE_COMMIT)) };
    let scope = world.scope().ok()?;
    let options = Options { threads, time_limit: None, mutant: Some(LATE_COMMIT), progress: &mut |_| {} };
    let found = seek(&scope, "all_or_nothing", options).counterexample?;
    Some(Saved::new(&world, &found))
}
