//! The safety matrix as documents: a table for people, the same as data, and a page for each cell that is not safe.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use truecut_model::{Counterexample, MatrixCell, Row, Safety, Strategy, rows, strategies};

use crate::counterexample::chart::Chart;
use crate::counterexample::mermaid;
use crate::counterexample::saved::Saved;
use crate::counterexample::world::{Assumed, Sink, World};
use crate::failure::Failure;

/// The table's name in a directory of reports.
pub const TABLE: &str = "safety-matrix.md";
/// The data's name.
pub const DATA: &str = "safety-matrix.json";
/// The folder of the pages.
const PAGES: &str = "safety";

/// A cell as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kept {
    /// What the world may bring.
    pub row: String,
    /// How the sink commits.
    pub strategy: String,
    /// One of [`Safety`], by name.
    pub safety: String,
    /// Properties that are violated.
    pub violated: Vec<String>,
    /// Properties that could have failed, of those that were asked.
    pub witnessed: usize,
    /// Properties that were asked.
    pub asked: usize,
    /// Different states.
    pub unique_states: u64,
    /// Longest shortest way to a state.
    pub depth: u64,
}

impl Kept {
    /// What is kept of a cell.
    #[must_use]
    pub fn new(strategy: &Strategy, row: &Row, cell: &MatrixCell) -> Self {
        let witnessed = cell.report.properties.iter().filter(|property| property.witnessed);
        Self {
            row: row.name(),
            strategy: strategy.name.to_owned(),
            safety: cell.safety.name().to_owned(),
            violated: cell.report.violated().iter().map(|name| (*name).to_owned()).collect(),
            witnessed: witnessed.count(),
            asked: cell.report.properties.len(),
            unique_states: cell.report.unique_states,
            depth: cell.report.depth,
        }
    }
}

/// The world of a cell, as words that name it: so a counterexample of the matrix can be run again.
#[must_use]
pub fn world(strategy: &Strategy, row: &Row) -> World {
    let assumed = row.assumed.iter();
    let assumed = assumed.map(|(what, times)| Assumed { name: what.name().to_owned(), times: *times });
    World {
        assume: assumed.collect(),
        sink: Some(Sink::of(strategy.commit_by, strategy.guarantee)).filter(|sink| *sink != Sink::Resume),
        ..World::of(row.scope, strategy.mutant())
    }
}

/// Everything that was searched, in the order of the matrix.
pub type Cells = Vec<(Strategy, Row, MatrixCell)>;

/// Writes table, data and pages.
///
/// # Errors
/// If a file can't be written.
pub fn write(directory: &Path, cells: &Cells) -> Result<Vec<PathBuf>, Failure> {
    let pages = directory.join(PAGES);
    std::fs::create_dir_all(&pages).map_err(Failure::at("make", &pages))?;
    let mut written = Vec::new();
    let mut put = |path: PathBuf, text: String| {
        std::fs::write(&path, text).map_err(Failure::at("write", &path))?;
        written.push(path);
        Ok::<(), Failure>(())
    };
    let kept: Vec<Kept> = cells.iter().map(|(strategy, row, cell)| Kept::new(strategy, row, cell)).collect();
    put(directory.join(TABLE), table(cells))?;
    put(directory.join(DATA), json(&kept)?)?;
    for (strategy, row, cell) in cells {
        let found: Vec<&Counterexample> =
            cell.report.properties.iter().filter_map(|property| property.counterexample.as_ref()).collect();
        let Some(first) = found.first().filter(|_| cell.safety.is_told()) else { continue };
        let (world, name) = (world(strategy, row), page_name(strategy, row));
        put(pages.join(format!("{name}.json")), json(&Saved::new(&world, first))?)?;
        put(pages.join(format!("{name}.md")), page(strategy, row, &found, &world, &name))?;
    }
    tidy(&pages, &written)?;
    Ok(written)
}

/// Removes pages of cells that are safe now: files with names as only this gives them.
fn tidy(pages: &Path, written: &[PathBuf]) -> Result<(), Failure> {
    let names: Vec<String> = rows()
        .iter()
        .flat_map(|row| strategies().iter().map(move |strategy| page_name(strategy, row)))
        .collect();
    for name in names {
        for suffix in ["json", "md"] {
            let path = pages.join(format!("{name}.{suffix}"));
            if path.exists() && !written.contains(&path) {
                std::fs::remove_file(&path).map_err(Failure::at("remove", &path))?;
            }
        }
    }
    Ok(())
}

