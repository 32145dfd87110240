//! The kill matrix by layers: each wrong protocol against the model, the core's own scripts, trace validation and the oracles on real
//! Kafka. A layer kills a wrong protocol if it tells it from the protocol; one that was not measured has killed nothing.
//!
//! Decides no cell: the model's are searched, the others were measured and are read from the data beside the page.

use std::fmt::Write as _;
use std::path::Path;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use truecut_mutants::Mutant;

use crate::failure::Failure;
use crate::from_model::{DATA, Fate, FromDocument, Layer, Tried};

/// What the core's tests say, beside the page. `TRUECUT_WRITE=1 cargo test -p truecut-mutants --test core_tests` writes it.
pub const CORE_TESTS: &str = "kill-matrix/core-tests.json";
/// Flagged classes that a cell names.
const NAMED_MAX: usize = 3;

/// What the model made of a wrong protocol.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum InModel {
    /// A property found it, after so many seconds.
    Killed(f64),
    /// The property that must find it did not.
    Survived,
    /// Nothing can tell it from the protocol.
    Same,
}

/// What was measured outside the model; none of it need be there.
#[derive(Clone, Debug, Default)]
pub struct Measured {
    core: Option<CoreTests>,
    kafka: Option<FromDocument>,
}

/// The core's tests under each mutant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct CoreTests {
    /// Tests that were run under each.
    tests: usize,
    mutants: Vec<UnderMutant>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct UnderMutant {
    mutant: String,
    /// Tests that failed.
    failed: usize,
    /// Until the first of them failed.
    ms: u64,
}

/// A cell of the matrix.
#[derive(Clone, Debug, PartialEq)]
enum Cell {
    /// After so many ms, and how.
    Killed(f64, String),
    /// Nothing told it from the protocol in that much.
    Survived(String),
    /// Nothing did, but not all that was run shows enough to say so.
    Unknown(String),
    NotMeasured,
    NotApplicable,
}

impl Cell {
    fn text(&self, layer: &str) -> String {
        match self {
            Self::Killed(ms, how) if how.is_empty() => format!("killed, {}", time(*ms, layer)),
            Self::Killed(ms, how) => format!("killed, {}: {how}", time(*ms, layer)),
            Self::Survived(of) => format!("**survived** {of}"),
            Self::Unknown(of) => format!("**unknown**: {of}"),
            Self::NotMeasured => "not measured".to_owned(),
            Self::NotApplicable => "not applicable: nothing tells it from the protocol".to_owned(),
        }
    }
}

/// In ms; of runs on Kafka in s. The unit says which of both it is, and never how long it took: that is another one each time.
fn time(ms: f64, layer: &str) -> String {
    if ON_KAFKA.contains(&layer) { format!("{:.1} s", ms / 1e3) } else { format!("{ms:.0} ms") }
}

/// The layers, in the order of the columns.
const LAYERS: [&str; 4] = ["model", "core tests", "trace validation", "oracles"];
const ON_KAFKA: [&str; 2] = ["trace validation", "oracles"];

impl Measured {
    /// What lies beside the page.
    ///
    /// # Errors
    /// Data is there and can't be read.
    pub fn beside(page: &Path) -> Result<Self, Failure> {
        let folder = page.parent().unwrap_or(Path::new(""));
        Ok(Self { core: read(&folder.join(CORE_TESTS))?, kafka: read(&folder.join(DATA))? })
    }

    /// The matrix by layers: how many each has killed, then each wrong protocol.
    #[must_use]
    pub fn page(&self, mutants: &[(Mutant, InModel)]) -> String {
        let rows: Vec<(Mutant, [Cell; 4])> =
            mutants.iter().map(|(mutant, model)| (*mutant, self.row(*mutant, *model))).collect();
        let mut page = String::from(HEAD);
        for (column, layer) in LAYERS.iter().enumerate() {
            let cells: Vec<&Cell> = rows.iter().map(|(_, cells)| &cells[column]).collect();
            let _ = writeln!(page, "| `{layer}` | {} |", summary(&cells, layer));
        }
        page.push_str("\n| mutant | model | core tests | trace validation | oracles |\n| --- | --- | --- | --- | --- |\n");
        for (mutant, cells) in &rows {
            let cells: Vec<String> = cells.iter().zip(LAYERS).map(|(cell, layer)| cell.text(layer)).collect();
            let _ = writeln!(page, "| `{mutant}` | {} |", cells.join(" | "));
        }
        page
    }

