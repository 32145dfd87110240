//! Throughput: an input that is already there is processed by each subject in turn, and its output read by the judge.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::Tell;
use super::document::{BROKER_CPU, BenchDocument, CPU, CPU_TOTAL, MEMORY, RATE, RATE_TO_END, Run, STARTUP};
use super::input::{self, Input, Recipe};
use super::progress::{Watched, watch};
use super::run::{Bench, Common, Started, blocking, line};
use super::settings::Cell;
use super::statistics::{Visible, real, steady, to_the_end};
use super::subject::{Subject, SubjectName};
use crate::failure::Failure;
use crate::verdict::Verdict;

const MIB: u64 = 1 << 20;

/// Runs it all.
///
/// # Errors
/// The machine or Kafka is not usable. A peer that is missing, and a run that fails, is no error but said in the document.
pub async fn throughput(common: Common, tell: Tell) -> Result<BenchDocument, Failure> {
    let bench = Bench::begin(common.clone(), tell).await?;
    bench.warm_up().await?;
    let mut runs = Vec::new();
    for round in 0..common.rounds {
        for cells in common.cells().chunk_by_mut(Cell::shares_input) {
            let input = prepare(&bench, cells[0]).await?;
            take_turns(cells, round);
            for &cell in &*cells {
                for subject in bench.subjects(round, cell) {
                    let run = measure(&bench, subject, cell, round + 1, &input).await?;
                    (bench.tell)(&line(&run));
                    runs.push(run);
                }
            }
            bench.kafka.delete(&input.topic).await;
        }
    }
    bench.end("bench throughput", None, runs).await
}

/// In each round another one is first, as among subjects.
fn take_turns(cells: &mut [Cell], round: u32) {
    let first = usize::try_from(round).unwrap_or(0) % cells.len().max(1);
    cells.rotate_left(first);
}

/// Writes an input and reads it back.
async fn prepare(bench: &Bench, cell: Cell) -> Result<Arc<Input>, Failure> {
    let Cell { query, bytes, .. } = cell;
    let records = cell.records.ok_or_else(|| Failure::internal("an input without an end"))?;
    let recipe = Recipe::of(cell, bench.common.seed);
    (bench.tell)(&format!("write {records} records of {bytes} bytes for {query}"));
    let topic = bench.kafka.create(bench.name("in"), cell.partitions).await?;
    let bootstrap = bench.kafka.bootstrap().to_owned();
    let input = blocking(move || {
        input::write(&bootstrap, &topic.name, recipe, records)?;
        Input::read(&bootstrap, &topic, query)
    })
    .await?;
    let there = input.records();
    if there != records {
        let text = format!("of {records} records written as input Kafka has {there}: is it well?");
        return Err(Failure::environment(text));
    }
    Ok(Arc::new(input))
}

async fn measure(
    bench: &Bench,
    (name, subject): (SubjectName, &dyn Subject),
    cell: Cell,
    round: u32,
    input: &Arc<Input>,
) -> Result<Run, Failure> {
    let records = input.records();
    let Started { mut running, output, directory } =
        bench.start((name, subject), cell, &input.topic.name, false).await?;
    let interval = Duration::from_millis(cell.interval_ms);
    let watched = watch(&bench.kafka, &output, records, interval, &mut running).await?;
    let seconds = running.started().elapsed().as_secs_f64();
    let unended = running.stop().await?;
    let in_time = watched.gave_up.is_none();
    let troubles = watched.gave_up.iter().cloned().chain(unended).collect();
    let judged = bench.judge(&output, cell.query, input, troubles, in_time).await?;
    bench.tidy(&output, &directory, judged.verdict).await;
    let visible = watched.visible(&judged.offsets);
    let mut run = Run::judged(name, (round, cell), input, judged, seconds);
    if run.verdict == Verdict::Holds {
        run.measured = measured(&watched, &visible, records);
        run.processes = watched.tree.processes();
        if !run.measured.contains_key(RATE) {
            run.reasons.push("too few commits were seen for a rate: give more --records".to_owned());
        }
    }
    Ok(run)
}

/// What a verified run gives. What can't be told is not there.
fn measured(watched: &Watched, visible: &[Visible], records: u64) -> BTreeMap<String, f64> {
    let part = steady(visible, records);
    let first = visible.iter().find(|seen| seen.records > 0);
    let values = [
        (RATE, part.map(|part| part.rate())),
        (RATE_TO_END, to_the_end(visible, records).map(|part| part.rate())),
        (CPU, part.and_then(|part| watched.cpu_per_million(&part))),
        (BROKER_CPU, part.and_then(|part| watched.broker_cpu_per_million(&part))),
        (CPU_TOTAL, Some(watched.cpu_total())),
        (MEMORY, Some(real(watched.peak_memory() / MIB))),
        (STARTUP, first.map(|seen| seen.at)),
    ];
    values.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::settings::{Guarantee, Query};

    #[test]
    fn cells_are_first_in_turn_and_none_is_left_out() {
        let cell = |interval_ms| Cell {
            query: Query::Count,
            bytes: 100,
            guarantee: Guarantee::ExactlyOnce,
            interval_ms,
            keys: 1,
            partitions: 1,
            records: Some(1),
            parallelism: 1,
        };
        let in_round = |round| {
            let mut cells = [cell(1), cell(2), cell(3)];
            take_turns(&mut cells, round);
            cells.map(|cell| cell.interval_ms)
        };
        assert_eq!((0..4).map(in_round).collect::<Vec<_>>(), [[1, 2, 3], [2, 3, 1], [3, 1, 2], [1, 2, 3]]);
    }
}
