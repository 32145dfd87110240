//! The way to a broker: addresses, open connections, remembered coordinators and leaders.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use kafka_protocol::messages::find_coordinator_request::FindCoordinatorRequest;
use kafka_protocol::protocol::{Request, VersionRange};

use super::{RawClient, text, versions};
use crate::kafka::connection::{Cluster, Connection, Transport};

/// Remembered routes; beyond it all are forgotten, which costs one look-up each.
const ROUTES_MAX: usize = 4096;

/// What a route leads to. Each names what decides the broker.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Target {
    Group(String),
    TransactionalId(String),
    Leader { topic: String, partition: i32 },
}

/// A look-up's result: a broker, or the code that the look-up was answered with.
pub(super) type Found = Result<i32, i16>;

pub(super) struct Routes {
    cluster: Cluster,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    addresses: HashMap<i32, String>,
    /// One lock per address, so that several tasks do not connect at once.
    connections: HashMap<String, Arc<tokio::sync::Mutex<Way>>>,
    brokers: HashMap<Target, i32>,
}

/// What came of connecting to an address.
#[derive(Default)]
struct Way {
    open: Option<Connection>,
    /// When it last failed, and why.
    failed: Option<(Instant, Transport)>,
}

impl Way {
    fn open(&self) -> Option<Connection> {
        self.open.clone().filter(|open| !open.is_closed())
    }
}

impl Routes {
    pub(super) fn new(cluster: Cluster) -> Self {
        Self { cluster, known: Mutex::default() }
    }

    pub(super) fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn learn_address(&self, broker: i32, host: &str, port: i32) {
        self.known().addresses.insert(broker, format!("{host}:{port}"));
    }

    fn learn_broker(&self, target: Target, broker: i32) {
        let mut known = self.known();
        if known.brokers.len() >= ROUTES_MAX {
            known.brokers.clear();
        }
        known.brokers.insert(target, broker);
    }

    fn forget(&self, target: &Target) {
        self.known().brokers.remove(target);
    }

    async fn connection(&self, address: &str) -> Result<Connection, Transport> {
        let way = Arc::clone(self.known().connections.entry(address.to_owned()).or_default());
        let asked = Instant::now();
        let mut way = way.lock().await;
        if let Some(open) = way.open() {
            return Ok(open);
        }
        // Where nobody answers all that wait share one attempt: one after the other, each would take its full time.
        if let Some((_, why)) = way.failed.as_ref().filter(|(at, _)| *at >= asked) {
            return Err(why.clone());
        }
        match Connection::open(&self.cluster, address).await {
            Ok(opened) => {
                *way = Way { open: Some(opened.clone()), failed: None };
                Ok(opened)
            }
            Err(why) => {
                *way = Way { open: None, failed: Some((Instant::now(), why.clone())) };
                Err(why)
            }
        }
    }

    /// The connection to an address, if one is open.
    fn open_at(&self, address: &str) -> Option<Connection> {
        self.known().connections.get(address)?.try_lock().ok()?.open()
    }

    /// The connection to a broker, if one is open.
    fn open_to(&self, broker: i32) -> Option<Connection> {
        let known = self.known();
        known.connections.get(known.addresses.get(&broker)?)?.try_lock().ok()?.open()
    }

    async fn to_broker(&self, broker: i32) -> Result<Connection, Transport> {
        let address = self.known().addresses.get(&broker).cloned();
        let unknown = || Transport::NotSent(format!("broker {broker} has no known address"));
        self.connection(&address.ok_or_else(unknown)?).await
    }

    /// Any broker: the bootstrap list in order, then whatever else was learned. One that is connected comes first: of the others one may be
    /// gone without a word, and would be waited for.
    async fn to_any(&self) -> Result<Connection, Transport> {
        let learned: Vec<_> = self.known().addresses.values().cloned().collect();
        let all = || self.cluster.bootstrap.iter().chain(&learned);
        if let Some(open) = all().find_map(|address| self.open_at(address)) {
            return Ok(open);
        }
        let mut last = Transport::NotSent("the list of bootstrap brokers is empty".to_owned());
        for address in all() {
            match self.connection(address).await {
                Ok(connection) => return Ok(connection),
                Err(error) => last = error,
            }
        }
        Err(last)
    }
}

