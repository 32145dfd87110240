//! Model coverage by real runs: which shapes of steps (`truecut_model::StepShape`) real runs have visited, beside those that exhaustive
//! searches of the model reach. What a shape is, the model says; whether a run is worth anything is said elsewhere, by its verdict.

mod known;
mod page;
mod watched;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::{Deserialize, Serialize};
use truecut_model::{
    Assumption, JobModel, Progress, Shapes, WalkOptions, check_model, deep_scopes, scopes, walk,
};

pub use page::page;
pub(crate) use watched::{Seen, Watched};

use crate::failure::Failure;
use crate::verdict::SCHEMA;

/// Scopes that take minutes: they are searched before a release, and not here.
const TOO_LARGE: [&str; 1] = ["release"];
/// Walks of each deep scope; a seed makes them the same each time.
const WALKS: u64 = 1_000;
/// What writes the shapes of the model.
pub const MODEL_COMMAND: &str = "truecut check --shapes reports/model-shapes.json";
/// The page, in the directory that it is written to.
pub const PAGE: &str = "model-coverage.md";
/// Its data.
pub const DATA: &str = "model-coverage.json";

/// The shapes that the model reaches.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelShapes {
    /// The version of this document.
    pub schema: u32,
    /// The command that wrote it.
    pub generated_by: String,
    /// The scopes that were searched, in order.
    pub scopes: Vec<Searched>,
    /// Scopes that were not.
    pub left_out: Vec<String>,
    /// Each shape, with the first scope that reaches it.
    pub shapes: BTreeMap<String, String>,
    /// Random walks of each world that is too large for any search.
    pub walks: u64,
    /// Each shape that no search reaches and a walk does, with the first such world.
    pub walked: BTreeMap<String, String>,
}

/// A scope of which every state was seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Searched {
    /// Its name.
    pub scope: String,
    /// Different states.
    pub unique_states: u64,
    /// Shapes that it reaches.
    pub shapes: usize,
    /// Those of them that no scope before it reaches.
    pub new: usize,
}

impl ModelShapes {
    /// The committed ones.
    ///
    /// # Panics
    /// If the file is damaged: a defect of this program.
    #[must_use]
    pub fn committed() -> Self {
        let text = include_str!("../../../reports/model-shapes.json");
        serde_json::from_str(text).expect("the committed shapes")
    }

    /// Searches every scope but those that are too large, and walks through the deep ones.
    ///
    /// # Errors
    /// A scope was not searched to its end: what it reaches is not known.
    pub fn search(threads: usize, mut progress: impl FnMut(&str, Progress)) -> Result<Self, Failure> {
        let mut found = Self {
            schema: SCHEMA,
            generated_by: MODEL_COMMAND.to_owned(),
            left_out: TOO_LARGE.map(str::to_owned).to_vec(),
            ..Self::default()
        };
        for scope in scopes().iter().filter(|scope| !TOO_LARGE.contains(&&*scope.name)) {
            let shapes = Shapes::default();
            let model = JobModel::new(scope, None).collecting(shapes.clone());
            let report = check_model(&model, threads, None, &mut |far| progress(&scope.name, far));
            if !report.complete {
                return Err(Failure::internal(format!("scope {} was not searched to its end", scope.name)));
            }
            found.take_in(
                &scope.name,
                report.unique_states,
                shapes.collected().iter().map(ToString::to_string),
            );
        }
        found.walk(threads);
        Ok(found)
    }

    /// Walks through worlds that are too large for any search: what no searched scope reaches, and a larger one does.
    fn walk(&mut self, threads: usize) {
        self.walks = WALKS;
        for scope in deep_scopes() {
            let shapes = Shapes::default();
            let model = JobModel::new(scope, None).collecting(shapes.clone());
            walk(
                &model,
                &WalkOptions { seed: 1, walks: WALKS, threads, time_limit: None, progress: &|_| {} },
            );
            for shape in shapes.collected().iter().map(ToString::to_string) {
                if !self.shapes.contains_key(&shape) {
                    self.walked.entry(shape).or_insert_with(|| scope.name.to_string());
                }
            }
        }
    }

    fn take_in(&mut self, scope: &str, unique_states: u64, shapes: impl Iterator<Item = String>) {
        let (known, mut all) = (self.shapes.len(), 0);
        for shape in shapes {
            all += 1;
            self.shapes.entry(shape).or_insert_with(|| scope.to_owned());
        }
        let new = self.shapes.len() - known;
        self.scopes.push(Searched { scope: scope.to_owned(), unique_states, shapes: all, new });
    }

    /// How many of the model's shapes are among these, and how many it has.
    #[must_use]
    pub fn share<'a>(&self, visited: impl IntoIterator<Item = &'a String>) -> (usize, usize) {
        let common = visited.into_iter().filter(|shape| self.shapes.contains_key(*shape)).count();
        (common, self.shapes.len())
    }
}

/// What real runs have visited.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Visited {
    /// The version of this document.
    pub schema: u32,
    /// The command that wrote it.
    pub generated_by: String,
    /// Runs whose traces were replayed and agree.
    pub runs: u64,
    /// Each shape, with the number of runs that visited it.
    pub shapes: BTreeMap<String, u64>,
    /// Each hazard of the model that struck, with the number of runs in which it did.
    pub hazards: BTreeMap<String, u64>,
}

impl Visited {
    /// Nothing yet.
    #[must_use]
    pub fn new(generated_by: String) -> Self {
        Self { schema: SCHEMA, generated_by, ..Self::default() }
    }

    /// Takes in a run. One of which no step is known is none.
    pub fn add(&mut self, shapes: &BTreeSet<String>, hazards: &[Assumption]) {
        if shapes.is_empty() {
            return;
        }
        self.runs += 1;
        for shape in shapes {
            *self.shapes.entry(shape.clone()).or_default() += 1;
        }
        for hazard in hazards {
            *self.hazards.entry(hazard.name().to_owned()).or_default() += 1;
        }
    }

    /// Writes page and data into a directory.
    ///
    /// # Errors
    /// A file can't be written.
    pub fn write(&self, model: &ModelShapes, directory: &Path) -> Result<(), Failure> {
        std::fs::create_dir_all(directory).map_err(Failure::at("make", directory))?;
        save(&directory.join(DATA), self)?;
        let path = directory.join(PAGE);
        std::fs::write(&path, page(model, self)).map_err(Failure::at("write", &path))
    }
}

/// Writes a document of this module.
///
/// # Errors
/// It can't be written.
pub fn save(path: &Path, document: &impl Serialize) -> Result<(), Failure> {
    let json =
        serde_json::to_string_pretty(document).map_err(|error| Failure::internal(error.to_string()))?;
    std::fs::write(path, json + "\n").map_err(Failure::at("write", path))
}

#[cfg(test)]
mod tests;
