//! How a job's connections to Kafka are secured, as a person describes it. Secrets are in files of their own: a job description is
//! passed on, logged and kept.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::ConfigError;
use crate::kafka::security::{Sasl, SaslMechanism, Security, Tls};

/// How connections are secured. Default: neither encrypted nor authenticated.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SecurityConfig {
    /// Encrypt; `{}` trusts whom the system trusts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<TlsConfig>,
    /// Say who is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sasl: Option<SaslConfig>,
}

/// Encrypted connections, to brokers whose certificates are checked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TlsConfig {
    /// PEM file of the authorities that are trusted. Default: those of the system.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca: Option<PathBuf>,
    /// PEM file of this client's certificate, for brokers that ask for one, with those that lead to an authority.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate: Option<PathBuf>,
    /// PEM file of its private key, unencrypted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<PathBuf>,
}

/// A user with a password.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SaslConfig {
    /// How the password is shown to be known.
    pub mechanism: MechanismConfig,
    /// The user.
    pub username: String,
    /// File of the password; a line break at its end does not count.
    pub password_file: PathBuf,
}

/// How a password is shown to be known, by Kafka's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum MechanismConfig {
    /// It is sent.
    #[serde(rename = "PLAIN")]
    Plain,
    /// It is proved, and the broker proves that it knows it, too (RFC 7677).
    #[serde(rename = "SCRAM-SHA-256")]
    ScramSha256,
    /// The same with a longer hash.
    #[serde(rename = "SCRAM-SHA-512")]
    ScramSha512,
}

impl SecurityConfig {
    /// Whether nothing is secured.
    #[must_use]
    pub fn is_plaintext(&self) -> bool {
        *self == Self::default()
    }

    /// What no file is needed to see.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let halved = self.tls.as_ref().is_some_and(|tls| tls.certificate.is_some() != tls.key.is_some());
        if halved {
            let what = "`security.tls` has one of `certificate` and `key`: give both, or none";
            return Err(ConfigError::Invalid { what: what.into() });
        }
        if self.sasl.as_ref().is_some_and(|sasl| sasl.username.is_empty()) {
            let what = "`security.sasl.username` is empty: give the user's name";
            return Err(ConfigError::Invalid { what: what.into() });
        }
        Ok(())
    }

    /// Reads the files.
    ///
    /// # Errors
    /// One can't be read, or holds something else; it is named.
    pub fn load(&self) -> Result<Security, ConfigError> {
        let tls = match &self.tls {
            None => None,
            Some(TlsConfig { ca, certificate, key }) => {
                let identity = certificate.as_deref().zip(key.as_deref());
                let tls = Tls::load(ca.as_deref(), identity);
                Some(tls.map_err(|what| ConfigError::Invalid { what: format!("`security.tls`: {what}") })?)
            }
        };
        let sasl = self.sasl.as_ref().map(SaslConfig::load).transpose()?;
        if let (Some(sasl), None) = (&self.sasl, &self.tls)
            && sasl.mechanism == MechanismConfig::Plain
        {
            tracing::warn!(
                user = sasl.username,
                "the password travels unencrypted: use `security.tls`, or SCRAM"
            );
        }
        Ok(Security::new(tls, sasl))
    }
}

impl SaslConfig {
    fn load(&self) -> Result<Sasl, ConfigError> {
        let Self { mechanism, username, password_file } = self;
        let mechanism = match mechanism {
            MechanismConfig::Plain => SaslMechanism::Plain,
            MechanismConfig::ScramSha256 => SaslMechanism::ScramSha256,
            MechanismConfig::ScramSha512 => SaslMechanism::ScramSha512,
        };
        Ok(Sasl::new(mechanism, username, &password(password_file)?))
    }
}

fn password(path: &Path) -> Result<String, ConfigError> {
    let invalid = |why: &dyn std::fmt::Display| ConfigError::Invalid {
        what: format!("`security.sasl.password_file`: {}: {why}", path.display()),
    };
    let text = std::fs::read_to_string(path).map_err(|why| invalid(&why))?;
    let line = text.strip_suffix('\n').map_or(text.as_str(), |line| line.strip_suffix('\r').unwrap_or(line));
    if line.is_empty() { Err(invalid(&"it is empty")) } else { Ok(line.to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(config: &SecurityConfig) -> String {
        config.load().expect_err("it can't be used").to_string()
    }

    #[test]
    fn what_is_written_as_kafka_names_it_is_read() {
        let text =
            "tls = {}\nsasl = { mechanism = \"SCRAM-SHA-512\", username = \"app\", password_file = \"p\" }";
        let read: SecurityConfig = toml::from_str(text).unwrap();
        assert_eq!(read.tls, Some(TlsConfig::default()));
        assert_eq!(read.sasl.as_ref().map(|sasl| sasl.mechanism), Some(MechanismConfig::ScramSha512));
        assert!(read.check().is_ok() && !read.is_plaintext());
        assert_eq!(toml::from_str::<SecurityConfig>(&toml::to_string(&read).unwrap()).unwrap(), read);
        assert!(toml::from_str::<SecurityConfig>("sasl = { password = \"secret\" }").is_err());
    }

    #[test]
    fn a_certificate_without_its_key_is_refused() {
        let tls = TlsConfig { certificate: Some("c.pem".into()), ..TlsConfig::default() };
        assert!(SecurityConfig { tls: Some(tls), sasl: None }.check().is_err());
    }

    #[test]
    fn files_that_are_missing_or_hold_something_else_are_named() {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("file");
        let sasl = SaslConfig {
            mechanism: MechanismConfig::ScramSha256,
            username: "app".into(),
            password_file: file.clone(),
        };
        let secured = SecurityConfig { tls: None, sasl: Some(sasl) };
        assert!(error(&secured).contains("file: No such file"), "{}", error(&secured));
        std::fs::write(&file, "\n").unwrap();
        assert!(error(&secured).contains("it is empty"));
        std::fs::write(&file, "secret\n").unwrap();
        let told = format!("{:?}", secured.load().unwrap());
        assert!(told.contains("app") && !told.contains("secret"), "{told}");
        let tls = |ca| SecurityConfig { tls: Some(TlsConfig { ca, ..TlsConfig::default() }), sasl: None };
        assert!(error(&tls(Some(file.clone()))).contains("no certificate"), "{}", error(&tls(Some(file))));
        let missing = error(&tls(Some(directory.path().join("none"))));
        assert!(missing.contains("none"), "{missing}");
    }
}
