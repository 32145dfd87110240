//! When a job comes by its crash points: which of them only need to be armed, and which need something to happen besides.

use truecut_runtime::config::CommitByConfig;
use truecut_runtime::crash_point::{self, Host};

use crate::history::Who;

/// What has to happen so that a crash point is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Comes {
    /// Nothing: a running job comes by in each checkpoint, or more often.
    Steadily,
    /// The job is deployed once more.
    PerAttempt,
    /// A coordinator starts.
    PerCoordinator,
    /// The job is asked to end.
    AtEnd,
    /// A bounded input is read to its end.
    AtInputEnd,
    /// Kafka has aborted a transaction that a checkpoint lists, while the workers were away.
    AfterOutage,
    /// A checkpoint is given up, because one source was not told of it.
    AfterLostTrigger,
    /// A worker falls silent.
    OnSilence,
    /// A worker hears late of an attempt that is over.
    OnLateDeployment,
    /// Something that this list does not know of.
    Rarely,
}

/// What this crash point waits for. One that is not known here is reached rarely, until a plan shows otherwise.
pub(crate) fn comes(who: Who, point: &str) -> Comes {
    let (kind, place) = point.split_once('.').unwrap_or((point, ""));
    match (who, kind, place) {
        (_, "drained" | "end", _) | (Who::Coordinator, "halt", _) => Comes::AtEnd,
        (_, "at_end", _) => Comes::AtInputEnd,
        (Who::Worker, "describe" | "read_marker" | "rewrite" | "fence", _) | (_, "lost", _) => {
            Comes::AfterOutage
        }
        (_, "decline" | "cancel_barrier" | "aborted", _) => Comes::AfterLostTrigger,
        (Who::Coordinator, "disconnect", _) => Comes::OnSilence,
        (Who::Worker, "refuse", _) => Comes::OnLateDeployment,
        (_, "failed", _) => Comes::PerAttempt,
        (
            Who::Worker,
            "snapshot" | "init_producer" | "flush" | "upload" | "commit" | "commit_offsets" | "emit"
            | "barrier" | "process" | "produce" | "mark" | "close_producer" | "acknowledge" | "pulse"
            | "trigger" | "completed" | "heartbeat",
            _,
        ) => Comes::Steadily,
        (
            Who::Worker,
            "restore" | "consume" | "launch" | "stop" | "accept" | "ready" | "deploy" | "cancel",
            _,
        ) => Comes::PerAttempt,
        (
            Who::Coordinator,
            "write_checkpoint" | "swap_head" | "discard" | "heartbeat" | "trigger" | "completed" | "pulse"
            | "acknowledge",
            _,
        ) => Comes::Steadily,
        (
            Who::Coordinator,
            "read_checkpoint" | "list_transactions" | "fence" | "deploy" | "cancel" | "ready",
            _,
        ) => Comes::PerAttempt,
        (Who::Coordinator, "read_head" | "resolve_start", _) => Comes::PerCoordinator,
        _ => Comes::Rarely,
    }
}

/// The crash points that ordinary runs of a job with this sink come by, again and again.
pub(super) fn usual(who: Who, sink: CommitByConfig) -> Vec<&'static str> {
    let host = match who {
        Who::Worker => Host::Worker,
        Who::Coordinator => Host::Coordinator,
    };
    let of_log = |name: &str| ["upload.", "mark."].iter().any(|kind| name.starts_with(kind));
    let names = crash_point::all().iter().filter(|point| point.host == host).map(|point| point.name);
    names
        .filter(|name| match comes(who, name) {
            Comes::Steadily | Comes::PerAttempt => sink == CommitByConfig::Log || !of_log(name),
            // Resolved once, before the first checkpoint.
            Comes::PerCoordinator => !name.starts_with("resolve_start."),
            Comes::AtEnd
            | Comes::AtInputEnd
            | Comes::AfterOutage
            | Comes::AfterLostTrigger
            | Comes::OnSilence
            | Comes::OnLateDeployment
            | Comes::Rarely => false,
        })
        .collect()
}

/// How many visits there are about a second into an attempt: few for what happens once per attempt.
pub(in super::super) fn visits(who: Who, point: &str) -> u64 {
    match comes(who, point) {
        Comes::Steadily if ["produce.", "process.", "emit."].iter().any(|kind| point.starts_with(kind)) => 40,
        Comes::Steadily => 6,
        Comes::PerAttempt if point.starts_with("deploy.") && who == Who::Coordinator => 2,
        Comes::PerAttempt
        | Comes::PerCoordinator
        | Comes::AtEnd
        | Comes::AtInputEnd
        | Comes::AfterOutage
        | Comes::AfterLostTrigger
        | Comes::OnSilence
        | Comes::OnLateDeployment
        | Comes::Rarely => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_that_is_named_here_exists() {
        for (who, known, unknown) in [
            (Who::Worker, ["commit.before", "mark.after", "accept.before"], "nothing.before"),
            (
                Who::Coordinator,
                ["swap_head.answered", "ready.received", "read_head.before"],
                "produce.before",
            ),
        ] {
            assert!(known.iter().all(|point| comes(who, point) != Comes::Rarely), "{known:?}");
            assert_eq!(comes(who, unknown), Comes::Rarely);
            let usual = usual(who, CommitByConfig::Log);
            assert!(known.iter().all(|point| usual.contains(point)), "{usual:?}");
        }
        assert!(!usual(Who::Worker, CommitByConfig::Resume).contains(&"mark.after"));
    }
}
