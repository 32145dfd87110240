//! The file of a counterexample: the world, and each step by its place among the possible ones and as text. The rest is for readers
//! that know no model: sentences, and rows of a chart. Running it again needs nothing else than this file.

use serde::{Deserialize, Serialize};
use truecut_model::{Broken, Counterexample, Event, Place, Replayed, Written, replay};

use super::world::World;
use crate::verdict::SCHEMA;

/// A counterexample in a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Saved {
    /// The version of this document.
    pub schema: u32,
    /// Its name.
    pub name: String,
    /// The property that it violates; none if a role's own assertion fails.
    pub violates: Option<String>,
    /// What that assertion says.
    pub assertion: Option<String>,
    /// The world that it happens in.
    pub world: World,
    /// What happens.
    pub steps: Vec<SavedStep>,
}

/// A step in a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SavedStep {
    /// Its place among the steps that are possible.
    pub choice: usize,
    /// Its kind.
    pub kind: String,
    /// The step as text.
    pub action: String,
    /// What happens, in sentences.
    pub sentence: String,
    /// Rows of a sequence chart.
    pub chart: Vec<Row>,
}

/// A row of a sequence chart in a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// Lanes that it goes from and to, or the lanes that it lies in; none of them: all.
    pub lanes: Vec<String>,
    /// It goes from the first to the second.
    pub arrow: bool,
    /// A few words.
    pub label: String,
    /// What kind of event it is.
    pub look: String,
}

impl Saved {
    /// The file of a counterexample.
    pub fn new(world: &World, found: &Counterexample) -> Self {
        let (violates, assertion) = match &found.breaks {
            Broken::Property(name) => (Some((*name).to_owned()), None),
            Broken::Assertion(said) => (None, Some(said.clone())),
        };
        let steps = found.steps.iter().map(|step| SavedStep {
            choice: step.choice,
            kind: step.action.kind().to_owned(),
            action: format!("{:?}", step.action),
            sentence: step.sentence.clone(),
            chart: step.events.iter().map(Row::new).collect(),
        });
        Self {
            schema: SCHEMA,
            name: world.name_of(&found.breaks),
            violates,
            assertion,
            world: world.clone(),
            steps: steps.collect(),
        }
    }

    /// Runs it again: each step must be possible and the same, and the last one must break what it broke.
    ///
    /// # Errors
    /// With what does not fit.
    pub fn replay(&self) -> Result<Replayed, String> {
        if self.schema != SCHEMA {
            return Err(format!("it has version {}, and this program reads {SCHEMA}", self.schema));
        }
        let (scope, mutant) = (self.world.scope()?, self.world.mutant()?);
        let written: Vec<_> =
            self.steps.iter().map(|step| Written { choice: step.choice, action: &step.action }).collect();
        let again = replay(&scope, mutant, &written)
            .map_err(|misfit| format!("step {} does not fit: {}", misfit.step, misfit.why))?;
        if again.panic != self.assertion {
            let said = |said: &Option<String>| said.clone().unwrap_or_else(|| "none".into());
            let (here, there) = (said(&again.panic), said(&self.assertion));
            return Err(format!("a role's own assertion that fails in its last step: {there}; here: {here}"));
        }
        match &self.violates {
            Some(name) if !again.violated.iter().any(|violated| violated == name) => {
                let here = again.violated.join(", ");
                let here = if here.is_empty() { "nothing".to_owned() } else { here };
                Err(format!("its last step violates {name}; here it violates {here}"))
            }
            None if self.assertion.is_none() => Err("it says of nothing that it is violated".to_owned()),
            Some(_) | None => Ok(again),
        }
    }
}

impl Row {
    fn new(event: &Event) -> Self {
        let (lanes, arrow) = match &event.place {
            Place::Between(from, to) => (vec![*from, *to], true),
            Place::In(lanes) => (lanes.clone(), false),
        };
        Self {
            lanes: lanes.iter().map(ToString::to_string).collect(),
            arrow,
            label: event.label.clone(),
            look: event.look.name().to_owned(),
        }
    }
}
