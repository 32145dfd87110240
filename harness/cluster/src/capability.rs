//! What can be done to the brokers of a cluster here, and what is missing where it can't.

use crate::broker::{NO_CLOCK, PROCESS_DISK};
use crate::cluster::Cluster;
use crate::disk::NO_DISK;
use crate::error::ClusterError;
use crate::network;

/// Something that can be done to brokers of some kinds, on some machines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Capability {
    /// Stop, kill, start, pause and resume.
    Break,
    /// [`crate::Isolation::Full`].
    Isolate,
    /// [`crate::Isolation::Mute`] and [`crate::Isolation::Deaf`].
    OneWay,
    /// [`Cluster::fill`] and [`Cluster::unfill`].
    FillDisk,
    /// [`Cluster::set_clock`].
    SetClock,
}

impl Cluster {
    /// Whether something can be done to this cluster's brokers here, as far as can be told without doing it.
    ///
    /// # Errors
    /// What is missing.
    pub fn can(&self, what: Capability) -> Result<(), ClusterError> {
        let refuse = |why: &str| Err(ClusterError::Refused(why.to_owned()));
        match (self.kind(), what) {
            ("external", _) => refuse("truecut did not start these brokers, and lets them be"),
            (_, Capability::Break) => Ok(()),
            ("process", Capability::Isolate | Capability::OneWay) => refuse(network::PROCESSES_SHARE),
            (_, Capability::Isolate | Capability::OneWay) if self.options.brokers == 1 => {
                refuse(network::ALONE)
            }
            (_, Capability::Isolate) => Ok(()),
            (_, Capability::OneWay) => network::demand_one_way(),
            ("process", Capability::FillDisk) => refuse(PROCESS_DISK),
            (_, Capability::FillDisk) if self.options.disk_mib.is_none() => refuse(NO_DISK),
            (_, Capability::FillDisk) => Ok(()),
            (_, Capability::SetClock) if !self.options.clock => refuse(NO_CLOCK),
            (_, Capability::SetClock) => Ok(()),
        }
    }
}
