//! What one run is asked for, in the words of the command line, of the documents and of the contract with peers.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use truecut_runtime::config::GuaranteeConfig;

/// What the job does with each record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Query {
    /// Counts the records of each key, with lineage.
    Count,
    /// Nexmark's query 0.
    PassThrough,
    /// Nexmark's query 1.
    Currency,
    /// After Nexmark's queries 4 and 5: bids, sum and highest price of each auction.
    Bids,
}

impl Query {
    /// Every query.
    pub const ALL: [Self; 4] = [Self::Count, Self::PassThrough, Self::Currency, Self::Bids];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Count => "count",
            Self::PassThrough => "pass-through",
            Self::Currency => "currency",
            Self::Bids => "bids",
        }
    }

    /// Whether its input are Nexmark bids; else values are opaque.
    pub(super) fn reads_bids(self) -> bool {
        match self {
            Self::Currency | Self::Bids => true,
            Self::Count | Self::PassThrough => false,
        }
    }
}

impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Query {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|query| query.name() == text);
        known.ok_or_else(|| "no such query: give count, pass-through, currency or bids".to_owned())
    }
}

/// What the job promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Guarantee {
    /// Each record once, to readers of what is committed.
    ExactlyOnce,
    /// Each record once or more.
    AtLeastOnce,
    /// Nothing.
    None,
}

impl Guarantee {
    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ExactlyOnce => "exactly_once",
            Self::AtLeastOnce => "at_least_once",
            Self::None => "none",
        }
    }

    pub(super) fn config(self) -> GuaranteeConfig {
        match self {
            Self::ExactlyOnce => GuaranteeConfig::ExactlyOnce,
            Self::AtLeastOnce => GuaranteeConfig::AtLeastOnce,
            Self::None => GuaranteeConfig::None,
        }
    }
}

impl fmt::Display for Guarantee {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Guarantee {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let all = [Self::ExactlyOnce, Self::AtLeastOnce, Self::None];
        let known = all.into_iter().find(|guarantee| guarantee.name() == text);
        known.ok_or_else(|| "no such guarantee: give exactly_once, at_least_once or none".to_owned())
    }
}

/// What a cell is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dimension {
    Query,
    Records,
    Bytes,
    Guarantee,
    Interval,
    Keys,
    Partitions,
    Parallelism,
}

/// One combination of settings; subjects are compared within it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Cell {
    /// What the job does.
    pub query: Query,
    /// Bytes of an input value. A bid that is larger anyway stays so.
    pub bytes: usize,
    /// What it promises.
    pub guarantee: Guarantee,
    /// Time between two checkpoints, commits or transactions, ms.
    pub interval_ms: u64,
    /// Distinct keys, where the query does not decide.
    pub keys: u64,
    /// Partitions of the input and of the output.
    pub partitions: u16,
    /// Input records, where they are not fed at a steady rate.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub records: Option<u64>,
    /// Threads, subtasks, stream threads: whatever a subject computes with.
    pub parallelism: u16,
}

impl Cell {
    /// Whether both are fed the same input.
    pub(super) fn shares_input(&self, other: &Self) -> bool {
        let input = |cell: &Self| (cell.query, cell.bytes, cell.keys, cell.partitions, cell.records);
        input(self) == input(other)
    }

    /// Each setting that means something here: its name, and what is said of it.
    fn told(&self) -> Vec<(Dimension, String)> {
        let Self { query, bytes, guarantee, interval_ms, keys, partitions, records, parallelism } = *self;
        let mut told = vec![(Dimension::Query, query.to_string())];
        told.extend(
            records.map(|records| (Dimension::Records, format!("{} records", in_few_letters(records)))),
        );
        told.push((Dimension::Bytes, format!("{bytes} bytes")));
        told.push((Dimension::Guarantee, guarantee.to_string()));
        told.push((Dimension::Interval, format!("{interval_ms} ms")));
        if !query.reads_bids() {
            told.push((Dimension::Keys, format!("{} keys", in_few_letters(keys))));
        }
        told.push((Dimension::Partitions, format!("{partitions} partitions")));
        told.push((Dimension::Parallelism, format!("parallelism {parallelism}")));
        told
    }