fn json(value: &impl Serialize) -> Result<String, Failure> {
    let text = serde_json::to_string_pretty(value);
    text.map(|text| text + "\n").map_err(|error| Failure::internal(format!("JSON can't be written: {error}")))
}

fn page_name(strategy: &Strategy, row: &Row) -> String {
    format!("{}-{}", strategy.name, row.name().replace(" + ", "-").replace(' ', "-"))
}

fn table(cells: &Cells) -> String {
    let mut text = String::from(INTRODUCTION);
    let names: Vec<&str> = strategies().iter().map(|strategy| strategy.name).collect();
    line(&mut text, &format!("| the world may bring | {} |", names.join(" | ")));
    line(&mut text, &format!("| --- |{}", " --- |".repeat(names.len())));
    let told = |strategy: &Strategy, row: &Row| {
        let cell = cells.iter().find(|(of, at, _)| of == strategy && at == row);
        cell.map_or_else(|| "unknown".to_owned(), |(_, _, cell)| word(strategy, row, cell))
    };
    for row in rows() {
        let told: Vec<String> = strategies().iter().map(|strategy| told(strategy, &row)).collect();
        line(&mut text, &format!("| {} | {} |", row.name(), told.join(" | ")));
    }
    line(&mut text, "\n## Strategies\n");
    for strategy in strategies() {
        line(&mut text, &format!("- **{}** {}.", strategy.name, strategy.meaning));
    }
    line(&mut text, "\n## What the world may bring\n");
    for assumption in truecut_model::Assumption::ALL {
        line(&mut text, &format!("- **{}** {}", assumption.name(), assumption.meaning()));
    }
    line(&mut text, "\n## What was searched\n");
    line(
        &mut text,
        "| the world may bring | strategy | verdict | violated | witnessed | states | depth | s |",
    );
    line(&mut text, "| --- | --- | --- | --- | ---: | ---: | ---: | ---: |");
    for (strategy, row, cell) in cells {
        let kept = Kept::new(strategy, row, cell);
        let Kept { safety, violated, witnessed, asked, unique_states, depth, .. } = &kept;
        let (row, strategy, violated) = (row.name(), strategy.name, violated.join(", "));
        let seconds = cell.report.seconds;
        line(
            &mut text,
            &format!(
                "| {row} | {strategy} | {safety} | {violated} | {witnessed} of {asked} | {unique_states} | {depth} | {seconds:.1} |"
            ),
        );
    }
    text
}

const INTRODUCTION: &str = "# The safety matrix

Generated by `truecut check --matrix --write reports`. Each cell is the whole of a small world, searched: one source, one
worker (two of each where a channel breaks between them), two records, a checkpoint and the last one, transaction protocol V1. A
hazard of the row may happen once, at any moment; early landing, late markers, late records, overlapping checkpoints and readers of what is
not committed are there all the time. What is not in a row together is not searched together here; random walks try it. *Holds*: every property
holds in every state. *Cannot happen*: the hazard does not befall
this strategy, which is as without it. *As promised*: what is violated is nothing that the strategy promises. *False alarm*: the job may stop with
a data-loss error although nothing is lost, because nobody can tell any more. *Blocks*: a transaction may stay open
until Kafka times it out, and hides what lies behind it; nothing is lost or doubled. *Loses, loudly*: output may be lost, and
the job always ends with a data-loss error. *Unsafe*: a promise is broken. A link leads to the shortest way there, which
`truecut check --replay` runs again.

";

/// A cell of the table.
fn word(strategy: &Strategy, row: &Row, cell: &MatrixCell) -> String {
    let name = cell.safety.name();
    let link = |text: String| format!("[{text}]({PAGES}/{}.md)", page_name(strategy, row));
    match cell.safety {
        Safety::Holds | Safety::Unknown | Safety::CannotHappen | Safety::AsPromised => name.to_owned(),
        Safety::LosesLoudly | Safety::FalseAlarm | Safety::Blocks => link(name.to_owned()),
        Safety::Unsafe => match cell.broken.first() {
            Some(property) => link(format!("**{name}**: {property}")),
            None => format!("**{name}**"),
        },
    }
}