    fn row(&self, mutant: Mutant, model: InModel) -> [Cell; 4] {
        let by_model = match model {
            InModel::Killed(seconds) => Cell::Killed(seconds * 1e3, String::new()),
            InModel::Survived => Cell::Survived(String::new()),
            // Scripts compare every effect, and Kafka what comes of them: neither says anything of what comes to the same.
            InModel::Same => return [const { Cell::NotApplicable }; 4],
        };
        [
            by_model,
            self.by_core(mutant),
            self.on_kafka(mutant, Layer::Traces),
            self.on_kafka(mutant, Layer::Oracles),
        ]
    }

    fn by_core(&self, mutant: Mutant) -> Cell {
        let Some(core) = &self.core else { return Cell::NotMeasured };
        let mut rows = core.mutants.iter();
        match rows.find(|row| row.mutant == mutant.name()) {
            Some(row) if row.failed > 0 => {
                Cell::Killed(float(row.ms), format!("{} of {} tests", row.failed, core.tests))
            }
            Some(_) => Cell::Survived(format!("all {} tests", core.tests)),
            None => Cell::NotMeasured,
        }
    }

    /// By any of its counterexamples: the one that was fastest, or all together.
    fn on_kafka(&self, mutant: Mutant, layer: Layer) -> Cell {
        let all = self.kafka.iter().flat_map(|document| &document.counterexamples);
        let of_mutant = all.filter(|tried| tried.mutant.as_deref() == Some(mutant.name()));
        let (mut fastest, mut runs, mut unknown): (Option<(u64, String)>, _, _) = (None, 0, 0);
        for tried in of_mutant {
            match tried.fate(layer) {
                Fate::Killed { ms, run } if fastest.as_ref().is_none_or(|(least, _)| ms < *least) => {
                    fastest = Some((ms, how(tried, layer, run)));
                }
                Fate::Survived { runs: more, unknown: too_little } => {
                    runs += more;
                    unknown += too_little;
                }
                Fate::Killed { .. } | Fate::NotMeasured => {}
            }
        }
        match (fastest, runs, unknown) {
            (Some((ms, how)), ..) => Cell::Killed(float(ms), how),
            (None, 0, _) => Cell::NotMeasured,
            (None, runs, 0) => Cell::Survived(format!("{runs} runs")),
            (None, runs, unknown) => Cell::Unknown(format!("{unknown} of {runs} runs show too little")),
        }
    }
}

/// In which run, and what the oracles flagged in it.
fn how(tried: &Tried, layer: Layer, run: usize) -> String {
    let found = tried.judged().nth(run - 1);
    let flagged = found.iter().flat_map(|layers| &layers.flagged).map(String::as_str);
    let mut named: Vec<&str> = flagged.collect();
    if layer == Layer::Traces || named.is_empty() {
        return format!("run {run}");
    }
    let more = named.len().saturating_sub(NAMED_MAX);
    named.truncate(NAMED_MAX);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("run {run}, {}{more}", named.join(", "))
}

/// Killed of all, what became of the others, and the median of the times.
fn summary(cells: &[&Cell], layer: &str) -> String {
    let count = |wanted: fn(&Cell) -> bool| cells.iter().filter(|cell| wanted(cell)).count();
    let mut times: Vec<f64> = cells
        .iter()
        .filter_map(|cell| if let Cell::Killed(ms, _) = cell { Some(*ms) } else { None })
        .collect();
    times.sort_by(f64::total_cmp);
    let all = count(|cell| *cell != Cell::NotApplicable);
    format!(
        "{} of {all} | {} | {} | {} | {}",
        times.len(),
        count(|cell| matches!(cell, Cell::Survived(_))),
        count(|cell| matches!(cell, Cell::Unknown(_))),
        count(|cell| *cell == Cell::NotMeasured),
        times.get(times.len() / 2).map_or_else(|| "none".to_owned(), |ms| time(*ms, layer)),
    )
}

const HEAD: &str = "## By layers

A layer kills a mutant if it tells it from the protocol. The model: a property that it violates, with the shortest counterexample. The
core tests: the core's own scripts, with the mutant around each role (`TRUECUT_WRITE=1 cargo test -p truecut-mutants --test core_tests`
measures). Trace validation: what the mutant did in a real job on real Kafka is no behaviour of the protocol, or of the modelled world.
The oracles: they know the input, the output and what Kafka wrote down, and no protocol. The last two see the same runs, by the faults
of the mutant's counterexample and, where that did not suffice, by general plans (`truecut chaos --from-all --write reports` measures);
their times are those from the start of the first run to the verdict on the one that killed. One run of a layer that kills nothing is no
proof: *survived* says in how many.

