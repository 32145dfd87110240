//! Ten thousand forged traces, each with one thing changed. Those that are not rejected are explained: nobody could tell.

use std::collections::BTreeMap;

use super::forge::{ALL, Cut, Mutation, Random};
use super::sample::Sample;
use super::{diverges, judged, sample};

const MUTATIONS: usize = 10_500;

/// What found a mutation out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum By {
    Replay,
    Causality,
    World,
    Nobody,
}

fn by(cut: &Cut, sample: &Sample) -> By {
    match diverges(&cut.path) {
        Err(_) | Ok(true) => return By::Replay,
        Ok(false) => {}
    }
    match judged(&sample.paths, sample.circumstances.clone()) {
        Err(_) => By::Causality,
        Ok((violations, _)) if violations > 0 => By::Causality,
        Ok((_, found)) if found.rejected > 0 => By::World,
        Ok(_) => By::Nobody,
    }
}

#[test]
fn a_run_with_one_thing_forged_is_rejected() {
    // A core that meets the impossible panics, and that is what is wanted here.
    let (loud, here) = (std::panic::take_hook(), std::thread::current().id());
    std::panic::set_hook(Box::new(move |panic| {
        if std::thread::current().id() != here {
            loud(panic);
        }
    }));
    let (table, made, accepted) = forge_all();
    drop(std::panic::take_hook());
    eprintln!("{made} made, {accepted} not rejected\n{table}");
    assert!(accepted * 100 <= made, "{accepted} of {made} were not rejected\n{table}");
}

/// Gives a table of what was found out by whom, how many mutations were made, and how many were not rejected.
fn forge_all() -> (String, usize, usize) {
    let sample = sample::unpack();
    let cuts: Vec<Cut> = sample.paths.iter().map(|path| Cut::read(path)).collect();
    // A trace is drawn as often as it has frames.
    let frames: Vec<usize> = (0..cuts.len()).flat_map(|at| vec![at; cuts[at].events.len()]).collect();
    let mut random = Random(2026);
    let mut counts: BTreeMap<(Mutation, By), u32> = BTreeMap::new();
    let mut survivors: BTreeMap<(Mutation, String), u32> = BTreeMap::new();
    let (mut made, mut accepted) = (0_usize, 0_usize);
    for mutation in ALL.into_iter().cycle() {
        if made == MUTATIONS {
            break;
        }
        let cut = &cuts[frames[random.below(frames.len())]];
        let Some(changed) = cut.mutate(mutation, &mut random) else { continue };
        let by = by(cut, &sample);
        *counts.entry((mutation, by)).or_default() += 1;
        if by == By::Nobody {
            *survivors.entry((mutation, changed)).or_default() += 1;
            accepted += 1;
        }
        cut.restore();
        made += 1;
    }
    let found_by_world: u32 =
        counts.iter().filter(|((_, by), _)| *by == By::World).map(|(_, count)| count).sum();
    assert!(found_by_world > 0, "the world alone rejects some");
    let (violations, found) = judged(&sample.paths, sample.circumstances.clone()).unwrap();
    assert_eq!((violations, found.rejected), (0, 0), "the traces are as they were");
    (table(&counts, &survivors), made, accepted)
}

fn table(counts: &BTreeMap<(Mutation, By), u32>, survivors: &BTreeMap<(Mutation, String), u32>) -> String {
    let mut lines = vec![
        "| mutation | replay | causality | world | nobody |".to_owned(),
        "| --- | --- | --- | --- | --- |".to_owned(),
    ];
    for mutation in ALL {
        let count = |by| counts.get(&(mutation, by)).copied().unwrap_or(0);
        let [replay, causality, world, nobody] =
            [By::Replay, By::Causality, By::World, By::Nobody].map(count);
        lines.push(format!("| {mutation:?} | {replay} | {causality} | {world} | {nobody} |"));
    }
    lines.push("not rejected:".to_owned());
    lines
        .extend(survivors.iter().map(|((mutation, event), count)| format!("{count} x {mutation:?} {event}")));
    lines.join("\n")
}
