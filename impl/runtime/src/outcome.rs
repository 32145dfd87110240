//! What a missing answer leaves known, in the core's words.

use truecut_core::Outcome;

use crate::kafka::Transport;
use crate::store::StateHandle;

/// The outcome of a request that no broker answered. Only what can never be sent has certainly not been done *and* never will
/// be; that nothing was sent this time says no more than that nothing is known of the next.
pub(crate) fn unanswered(why: &Transport) -> Outcome<StateHandle> {
    match why {
        Transport::NotSent(_) | Transport::Unanswered(_) => Outcome::Unknown,
        Transport::Unsupported(detail) => Outcome::Failed { detail: detail.clone() },
    }
}
