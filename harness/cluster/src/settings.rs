//! The settings of truecut's own brokers: one list for containers and processes.
//!
//! Small and quick rather than safe for others' data: one replica, few internal partitions, no delays that are made for
//! large clusters; and nothing that would hide a fault, so topics are never made by accident.

use std::collections::BTreeMap;

use crate::error::ClusterError;

/// Where one broker listens and keeps its data.
pub(crate) struct Place {
    /// Listens for clients, as `HOST:PORT` with an empty host for every address.
    pub(crate) listen: String,
    /// What clients are told to connect to.
    pub(crate) advertise: String,
    /// Between brokers, and of a broker to itself: transaction markers travel here.
    pub(crate) between: String,
    /// Of the controller.
    pub(crate) controller: String,
    /// The data directory, as the broker sees it.
    pub(crate) data: String,
}

/// Kafka's properties for a broker at `place`; `more` replaces single ones.
pub(crate) fn properties(place: &Place, more: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let Place { listen, advertise, between, controller, data } = place;
    let fixed = [
        ("auto.create.topics.enable", "false"),
        // After a kill the controller waits for the old session's end before it takes the broker back: 9 s by default.
        ("broker.heartbeat.interval.ms", "500"),
        ("broker.session.timeout.ms", "3000"),
        ("controller.listener.names", "CONTROLLER"),
        ("group.initial.rebalance.delay.ms", "0"),
        ("inter.broker.listener.name", "BROKER"),
        ("listener.security.protocol.map", "PLAINTEXT:PLAINTEXT,BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT"),
        ("node.id", "1"),
        ("offsets.topic.num.partitions", "4"),
        ("offsets.topic.replication.factor", "1"),
        ("process.roles", "broker,controller"),
        ("share.coordinator.state.topic.min.isr", "1"),
        ("share.coordinator.state.topic.replication.factor", "1"),
        // Timed-out transactions are looked for each second, not each ten: tests wait for exactly this.
        ("transaction.abort.timed.out.transaction.cleanup.interval.ms", "1000"),
        ("transaction.state.log.min.isr", "1"),
        ("transaction.state.log.num.partitions", "4"),
        ("transaction.state.log.replication.factor", "1"),
    ];
    let placed = [
        ("advertised.listeners", format!("PLAINTEXT://{advertise},BROKER://{between}")),
        ("controller.quorum.voters", format!("1@{controller}")),
        ("listeners", format!("PLAINTEXT://{listen},BROKER://{between},CONTROLLER://{controller}")),
        ("log.dirs", data.clone()),
    ];
    let fixed = fixed.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
    let placed = placed.into_iter().map(|(name, value)| (name.to_owned(), value));
    let more = more.iter().map(|(name, value)| (name.clone(), value.clone()));
    fixed.chain(placed).chain(more).collect()
}

/// The environment variable by which the `apache/kafka` image takes a property.
pub(crate) fn variable(property: &str) -> String {
    let mut name = String::from("KAFKA_");
    for c in property.chars() {
        match c {
            '.' => name.push('_'),
            '_' => name.push_str("__"),
            '-' => name.push_str("___"),
            other => name.push(other.to_ascii_uppercase()),
        }
    }
    name
}

/// The text of a `server.properties` file.
///
/// # Errors
/// [`ClusterError::Refused`] for a setting that would break out of its line.
pub(crate) fn file(properties: &BTreeMap<String, String>) -> Result<String, ClusterError> {
    let mut text = String::new();
    for (name, value) in properties {
        if [name, value].iter().any(|part| part.contains(['\n', '\r', '\\'])) {
            return Err(ClusterError::Refused(format!(
                "the broker setting `{name}` holds a line break or backslash"
            )));
        }
        text.push_str(&format!("{name}={value}\n"));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn properties_become_the_images_variables() {
        assert_eq!(variable("log.dirs"), "KAFKA_LOG_DIRS");
        assert_eq!(variable("a_b-c.d"), "KAFKA_A__B___C_D");
    }

    #[test]
    fn a_callers_setting_replaces_ours() {
        let place = Place {
            listen: ":9092".to_owned(),
            advertise: "127.0.0.1:1".to_owned(),
            between: "localhost:2".to_owned(),
            controller: "localhost:3".to_owned(),
            data: "/data".to_owned(),
        };
        let more = [("node.id".to_owned(), "7".to_owned()), ("new.one".to_owned(), "x".to_owned())].into();
        let all = properties(&place, &more);
        assert_eq!(all.get("node.id").map(String::as_str), Some("7"));
        assert_eq!(all.get("new.one").map(String::as_str), Some("x"));
        let text = file(&all).expect("plain settings");
        assert!(
            text.contains("\nadvertised.listeners=PLAINTEXT://127.0.0.1:1,BROKER://localhost:2\n")
                || text.starts_with("advertised.listeners=")
        );
    }

    #[test]
    fn a_setting_cannot_smuggle_in_another() {
        let settings = [("a".to_owned(), "1\nb=2".to_owned())].into();
        assert!(file(&settings).is_err());
    }
}
