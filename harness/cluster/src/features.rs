//! Which of Kafka's versioned features are in force: `transaction.version`, changed once a new cluster runs.
//!
//! A new cluster takes what its release thinks best. UpdateFeatures changes that the same way for containers, processes
//! and images of others, which formatting does not.

use std::time::{Duration, Instant};

use kafka_protocol::messages::UpdateFeaturesRequest;
use kafka_protocol::messages::update_features_request::FeatureUpdateKey;
use kafka_protocol::protocol::StrBytes;

use crate::error::ClusterError;
use crate::probe;
use crate::wire::Wire;

/// Which protocol transactions speak (KIP-890, KIP-1022).
pub(crate) const TRANSACTION_VERSION: &str = "transaction.version";

/// How long all brokers may take to know of a change.
const CHANGE_LIMIT: Duration = Duration::from_secs(30);
/// The pause between two questions whether a broker knows.
const PAUSE: Duration = Duration::from_millis(50);

// How a feature's level is changed.
const UPGRADE: i8 = 1;
const SAFE_DOWNGRADE: i8 = 2;

/// Puts a level of `transaction.version` into force at all `servers`.
///
/// # Errors
/// [`ClusterError::Admin`] when Kafka refuses: the release does not know the level, or thinks it not ready for use.
pub(crate) async fn set_transaction_version(servers: &[String], level: u16) -> Result<(), ClusterError> {
    let failed = |detail: String| ClusterError::Admin {
        doing: format!("put {TRANSACTION_VERSION} {level} into force"),
        detail,
    };
    let wanted = i16::try_from(level).map_err(|e| failed(e.to_string()))?;
    let Some(first) = servers.first() else { return Ok(()) };
    change(first, wanted).await.map_err(failed)?;
    let started = Instant::now();
    for server in servers {
        while now(server).await.map_err(failed)? != wanted {
            if started.elapsed() > CHANGE_LIMIT {
                return Err(failed(format!("{server} does not know of it")));
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
    Ok(())
}

async fn now(server: &str) -> Result<i16, String> {
    Ok(probe::level(&Wire::open(server).await?.hello, TRANSACTION_VERSION))
}

async fn change(server: &str, wanted: i16) -> Result<(), String> {
    let mut wire = Wire::open(server).await?;
    let current = probe::level(&wire.hello, TRANSACTION_VERSION);
    if current == wanted {
        return Ok(());
    }
    let update = FeatureUpdateKey::default()
        .with_feature(StrBytes::from_static_str(TRANSACTION_VERSION))
        .with_max_version_level(wanted)
        .with_upgrade_type(if wanted > current { UPGRADE } else { SAFE_DOWNGRADE });
    let request = UpdateFeaturesRequest::default().with_timeout_ms(4_000).with_feature_updates(vec![update]);
    let answer = wire.call(&request, 1).await?;
    let of_feature = answer.results.iter().map(|result| (result.error_code, result.error_message.as_ref()));
    let all = std::iter::once((answer.error_code, answer.error_message.as_ref())).chain(of_feature);
    match all.into_iter().find(|(code, _)| *code != 0) {
        None => Ok(()),
        Some((code, said)) => Err(format!(
            "UpdateFeatures answered Kafka error {code}: {}",
            said.map_or("", |said| said.as_str())
        )),
    }
}
