//! `truecut chaos --from` and `--from-all`: counterexamples of the model on real Kafka.

use std::path::Path;

use truecut::chaos::{self, SharedKafka};
use truecut::counterexample::saved::Saved;
use truecut::failure::Failure;
use truecut::from_model::{self, DATA, FromDocument, PAGE, Run, Tried, TryOptions};
use truecut::verdict::Exit;

use super::chaos::Chaos;
use super::output::{self, Style};
use super::{Outcome, block_on, show};

/// Threads that search for counterexamples.
const THREADS: usize = 2;

/// Tries one counterexample that was saved.
pub(super) fn one(file: &Path, arguments: &Chaos) -> Outcome {
    let text = std::fs::read_to_string(file)
        .map_err(|error| Failure::bad_data(format!("can't read {}: {error}", file.display())))?;
    let saved: Saved = serde_json::from_str(&text).map_err(|error| {
        Failure::bad_data(format!(
            "{} is no counterexample: {error}; `truecut check --mutant NAME --save DIR` writes one",
            file.display()
        ))
    })?;
    run(&[saved], arguments)
}

/// Tries the counterexample of each wrong protocol, or of those that are asked for.
pub(super) fn all(arguments: &Chaos) -> Outcome {
    let only = &arguments.only;
    let mut wanted =
        from_model::every(THREADS, |mutant| only.is_empty() || only.iter().any(|name| name == mutant));
    if let Some(directory) = arguments.write.as_deref().filter(|_| arguments.go_on) {
        let before = before(directory);
        let is_measured = |saved: &Saved| {
            before.counterexamples.iter().any(|tried| tried.name == saved.name && tried.is_measured())
        };
        wanted.retain(|saved| !is_measured(saved));
        if wanted.is_empty() && !arguments.json {
            output::line("nothing is left to measure");
            return Ok(Exit::Holds.code());
        }
    }
    run(&wanted, arguments)
}

fn run(counterexamples: &[Saved], arguments: &Chaos) -> Outcome {
    let options = TryOptions {
        tries: arguments.tries,
        seed: arguments.seed.unwrap_or(1),
        without_mutant: arguments.without_mutant,
        directory: chaos::new_directory(arguments.run_directory.as_deref(), "from-model")?,
    };
    chaos::prepare_for_disks()?;
    let document = FromDocument::new(block_on(tries(counterexamples, &options, arguments))?);
    if let Some(directory) = &arguments.write {
        write(directory, document.clone())?;
    }
    if arguments.json {
        output::document(&document);
    } else {
        document.counterexamples.iter().for_each(tell);
    }
    Ok(Exit::from(document.verdict).code())
}

async fn tries(
    counterexamples: &[Saved],
    options: &TryOptions,
    arguments: &Chaos,
) -> Result<Vec<Tried>, Failure> {
    let watch = show::watch(arguments.json);
    let mut kafka = SharedKafka::new(arguments.kafka.clone());
    let mut tried = Vec::new();
    for saved in counterexamples {
        tried.push(from_model::attempt(saved, options, &mut kafka, &watch).await?);
        if let Some(directory) = &arguments.write {
            // What was found so far stays if the rest is cut short.
            write(directory, FromDocument::new(tried.clone()))?;
        }
    }
    kafka.stop().await?;
    Ok(tried)
}

/// Writes page and data; what an earlier command wrote of other counterexamples stays.
fn write(directory: &Path, mut document: FromDocument) -> Result<(), Failure> {
    let all = document.counterexamples.iter_mut();
    for run in all.flat_map(|Tried { runs, general, .. }| runs.iter_mut().chain(general)) {
        // Where it lay on this machine is of no use to others.
        let name = Path::new(&run.directory).file_name().map(|name| name.display().to_string());
        run.directory = name.unwrap_or_default();
    }
    std::fs::create_dir_all(directory).map_err(Failure::at("make", directory))?;
    let data = directory.join(DATA);
    let document = before(directory).updated(document);
    let json =
        serde_json::to_string_pretty(&document).map_err(|error| Failure::internal(error.to_string()))?;
    std::fs::write(&data, json + "\n").map_err(Failure::at("write", &data))?;
    let page = directory.join(PAGE);
    std::fs::write(&page, document.page()).map_err(Failure::at("write", &page))
}

/// What an earlier command wrote.
fn before(directory: &Path) -> FromDocument {
    let read = std::fs::read(directory.join(DATA)).ok();
    let before = read.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    before.unwrap_or_else(|| FromDocument::new(Vec::new()))
}

fn tell(tried: &Tried) {
    let style = Style::stdout();
    let protocol = tried.mutant.as_deref().unwrap_or("the protocol itself");
    output::line(&format!("{}   {}, {protocol}", style.verdict(tried.verdict()), tried.name));
    match &tried.impossible {
        Some(why) => output::line(&format!("  it can't be made to happen: {why}")),
        None => output::line(&format!(
            "  in the model it violates {}; faults: {}",
            tried.violates,
            tried.faults.join(", ")
        )),
    }
    (1..).zip(tried.runs.iter().chain(&tried.general)).for_each(|(number, run)| tell_run(style, number, run));
    if tried.impossible.is_some() {
        return;
    }
    match (tried.reproduced(), &tried.mutant) {
        (Some(number), _) => {
            output::line(&format!("  {} was violated on real Kafka, in try {number}", tried.violates))
        }
        (None, Some(_)) => output::line(&format!("  {} was not violated on real Kafka", tried.violates)),
        (None, None) => {}
    }
}

fn tell_run(style: Style, number: usize, run: &Run) {
    let violated: Vec<&str> = run.violated.iter().map(String::as_str).collect();
    let violated = if violated.is_empty() { "nothing".to_owned() } else { violated.join(", ") };
    let plan = run.plan.as_ref().map_or_else(String::new, |plan| format!("plan {plan}, "));
    output::line(&format!(
        "  try {number}, {plan}seed {}: violated {violated} ({} s, {})",
        run.seed, run.seconds, run.directory
    ));
    if let Some(reason) = run.reasons.first() {
        output::line(&format!("    {}", style.dim(reason)));
    }
    if let Some(layers) = &run.layers {
        let flagged: Vec<&str> = layers.flagged.iter().map(String::as_str).collect();
        output::line(&format!(
            "    traces by the protocol: {}; oracles: {} {}",
            layers.traces.name(),
            layers.oracles.name(),
            flagged.join(", ")
        ));
    }
}
