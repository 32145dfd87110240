//! How connections are secured: by TLS, by SASL, by both or neither; the same for raw requests and for librdkafka.
//!
//! TLS is rustls', the exchange of SASL is rsasl's; what travels between is Kafka's SaslHandshake and SaslAuthenticate (KIP-43, KIP-152).

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rsasl::prelude::{Mechname, MessageSent, SASLClient, SASLConfig, State};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_util::either::Either;

/// A connection's bytes, encrypted or not.
pub(super) type Stream = Either<TcpStream, Box<TlsStream<TcpStream>>>;

/// How connections are secured. Default: neither encrypted nor authenticated.
#[derive(Clone, Debug, Default)]
pub struct Security {
    tls: Option<Tls>,
    sasl: Option<Sasl>,
}

/// Encrypted connections to brokers whose certificates are checked.
#[derive(Clone, Debug)]
pub struct Tls {
    config: Arc<ClientConfig>,
    ca: Option<PathBuf>,
    /// Certificate and key.
    identity: Option<(PathBuf, PathBuf)>,
}

/// How it is shown that a password is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SaslMechanism {
    /// It is sent (RFC 4616).
    Plain,
    /// It is proved (RFC 7677).
    ScramSha256,
    /// The same with SHA-512.
    ScramSha512,
}

/// A user with a password.
#[derive(Clone)]
pub struct Sasl {
    mechanism: SaslMechanism,
    username: Arc<str>,
    password: Arc<str>,
}

impl Security {
    /// These two, or one, or none.
    #[must_use]
    pub fn new(tls: Option<Tls>, sasl: Option<Sasl>) -> Self {
        Self { tls, sasl }
    }

    pub(super) fn sasl(&self) -> Option<&Sasl> {
        self.sasl.as_ref()
    }

    /// The same in librdkafka's words.
    pub(super) fn librdkafka_settings(&self) -> Vec<(&'static str, String)> {
        let protocol = match (&self.tls, &self.sasl) {
            (None, None) => "plaintext",
            (Some(_), None) => "ssl",
            (None, Some(_)) => "sasl_plaintext",
            (Some(_), Some(_)) => "sasl_ssl",
        };
        let mut settings = vec![("security.protocol", protocol.to_owned())];
        let path = |path: &Path| path.display().to_string();
        if let Some(Tls { ca, identity, .. }) = &self.tls {
            settings.extend(ca.iter().map(|ca| ("ssl.ca.location", path(ca))));
            if let Some((certificate, key)) = identity {
                settings.push(("ssl.certificate.location", path(certificate)));
                settings.push(("ssl.key.location", path(key)));
            }
        }
        if let Some(Sasl { mechanism, username, password }) = &self.sasl {
            settings.push(("sasl.mechanism", mechanism.name().to_owned()));
            settings.push(("sasl.username", username.to_string()));
            settings.push(("sasl.password", password.to_string()));
        }
        settings
    }

    /// Connects to `HOST:PORT`.
    pub(super) async fn open(&self, address: &str) -> std::io::Result<Stream> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let Some(tls) = &self.tls else { return Ok(Either::Left(stream)) };
        let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let name = ServerName::try_from(host).map_err(std::io::Error::other)?;
        let stream = TlsConnector::from(Arc::clone(&tls.config)).connect(name, stream).await;
        let told = |error: std::io::Error| std::io::Error::new(error.kind(), format!("TLS: {error}"));
        Ok(Either::Right(Box::new(stream.map_err(told)?)))
    }
}

impl Tls {
    /// Reads PEM files: of the authorities that are trusted, by default the system's, and of a certificate of one's own with its key.
    ///
    /// # Errors
    /// What is wrong with which file.
    pub fn load(ca: Option<&Path>, identity: Option<(&Path, &Path)>) -> Result<Self, String> {
        let mut roots = RootCertStore::empty();
        match ca {
            Some(ca) => {
                for certificate in certificates(ca)? {
                    roots.add(certificate).map_err(|error| format!("{}: {error}", ca.display()))?;
                }
            }
            None => {
                roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
                if roots.is_empty() {
                    return Err("this system trusts no authority: name a file with `ca`".to_owned());
                }
            }
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_root_certificates(roots);
        let config = match identity {
            None => builder.with_no_client_auth(),
            Some((certificate, key)) => {
                let chain = certificates(certificate)?;
                let secret = PrivateKeyDer::from_pem_file(key)
                    .map_err(|error| format!("{}: no private key: {error}", key.display()))?;
                builder
                    .with_client_auth_cert(chain, secret)
                    .map_err(|error| format!("{} with {}: {error}", certificate.display(), key.display()))?
            }
        };
        let identity = identity.map(|(certificate, key)| (certificate.to_owned(), key.to_owned()));
        Ok(Self { config: Arc::new(config), ca: ca.map(Path::to_owned), identity })
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let failed = |error: &dyn fmt::Display| format!("{}: no certificate: {error}", path.display());
    let read = CertificateDer::pem_file_iter(path).map_err(|error| failed(&error))?;
    let certificates = read.collect::<Result<Vec<_>, _>>().map_err(|error| failed(&error))?;
    if certificates.is_empty() { Err(failed(&"there is none in it")) } else { Ok(certificates) }
}

impl SaslMechanism {
    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::ScramSha256 => "SCRAM-SHA-256",
            Self::ScramSha512 => "SCRAM-SHA-512",
        }
    }
}

