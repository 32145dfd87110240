//! One connection to one broker: requests out, answers in, matched by correlation id.
//!
//! Decides how bytes travel and what is known when they do not come back ([`Transport`]). Which broker to ask, and
//! what an answer means, is decided elsewhere. The versions a broker speaks are learned once per connection, and who connects is shown
//! once ([`Security`]): a broker that lets nobody stay for ever (`connections.max.reauth.ms`) gets another connection in time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use kafka_protocol::messages::api_versions_request::ApiVersionsRequest;
use kafka_protocol::messages::{
    RequestHeader, ResponseHeader, SaslAuthenticateRequest, SaslHandshakeRequest,
};
use kafka_protocol::protocol::{
    Decodable, Encodable, HeaderVersion, Message, Request, StrBytes, VersionRange,
};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::security::Sasl;
pub use super::security::Security;

/// Larger answers are refused; Kafka's own limit for requests is the same.
const FRAME_BYTES_MAX: usize = 100 << 20;
/// Per cent of the time that a broker lets a user stay after which nothing new is sent: what is under way needs the rest.
const LIFE_USED: u32 = 85;

/// How to reach a Kafka cluster.
#[derive(Clone, Debug)]
pub struct Cluster {
    /// `host:port` of some brokers, the first that answers is asked for the rest.
    pub bootstrap: Vec<String>,
    /// The name in the brokers' logs and quotas.
    pub client_id: String,
    /// How connections are secured.
    pub security: Security,
    /// How long one request, or making one connection, may take.
    pub request_timeout: Duration,
}

/// Why there is no answer. The difference is what a caller may assume about the request's effect.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Transport {
    /// Nothing of the request can have reached a broker.
    #[error("not sent: {0}")]
    NotSent(String),
    /// It can't be said in any way that the broker understands.
    #[error("not supported: {0}")]
    Unsupported(String),
    /// The request was handed to the network: it has landed, has not landed, or lands later.
    #[error("sent, but without answer: {0}")]
    Unanswered(String),
}

impl Cluster {
    /// A plaintext cluster behind a comma-separated list of `host:port`.
    #[must_use]
    pub fn new(bootstrap: &str, client_id: &str) -> Self {
        let bootstrap = bootstrap.split(',').map(|s| s.trim().to_owned()).filter(|s| !s.is_empty()).collect();
        Self {
            bootstrap,
            client_id: client_id.to_owned(),
            security: Security::default(),
            request_timeout: Duration::from_secs(10),
        }
    }
}

/// One open connection; closes when the last clone is dropped, or on the first failure.
#[derive(Clone)]
pub(crate) struct Connection {
    inner: Arc<Inner>,
    spoken: Arc<Spoken>,
    /// Nothing new is sent from then on.
    retires: Option<Instant>,
}

/// What the broker speaks.
#[derive(Default)]
struct Spoken {
    /// By API key.
    versions: HashMap<i16, VersionRange>,
    /// The level of the feature `transaction.version` that the cluster agreed on; 0 where there is no such feature.
    transaction_version: i16,
}

struct Inner {
    address: String,
    client_id: String,
    request_timeout: Duration,
    outbox: mpsc::UnboundedSender<Bytes>,
    waiting: Arc<Mutex<Waiting>>,
    tasks: [JoinHandle<()>; 2],
}

/// Who waits for which answer.
#[derive(Default)]
struct Waiting {
    next_id: i32,
    /// Set once, with the reason; nothing is sent any more.
    closed: Option<String>,
    by_id: HashMap<i32, oneshot::Sender<Bytes>>,
}