impl RawClient {
    /// The connection to a broker, if one is open.
    pub(in crate::kafka) fn connected(&self, broker: i32) -> Option<Connection> {
        self.routes.open_to(broker)
    }

    /// The connection to a broker, made if there is none.
    pub(in crate::kafka) async fn connect(&self, broker: i32) -> Result<Connection, Transport> {
        self.routes.to_broker(broker).await
    }

    /// A connection to any broker.
    pub(in crate::kafka) async fn connect_any(&self) -> Result<Connection, Transport> {
        self.routes.to_any().await
    }

    pub(super) async fn ask_any<R: Request>(
        &self,
        request: &R,
        versions: VersionRange,
    ) -> Result<R::Response, Transport> {
        self.routes.to_any().await?.call(request, versions).await
    }

    pub(super) async fn ask_broker<R: Request>(
        &self,
        broker: i32,
        request: &R,
        versions: VersionRange,
    ) -> Result<R::Response, Transport> {
        self.routes.to_broker(broker).await?.call(request, versions).await
    }

    /// Asks the broker that a target leads to; `code` reads the answer's own error code.
    /// The inner error is the code of a look-up that failed.
    pub(super) async fn ask<R: Request>(
        &self,
        target: &Target,
        request: &R,
        versions: VersionRange,
        code: impl Fn(&R::Response) -> i16,
    ) -> Result<Result<R::Response, i16>, Transport> {
        let broker = match self.find(target).await? {
            Ok(broker) => broker,
            Err(code) => return Ok(Err(code)),
        };
        let answer = self.ask_broker(broker, request, versions).await;
        if answer.as_ref().map_or(true, |answer| code(answer) != 0) {
            self.routes.forget(target);
        }
        answer.map(Ok)
    }

    async fn find(&self, target: &Target) -> Result<Found, Transport> {
        let remembered = self.routes.known().brokers.get(target).copied();
        if let Some(broker) = remembered {
            return Ok(Ok(broker));
        }
        // A lost answer to a look-up is not a lost answer to the request behind it, which was never sent.
        let found = self.look_up(target).await.map_err(|error| match error {
            Transport::NotSent(why) => Transport::NotSent(why),
            Transport::Unsupported(why) => Transport::Unsupported(why),
            Transport::Unanswered(why) => {
                Transport::NotSent(format!("the way to {target:?} is unknown: {why}"))
            }
        })?;
        if let Ok(broker) = found {
            self.routes.learn_broker(target.clone(), broker);
        }
        Ok(found)
    }

    async fn look_up(&self, target: &Target) -> Result<Found, Transport> {
        match target {
            Target::Group(group) => self.find_coordinator_by(0, group).await,
            Target::TransactionalId(id) => self.find_coordinator_by(1, id).await,
            Target::Leader { topic, partition } => self.find_leader(topic, *partition).await,
        }
    }

    /// The broker that coordinates a transactional id now, asked anew; or the code Kafka answered.
    ///
    /// # Errors
    /// If no answer came.
    pub async fn find_coordinator(&self, transactional_id: &str) -> Result<Result<i32, i16>, Transport> {
        self.find_coordinator_by(1, transactional_id).await
    }

    async fn find_coordinator_by(&self, key_type: i8, key: &str) -> Result<Found, Transport> {
        let request = FindCoordinatorRequest::default().with_key(text(key)).with_key_type(key_type);
        let answer = self.ask_any(&request, versions(1, 3)).await?;
        if answer.error_code != 0 {
            return Ok(Err(answer.error_code));
        }
        self.routes.learn_address(answer.node_id.0, &answer.host, answer.port);
        Ok(Ok(answer.node_id.0))
    }

    async fn find_leader(&self, topic: &str, partition: i32) -> Result<Found, Transport> {
        let metadata = self.metadata(Some(&[topic])).await?;
        let Some(found) = metadata.topics.iter().find(|t| t.name == topic) else {
            return Err(Transport::NotSent(format!("Kafka says nothing of topic {topic}")));
        };
        if found.error_code != 0 {
            return Ok(Err(found.error_code));
        }
        let found = found.partitions.iter().find(|p| p.partition == partition);
        let leader = found.and_then(|found| found.leader);
        leader.map(Ok).ok_or_else(|| {
            Transport::NotSent(format!(
                "partition {partition} of topic {topic} is not there, or nobody leads it"
            ))
        })
    }
}
