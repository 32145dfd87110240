//! The settings of truecut's own brokers: one list for containers and processes.
//!
//! Small and quick rather than safe for others' data: few internal partitions, no delays that are made for large
//! clusters; and nothing that would hide a fault, so topics are never made by accident.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use crate::broker::BrokerId;
use crate::error::ClusterError;
use crate::options::Options;
use crate::port::{Ports, here};

/// Where one broker listens and keeps its data. Listeners are `HOST:PORT`, with an empty host for every address.
pub(crate) struct Place {
    pub(crate) id: BrokerId,
    /// For clients that connect directly: where it listens, and what they are told.
    pub(crate) direct: Listener,
    /// For clients that come through a proxy.
    pub(crate) behind: Option<Listener>,
    /// Between brokers, and of a broker to itself: transaction markers travel here.
    pub(crate) between: Listener,
    /// Of the controller, at this broker.
    pub(crate) controller: String,
    /// Of the controllers at all brokers.
    pub(crate) voters: Vec<(BrokerId, String)>,
    /// The data directory, as the broker sees it.
    pub(crate) data: String,
}

impl Place {
    /// Of a broker on this machine's own network, one of `all`: it listens where clients of this machine connect.
    pub(crate) fn here(options: &Options, ports: Ports, all: &[Ports], data: &str) -> Self {
        let same = |port: u16| Listener { listen: here(port).to_string(), advertise: here(port).to_string() };
        let proxied = |(port, proxy): (u16, &SocketAddr)| Listener {
            listen: here(port).to_string(),
            advertise: proxy.to_string(),
        };
        Self {
            id: ports.id,
            direct: same(ports.direct),
            behind: ports.behind.zip(options.proxies.get(&ports.id)).map(proxied),
            between: same(ports.between),
            controller: here(ports.controller).to_string(),
            voters: all.iter().map(|other| (other.id, here(other.controller).to_string())).collect(),
            data: data.to_owned(),
        }
    }
}

/// Where a broker listens, and the address by which it is known.
pub(crate) struct Listener {
    pub(crate) listen: String,
    pub(crate) advertise: String,
}

/// What does not depend on where a broker is or how many there are.
const FIXED: [(&str, &str); 10] = [
    ("auto.create.topics.enable", "false"),
    ("broker.heartbeat.interval.ms", "500"),
    ("controller.listener.names", "CONTROLLER"),
    ("group.initial.rebalance.delay.ms", "0"),
    ("inter.broker.listener.name", "BROKER"),
    ("offsets.topic.num.partitions", "4"),
    ("process.roles", "broker,controller"),
    // A broker's leaderships stay where a fault or a test has put them.
    ("auto.leader.rebalance.enable", "false"),
    // Timed-out transactions are looked for each second, not each ten: tests wait for exactly this.
    ("transaction.abort.timed.out.transaction.cleanup.interval.ms", "1000"),
    ("transaction.state.log.num.partitions", "4"),
];