impl Connection {
    /// Connects and learns which versions the broker speaks.
    pub(crate) async fn open(cluster: &Cluster, address: &str) -> Result<Self, Transport> {
        let stream = match timeout(cluster.request_timeout, cluster.security.open(address)).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return Err(not_connected(address, &error)),
            Err(_) => {
                let why = format!("no answer within {:?}", cluster.request_timeout);
                return Err(not_connected(address, &why));
            }
        };
        let mut connection = Self {
            inner: Arc::new(Inner::start(cluster, address, stream)),
            spoken: Arc::default(),
            retires: None,
        };
        connection.learn(address).await?;
        if let Some(sasl) = cluster.security.sasl() {
            let shown = connection.authenticate(sasl).await;
            connection.retires = shown.map_err(|why| not_connected(address, &why))?;
            // To a stranger a broker need not say all.
            connection.learn(address).await?;
        }
        Ok(connection)
    }

    /// Learns what the broker speaks.
    async fn learn(&mut self, address: &str) -> Result<(), Transport> {
        let hello = ApiVersionsRequest::default()
            .with_client_software_name(StrBytes::from_static_str("truecut"))
            .with_client_software_version(StrBytes::from_static_str(env!("CARGO_PKG_VERSION")));
        let answer = self.send(&hello, 3)?.await.map_err(|error| not_connected(address, &error))?;
        if answer.error_code != 0 {
            let why = format!("ApiVersions answered {}; Kafka 3.0 or newer is needed", answer.error_code);
            return Err(not_connected(address, &why));
        }
        let ranges = answer.api_keys.iter().map(|api| {
            let range = VersionRange { min: api.min_version, max: api.max_version };
            (api.api_key, range)
        });
        let transactions =
            answer.finalized_features.iter().find(|f| f.name.as_str() == "transaction.version");
        let transaction_version = transactions.map_or(0, |feature| feature.max_version_level);
        self.spoken = Arc::new(Spoken { versions: ranges.collect(), transaction_version });
        Ok(())
    }

    /// Shows who is there. When the broker wants to be shown again: some time before, nothing new is sent here.
    async fn authenticate(&self, sasl: &Sasl) -> Result<Option<Instant>, String> {
        let (mechanism, user) = (sasl.mechanism().name(), sasl.username());
        let told = |why: &dyn std::fmt::Display| format!("user {user} by {mechanism}: {why}");
        let hello = SaslHandshakeRequest::default().with_mechanism(StrBytes::from_static_str(mechanism));
        let offer = self.call(&hello, VersionRange { min: 1, max: 1 }).await.map_err(|error| told(&error))?;
        if offer.error_code != 0 {
            let offered: Vec<&str> = offer.mechanisms.iter().map(|name| name.as_str()).collect();
            return Err(told(&format!("the broker offers {} instead", offered.join(", "))));
        }
        let mut exchange = sasl.start().map_err(|error| told(&error))?;
        let (mut said, mut lifetime_ms) = (None, 0);
        while let Some(message) = exchange.step(said.as_deref()).map_err(|error| told(&error))? {
            let request = SaslAuthenticateRequest::default().with_auth_bytes(message.into());
            let answer =
                self.call(&request, VersionRange { min: 0, max: 2 }).await.map_err(|error| told(&error))?;
            if answer.error_code != 0 {
                let why = answer.error_message.map_or_else(String::new, |why| format!(": {why}"));
                return Err(told(&format!("the broker refused{why} (error code {})", answer.error_code)));
            }
            (said, lifetime_ms) = (Some(answer.auth_bytes), answer.session_lifetime_ms);
        }
        Ok(used_for(lifetime_ms).map(|used| Instant::now() + used))
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.retires.is_some_and(|at| Instant::now() >= at) || self.inner.waiting().closed.is_some()
    }

    /// The level of the feature `transaction.version` that the cluster had agreed on when this connection was made.
    pub(crate) fn transaction_version(&self) -> i16 {
        self.spoken.transaction_version
    }

    /// Whether broker and codec share one of these versions of a request.
    pub(crate) fn speaks<R: Request>(&self, wanted: VersionRange) -> bool {
        self.version::<R>(wanted).is_ok()
    }

    /// Sends a request in the highest version that the broker, the codec and `wanted` allow.
    pub(crate) async fn call<R: Request>(
        &self,
        request: &R,
        wanted: VersionRange,
    ) -> Result<R::Response, Transport> {
        self.start(request, wanted)?.await
    }

    /// The same in two steps: the request is on its way when this returns, behind those before it; what comes back is its answer. Several
    /// may be under way at once.
    pub(crate) fn start<R: Request>(
        &self,
        request: &R,
        wanted: VersionRange,
    ) -> Result<impl Future<Output = Result<R::Response, Transport>> + use<R>, Transport> {
        let version = self.version::<R>(wanted)?;
        self.send(request, version)
    }

    fn version<R: Request>(&self, wanted: VersionRange) -> Result<i16, Transport> {
        let ours = wanted.intersect(&R::VERSIONS).intersect(&<R::Response as Message>::VERSIONS);
        let theirs = self.spoken.versions.get(&R::KEY).copied().unwrap_or(VersionRange { min: 0, max: -1 });
        let both = ours.intersect(&theirs);
        if both.is_empty() {
            let (address, key) = (&self.inner.address, R::KEY);
            let why = format!("{address} speaks versions {theirs} of API {key}, {ours} are wanted");
            return Err(Transport::Unsupported(why));
        }
        Ok(both.max)
    }

    fn send<R: Request>(
        &self,
        request: &R,
        version: i16,
    ) -> Result<impl Future<Output = Result<R::Response, Transport>> + use<R>, Transport> {
        let (id, answer) = self.inner.expect_answer()?;
        let frame = self.inner.frame(request, version, id).inspect_err(|_| self.inner.forget(id))?;
        if self.inner.outbox.send(frame).is_err() {
            self.inner.forget(id);
            return Err(Transport::NotSent(format!("connection to {} is closed", self.inner.address)));
        }
        let inner = Arc::clone(&self.inner);
        Ok(async move {
            match timeout(inner.request_timeout, answer).await {
                Ok(Ok(bytes)) => inner.decode::<R::Response>(bytes, version),
                Ok(Err(_)) => Err(inner.unanswered("connection lost")),
                Err(_) => {
                    // The answer may still come; a connection that has fallen behind is not used again.
                    inner.close("a request timed out");
                    Err(inner.unanswered(&format!("nothing within {:?}", inner.request_timeout)))
                }
            }
        })
    }
}

