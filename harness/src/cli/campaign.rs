//! `truecut chaos --campaign`: many runs, and what they have reached together.

use std::path::Path;
use std::time::Duration;

use truecut::chaos;
use truecut::chaos::campaign::{self, CAMPAIGNS, CampaignDocument, CampaignOptions};
use truecut::coverage::ModelShapes;
use truecut::failure::Failure;
use truecut::verdict::{Exit, Verdict};

use super::chaos::Chaos;
use super::output::{self, Style, grouped};
use super::{Outcome, block_on, judged, show};

/// A campaign is long; who gives no limit wants it all.
const LIMIT: Duration = Duration::from_secs(6 * 3_600);
/// What `--time-limit` is for a single run if it is not given.
const OF_ONE_RUN: Duration = Duration::from_secs(900);

pub(super) fn run(name: &str, arguments: &Chaos) -> Outcome {
    let info = CAMPAIGNS.iter().find(|campaign| campaign.name == name).copied().ok_or_else(|| {
        Failure::usage(format!(
            "--campaign {name}: there is no such campaign; `truecut list campaigns` names them"
        ))
    })?;
    let directory = chaos::new_directory(arguments.run_directory.as_deref(), &format!("campaign-{name}"))?;
    let time_limit = if arguments.time_limit == OF_ONE_RUN { LIMIT } else { arguments.time_limit };
    let options = CampaignOptions {
        info,
        seed: arguments.seed.unwrap_or(1),
        kafka: arguments.kafka.clone(),
        directory: directory.clone(),
        time_limit,
    };
    chaos::prepare_for_disks()?;
    let document = block_on(campaign::run(&options, show::watch(arguments.json)))?;
    if let Some(directory) = &arguments.write {
        write(directory, &document)?;
    }
    if let Some(file) = &arguments.junit {
        judged::save_campaign(file, &document, &directory)?;
    }
    if arguments.json {
        output::document(&document);
    } else {
        tell(&document, &directory);
    }
    Ok(Exit::from(document.verdict).code())
}

fn write(directory: &Path, document: &CampaignDocument) -> Result<(), Failure> {
    std::fs::create_dir_all(directory).map_err(Failure::at("make", directory))?;
    let json =
        serde_json::to_string_pretty(document).map_err(|error| Failure::internal(error.to_string()))?;
    for (name, text) in
        [("chaos-campaign.md", campaign::page(document)), ("chaos-campaign.json", json + "\n")]
    {
        let path = directory.join(name);
        std::fs::write(&path, text).map_err(Failure::at("write", &path))?;
    }
    document.visited.write(&ModelShapes::committed(), directory)
}

/// How many of the model's shapes were visited.
pub(super) fn covered((visited, all): (usize, usize)) -> String {
    format!("{visited} of {all} shapes of steps that the model reaches")
}

fn tell(document: &CampaignDocument, directory: &Path) {
    let style = Style::stdout();
    output::line(&format!("{}   campaign {}", style.verdict(document.verdict), document.campaign));
    for reason in &document.reasons {
        output::line(&format!("  {reason}"));
    }
    let held = document.runs.iter().filter(|run| run.verdict == Verdict::Holds).count();
    let row = |name: &str, value: String| vec![name.to_owned(), value];
    output::line("");
    output::table(&[
        row("runs", format!("{}, of which {held} hold", document.runs.len())),
        row("confirmed kills", grouped(document.kills)),
        row("records", grouped(document.records)),
        row("checkpoints", grouped(document.checkpoints)),
        row("trace events", grouped(document.trace_events)),
        row("model coverage", covered(ModelShapes::committed().share(document.visited.shapes.keys()))),
        row("time", format!("{:.0} s", document.seconds)),
    ]);
    output::line(&format!("\nreports  {}/*/report.html", directory.display()));
    output::line(&format!("again    {}", document.replay));
}