/// Kafka's properties for a broker at `place`; those of the options replace single ones.
pub(crate) fn properties(place: &Place, options: &Options) -> BTreeMap<String, String> {
    let copies = options.brokers.to_string();
    // After a kill the controller waits for the old session's end before it takes the broker back: 9 s by default. The only
    // broker that is fenced because the machine stood still leads nothing for a moment, in which Kafka 4.3 may forget to
    // write a transaction's markers (KAFKA-20734).
    let session_ms = if options.brokers > 1 || options.notices_loss_soon { "3000" } else { "30000" };
    let in_sync_min = if options.brokers == 1 { "1" } else { "2" };
    let voters: Vec<String> = place.voters.iter().map(|(id, at)| format!("{id}@{at}")).collect();
    let mut listeners = vec![("PLAINTEXT", &place.direct), ("BROKER", &place.between)];
    listeners.extend(place.behind.as_ref().map(|behind| ("PROXIED", behind)));
    let listen: Vec<String> = listeners.iter().map(|(name, l)| format!("{name}://{}", l.listen)).collect();
    let advertised = listeners.iter().map(|(name, l)| format!("{name}://{}", l.advertise));
    let protocols = listeners.iter().map(|(name, _)| format!("{name}:PLAINTEXT"));
    let placed = [
        ("node.id", place.id.to_string()),
        ("advertised.listeners", advertised.collect::<Vec<_>>().join(",")),
        ("controller.quorum.voters", voters.join(",")),
        ("listeners", format!("{},CONTROLLER://{}", listen.join(","), place.controller)),
        (
            "listener.security.protocol.map",
            format!("{},CONTROLLER:PLAINTEXT", protocols.collect::<Vec<_>>().join(",")),
        ),
        ("log.dirs", place.data.clone()),
        ("broker.session.timeout.ms", session_ms.to_owned()),
        ("default.replication.factor", copies.clone()),
        ("min.insync.replicas", in_sync_min.to_owned()),
        ("offsets.topic.replication.factor", copies.clone()),
        ("share.coordinator.state.topic.min.isr", in_sync_min.to_owned()),
        ("share.coordinator.state.topic.replication.factor", copies.clone()),
        ("transaction.state.log.min.isr", in_sync_min.to_owned()),
        ("transaction.state.log.replication.factor", copies),
    ];
    let fixed = FIXED.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
    let placed = placed.into_iter().map(|(name, value)| (name.to_owned(), value));
    let more = options.config.iter().map(|(name, value)| (name.clone(), value.clone()));
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

    fn place(id: u8, voters: u8) -> Place {
        let listener =
            |port: u16| Listener { listen: format!(":{port}"), advertise: format!("h{id}:{port}") };
        Place {
            id: BrokerId::new(id),
            direct: listener(1),
            behind: None,
            between: listener(2),
            controller: ":3".to_owned(),
            voters: BrokerId::first(voters).map(|id| (id, format!("h{id}:3"))).collect(),
            data: "/data".to_owned(),
        }
    }

    fn value(all: &BTreeMap<String, String>, name: &str) -> String {
        all.get(name).cloned().unwrap_or_else(|| format!("no {name}"))
    }

    #[test]
    fn a_callers_setting_replaces_ours() {
        let mut options = Options::new("r");
        options.config =
            [("node.id".to_owned(), "7".to_owned()), ("new.one".to_owned(), "x".to_owned())].into();
        let all = properties(&place(1, 1), &options);
        assert_eq!((value(&all, "node.id"), value(&all, "new.one")), ("7".to_owned(), "x".to_owned()));
        let text = file(&all).expect("plain settings");
        assert!(text.contains("advertised.listeners=PLAINTEXT://h1:1,BROKER://h1:2\n"), "{text}");
    }

    #[test]
    fn the_only_broker_is_taken_for_lost_soon_only_where_it_will_be_killed() {
        let session =
            |options: &Options| value(&properties(&place(1, 1), options), "broker.session.timeout.ms");
        assert_eq!(session(&Options::new("r")), "30000");
        assert_eq!(session(&Options { notices_loss_soon: true, ..Options::new("r") }), "3000");
        assert_eq!(session(&Options { brokers: 3, ..Options::new("r") }), "3000");
    }

    #[test]
    fn three_brokers_keep_everything_three_times() {
        let all = properties(&place(2, 3), &Options { brokers: 3, ..Options::new("r") });
        assert_eq!(value(&all, "controller.quorum.voters"), "1@h1:3,2@h2:3,3@h3:3");
        for topic in ["offsets.topic", "transaction.state.log", "default"] {
            assert_eq!(value(&all, &format!("{topic}.replication.factor")), "3");
        }
        assert_eq!(value(&all, "transaction.state.log.min.isr"), "2");
        assert_eq!(value(&all, "min.insync.replicas"), "2");
    }

    #[test]
    fn a_proxied_listener_tells_clients_the_proxys_address() {
        let mut place = place(1, 1);
        place.behind = Some(Listener { listen: ":4".to_owned(), advertise: "127.0.0.1:5".to_owned() });
        let all = properties(&place, &Options::new("r"));
        assert!(value(&all, "listeners").contains(",PROXIED://:4,"));
        assert!(value(&all, "advertised.listeners").ends_with(",PROXIED://127.0.0.1:5"));
        assert!(value(&all, "listener.security.protocol.map").contains(",PROXIED:PLAINTEXT,"));
    }

    #[test]
    fn a_setting_cannot_smuggle_in_another() {
        let settings = [("a".to_owned(), "1\nb=2".to_owned())].into();
        assert!(file(&settings).is_err());
    }
}