fn not_connected(address: &str, why: &dyn std::fmt::Display) -> Transport {
    Transport::NotSent(format!("cannot connect to Kafka at {address}: {why}"))
}

impl Inner {
    fn start(cluster: &Cluster, address: &str, stream: impl AsyncRead + AsyncWrite + Send + 'static) -> Self {
        let (reader, writer) = tokio::io::split(stream);
        let (outbox, frames) = mpsc::unbounded_channel();
        let waiting = Arc::new(Mutex::new(Waiting::default()));
        let tasks = [
            tokio::spawn(write_all(writer, frames, Arc::clone(&waiting))),
            tokio::spawn(read_all(reader, Arc::clone(&waiting))),
        ];
        Self {
            address: address.to_owned(),
            client_id: cluster.client_id.clone(),
            request_timeout: cluster.request_timeout,
            outbox,
            waiting,
            tasks,
        }
    }

    fn waiting(&self) -> std::sync::MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn expect_answer(&self) -> Result<(i32, oneshot::Receiver<Bytes>), Transport> {
        let mut waiting = self.waiting();
        if let Some(reason) = &waiting.closed {
            return Err(Transport::NotSent(format!("connection to {} is closed: {reason}", self.address)));
        }
        let id = waiting.next_id;
        waiting.next_id = id.wrapping_add(1);
        let (sender, receiver) = oneshot::channel();
        waiting.by_id.insert(id, sender);
        Ok((id, receiver))
    }

    fn forget(&self, id: i32) {
        self.waiting().by_id.remove(&id);
    }

    fn close(&self, reason: &str) {
        close(&self.waiting, reason);
        for task in &self.tasks {
            task.abort();
        }
    }

    fn unanswered(&self, why: &str) -> Transport {
        let reason = self.waiting().closed.clone().unwrap_or_default();
        let colon = if reason.is_empty() { "" } else { ": " };
        Transport::Unanswered(format!("{}: {why}{colon}{reason}", self.address))
    }

