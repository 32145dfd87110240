//! Shows on standard error how far a chaos run is: one live line on a terminal, a line per phase and kill elsewhere.

use std::io::{IsTerminal as _, Write as _};
use std::sync::Arc;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use truecut::chaos::{Moment, Progress, Watch};

use super::output::grouped;

/// A watch that shows nothing if `quiet`.
pub(super) fn watch(quiet: bool) -> Watch {
    if quiet {
        return Arc::new(|_| {});
    }
    if !std::io::stderr().is_terminal() {
        return Arc::new(plain);
    }
    let bar = spinner();
    Arc::new(move |moment| live(&bar, moment))
}

/// A spinner on standard error.
pub(super) fn spinner() -> ProgressBar {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template("{spinner} {elapsed:>4}  {wide_msg}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(100));
    bar
}

fn live(bar: &ProgressBar, moment: &Moment) {
    match moment {
        Moment::Doing(what) => bar.set_message(what.clone()),
        Moment::Progress(progress) => bar.set_message(text(progress)),
        Moment::Killed { ordinal, what } => bar.println(format!("  kill {ordinal}: {what}")),
        Moment::Judged(_) => bar.finish_and_clear(),
    }
}

fn plain(moment: &Moment) {
    let text = match moment {
        Moment::Doing(what) => what.clone(),
        Moment::Killed { ordinal, what } => format!("kill {ordinal}: {what}"),
        Moment::Progress(_) | Moment::Judged(_) => return,
    };
    drop(writeln!(std::io::stderr().lock(), "  {text}"));
}

fn text(progress: &Progress) -> String {
    let Progress { fed, records, visible, kills, kills_planned, attempt, checkpoints } = progress;
    format!(
        "kills {kills}/{kills_planned}   fed {} of {}   visible {}   attempt {attempt}   checkpoints {checkpoints}",
        grouped(*fed),
        grouped(*records),
        grouped(*visible)
    )
}
