//! Which Kafka a run uses: as a person names it on the command line.

use std::fmt;
use std::str::FromStr;

/// Where Kafka comes from. Its text form is `auto`, `container`, `process` or `HOST:PORT`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KafkaChoice {
    /// A container if an engine answers, else a process if Java and Maven are here.
    Auto,
    /// A broker in a container; no engine is an error.
    Container,
    /// A broker as a plain child process of this machine's Java.
    Process,
    /// Someone else's cluster, left as it is. Holds one `HOST:PORT` or several, separated by commas.
    Bootstrap(String),
}

/// A text that names no Kafka.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` names no Kafka: give auto, container, process, or HOST:PORT (several separated by commas)")]
pub struct UnknownChoice(String);

impl FromStr for KafkaChoice {
    type Err = UnknownChoice;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "auto" => Ok(Self::Auto),
            "container" => Ok(Self::Container),
            "process" => Ok(Self::Process),
            servers if servers.split(',').all(is_host_and_port) => Ok(Self::Bootstrap(servers.to_owned())),
            other => Err(UnknownChoice(other.to_owned())),
        }
    }
}

impl fmt::Display for KafkaChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Auto => "auto",
            Self::Container => "container",
            Self::Process => "process",
            Self::Bootstrap(servers) => servers,
        })
    }
}

/// `HOST:PORT` with a host that is not empty and a port that is a number from 1.
fn is_host_and_port(server: &str) -> bool {
    server.rsplit_once(':').is_some_and(|(host, port)| {
        !host.is_empty()
            && !host.contains(char::is_whitespace)
            && port.parse::<u16>().is_ok_and(|port| port > 0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_choice_reads_back_what_it_prints() {
        for text in ["auto", "container", "process", "localhost:9092", "a:1,b:2", "[::1]:9092"] {
            assert_eq!(text.parse::<KafkaChoice>().map(|choice| choice.to_string()), Ok(text.to_owned()));
        }
    }

    #[test]
    fn what_is_no_server_is_refused_by_name() {
        for text in
            ["", "docker", "localhost", "localhost:", ":9092", "localhost:0", "a:1,", "a b:1", "a:70000"]
        {
            assert_eq!(text.parse::<KafkaChoice>(), Err(UnknownChoice(text.to_owned())), "{text}");
        }
    }
}
