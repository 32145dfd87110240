//! The wall clock of the job's coordinators, where a plan has it jump. Brokers' clocks are the cluster's.
//!
//! Workers have none: librdkafka waits by the C library's `cnd_timedwait`, which libfaketime does not reach, so that a wait would
//! last as long as the jump. No code of a worker looks at the wall clock.

use std::path::Path;

use truecut_cluster::Clock;

use super::plan::{Clocks, Plan};
use crate::failure::Failure;

/// What tells the clock, in the run directory.
const CLOCK_FILE: &str = "clock-of-coordinators";

/// The clock of coordinators, if the plan moves it.
///
/// # Errors
/// The machine lacks what it takes.
pub(super) fn of_coordinators(plan: &Plan, directory: &Path) -> Result<Option<Clock>, Failure> {
    let moves = plan.moves_clock(Clocks::Coordinators);
    Ok(moves.then(|| Clock::create(&directory.join(CLOCK_FILE))).transpose()?)
}
