//! Counterexamples for people and for later work: a file that can be run again (`saved.rs`), a sequence chart as SVG (`svg.rs`)
//! and as Mermaid text (`mermaid.rs`). How a step is told and what is drawn of it, the model says.

pub mod chart;
pub mod mermaid;
pub mod saved;
pub mod svg;
#[cfg(test)]
mod tests;
pub mod world;

use std::path::{Path, PathBuf};

use truecut_model::Counterexample;

use crate::failure::Failure;
use chart::Chart;
use saved::Saved;
use world::World;

/// Writes NAME.json, NAME.svg and NAME.mmd into a directory, which is made if need be; gives their paths.
///
/// # Errors
/// If a file can't be written.
pub fn save(directory: &Path, world: &World, found: &Counterexample) -> Result<Vec<PathBuf>, Failure> {
    std::fs::create_dir_all(directory).map_err(Failure::at("make", directory))?;
    let name = world.name_of(&found.breaks);
    let chart = Chart::of(world, found);
    let json = serde_json::to_string_pretty(&Saved::new(world, found))
        .map_err(|error| Failure::internal(format!("a counterexample can't be written as JSON: {error}")))?;
    let mut written = Vec::new();
    for (suffix, text) in
        [("json", json + "\n"), ("svg", svg::render(&chart)), ("mmd", mermaid::render(&chart))]
    {
        let path = directory.join(format!("{name}.{suffix}"));
        std::fs::write(&path, text).map_err(Failure::at("write", &path))?;
        written.push(path);
    }
    Ok(written)
}