    fn frame<R: Request>(&self, request: &R, version: i16, id: i32) -> Result<Bytes, Transport> {
        let header = RequestHeader::default()
            .with_request_api_key(R::KEY)
            .with_request_api_version(version)
            .with_correlation_id(id)
            .with_client_id(Some(StrBytes::from_string(self.client_id.clone())));
        // So large that nothing is moved while it is written: records may be most of it.
        let header_version = R::header_version(version);
        let size =
            header.compute_size(header_version).and_then(|h| Ok(4 + h + request.compute_size(version)?));
        let mut frame = BytesMut::with_capacity(size.unwrap_or_default());
        frame.put_i32(0);
        header
            .encode(&mut frame, header_version)
            .and_then(|()| request.encode(&mut frame, version))
            .map_err(|error| {
                Transport::Unsupported(format!("cannot encode API {} v{version}: {error}", R::KEY))
            })?;
        let length = i32::try_from(frame.len() - 4).map_err(|_| {
            Transport::Unsupported(format!("a request of {} bytes is too large", frame.len()))
        })?;
        frame[..4].copy_from_slice(&length.to_be_bytes());
        Ok(frame.freeze())
    }

    fn decode<M: Decodable + HeaderVersion>(&self, mut bytes: Bytes, version: i16) -> Result<M, Transport> {
        ResponseHeader::decode(&mut bytes, M::header_version(version))
            .and_then(|_| M::decode(&mut bytes, version))
            .map_err(|error| Transport::Unanswered(format!("{}: unreadable answer: {error}", self.address)))
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

/// Dropping the senders tells every waiter at once.
fn close(waiting: &Mutex<Waiting>, reason: &str) {
    let mut waiting = waiting.lock().unwrap_or_else(PoisonError::into_inner);
    waiting.closed.get_or_insert_with(|| reason.to_owned());
    waiting.by_id.clear();
}

async fn write_all(
    mut writer: impl AsyncWrite + Unpin,
    mut frames: mpsc::UnboundedReceiver<Bytes>,
    waiting: Arc<Mutex<Waiting>>,
) {
    while let Some(frame) = frames.recv().await {
        let mut written = writer.write_all(&frame).await;
        if written.is_ok() {
            written = writer.flush().await; // TLS may keep something back
        }
        if let Err(error) = written {
            close(&waiting, &error.to_string());
            return;
        }
    }
}

async fn read_all(mut reader: impl AsyncRead + Unpin, waiting: Arc<Mutex<Waiting>>) {
    loop {
        match read_frame(&mut reader).await {
            Ok((id, frame)) => {
                let waiter = waiting.lock().unwrap_or_else(PoisonError::into_inner).by_id.remove(&id);
                if let Some(waiter) = waiter {
                    // A waiter that gave up has closed the connection already.
                    let _ = waiter.send(frame);
                }
            }
            Err(error) => {
                close(&waiting, &error.to_string());
                return;
            }
        }
    }
}

async fn read_frame(reader: &mut (impl AsyncRead + Unpin)) -> std::io::Result<(i32, Bytes)> {
    let length = usize::try_from(reader.read_i32().await?).unwrap_or(usize::MAX);
    if !(4..=FRAME_BYTES_MAX).contains(&length) {
        return Err(std::io::Error::other("the peer does not speak Kafka's protocol"));
    }
    let mut frame = vec![0; length];
    reader.read_exact(&mut frame).await?;
    let frame = Bytes::from(frame);
    Ok((frame.clone().get_i32(), frame))
}

/// How long a connection is used that a broker lets live so many milliseconds; `None` if it does not limit it (KIP-368).
fn used_for(lifetime_ms: i64) -> Option<Duration> {
    let lifetime = u64::try_from(lifetime_ms).ok().filter(|ms| *ms > 0)?;
    Some(Duration::from_millis(lifetime) * LIFE_USED / 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_is_left_before_its_broker_ends_it_and_never_if_it_does_not() {
        assert_eq!([0, -1].map(used_for), [None; 2]);
        for lifetime_ms in [1_000, 3_600_000] {
            let used = used_for(lifetime_ms).expect("it is limited").as_millis();
            let lifetime = u128::from(lifetime_ms.unsigned_abs());
            assert!(used >= lifetime / 2 && used < lifetime * 9 / 10, "{used} of {lifetime} ms");
        }
    }
}
