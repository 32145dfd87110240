//! `truecut check --matrix`: every strategy of a sink in every small world.

use std::path::PathBuf;
use std::time::Instant;

use serde::Serialize;
use truecut::safety::{self, Cells, Kept};
use truecut::verdict::{SCHEMA, Verdict};
use truecut_model::{Assumption, MatrixCell, Row, Safety, Strategy, check_cell, rows, strategies};

use super::{Check, Watch, names, said};
use crate::cli::Outcome;
use crate::cli::output::{self, Style};

/// What `--json` prints of the matrix.
#[derive(Debug, Serialize)]
struct Document {
    schema: u32,
    command: &'static str,
    /// Whether every cell was searched to its end: what a cell says is no verdict on truecut alone.
    verdict: Verdict,
    seconds: f64,
    cells: Vec<Kept>,
    /// Files that were written.
    written: Vec<String>,
}

pub(super) fn run(check: &Check) -> Outcome {
    let started = Instant::now();
    let limits = check.limits();
    let mut watch = Watch::new();
    let mut cells = Cells::new();
    for row in rows() {
        for strategy in strategies() {
            watch.begin();
            let mut progress = |progress| watch.show(&format!("{}, {}", row.name(), strategy.name), progress);
            let cell = check_cell(*strategy, &row, limits.threads, limits.time, &mut progress);
            cells.push((*strategy, row.clone(), cell));
        }
    }
    watch.end();
    let written =
        check.write.as_ref().map_or_else(|| Ok(Vec::new()), |directory| safety::write(directory, &cells));
    let (written, failed) = match written {
        Ok(files) => (files, Ok(())),
        Err(failure) => (Vec::new(), Err(failure)),
    };
    let verdict = judge(&cells);
    if check.json {
        output::document(&Document {
            schema: SCHEMA,
            command: "check",
            verdict,
            seconds: started.elapsed().as_secs_f64(),
            cells: cells.iter().map(|(strategy, row, cell)| Kept::new(strategy, row, cell)).collect(),
            written: names(&written),
        });
    } else {
        tell(&cells, &written, started);
    }
    Ok(said(verdict, failed))
}

/// The strategies that truecut offers must keep what they promise; that others are unsafe is what the matrix is for.
fn judge(cells: &Cells) -> Verdict {
    // Who reads what is not committed is promised nothing by anybody.
    let dirty = |row: &Row| row.assumed.iter().any(|(what, _)| *what == Assumption::ReadUncommitted);
    let of = |(strategy, row, cell): &(Strategy, Row, MatrixCell)| match cell.safety {
        Safety::Unknown => Verdict::Unknown,
        Safety::Unsafe if strategy.is_offered() && !dirty(row) => Verdict::Violated,
        Safety::Holds
        | Safety::CannotHappen
        | Safety::AsPromised
        | Safety::FalseAlarm
        | Safety::Blocks
        | Safety::LosesLoudly
        | Safety::Unsafe => Verdict::Holds,
    };
    cells.iter().map(of).fold(Verdict::Holds, Verdict::and)
}

fn tell(cells: &Cells, written: &[PathBuf], started: Instant) {
    let style = Style::stdout();
    let mut head = vec![String::new()];
    head.extend(strategies().iter().map(|strategy| style.dim(strategy.name)));
    let mut table = vec![head];
    for row in rows() {
        let of_row = cells.iter().filter(|(_, at, _)| *at == row);
        let word = |cell: &MatrixCell| match cell.safety {
            Safety::Holds => style.green(cell.safety.name()),
            Safety::CannotHappen | Safety::AsPromised => style.dim(cell.safety.name()),
            Safety::FalseAlarm | Safety::Blocks | Safety::LosesLoudly | Safety::Unknown => {
                style.yellow(cell.safety.name())
            }
            Safety::Unsafe => {
                let first = cell.broken.first().copied().unwrap_or("an assertion");
                style.red(&format!("{}: {first}", cell.safety.name()))
            }
        };
        let mut told = vec![row.name()];
        told.extend(of_row.map(|(_, _, cell)| word(cell)));
        table.push(told);
    }
    output::table(&table);
    output::line(&format!("\n{} cells, {:.1} s", cells.len(), started.elapsed().as_secs_f64()));
    if written.is_empty() {
        output::line(
            &style.dim("To keep it, with a counterexample for each cell that is not safe: --write DIR"),
        );
    } else {
        output::line(&format!("{} files were written", written.len()));
    }
}
