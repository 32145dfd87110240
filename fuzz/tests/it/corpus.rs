//! What once mattered still holds.

use std::collections::BTreeSet;
use std::path::Path;

use truecut_fuzz::{TARGETS, campaign};

/// Mutations of each target that every test run tries; schedules take a thousand times as long.
fn executions(target: &str) -> u64 {
    if target == "schedule" { 300 } else { 100_000 }
}

#[test]
fn the_corpus_of_every_target_holds_and_covers() {
    for target in TARGETS {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target.name);
        let inputs =
            campaign::corpus(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        let outcomes: BTreeSet<_> = inputs
            .iter()
            .map(|input| {
                let said = |said| panic!("{}/{}: {said}", folder.display(), campaign::name(input));
                campaign::caught(target.run, input).unwrap_or_else(said)
            })
            .collect();
        assert!(outcomes.len() >= 20, "{}: the corpus brings {} outcomes", target.name, outcomes.len());
    }
}

#[test]
fn mutations_of_the_seeds_hold() {
    for target in TARGETS {
        let seeds = (target.seeds)();
        let report = campaign::run(target.run, seeds, executions(target.name), 1, |_, _| {});
        assert_eq!(report.finding, None, "{}", target.name);
        assert_eq!(report.executions, executions(target.name));
        let all: u64 = report.outcomes.values().sum();
        assert_eq!(all, report.executions);
        assert!(report.outcomes.len() >= 20, "{}: {} outcomes", target.name, report.outcomes.len());
    }
}

#[test]
fn a_seed_determines_a_campaign() {
    let target = TARGETS.first().expect("there are targets");
    let outcomes = |seed| campaign::run(target.run, (target.seeds)(), 20_000, seed, |_, _| {}).outcomes;
    assert_eq!(outcomes(1), outcomes(1));
    assert_ne!(outcomes(1), outcomes(2));
}
