//! What the page says of the search of the model.

use std::fmt::Write as _;

use super::markdown;
use crate::bench::check::CheckDocument;
use crate::bench::statistics::real;
use crate::bench::told::{medians, number};
use crate::verdict::Verdict;

/// The chart's ending.
pub(super) const CHART: &str = "states-per-second";

/// The section, but for its heading.
pub(super) fn text(document: &CheckDocument, chart: &str) -> String {
    let CheckDocument { verdict, machine, rounds, arguments, .. } = document;
    let mut text = String::new();
    // Writing to a String can't fail.
    let _ = writeln!(
        text,
        "**{}**. {}. {}.\n\n\
         ```sh\n{arguments}\n```\n\n![different states/s]({chart})\n\n{}",
        verdict.name(),
        machine.told(),
        medians(*rounds),
        markdown(&table(document)),
    );
    text
}

/// The rows with their head: for a page or a terminal.
#[must_use]
pub fn table(document: &CheckDocument) -> Vec<Vec<String>> {
    let head = ["scope", "verdict", "threads", "different states", "states/s", "seconds", "bytes per state"];
    let mut lines = vec![head.map(str::to_owned).to_vec()];
    lines.extend(document.rows.iter().map(|row| {
        let rate = &row.states_per_second;
        vec![
            row.scope.clone(),
            if row.verdict == Verdict::Holds { "complete".to_owned() } else { row.verdict.name().to_owned() },
            row.threads.to_string(),
            number(real(row.unique_states), 0),
            format!("{} ± {:.0} %", number(rate.median, 0), rate.percent()),
            format!("{:.2}", row.seconds.median),
            format!("{:.1}", row.bytes_per_state),
        ]
    }));
    lines
}