impl fmt::Debug for Sasl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The password is nobody's business.
        f.debug_struct("Sasl")
            .field("mechanism", &self.mechanism)
            .field("username", &self.username)
            .finish_non_exhaustive()
    }
}

impl Sasl {
    /// A user.
    #[must_use]
    pub fn new(mechanism: SaslMechanism, username: &str, password: &str) -> Self {
        Self { mechanism, username: username.into(), password: password.into() }
    }

    pub(super) fn mechanism(&self) -> SaslMechanism {
        self.mechanism
    }

    pub(super) fn username(&self) -> &str {
        &self.username
    }

    /// Begins to show who is there.
    pub(super) fn start(&self) -> Result<Exchange, String> {
        let text = |error: &dyn fmt::Display| error.to_string();
        let (username, password) = (self.username.to_string(), self.password.to_string());
        let config = SASLConfig::with_credentials(None, username, password).map_err(|error| text(&error))?;
        let name = Mechname::parse(self.mechanism.name().as_bytes()).map_err(|error| text(&error))?;
        let session = SASLClient::new(config).start_suggested(&[name]).map_err(|error| text(&error))?;
        Ok(Exchange { session, is_over: false })
    }
}

/// An exchange under way.
pub(super) struct Exchange {
    session: rsasl::prelude::Session,
    is_over: bool,
}

impl Exchange {
    /// What is to be sent after the broker said this; at first it has said nothing. None: both have said all, and are content.
    pub(super) fn step(&mut self, said: Option<&[u8]>) -> Result<Option<Vec<u8>>, String> {
        // What comes after a mechanism's last message says nothing more: a broker that is not content answers with an error.
        if self.is_over {
            return Ok(None);
        }
        let mut message = Vec::new();
        let state = self.session.step(said, &mut message).map_err(|error| error.to_string())?;
        self.is_over = !state.is_running();
        Ok(match state {
            State::Running | State::Finished(MessageSent::Yes) => Some(message),
            State::Finished(MessageSent::No) => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn librdkafka_is_told_the_same() {
        let told = |security: &Security| {
            let settings = security.librdkafka_settings();
            settings.into_iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>()
        };
        assert_eq!(told(&Security::default()), ["security.protocol=plaintext"]);
        let sasl = Sasl::new(SaslMechanism::ScramSha256, "app", "secret");
        assert_eq!(
            told(&Security::new(None, Some(sasl))),
            [
                "security.protocol=sasl_plaintext",
                "sasl.mechanism=SCRAM-SHA-256",
                "sasl.username=app",
                "sasl.password=secret"
            ]
        );
    }

    #[test]
    fn plain_says_all_at_once() {
        let sasl = Sasl::new(SaslMechanism::Plain, "app", "secret");
        let mut exchange = sasl.start().unwrap();
        assert_eq!(exchange.step(None).unwrap().as_deref(), Some(b"\0app\0secret".as_slice()));
        assert_eq!(exchange.step(Some(b"")).unwrap(), None);
    }

    #[test]
    fn a_broker_that_does_not_know_the_password_is_refused() {
        let sasl = Sasl::new(SaslMechanism::ScramSha256, "app", "secret");
        let mut exchange = sasl.start().unwrap();
        let first = String::from_utf8(exchange.step(None).unwrap().unwrap()).unwrap();
        let nonce = first.rsplit_once("r=").expect("a nonce").1;
        let challenge = format!("r={nonce}more,s=c2FsdHNhbHRzYWx0,i=4096");
        assert!(exchange.step(Some(challenge.as_bytes())).unwrap().is_some());
        assert!(exchange.step(Some(b"v=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")).is_err());
    }
}
