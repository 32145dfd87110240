//! What the machine's wall clock says, for timestamps of records and for what tells runs apart. Durations are measured otherwise.

use std::time::{Duration, SystemTime};

/// The time since 1970; none, if the clock is before it.
pub(crate) fn since_1970() -> Duration {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}

/// Milliseconds since 1970.
pub(crate) fn now_ms() -> i64 {
    i64::try_from(since_1970().as_millis()).unwrap_or(i64::MAX)
}
