//! One broker of a cluster, of either kind: its number, and what can be done to it.

use std::fmt;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use crate::container::ContainerBroker;
use crate::error::ClusterError;
use crate::network::{Isolation, PROCESSES_SHARE};
use crate::process::ProcessBroker;

/// A broker's number, which is also its `node.id`: the first is 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BrokerId(u8);

impl BrokerId {
    /// The broker with this number. Whether a cluster has it is said when something is asked of it.
    pub const fn new(number: u8) -> Self {
        Self(number)
    }

    /// The number.
    pub const fn number(self) -> u8 {
        self.0
    }

    /// The brokers of a cluster of `count`.
    pub(crate) fn first(count: u8) -> impl Iterator<Item = Self> + Clone {
        (1..=count).map(Self)
    }
}

impl fmt::Display for BrokerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Why a process has no disk of its own.
pub(crate) const PROCESS_DISK: &str = "a broker that is a process has no disk of its own to fill: use `--kafka \
                                       container` and `Options::disk_mib`";

/// Why a broker's clock can't jump.
pub(crate) const NO_CLOCK: &str = "the broker has no clock of its own to set: give `Options::clock`";

/// What can be done to a broker.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Action {
    Stop(Duration),
    Kill,
    Start,
    Pause,
    Resume,
    Isolate(Isolation),
    Rejoin,
    Fill,
    Unfill,
    /// So many milliseconds ahead of the machine's.
    SetClock(i64),
}

/// A broker that this process started.
pub(crate) enum Broker {
    Container(Box<ContainerBroker>),
    Process(Box<ProcessBroker>),
}

impl Broker {
    /// Where clients reach it.
    pub(crate) fn direct(&self) -> SocketAddr {
        match self {
            Self::Container(container) => container.direct,
            Self::Process(process) => process.direct,
        }
    }

    /// Where a proxy reaches it, if one stands before it.
    pub(crate) fn behind(&self) -> Option<SocketAddr> {
        match self {
            Self::Container(container) => container.behind,
            Self::Process(process) => process.behind,
        }
    }

    /// Its process as the engine or the system numbers it.
    pub(crate) async fn pid(&self) -> Option<u32> {
        match self {
            Self::Container(container) => container.pid().await,
            Self::Process(process) => Some(process.pid()),
        }
    }

    /// Whether it runs; the error quotes its log.
    pub(crate) async fn alive(&mut self) -> Result<(), String> {
        match self {
            Self::Container(container) => container.alive().await,
            Self::Process(process) => process.alive(),
        }
    }

    pub(crate) async fn act(&mut self, action: Action) -> Result<(), ClusterError> {
        match self {
            Self::Container(container) => act_on_container(container, action).await,
            Self::Process(process) => act_on_process(process, action).await,
        }
    }

    /// Takes it away, unless it is to be kept.
    pub(crate) async fn end(self, log_dir: Option<&Path>) -> Result<(), ClusterError> {
        match self {
            Self::Container(container) => container.end(log_dir).await,
            Self::Process(process) => process.end().await,
        }
    }
}

async fn act_on_container(container: &mut ContainerBroker, action: Action) -> Result<(), ClusterError> {
    match action {
        Action::Stop(limit) => container.stop(i32::try_from(limit.as_secs()).unwrap_or(i32::MAX)).await,
        Action::Kill => container.kill().await,
        Action::Start => container.start_again().await,
        Action::Pause => container.pause().await,
        Action::Resume => container.resume().await,
        Action::Isolate(isolation) => container.isolate(isolation).await,
        Action::Rejoin => container.rejoin().await,
        Action::Fill => container.disk()?.fill().await,
        Action::Unfill => container.disk()?.unfill().await,
        Action::SetClock(ahead_ms) => container.set_clock(ahead_ms).await,
    }
}

async fn act_on_process(process: &mut ProcessBroker, action: Action) -> Result<(), ClusterError> {
    match action {
        Action::Stop(limit) => process.stop(limit).await,
        Action::Kill => process.kill(),
        Action::Start => process.start_again(),
        Action::Pause => process.pause(),
        Action::Resume => process.resume(),
        Action::Isolate(_) => Err(ClusterError::Refused(PROCESSES_SHARE.to_owned())),
        Action::Rejoin => Ok(()), // it is never cut off
        Action::SetClock(ahead_ms) => process.set_clock(ahead_ms),
        Action::Fill | Action::Unfill => Err(ClusterError::Refused(PROCESS_DISK.to_owned())),
    }
}
