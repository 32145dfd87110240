//! librdkafka's configuration: what truecut needs, what it prefers, what a user may say.

use rdkafka::ClientConfig;
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaErrorCode;

use super::Failure;
use super::connection::Cluster;

/// librdkafka's code for an argument that cannot be.
pub(super) const INVALID_ARGUMENT: i16 = -186;

/// Names and values in librdkafka's words.
pub(super) type Settings<'a> = &'a [(&'a str, &'a str)];

/// A configuration in which `fixed` stands, and `properties` may overrule `preferred`.
///
/// # Errors
/// If a property would overrule what correctness rests on.
pub(super) fn client_config(
    cluster: &Cluster,
    fixed: Settings<'_>,
    preferred: Settings<'_>,
    properties: &[(String, String)],
) -> Result<ClientConfig, Failure> {
    let reach = cluster.security.librdkafka_settings();
    let (bootstrap, client_id) = (cluster.bootstrap.join(","), cluster.client_id.as_str());
    let identity = [("bootstrap.servers", bootstrap.as_str()), ("client.id", client_id)];
    let mut config = ClientConfig::new();
    for (name, value) in preferred {
        config.set(*name, *value);
    }
    for (name, value) in properties {
        let mut ours = fixed.iter().chain(&identity).map(|(taken, _)| *taken);
        if ours.any(|taken| taken == name) || is_security(name) {
            let reason = format!("the Kafka property {name} is set by truecut itself; remove it");
            return Err(Failure { code: INVALID_ARGUMENT, reason });
        }
        config.set(name, value);
    }
    for (name, value) in identity.iter().chain(fixed) {
        config.set(*name, *value);
    }
    for (name, value) in reach {
        config.set(name, value);
    }
    Ok(config)
}

/// Whether a property belongs to what the cluster's [`super::Security`] decides: for raw requests, too.
fn is_security(name: &str) -> bool {
    ["security.", "sasl.", "ssl."].iter().any(|prefix| name.starts_with(prefix))
}

/// What librdkafka said, with its raw code.
pub(super) fn failure(error: &KafkaError) -> Failure {
    Failure {
        code: error.rdkafka_error_code().map_or(INVALID_ARGUMENT, error_code),
        reason: error.to_string(),
    }
}

/// The number behind rust-rdkafka's name of a code.
#[expect(clippy::as_conversions, reason = "the crate has no other way from its enum to the number")]
pub(super) fn error_code(code: RDKafkaErrorCode) -> i16 {
    raw_code(code as i32)
}

/// Kafka's codes have 16 bits, and librdkafka's own lie between -200 and -100.
pub(super) fn raw_code(code: i32) -> i16 {
    i16::try_from(code).unwrap_or(-1)
}
