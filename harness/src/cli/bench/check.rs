//! `truecut bench check`: how fast the model is searched, and what a state takes, by scope and threads.

use std::path::PathBuf;

use clap::Args;
use truecut::bench::{BENCH_CHECK, CheckDocument, CheckRow, Machine, Spread, page};
use truecut::counterexample::world::World;
use truecut::failure::Failure;
use truecut::verdict::{Exit, SCHEMA, Verdict};

use crate::cli::Outcome;
use crate::cli::check::{Limits, Watch, verdict_of};
use crate::cli::output::{self, Style};

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
    /// Write the document into this directory, and the page and charts of all benchmarks that lie there
    #[arg(long, value_name = "DIR")]
    write: Option<PathBuf>,
    /// Print one JSON document, and nothing else
    #[arg(long)]
    pub(super) json: bool,
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
        let (command, arguments) = (BENCH_CHECK.to_owned(), self.arguments());
        let document = CheckDocument { schema: SCHEMA, command, verdict, arguments, machine, rounds, rows };
        if self.json {
            output::document(&document);
        } else {
            tell(&document);
        }
        if let Some(directory) = &self.write {
            let files = page::write(directory, None, BENCH_CHECK, &document)?;
            super::wrote(&files, self.json);
        }
        Ok(Exit::from(verdict).code())
    }

    fn threads(&self) -> Vec<usize> {
        let all = std::thread::available_parallelism().map_or(1, usize::from);
        let usual = if all > 1 { vec![1, all] } else { vec![1] };
        self.threads.as_ref().map_or(usual, |given| given.iter().copied().map(usize::from).collect())
    }

    /// The command line that does it again.
    fn arguments(&self) -> String {
        let threads: Vec<String> = self.threads().iter().map(ToString::to_string).collect();
        let (scopes, threads) = (self.scope.join(","), threads.join(","));
        format!("truecut bench check --scope {scopes} --threads {threads} --rounds {}", self.rounds)
    }

    fn measure(&self, name: &str, threads: usize, watch: &mut Watch) -> Result<CheckRow, Failure> {
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
        Ok(CheckRow {
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

fn tell(document: &CheckDocument) {
    let style = Style::stdout();
    output::line(&format!("{}   {BENCH_CHECK}, {} rounds", style.verdict(document.verdict), document.rounds));
    output::table(&page::check_table(document));
    output::line(&style.dim(&format!("\n{}", document.machine.told())));
    output::line(&style.dim(&format!("again: {}", document.arguments)));
}