    /// All settings but one, in words.
    pub(super) fn but_for(&self, dimension: Dimension) -> String {
        let others = self.told().into_iter().filter(|(of, _)| *of != dimension);
        others.map(|(_, text)| text).collect::<Vec<_>>().join(", ")
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let told: Vec<String> = self.told().into_iter().map(|(_, text)| text).collect();
        f.write_str(&told.join(", "))
    }
}

/// A number in few letters.
pub(super) fn in_few_letters(value: u64) -> String {
    match value {
        million if million.is_multiple_of(1_000_000) => format!("{} M", million / 1_000_000),
        thousand if thousand.is_multiple_of(1_000) => format!("{} k", thousand / 1_000),
        other => other.to_string(),
    }
}

/// What a subject is started with.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) bootstrap: String,
    pub(super) input: String,
    pub(super) output: String,
    /// The application, the consumer group and the prefix of transactional ids.
    pub(super) name: String,
    pub(super) cell: Cell,
    /// One process more than the job needs is there to take over, and another one is started for one that dies.
    pub(super) spare: bool,
    /// Traces are recorded; of truecut.
    pub(super) traces: bool,
    /// The subject's own: checkpoints, state, logs.
    pub(super) directory: PathBuf,
}

impl Settings {
    /// The file that a peer is started with: the contract.
    pub(super) fn properties(&self) -> String {
        let Self { bootstrap, input, output, name, cell, spare, traces: _, directory } = self;
        let Cell { query, guarantee, interval_ms, parallelism, .. } = cell;
        // Java's property files read a backslash as an escape.
        let directory = directory.display().to_string().replace('\\', "\\\\");
        let processes = if *spare { "taskmanagers=2\nrestart_taskmanager=true\n" } else { "" };
        format!(
            "bootstrap={bootstrap}\ninput={input}\noutput={output}\nname={name}\nfunction={query}\n\
             guarantee={guarantee}\ninterval_ms={interval_ms}\nparallelism={parallelism}\ndirectory={directory}\n\
             input_by_key=true\n{processes}"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back_what_they_print() {
        for query in Query::ALL {
            assert_eq!(query.to_string().parse(), Ok(query));
            assert_eq!(serde_json::to_string(&query).unwrap(), format!("\"{query}\""));
        }
        for guarantee in [Guarantee::ExactlyOnce, Guarantee::AtLeastOnce, Guarantee::None] {
            assert_eq!(guarantee.to_string().parse(), Ok(guarantee));
            assert_eq!(serde_json::to_string(&guarantee).unwrap(), format!("\"{guarantee}\""));
        }
        assert!("q7".parse::<Query>().is_err() && "twice".parse::<Guarantee>().is_err());
    }

    #[test]
    fn a_peer_is_told_the_contract() {
        let cell = Cell {
            query: Query::Bids,
            bytes: 100,
            guarantee: Guarantee::AtLeastOnce,
            interval_ms: 100,
            keys: 10,
            partitions: 4,
            records: None,
            parallelism: 2,
        };
        assert_eq!(cell.to_string(), "bids, 100 bytes, at_least_once, 100 ms, 4 partitions, parallelism 2");
        let count = Cell { query: Query::Count, keys: 10_000, records: Some(2_000_000), ..cell };
        assert_eq!(
            count.to_string(),
            "count, 2 M records, 100 bytes, at_least_once, 100 ms, 10 k keys, 4 partitions, parallelism 2"
        );
        assert_eq!(
            count.but_for(Dimension::Keys),
            "count, 2 M records, 100 bytes, at_least_once, 100 ms, 4 partitions, parallelism 2"
        );
        let settings = Settings {
            bootstrap: "127.0.0.1:9092".into(),
            input: "in".into(),
            output: "out".into(),
            name: "bench-1".into(),
            cell,
            spare: false,
            traces: false,
            directory: "runs/1".into(),
        };
        let spare = Settings { spare: true, ..settings.clone() };
        assert!(spare.properties().ends_with("taskmanagers=2\nrestart_taskmanager=true\n"));
        assert_eq!(
            settings.properties(),
            "bootstrap=127.0.0.1:9092\ninput=in\noutput=out\nname=bench-1\nfunction=bids\n\
             guarantee=at_least_once\ninterval_ms=100\nparallelism=2\ndirectory=runs/1\ninput_by_key=true\n"
        );
    }
}
