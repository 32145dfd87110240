//! The settings that a peer is started with.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use crate::function::Function;

/// What is promised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Guarantee {
    ExactlyOnce,
    AtLeastOnce,
    None,
}

/// The settings.
#[derive(Clone, Debug)]
pub(crate) struct Properties {
    pub(crate) bootstrap: String,
    pub(crate) input: String,
    pub(crate) output: String,
    pub(crate) name: String,
    pub(crate) function: Function,
    pub(crate) guarantee: Guarantee,
    pub(crate) interval: Duration,
    pub(crate) parallelism: u16,
}

/// Settings that can't be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadProperties {
    #[error("can't read {0}: {1}")]
    Unreadable(String, String),
    #[error("the property `{0}` is missing")]
    Missing(&'static str),
    #[error("the property `{0}` is `{1}`: give {2}")]
    Wrong(&'static str, String, &'static str),
}

impl Properties {
    pub(crate) fn read(path: &Path) -> Result<Self, BadProperties> {
        let unreadable =
            |error: std::io::Error| BadProperties::Unreadable(path.display().to_string(), error.to_string());
        Self::parse(&std::fs::read_to_string(path).map_err(unreadable)?)
    }

    fn parse(text: &str) -> Result<Self, BadProperties> {
        let lines = text.lines().map(str::trim).filter(|line| !line.starts_with('#'));
        let values: BTreeMap<&str, &str> = lines.filter_map(|line| line.split_once('=')).collect();
        let get = |name: &'static str| {
            values.get(name).map(|value| value.trim()).ok_or(BadProperties::Missing(name))
        };
        let wrong = |name: &'static str, wanted: &'static str| {
            BadProperties::Wrong(name, values.get(name).copied().unwrap_or_default().to_owned(), wanted)
        };
        let interval_ms: u64 =
            get("interval_ms")?.parse().map_err(|_| wrong("interval_ms", "milliseconds"))?;
        let parallelism: u16 =
            get("parallelism")?.parse().map_err(|_| wrong("parallelism", "a number from 1"))?;
        if parallelism == 0 {
            return Err(wrong("parallelism", "a number from 1"));
        }
        Ok(Self {
            bootstrap: get("bootstrap")?.to_owned(),
            input: get("input")?.to_owned(),
            output: get("output")?.to_owned(),
            name: get("name")?.to_owned(),
            function: match get("function")? {
                "pass-through" => Function::PassThrough,
                "count" => Function::Count,
                "currency" => Function::Currency,
                "bids" => Function::Bids,
                _ => return Err(wrong("function", "pass-through, count, currency or bids")),
            },
            guarantee: match get("guarantee")? {
                "exactly_once" => Guarantee::ExactlyOnce,
                "at_least_once" => Guarantee::AtLeastOnce,
                "none" => Guarantee::None,
                _ => return Err(wrong("guarantee", "exactly_once, at_least_once or none")),
            },
            interval: Duration::from_millis(interval_ms),
            parallelism,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "bootstrap=h:1\ninput=i\noutput=o\nname=n\nfunction=bids\nguarantee=none\ninterval_ms=100\n\
                        parallelism=2\ndirectory=d\n";

    #[test]
    fn settings_are_read_and_what_is_wrong_is_named() {
        let read = Properties::parse(GOOD).unwrap();
        assert_eq!((read.function, read.guarantee), (Function::Bids, Guarantee::None));
        assert_eq!((read.interval, read.parallelism), (Duration::from_millis(100), 2));
        let said = |from: &str, to: &str| Properties::parse(&GOOD.replace(from, to)).unwrap_err().to_string();
        assert_eq!(said("name=n\n", ""), "the property `name` is missing");
        assert!(said("function=bids", "function=q7").contains("`q7`: give pass-through"));
        assert!(said("parallelism=2", "parallelism=0").contains("from 1"));
    }
}
