//! `unseen`: input that Kafka has acknowledged and whose output is not visible yet, over time. It tells how far behind readers were, and judges
//! nothing: what is unseen after a complete drain is `lost`, and without one the verdict is unknown.

use serde::{Deserialize, Serialize};

use crate::history::{Entry, Event, History};

/// Points that are kept: more than a chart is wide are of no use.
const POINTS_MAX: usize = 1_000;

/// One moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnseenAt {
    /// Milliseconds since the run started.
    pub t_ms: u64,
    /// Acknowledged input records minus visible output records.
    pub records: u64,
}

/// The series, with its highest point, and thinned.
#[must_use]
pub fn unseen(history: &History) -> Vec<UnseenAt> {
    let (mut fed, mut visible, mut series) = (0_u64, 0_u64, Vec::new());
    for Entry { t_ms, event } in &history.entries {
        if let Event::Fed { records_total } = event {
            fed = fed.max(*records_total);
        } else if let Event::Visible { records_total } = event {
            visible = visible.max(*records_total);
        } else {
            continue;
        }
        series.push(UnseenAt { t_ms: *t_ms, records: fed.saturating_sub(visible) });
    }
    thin(&series)
}

/// The highest point of each stretch, and the last of all.
fn thin(series: &[UnseenAt]) -> Vec<UnseenAt> {
    let stretch = series.len().div_ceil(POINTS_MAX).max(1);
    let mut kept: Vec<UnseenAt> = series
        .chunks(stretch)
        .filter_map(|chunk| chunk.iter().max_by_key(|at| at.records))
        .copied()
        .collect();
    if let (Some(last), Some(end)) = (kept.last(), series.last())
        && last != end
    {
        kept.push(*end);
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history(events: &[(u64, Event)]) -> History {
        let entries = events.iter().cloned().map(|(t_ms, event)| Entry { t_ms, event }).collect();
        History { entries, torn: false }
    }

    #[test]
    fn what_is_acknowledged_and_not_visible_is_counted_at_each_moment() {
        let history = history(&[
            (1, Event::Fed { records_total: 5 }),
            (2, Event::Drained),
            (3, Event::Visible { records_total: 3 }),
            (4, Event::Visible { records_total: 5 }),
        ]);
        let series: Vec<_> = unseen(&history).iter().map(|at| (at.t_ms, at.records)).collect();
        assert_eq!(series, [(1, 5), (3, 2), (4, 0)]);
    }

    #[test]
    fn a_duplicate_makes_nothing_negative_and_a_long_run_keeps_its_peaks() {
        let more = history(&[(1, Event::Visible { records_total: 3 })]);
        assert_eq!(unseen(&more)[0].records, 0);
        let mut events: Vec<_> = (0..10_000).map(|t| (t, Event::Fed { records_total: t })).collect();
        events.push((10_000, Event::Visible { records_total: 9_999 }));
        let series = unseen(&history(&events));
        assert!(series.len() <= POINTS_MAX + 1, "{}", series.len());
        assert_eq!(series.iter().map(|at| at.records).max(), Some(9_999));
        assert_eq!(series.last(), Some(&UnseenAt { t_ms: 10_000, records: 0 }));
    }
}
