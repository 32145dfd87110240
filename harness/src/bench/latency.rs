//! End-to-end latency: records are fed at a steady rate, and a reader of what is committed waits for the output that stands for each. From the
//! moment a record is handed to the Kafka client to the moment its output is handed to the reader; both clocks are this process's.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use super::Tell;
use super::document::{BenchDocument, CPU, LONGEST, MEMORY, P50, P99, P999, Run, STARTUP};
use super::feed::{Fed, Feed};
use super::input::{Input, Recipe};
use super::processes::{Tree, Used};
use super::read::{Reader, Seen};
use super::run::{Bench, Common, Started, blocking, line};
use super::settings::Cell;
use super::statistics::real;
use super::subject::{Running, Subject, SubjectName};
use crate::failure::Failure;
use crate::verdict::Verdict;

/// How long a subject may take until its first output.
const START_LIMIT: Duration = Duration::from_secs(90);
/// Output that does not come for so long will not come.
const STALLED: Duration = Duration::from_secs(20);
/// How often it is looked how far things are.
const LOOK: Duration = Duration::from_millis(100);
/// How long the run before those that count is.
const REHEARSAL: Duration = Duration::from_secs(60);
/// The longest latency that is told, us.
const LONGEST_US: u64 = 600_000_000;
const MIB: u64 = 1 << 20;

/// A benchmark of latency.
#[derive(Clone, Debug)]
pub struct LatencyOptions {
    /// What all benchmarks are asked for. Only queries whose output names its input record can be measured.
    pub common: Common,
    /// Records fed a second.
    pub rate: u64,
    /// How long after the first output nothing counts yet.
    pub settle: Duration,
    /// How long is measured then.
    pub measure: Duration,
}

/// Runs it all.
///
/// # Errors
/// The machine or Kafka is not usable, or a query can't be measured. A peer that is missing, and a run that fails, is no error but
/// said in the document.
pub async fn latency(options: LatencyOptions, tell: Tell) -> Result<BenchDocument, Failure> {
    options.common.outputs_name_inputs()?;
    let bench = Bench::begin(options.common.clone(), tell).await?;
    bench.warm_up().await?;
    rehearse(&bench, &options).await?;
    let mut runs = Vec::new();
    for round in 0..options.common.rounds {
        for cell in options.common.cells() {
            for subject in bench.subjects(round, cell) {
                let run = measure(&bench, &options, subject, cell, round + 1).await?;
                (bench.tell)(&line(&run));
                runs.push(run);
            }
        }
    }
    bench.end("bench latency", Some(options.rate), runs).await
}

/// A run of truecut that counts for nothing, if the broker is to be warm: it has compiled what a full load needs, and not yet what many small
/// requests do.
async fn rehearse(bench: &Bench, options: &LatencyOptions) -> Result<(), Failure> {
    let Some((cell, subject)) = bench.rehearsal() else { return Ok(()) };
    let options = LatencyOptions { measure: REHEARSAL, ..options.clone() };
    let run = measure(bench, &options, subject, cell, 0).await?;
    (bench.tell)(&line(&run));
    Ok(())
}

/// What was used while it counted.
#[derive(Clone, Copy, Debug, Default)]
struct Window {
    /// Records handed over from here on count.
    from: Option<Instant>,
    /// Until here.
    to: Option<Instant>,
    /// When the first output came.
    first_output: Option<Instant>,
    used_from: Used,
    used_to: Used,
}

async fn measure(
    bench: &Bench,
    options: &LatencyOptions,
    (name, subject): (SubjectName, &dyn Subject),
    cell: Cell,
    round: u32,
) -> Result<Run, Failure> {
    let topic = bench.kafka.create(bench.name("in"), cell.partitions).await?;
    let Started { mut running, output, directory } =
        bench.start((name, subject), cell, &topic.name, false).await?;
    let started = running.started();
    let recipe = Recipe::of(cell, options.common.seed);
    let feed = Feed::start(bench.kafka.bootstrap(), &topic, recipe, options.rate)?;
    let reader = Reader::start(bench.kafka.bootstrap(), &output, cell.query)?;
    let mut tree = Tree::of(running.pid());
    let (window, gave_up) = conduct(options, &mut running, &feed, &reader, &mut tree).await?;
    let fed = feed.end()?;
    let behind = match &gave_up {
        None => reader.wait_for(fed.records(), STALLED).await,
        Some(_) => None,
    };
    let seconds = started.elapsed().as_secs_f64();
    let unended = running.stop().await?;
    let seen = reader.end()?;
    let (bootstrap, read, query) = (bench.kafka.bootstrap().to_owned(), topic.clone(), cell.query);
    let input = Arc::new(blocking(move || Input::read(&bootstrap, &read, query)).await?);
    let in_time = gave_up.is_none() && behind.is_none();
    let troubles = gave_up.into_iter().chain(behind).chain(unended).collect();
    let judged = bench.judge(&output, cell.query, &input, troubles, in_time).await?;
    bench.tidy(&output, &directory, judged.verdict).await;
    bench.kafka.delete(&topic).await;
    let mut run = Run::judged(name, (round, cell), &input, judged, seconds);
    if run.verdict == Verdict::Holds {
        run.measured = measured(&window, started, &fed, &seen)?;
        run.processes = tree.processes();
    }
    Ok(run)
}

