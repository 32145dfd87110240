//! From when to when each fault other than a kill was in force. A kill is a moment, and what follows it is in `recovery`.

use std::collections::BTreeMap;

use super::event::{Event, Phase};
use super::{Entry, History};

/// A fault and its time. Times are milliseconds since the run started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FaultSpan {
    /// The step of the plan, from 1; a pause has none, as it is told by the process that was paused.
    pub step: Option<u32>,
    /// Its kind, by the name that plans use.
    pub fault: String,
    /// The first that was told of it.
    pub from_ms: u64,
    /// When it struck, if it did.
    pub struck_ms: Option<u64>,
    /// When it was over, if it lasts and ended.
    pub healed_ms: Option<u64>,
    /// It hit nothing.
    pub missed: bool,
    /// All that was told of it, in words.
    pub texts: Vec<String>,
}

impl FaultSpan {
    fn new(step: Option<u32>, fault: &str, from_ms: u64) -> Self {
        Self {
            step,
            fault: fault.to_owned(),
            from_ms,
            struck_ms: None,
            healed_ms: None,
            missed: false,
            texts: Vec::new(),
        }
    }

    /// When it was in force: `None` if it was over at once, was never healed, or hit nothing.
    #[must_use]
    pub fn in_force(&self) -> Option<(u64, u64)> {
        Some((self.struck_ms.unwrap_or(self.from_ms), self.healed_ms?))
    }
}

/// The faults of a run, in order of time.
#[must_use]
pub fn fault_spans(history: &History) -> Vec<FaultSpan> {
    let mut steps: BTreeMap<(u32, String), FaultSpan> = BTreeMap::new();
    let mut pauses: Vec<(u32, FaultSpan)> = Vec::new();
    for Entry { t_ms, event } in &history.entries {
        if let Event::Fault { step, fault, phase, text } = event {
            let new = || FaultSpan::new(Some(*step), fault, *t_ms);
            let span = steps.entry((*step, fault.clone())).or_insert_with(new);
            span.texts.push(text.clone());
            match phase {
                Phase::Began => {}
                Phase::Struck => span.struck_ms = span.struck_ms.or(Some(*t_ms)),
                Phase::Healed => span.healed_ms = Some(*t_ms),
                Phase::Missed => span.missed = true,
            }
        } else if let Event::Paused { who, number, pid, at } = event {
            let mut span = FaultSpan::new(None, "pause", *t_ms);
            span.struck_ms = Some(*t_ms);
            let place = if at.is_random() { String::new() } else { format!(", at {at}") };
            span.texts.push(format!("{who} {number} (process {pid}){place}"));
            pauses.push((*pid, span));
        } else if let Event::Resumed { pid, .. } = event
            && let Some((_, span)) = pauses.iter_mut().rev().find(|(paused, _)| paused == pid)
        {
            span.healed_ms = Some(*t_ms);
        }
    }
    let mut all: Vec<_> = steps.into_values().chain(pauses.into_iter().map(|(_, span)| span)).collect();
    all.sort_by_key(|span| span.from_ms);
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::{KillAt, Who};

    fn fault(step: u32, fault: &str, phase: Phase) -> Event {
        Event::Fault { step, fault: fault.to_owned(), phase, text: format!("{phase:?}") }
    }

    #[test]
    fn a_fault_lasts_from_when_it_struck_until_it_was_healed() {
        let (who, number, pid) = (Who::Worker, 1, 9);
        let at = KillAt::CrashPoint("flush.before".to_owned());
        let events = [
            (10, fault(1, "broker_kill", Phase::Struck)),
            (12, Event::Paused { who, number, pid, at }),
            (20, Event::Resumed { who, number, pid }),
            (30, fault(1, "broker_kill", Phase::Healed)),
            (40, fault(2, "kafka_api", Phase::Began)),
            (45, fault(2, "kafka_api", Phase::Struck)),
            (50, fault(3, "kafka_link", Phase::Missed)),
        ];
        let entries = events.map(|(t_ms, event)| Entry { t_ms, event }).to_vec();
        let spans = fault_spans(&History { entries, torn: false });
        let told: Vec<_> =
            spans.iter().map(|span| (span.fault.as_str(), span.in_force(), span.missed)).collect();
        assert_eq!(
            told,
            [
                ("broker_kill", Some((10, 30)), false),
                ("pause", Some((12, 20)), false),
                ("kafka_api", None, false),
                ("kafka_link", None, true),
            ]
        );
        assert_eq!((spans[2].from_ms, spans[2].struck_ms), (40, Some(45)));
        assert_eq!(spans[1].texts, ["worker 1 (process 9), at flush.before"]);
    }
}
