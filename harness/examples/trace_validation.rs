//! How fast traces are validated: `cargo run --release --example trace_validation -- RUN-DIRECTORY [MUTANT]`. Replays the traces of
//! a recorded run through the core, matches what was received with what was sent, and judges what the world answered.

use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use truecut::chaos::{TRACES, circumstances, validate};
use truecut::verdict::Verdict;

/// Rounds; the fastest counts, as the others were disturbed.
const ROUNDS: u32 = 5;

#[expect(clippy::print_stdout, reason = "an example tells what it found")]
fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let Some(run) = arguments.next() else {
        println!("name a run directory of `truecut chaos`");
        return ExitCode::from(64);
    };
    let mutant = arguments.next();
    let mut best = f64::INFINITY;
    let mut last = None;
    for _ in 0..ROUNDS {
        let since = Instant::now();
        let run = Path::new(&run);
        let validated = circumstances(run)
            .and_then(|circumstances| validate(&run.join(TRACES), mutant.as_deref(), circumstances));
        match validated {
            Ok(traces) => last = Some(traces),
            Err(failure) => {
                println!("{failure}");
                return ExitCode::from(65);
            }
        }
        best = best.min(since.elapsed().as_secs_f64());
    }
    let Some(traces) = last else { return ExitCode::FAILURE };
    for reason in &traces.reasons {
        println!("  {reason}");
    }
    if let Some(world) = &traces.world {
        println!(
            "{} intents, {} answers, {} unanswered, {} transactional ids, at most {} states of one",
            world.intents, world.answers, world.unanswered, world.transactional_ids, world.most_states
        );
    }
    let events = u32::try_from(traces.events).map_or(f64::NAN, f64::from);
    println!("{}: {} events, {:.0} events/s", traces.verdict.name(), traces.events, events / best);
    if traces.verdict == Verdict::Holds { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