| layer | killed | survived | unknown | not measured | median time to kill |
| --- | --- | --- | --- | --- | --- |
";

fn read<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, Failure> {
    if !path.exists() {
        return Ok(None);
    }
    let text = std::fs::read(path).map_err(Failure::at("read", path))?;
    serde_json::from_slice(&text).map(Some).map_err(|error| {
        Failure::bad_data(format!("{} is damaged: {error}; measure it again", path.display()))
    })
}

fn float(ms: u64) -> f64 {
    f64::from(u32::try_from(ms).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn core(failed: usize) -> CoreTests {
        let row = UnderMutant { mutant: Mutant::CountAcks.name().to_owned(), failed, ms: 7 };
        CoreTests { tests: 9, mutants: vec![row] }
    }

    fn kafka(traces: &str, oracles: &str) -> FromDocument {
        let layers = format!(
            r#"{{"at_ms": 2500, "traces": "{traces}", "oracles": "{oracles}", "flagged": ["lost"]}}"#
        );
        let run = format!(
            r#"{{"seed": 1, "verdict": "holds", "violated": [], "layers": {layers}, "reasons": [], "seconds": 2, "directory": ""}}"#
        );
        let tried = format!(
            r#"{{"name": "n", "mutant": "count_acks", "violates": "p", "faults": [], "impossible": null, "runs": [{run}]}}"#
        );
        FromDocument::new(vec![serde_json::from_str(&tried).unwrap()])
    }

    fn page(measured: &Measured) -> String {
        measured.page(&[(Mutant::CountAcks, InModel::Killed(0.5)), (Mutant::CommitTwice, InModel::Same)])
    }

    fn lines(page: &str) -> Vec<&str> {
        page.lines().filter(|line| line.starts_with("| `")).collect()
    }

    #[test]
    fn what_every_layer_kills_is_told_with_its_time() {
        let page = page(&Measured { core: Some(core(3)), kafka: Some(kafka("violated", "violated")) });
        assert_eq!(
            lines(&page),
            [
                "| `model` | 1 of 1 | 0 | 0 | 0 | 500 ms |",
                "| `core tests` | 1 of 1 | 0 | 0 | 0 | 7 ms |",
                "| `trace validation` | 1 of 1 | 0 | 0 | 0 | 2.5 s |",
                "| `oracles` | 1 of 1 | 0 | 0 | 0 | 2.5 s |",
                "| `count_acks` | killed, 500 ms | killed, 7 ms: 3 of 9 tests | killed, 2.5 s: run 1 | killed, 2.5 s: run 1, lost |",
                "| `commit_twice` | not applicable: nothing tells it from the protocol | not applicable: nothing tells it from the protocol | \
                 not applicable: nothing tells it from the protocol | not applicable: nothing tells it from the protocol |",
            ]
        );
    }

    #[test]
    fn a_survivor_is_shown_as_a_survivor_and_too_little_as_unknown() {
        let page = page(&Measured { core: Some(core(0)), kafka: Some(kafka("holds", "unknown")) });
        let lines = lines(&page);
        assert_eq!(
            lines[4],
            "| `count_acks` | killed, 500 ms | **survived** all 9 tests | **survived** 1 runs | **unknown**: 1 of 1 runs show too little |"
        );
        assert_eq!(lines[1], "| `core tests` | 0 of 1 | 1 | 0 | 0 | none |");
        assert_eq!(lines[3], "| `oracles` | 0 of 1 | 0 | 1 | 0 | none |");
    }

    #[test]
    fn what_was_not_measured_has_killed_nothing() {
        let page = page(&Measured::default());
        let lines = lines(&page);
        assert_eq!(
            lines[4],
            "| `count_acks` | killed, 500 ms | not measured | not measured | not measured |"
        );
        assert_eq!(lines[2], "| `trace validation` | 0 of 1 | 0 | 0 | 1 | none |");
    }

    #[test]
    fn damaged_data_is_refused_and_not_taken_for_none() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(DATA), "{").unwrap();
        let refused = Measured::beside(&folder.path().join("kill-matrix.md")).unwrap_err();
        assert!(refused.to_string().contains("is damaged"), "{refused}");
    }
}
