//! `truecut bench check`: how fast the model is searched, and what a state takes, by scope and threads.

use clap::Args;
use serde::Serialize;
use truecut::bench::{Machine, Spread, page};
use truecut::counterexample::world::World;
use truecut::failure::Failure;
use truecut::verdict::{Exit, SCHEMA, Verdict};

use crate::cli::Outcome;
use crate::cli::check::{Limits, Watch, verdict_of};
use crate::cli::output::{self, Style, grouped};

/// States per second and bytes per state of the model checker, by scope and threads
#[derive(Debug, Args)]
pub(super) struct BenchCheck {
    /// The worlds to search; `truecut list scopes` names them
    #[arg(long, value_name = "SCOPE,...", value_delimiter = ',', default_value = "smoke,pr")]
    scope: Vec<String>,
    /// Threads that search [default: 1, and all processors]
    #[arg(long, value_name = "N,...", value_delimiter = ',', value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<Vec<u16>>,
    /// Searches with each setting
    #[arg(long, value_name = "R", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    rounds: u32,
    /// Print one JSON document, and nothing else
    #[arg(long)]
    pub(super) json: bool,
}

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Document {
    schema: u32,
    command: &'static str,
    /// Holds if every search was complete and found what it should.
    verdict: Verdict,
    machine: Machine,
    rounds: u32,
    rows: Vec<Row>,
}

/// A scope with a number of threads.
#[derive(Debug, Serialize)]
struct Row {
    scope: String,
    threads: usize,
    verdict: Verdict,
    unique_states: u64,
    generated_states: u64,
    seconds: Spread,
    /// Of different states.
    states_per_second: Spread,
    bytes_per_state: f64,
}

impl BenchCheck {
    pub(super) fn run(&self) -> Outcome {
        let mut watch = Watch::new();
        let mut rows = Vec::new();
        for scope in &self.scope {
            for threads in self.threads() {
                rows.push(self.measure(scope, threads, &mut watch)?);
            }
        }
        watch.end();
        let verdict = rows.iter().fold(Verdict::Holds, |verdict, row| verdict.and(row.verdict));
        let (machine, rounds) = (Machine::here(), self.rounds);
        let document = Document { schema: SCHEMA, command: "bench check", verdict, machine, rounds, rows };
        if self.json {
            output::document(&document)
        } else {
            tell(&document)
        }
        Ok(Exit::from(verdict).code())
    }

    fn threads(&self) -> Vec<usize> {
        let all = std::thread::available_parallelism().map_or(1, usize::from);
        let usual = if all > 1 { vec![1, all] } else { vec![1] };
        self.threads.as_ref().map_or(usual, |given| given.iter().copied().map(usize::from).collect())
    }

    fn measure(&self, name: &str, threads: usize, watch: &mut Watch) -> Result<Row, Failure> {
        let scope = World::of(name, None).scope().map_err(Failure::usage)?;
        if let Some(why) = scope.too_large() {
            return Err(Failure::usage(why));
        }
        let limits = Limits { threads, time: None };
        let reports: Vec<_> = (0..self.rounds).map(|_| limits.scope(&scope, None, watch)).collect();
        let spread = |values: Vec<f64>| {
            Spread::of(values).ok_or_else(|| Failure::internal("a benchmark without a round"))
        };
        let last = reports.last().ok_or_else(|| Failure::internal("a benchmark without a round"))?;
        Ok(Row {
            scope: name.to_owned(),
            threads,
            verdict: reports.iter().fold(Verdict::Holds, |verdict, report| verdict.and(verdict_of(report))),
            unique_states: last.unique_states,
            generated_states: last.generated_states,
            seconds: spread(reports.iter().map(|report| report.seconds).collect())?,
            states_per_second: spread(reports.iter().map(|report| report.states_per_second()).collect())?,
            bytes_per_state: last.bytes_per_state(),
        })
    }
}

fn tell(document: &Document) {
    let style = Style::stdout();
    output::line(&format!("{}   bench check, {} rounds", style.verdict(document.verdict), document.rounds));
    let head = ["scope", "threads", "states", "states/s", "seconds", "bytes/state"].map(str::to_owned);
    let mut lines = vec![head.to_vec()];
    lines.extend(document.rows.iter().map(|row| {
        let rate = &row.states_per_second;
        vec![
            row.scope.clone(),
            row.threads.to_string(),
            grouped(row.unique_states),
            format!("{} ± {:.0} %", page::number(rate.median, 0), rate.percent()),
            format!("{:.2}", row.seconds.median),
            format!("{:.1}", row.bytes_per_state),
        ]
    }));
    output::table(&lines);
    output::line(&style.dim(&format!("\n{}", document.machine.told())));
}
