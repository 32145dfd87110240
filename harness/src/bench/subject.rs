//! Who is measured: truecut itself, as anybody runs it, and peers that keep the contract of docs/benchmarks.md. A subject is started with
//! settings, runs in processes of its own, and is asked to end by SIGTERM; nothing else is known of it.

mod peer;
mod running;
mod truecut;

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::settings::{Cell, Guarantee, Settings};
use crate::failure::Failure;
use peer::{JavaPeer, RawPeer};
pub(super) use running::Running;
use truecut::Truecut;

/// Names of subjects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SubjectName {
    /// This program.
    Truecut,
    /// The Kafka client's own limit: consume, compute, produce, and nothing else.
    Raw,
    /// Apache Flink.
    Flink,
    /// Apache Flink, set to notice failures as soon as it can.
    FlinkTuned,
    /// Kafka Streams.
    KafkaStreams,
}

/// Everyone that truecut is compared with.
pub const PEERS: [SubjectName; 4] =
    [SubjectName::Raw, SubjectName::Flink, SubjectName::FlinkTuned, SubjectName::KafkaStreams];

impl SubjectName {
    /// The name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Truecut => "truecut",
            Self::Raw => "raw",
            Self::Flink => "flink",
            Self::FlinkTuned => "flink-tuned",
            Self::KafkaStreams => "kafka-streams",
        }
    }

    /// The subject; `peers` is the directory of the Java peers.
    pub(super) fn subject(self, peers: &Path) -> Box<dyn Subject> {
        match self {
            Self::Truecut => Box::new(Truecut),
            Self::Raw => Box::new(RawPeer::beside_this_program()),
            Self::Flink | Self::KafkaStreams => Box::new(JavaPeer::new(peers.join(self.name()), "")),
            Self::FlinkTuned => Box::new(JavaPeer::new(peers.join(Self::Flink.name()), "variant=tuned\n")),
        }
    }

    /// What it does not offer to anybody, if the settings ask for that.
    pub(super) fn refuses(self, cell: Cell) -> Option<&'static str> {
        match (self, cell.guarantee) {
            (Self::KafkaStreams, Guarantee::None) => Some("it has no weaker guarantee than at_least_once"),
            (Self::Truecut | Self::Raw | Self::Flink | Self::FlinkTuned | Self::KafkaStreams, _) => None,
        }
    }
}

impl fmt::Display for SubjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for SubjectName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = PEERS.into_iter().find(|peer| peer.name() == text);
        known.ok_or_else(|| "no such peer: give raw, flink, flink-tuned or kafka-streams".to_owned())
    }
}

/// Something that does the job.
pub(super) trait Subject {
    /// Why it can't run here, and what to do.
    fn missing(&self) -> Option<String>;

    /// What it is made of: names and versions.
    fn versions(&self) -> Vec<(String, String)>;

    /// Starts it.
    fn start(&self, settings: &Settings) -> Result<Running, Failure>;

    /// What one that was started in this directory told of its recoveries, in order of time, if it tells anything.
    fn told(&self, _directory: &Path) -> Vec<Told> {
        Vec::new()
    }
}

/// What a subject told of a recovery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Told {
    /// When, by the wall clock, us since 1970.
    pub(super) unix_us: u64,
    pub(super) what: Phase,
}

/// How far a recovery is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// It noticed that a process is gone.
    Noticed,
    /// All subtasks run.
    Running,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back_what_they_print() {
        for peer in PEERS {
            assert_eq!(peer.to_string().parse(), Ok(peer));
            assert_eq!(serde_json::to_string(&peer).unwrap(), format!("\"{peer}\""));
        }
        assert!("truecut".parse::<SubjectName>().is_err(), "it is always there");
    }

    #[test]
    fn a_peer_that_is_not_built_is_missing_and_says_what_to_do() {
        let nowhere = tempfile::tempdir().expect("a directory");
        for peer in [SubjectName::Flink, SubjectName::KafkaStreams] {
            let why = peer.subject(nowhere.path()).missing().expect("nothing is there");
            assert!(why.contains("run.sh") && why.contains(peer.name()), "{why}");
        }
    }
}
