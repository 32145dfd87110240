//! A broker whose clients must come by TLS and say who they are. The listener is the one that is meant for clients behind a proxy: here the
//! proxy passes bytes on, so that clients can be told its address before the broker has one.

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;

use kafka_protocol::messages::AlterUserScramCredentialsRequest;
use kafka_protocol::messages::alter_user_scram_credentials_request::ScramCredentialUpsertion;
use kafka_protocol::protocol::StrBytes;
use pbkdf2::pbkdf2_hmac;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use sha2::{Sha256, Sha512};
use tempfile::TempDir;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::own_kafka;
use crate::wire::Wire;
use crate::{BrokerId, Cluster};

/// Who may come, by every mechanism.
pub const USER: &str = "app";
/// What has to be known for it.
pub const PASSWORD: &str = "app-secret";

/// How long a connection may live before its user has to be shown again, ms: so short that it happens within a test.
pub const REAUTH_MS: u64 = 4_000;

/// How often SCRAM hashes; Kafka wants at least as many.
const ITERATIONS: u32 = 4096;
const SALT: &[u8] = b"truecut-test-salt";

/// A broker with a listener that is secured by TLS and SASL (PLAIN, SCRAM-SHA-256, SCRAM-SHA-512).
pub struct Secured {
    /// Without TLS and SASL: for the test itself.
    pub cluster: Cluster,
    /// The secured listener.
    pub bootstrap: String,
    directory: TempDir,
    _passing: DropGuard,
}

impl Secured {
    /// A PEM file: `ca` that signed the broker's certificate, `other-ca` that did not; `client` with `client-key`, which it asks for.
    pub fn pem(&self, name: &str) -> PathBuf {
        self.directory.path().join(format!("{name}.pem"))
    }
}

/// A broker of a test's own with a secured listener; `None` means: skip, which was said on standard error.
///
/// # Panics
/// When Kafka cannot be started, or may not be skipped.
pub fn secured_kafka() -> Option<Secured> {
    let directory = tempfile::tempdir().expect("a directory");
    let [authority, other] = [Authority::new(), Authority::new()];
    let (broker, client) = (authority.sign(), authority.sign());
    let files = [
        ("ca", &authority.pem),
        ("other-ca", &other.pem),
        ("client", &client.certificate),
        ("client-key", &client.key),
    ];
    for (name, pem) in files {
        std::fs::write(directory.path().join(format!("{name}.pem")), pem).expect("it can be written");
    }
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = listener.local_addr().expect("it has an address");
    let id = BrokerId::first(1).next().expect("the first");
    let cluster = own_kafka(|options| {
        options.proxies.insert(id, address);
        options.config.extend(settings(&broker, &authority.pem));
    })?;
    let behind = cluster.behind(id).expect("a second listener was asked for");
    let ended = CancellationToken::new();
    let token = ended.clone();
    std::thread::spawn(move || run(token.run_until_cancelled(pass_on(listener, behind))));
    let server = cluster.bootstrap().to_owned();
    std::thread::spawn(move || run(make_user(&server))).join().expect("the user can be made");
    Some(Secured { cluster, bootstrap: address.to_string(), directory, _passing: ended.drop_guard() })
}

/// The listener's settings, by Kafka's names.
fn settings(broker: &Signed, trusted: &str) -> Vec<(String, String)> {
    let jaas = |module: &str, more: &str| {
        format!("org.apache.kafka.common.security.{module}LoginModule required {more};")
    };
    let of_listener = [
        ("ssl.keystore.type", "PEM".to_owned()),
        ("ssl.keystore.certificate.chain", in_a_line(&broker.certificate)),
        ("ssl.keystore.key", in_a_line(&broker.key)),
        ("ssl.truststore.type", "PEM".to_owned()),
        ("ssl.truststore.certificates", in_a_line(trusted)),
        ("ssl.client.auth", "required".to_owned()),
        ("sasl.enabled.mechanisms", "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512".to_owned()),
        ("plain.sasl.jaas.config", jaas("plain.Plain", &format!("user_{USER}=\"{PASSWORD}\""))),
        ("scram-sha-256.sasl.jaas.config", jaas("scram.Scram", "")),
        ("scram-sha-512.sasl.jaas.config", jaas("scram.Scram", "")),
        ("connections.max.reauth.ms", REAUTH_MS.to_string()),
    ];
    let protocols = "PLAINTEXT:PLAINTEXT,BROKER:PLAINTEXT,PROXIED:SASL_SSL,CONTROLLER:PLAINTEXT";
    let of_listener = of_listener.map(|(name, value)| (format!("listener.name.proxied.{name}"), value));
    let mut settings = vec![("listener.security.protocol.map".to_owned(), protocols.to_owned())];
    settings.extend(of_listener);
    settings
}

/// A broker's setting has one line; PEM does not care.
fn in_a_line(pem: &str) -> String {
    pem.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whoever signs certificates.
struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate with its key.
struct Signed {
    certificate: String,
    key: String,
}

impl Authority {
    fn new() -> Self {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::default();
        // A certificate that has its authority's name is taken for one that signed itself.
        params.distinguished_name.push(DnType::CommonName, "authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).expect("a certificate").pem();
        Self { pem, issuer: Issuer::new(params, key) }
    }

    fn sign(&self) -> Signed {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(["127.0.0.1".to_owned()]).expect("an address is a name");
        params.distinguished_name.push(DnType::CommonName, "truecut");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate").pem();
        Signed { certificate, key: key.serialize_pem() }
    }
}

/// Runs on a thread of its own, inside of whatever runtime the test has.
fn run<T>(task: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime can be made").block_on(task)
}

/// Passes connections on.
async fn pass_on(listener: TcpListener, to: SocketAddr) {
    listener.set_nonblocking(true).expect("a socket can be");
    let listener = tokio::net::TcpListener::from_std(listener).expect("a runtime takes it");
    while let Ok((mut client, _)) = listener.accept().await {
        tokio::spawn(async move {
            if let Ok(mut broker) = tokio::net::TcpStream::connect(to).await {
                // Either end may go away.
                let _passed = tokio::io::copy_bidirectional(&mut client, &mut broker).await;
            }
        });
    }
}

/// Makes the user known by SCRAM (KIP-554).
async fn make_user(server: &str) {
    let (mut short, mut long) = ([0; 32], [0; 64]);
    pbkdf2_hmac::<Sha256>(PASSWORD.as_bytes(), SALT, ITERATIONS, &mut short);
    pbkdf2_hmac::<Sha512>(PASSWORD.as_bytes(), SALT, ITERATIONS, &mut long);
    let upsert = |mechanism: i8, salted: Vec<u8>| {
        ScramCredentialUpsertion::default()
            .with_name(StrBytes::from_static_str(USER))
            .with_mechanism(mechanism)
            .with_iterations(i32::try_from(ITERATIONS).expect("few"))
            .with_salt(SALT.to_vec().into())
            .with_salted_password(salted.into())
    };
    for upsertion in [upsert(1, short.to_vec()), upsert(2, long.to_vec())] {
        let request = AlterUserScramCredentialsRequest::default().with_upsertions(vec![upsertion]);
        let mut wire = Wire::open(server).await.expect("the broker answers");
        let answer = wire.call(&request, 0).await.expect("the broker answers");
        assert!(answer.results.iter().all(|result| result.error_code == 0), "{answer:?}");
    }
}
