//! Recorded runs are accepted, and what is changed in them is not.

mod account;
mod answers;
mod forge;
mod mutated;
pub(crate) mod sample;

use std::path::PathBuf;

use truecut_runtime::trace::{Delivery, Header, Reader, TraceError, in_causal_order, replay};

use super::{Circumstances, World, WorldFound};

/// Replays a trace through the core. Gives whether core and trace part.
fn diverges(path: &std::path::Path) -> Result<bool, TraceError> {
    let replayed = replay(Reader::open(path)?, |header: &Header| header.construction.build())?;
    Ok(replayed.divergence.is_some())
}

/// Matches what was received with what was sent, and judges what the world answered.
fn judged(paths: &[PathBuf], circumstances: Circumstances) -> Result<(u64, WorldFound), TraceError> {
    let mut world = World::new(circumstances);
    let causality = in_causal_order(paths, Delivery::default(), |header, frame| world.visit(header, frame))?;
    Ok((causality.violations, world.conclude()))
}

#[test]
fn a_recorded_run_is_accepted() {
    let sample = sample::unpack();
    assert!(sample.paths.iter().all(|path| !diverges(path).unwrap()), "replays");
    let (violations, found) = judged(&sample.paths, sample.circumstances.clone()).unwrap();
    assert_eq!((violations, found.rejections.as_slice(), found.gaps.as_slice()), (0, &[][..], &[][..]));
    assert!(found.intents > 100 && found.answers > 100 && found.transactional_ids > 5, "{found:?}");
}
