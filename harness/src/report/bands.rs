//! What every chart shows behind its lines: from each kill until new output, and as long as each other fault was in force.

use maud::{Markup, html};

use super::chart::{Frame, line, span, spans};
use super::run::Run;
use super::text::{duration, moment};
use crate::history::FaultSpan;

/// With more kills or faults than this a chart shows them without words of their own.
const TITLED_MAX: usize = 120;

pub(super) fn draw(frame: Frame, run: &Run, top: f64, bottom: f64) -> Markup {
    let height = bottom - top;
    let outages: Vec<(u64, u64, u64)> = run
        .recoveries
        .iter()
        .filter_map(|recovery| Some((recovery.killed_ms, recovery.visible_ms?, recovery.ordinal)))
        .collect();
    html! {
        @if outages.len() > TITLED_MAX {
            (spans(frame, "outage", &outages.iter().map(|outage| (outage.0, outage.1)).collect::<Vec<_>>(), top, height))
        } @else {
            @for &(from, to, ordinal) in &outages {
                @let title = format!("kill {ordinal}: {} to the first newly committed output", duration(to - from));
                (span("outage", frame.x(from), frame.x(to), top, height, &title))
            }
        }
        @if run.faults.len() > TITLED_MAX {
            @let times: Vec<_> = run.faults.iter().filter_map(FaultSpan::in_force).collect();
            (spans(frame, "fault-band", &times, top, height))
        } @else {
            @for fault in &run.faults { (band(frame, fault, top, bottom)) }
        }
    }
}

fn band(frame: Frame, fault: &FaultSpan, top: f64, bottom: f64) -> Markup {
    html! {
        @if let Some((from, to)) = fault.in_force() {
            (span("fault-band", frame.x(from), frame.x(to), top, bottom - top, &title(fault)))
        } @else if let Some(struck) = fault.struck_ms {
            (line("fault-line", frame.x(struck), top, frame.x(struck), bottom))
        }
    }
}

/// A fault in words.
pub(super) fn title(fault: &FaultSpan) -> String {
    let name = fault.step.map_or_else(|| fault.fault.clone(), |step| format!("step {step}, {}", fault.fault));
    let lasted =
        fault.in_force().map_or(String::new(), |(from, to)| format!(", for {}", duration(to - from)));
    let missed = if fault.missed { ", hit nothing" } else { "" };
    format!("{name} at {}{lasted}{missed}: {}", moment(fault.from_ms), fault.texts.join("; "))
}