fn page(strategy: &Strategy, row: &Row, found: &[&Counterexample], world: &World, name: &str) -> String {
    let mut text = format!("# {} where the world may bring: {}\n\n", strategy.name, row.name());
    line(&mut text, &format!("**{}** {}.\n", strategy.name, strategy.meaning));
    for (assumption, _) in &row.assumed {
        line(&mut text, &format!("- **{}** {}", assumption.name(), assumption.meaning()));
    }
    line(&mut text, &format!("\nTo run the first one again: `truecut check --replay {name}.json`.\n"));
    for (place, found) in found.iter().enumerate() {
        line(&mut text, &format!("## {}\n", found.breaks));
        for (number, sentence) in (1..).zip(found.sentences()) {
            line(&mut text, &format!("{number}. {sentence}"));
        }
        line(&mut text, "");
        if place == 0 {
            line(&mut text, &format!("```mermaid\n{}```\n", mermaid::render(&Chart::of(world, found))));
        }
    }
    text.trim_end().to_owned() + "\n"
}

fn line(text: &mut String, line: &str) {
    // A string takes whatever is written.
    let _ = writeln!(text, "{line}");
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use truecut_model::check_cell;

    use super::*;

    /// Cells with fewer states are searched again here.
    const SMALL: u64 = 80_000;

    fn committed() -> Vec<Kept> {
        serde_json::from_str(include_str!("../../reports/safety-matrix.json")).expect("the committed matrix")
    }

    #[test]
    fn the_committed_matrix_says_what_small_cells_say_now() {
        let mut again = 0;
        for kept in committed().iter().filter(|kept| kept.unique_states < SMALL) {
            let strategy = strategies().iter().find(|strategy| strategy.name == kept.strategy);
            let strategy = strategy.unwrap_or_else(|| panic!("there is no strategy {}", kept.strategy));
            let row = rows().into_iter().find(|row| row.name() == kept.row);
            let row = row.unwrap_or_else(|| panic!("there is no row {}", kept.row));
            let cell = check_cell(*strategy, &row, 2, None, &mut |_| {});
            assert_eq!(Kept::new(strategy, &row, &cell), *kept, "`truecut check --matrix --write reports`");
            again += 1;
        }
        assert!(again >= committed().len() / 3, "{again} cells are small");
    }

    #[test]
    fn the_committed_matrix_has_every_cell() {
        let kept: BTreeSet<(String, String)> =
            committed().into_iter().map(|kept| (kept.row, kept.strategy)).collect();
        let all = rows()
            .into_iter()
            .flat_map(|row| strategies().iter().map(move |strategy| (row.name(), strategy.name.to_owned())));
        assert_eq!(kept, all.collect());
    }

    /// What the matrix is there to show.
    #[test]
    fn the_headlines_stand() {
        let committed = committed();
        let of = |row: &str, strategy: &str| {
            let kept = committed.iter().find(|kept| kept.row == row && kept.strategy == strategy);
            kept.map(|kept| (kept.safety.as_str(), kept.violated.clone())).expect("a cell")
        };
        assert_eq!(of("crash", "resume").0, "holds");
        assert_eq!(of("crash + transaction_timeout", "resume").0, "loses, loudly", "Flink's data loss, told");
        assert_eq!(of("crash + transaction_timeout", "log").0, "holds");
        // What Kafka forgot nobody can tell any more, but for the marker.
        assert_eq!(of("crash + id_expiry", "resume").0, "false alarm");
        assert_eq!(of("crash + id_expiry", "log").0, "holds");
        // KAFKA-17754: a late EndTxn of one transaction commits the next one of the same producer epoch.
        let (safety, violated) = of("lost_answer", "reuse");
        assert_eq!(safety, "unsafe");
        assert!(violated.iter().any(|property| property == "no_early_visibility"), "{violated:?}");
        // FLINK-8132: after a restart the epoch of a transaction is used again.
        assert_eq!(of("crash", "reuse").0, "unsafe");
    }
}
