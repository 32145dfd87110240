//! Which releases of Kafka truecut starts, and what of each must be known to start it.

use std::fmt;
use std::str::FromStr;

/// A release of Kafka, one of each line that matters. Its text form is its version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Release {
    /// 3.9.1: the last line before 4; transactions as before KIP-890.
    V3_9,
    /// 4.3.0.
    #[default]
    V4_3,
}

/// A text that names no release.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("truecut does not start Kafka `{0}`: give 4.3.0 or 3.9.1")]
pub struct UnknownRelease(String);

/// How a release writes its log.
#[derive(Debug)]
pub(crate) struct Logging {
    /// What Kafka's jars lack to write one, as Maven's group, artifact and version.
    pub(crate) jar: [&'static str; 3],
    /// The file that says what is written, and its name.
    pub(crate) config: (&'static str, &'static str),
    /// Java's property for that file.
    pub(crate) property: &'static str,
}

impl Release {
    /// All releases, newest first.
    pub const ALL: [Self; 2] = [Self::V4_3, Self::V3_9];

    /// Its version, such as `4.3.0`.
    pub const fn version(self) -> &'static str {
        match self {
            Self::V3_9 => "3.9.1",
            Self::V4_3 => "4.3.0",
        }
    }

    /// The binding between Kafka's logging interface and its logger must fit the logger that Kafka brings, if it does.
    pub(crate) const fn logging(self) -> Logging {
        match self {
            Self::V3_9 => Logging {
                jar: ["org.slf4j", "slf4j-reload4j", "1.7.36"],
                config: ("log4j.properties", include_str!("image/log4j.properties")),
                property: "log4j.configuration",
            },
            Self::V4_3 => Logging {
                jar: ["org.apache.logging.log4j", "log4j-slf4j-impl", "2.25.4"],
                config: ("log4j2.yaml", include_str!("image/log4j2.yaml")),
                property: "log4j2.configurationFile",
            },
        }
    }
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.version())
    }
}

impl FromStr for Release {
    type Err = UnknownRelease;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|release| release.version() == text);
        found.ok_or_else(|| UnknownRelease(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_release_reads_back_and_the_error_names_them_all() {
        let said = "2.0.0".parse::<Release>().expect_err("too old").to_string();
        for release in Release::ALL {
            assert_eq!(release.to_string().parse(), Ok(release));
            assert!(said.contains(release.version()), "{said}");
        }
    }
}
