//! Which world was asked for: a scope by name, hazards that it is to bring besides its own, how the sink commits, a mutant. So
//! few words name it that a file can keep them.

use serde::{Deserialize, Serialize};
use truecut_core::{CommitBy, Guarantee};
use truecut_model::{Assumption, Broken, Scope};
use truecut_mutants::Mutant;

/// A hazard, and how often it may happen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Assumed {
    /// Its name.
    pub name: String,
    /// How often.
    pub times: u8,
}

/// How a sink commits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Sink {
    /// It commits again what was pre-committed
    Resume,
    /// It also writes again what Kafka aborted
    Log,
    /// It writes without transactions, and flushes before it acknowledges
    #[value(name = "at_least_once")]
    AtLeastOnce,
    /// It writes without transactions, and waits for nothing
    None,
}

impl Sink {
    /// Its name on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Resume => "resume",
            Self::Log => "log",
            Self::AtLeastOnce => "at_least_once",
            Self::None => "none",
        }
    }

    /// The sink of a scope.
    #[must_use]
    pub const fn of(commit_by: CommitBy, guarantee: Guarantee) -> Self {
        match (guarantee, commit_by) {
            (Guarantee::ExactlyOnce, CommitBy::Resume) => Self::Resume,
            (Guarantee::ExactlyOnce, CommitBy::Log) => Self::Log,
            (Guarantee::AtLeastOnce, _) => Self::AtLeastOnce,
            (Guarantee::None, _) => Self::None,
        }
    }
}

/// A world.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct World {
    /// Name of the scope that it is made from.
    pub scope: String,
    /// What it is to bring besides.
    #[serde(default)]
    pub assume: Vec<Assumed>,
    /// How its sink commits, where that is not as the scope says.
    #[serde(default)]
    pub sink: Option<Sink>,
    /// A wrong protocol in place of the right one.
    #[serde(default)]
    pub mutant: Option<String>,
}

impl World {
    /// A scope as it is.
    pub fn of(scope: &str, mutant: Option<Mutant>) -> Self {
        let mutant = mutant.map(|mutant| mutant.name().to_owned());
        Self { scope: scope.to_owned(), assume: Vec::new(), sink: None, mutant }
    }

    /// The scope that it names, with all that was asked for. Of a scope that was made from another one, every property is asked but
    /// those that the world breaks.
    ///
    /// # Errors
    /// If a name is not known; the text lists the known ones.
    pub fn scope(&self) -> Result<Scope, String> {
        let usual = truecut_model::scope(&self.scope).ok_or_else(|| {
            let known: Vec<&str> = truecut_model::scopes().iter().map(|scope| &*scope.name).collect();
            format!("there is no scope `{}`; there are {}", self.scope, known.join(", "))
        })?;
        self.made_from(usual)
    }

    /// This scope, with all that was asked for.
    ///
    /// # Errors
    /// If an assumption's name is not known.
    pub fn made_from(&self, usual: &Scope) -> Result<Scope, String> {
        let mut scope = usual.clone();
        for Assumed { name, times } in &self.assume {
            scope = scope.assuming(assumption(name)?, *times);
        }
        if let Some(sink) = self.sink {
            scope = match sink {
                Sink::Resume => scope.committing_by(CommitBy::Resume),
                Sink::Log => scope.committing_by(CommitBy::Log),
                Sink::AtLeastOnce => scope.delivering(Guarantee::AtLeastOnce),
                Sink::None => scope.delivering(Guarantee::None),
            };
        }
        if scope != *usual {
            scope.too_calm_for = [].as_slice().into();
        }
        Ok(scope)
    }

    /// The wrong protocol that it names.
    ///
    /// # Errors
    /// If the name is not known.
    pub fn mutant(&self) -> Result<Option<Mutant>, String> {
        let named = |name: &String| {
            let unknown = || format!("there is no mutant `{name}`; `truecut list mutants` names them");
            Mutant::from_name(name).ok_or_else(unknown)
        };
        self.mutant.as_ref().map(named).transpose()
    }

    /// A name for files: of the mutant, or of the scope and what it breaks.
    pub fn name_of(&self, breaks: &Broken) -> String {
        let broken = match breaks {
            Broken::Property(name) => name,
            Broken::Assertion(_) => "assertion",
        };
        let mut parts: Vec<&str> = Vec::new();
        let changed = !self.assume.is_empty() || self.sink.is_some();
        if let Some(mutant) = &self.mutant {
            parts.push(mutant);
        }
        if self.mutant.is_none() || changed {
            parts.push(&self.scope);
        }
        let times: Vec<String> = self.assume.iter().map(Assumed::to_string).collect();
        parts.extend(times.iter().map(String::as_str));
        parts.extend(self.sink.map(Sink::name));
        parts.push(broken);
        parts.join("-")
    }
}

impl std::fmt::Display for Assumed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.times == 1 { f.write_str(&self.name) } else { write!(f, "{}={}", self.name, self.times) }
    }
}

impl std::str::FromStr for Assumed {
    type Err = String;

    /// Reads `crash` or `crash=2`.
    fn from_str(text: &str) -> Result<Self, String> {
        let (name, times) = text.split_once('=').unwrap_or((text, "1"));
        let name = assumption(name.trim())?.name().to_owned();
        let times = times.trim().parse().ok().filter(|times| *times > 0);
        let times = times.ok_or_else(|| format!("`{text}`: how often is a number from 1 to 255"))?;
        Ok(Self { name, times })
    }
}

fn assumption(name: &str) -> Result<Assumption, String> {
    Assumption::from_name(name).ok_or_else(|| {
        let known: Vec<&str> = Assumption::ALL.iter().map(|assumption| assumption.name()).collect();
        format!("there is no assumption `{name}`; there are {}", known.join(", "))
    })
}