/// Waits for the first output, lets things settle, and measures. The text says why it could not.
async fn conduct(
    options: &LatencyOptions,
    running: &mut Running,
    feed: &Feed,
    reader: &Reader,
    tree: &mut Tree,
) -> Result<(Window, Option<String>), Failure> {
    let mut window = Window::default();
    loop {
        tokio::time::sleep(LOOK).await;
        if let Some(why) = running.ended()?.or_else(|| feed.failure()) {
            return Ok((window, Some(why)));
        }
        let now = Instant::now();
        match window {
            Window { first_output: None, .. } if reader.seen() > 0 => window.first_output = Some(now),
            Window { first_output: None, .. } => {
                if running.started().elapsed() > START_LIMIT {
                    let limit = START_LIMIT.as_secs();
                    return Ok((window, Some(format!("no output within {limit} s"))));
                }
            }
            Window { first_output: Some(first), from: None, .. } => {
                if now.duration_since(first) >= options.settle {
                    window.used_from = tree.look();
                    window.from = Some(Instant::now());
                }
            }
            Window { from: Some(from), .. } => {
                if now.duration_since(from) >= options.measure {
                    window.to = Some(Instant::now());
                    window.used_to = tree.look();
                    return Ok((window, None));
                }
            }
        }
    }
}

/// Latencies of the records handed over in the window.
fn measured(
    window: &Window,
    started: Instant,
    fed: &Fed,
    seen: &[Seen],
) -> Result<BTreeMap<String, f64>, Failure> {
    let internal = |error: &dyn std::fmt::Display| Failure::internal(format!("a histogram failed: {error}"));
    let mut histogram =
        Histogram::<u64>::new_with_bounds(1, LONGEST_US, 3).map_err(|error| internal(&error))?;
    let (Some(from), Some(to)) = (window.from, window.to) else { return Ok(BTreeMap::new()) };
    for Seen { partition, offset, at } in seen {
        let Some(handed_over) = fed.when(*partition, *offset) else {
            let what = format!("nobody noted when offset {offset} of partition {partition} was handed over");
            return Err(Failure::internal(what));
        };
        if handed_over >= from && handed_over < to {
            let latency = u64::try_from(at.saturating_duration_since(handed_over).as_micros());
            histogram.saturating_record(latency.unwrap_or(LONGEST_US).max(1));
        }
    }
    if histogram.is_empty() {
        return Ok(BTreeMap::new());
    }
    let ms = |micros: u64| real(micros) / 1e3;
    let cpu = window.used_to.cpu_seconds - window.used_from.cpu_seconds;
    let mut values = vec![
        (P50, ms(histogram.value_at_quantile(0.5))),
        (P99, ms(histogram.value_at_quantile(0.99))),
        (P999, ms(histogram.value_at_quantile(0.999))),
        (LONGEST, ms(histogram.max())),
        (CPU, cpu / real(histogram.len()) * 1e6),
        (MEMORY, real(window.used_to.peak_memory / MIB)),
    ];
    values.extend(window.first_output.map(|first| (STARTUP, first.duration_since(started).as_secs_f64())));
    Ok(values.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_handed_over_in_the_window_counts() {
        let zero = Instant::now();
        let at = |ms: u64| zero + Duration::from_millis(ms);
        let fed = Fed::of([((0, 0), at(50)), ((0, 1), at(100)), ((1, 0), at(150)), ((0, 2), at(200))]);
        let seen = [(0, 0, 900), (0, 1, 110), (1, 0, 190), (0, 2, 900)].map(|(partition, offset, ms)| Seen {
            partition,
            offset,
            at: at(ms),
        });
        let window = Window {
            from: Some(at(100)),
            to: Some(at(200)),
            first_output: Some(at(30)),
            used_from: Used { cpu_seconds: 1.0, peak_memory: 0 },
            used_to: Used { cpu_seconds: 1.5, peak_memory: 7 * MIB },
        };
        let found = measured(&window, zero, &fed, &seen).unwrap();
        let near = |name: &str, value: f64| (found[name] - value).abs() < value * 0.002;
        assert!(near(P50, 10.0) && near(P999, 40.0) && near(LONGEST, 40.0), "{found:?}");
        assert!(near(CPU, 250_000.0) && near(MEMORY, 7.0) && near(STARTUP, 0.03), "{found:?}");
    }

    #[test]
    fn an_output_for_what_was_never_fed_is_no_latency() {
        let zero = Instant::now();
        let fed = Fed::of([((0, 1), zero)]);
        let window = Window { from: Some(zero), to: Some(zero), ..Window::default() };
        let seen = [Seen { partition: 0, offset: 0, at: zero }];
        let error = measured(&window, zero, &fed, &seen).unwrap_err().to_string();
        assert!(error.contains("offset 0 of partition 0"), "{error}");
    }

    #[test]
    fn nothing_seen_is_no_number() {
        let fed = Fed::of([]);
        assert!(measured(&Window::default(), Instant::now(), &fed, &[]).unwrap().is_empty());
    }
}
