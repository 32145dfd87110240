//! Prometheus's text format, version 0.0.4.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::{Kind, METRICS, Metric, Sample};

/// The content type of the format.
pub(super) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The coordinator's samples and each worker's, as text. What a later truecut would send and this one does not know is left out.
pub(super) fn render(own: &[Sample], workers: &BTreeMap<u32, Vec<Sample>>) -> String {
    let mut text = String::new();
    let own = own.iter().copied().chain(lag(own));
    let own: Vec<(Option<u32>, Sample)> = own.map(|sample| (None, sample)).collect();
    let theirs = workers.iter().flat_map(|(worker, samples)| samples.iter().map(|one| (Some(*worker), *one)));
    let all: Vec<(Option<u32>, Sample)> = own.into_iter().chain(theirs).collect();
    for info in METRICS {
        let place = info.metric.place();
        let mut samples = all.iter().filter(|(_, sample)| sample.metric == place).peekable();
        if samples.peek().is_none() {
            continue;
        }
        let kind = if info.kind == Kind::Counter { "counter" } else { "gauge" };
        let _ = writeln!(text, "# HELP {} {}\n# TYPE {} {kind}", info.name, info.meaning, info.name);
        for (worker, sample) in samples {
            let _ = writeln!(
                text,
                "{}{} {}",
                info.name,
                labels(*worker, sample.partition),
                value(info.name, sample.value)
            );
        }
    }
    text
}

/// From the checkpointed offsets to the ends of the input, where both are known.
fn lag(own: &[Sample]) -> Vec<Sample> {
    let of = |metric: Metric| own.iter().filter(move |sample| sample.metric == metric.place());
    let behind = |end: &Sample| {
        let at = of(Metric::CheckpointedOffset).find(|at| at.partition == end.partition)?;
        let value = end.value.saturating_sub(at.value);
        Some(Sample { metric: Metric::Lag.place(), partition: end.partition, value })
    };
    of(Metric::InputEnd).filter_map(behind).collect()
}

/// All labels are numbers, so nothing needs escaping.
fn labels(worker: Option<u32>, partition: Option<u32>) -> String {
    let worker = worker.map(|worker| format!("worker=\"{worker}\""));
    let partition = partition.map(|partition| format!("partition=\"{partition}\""));
    let labels: Vec<String> = worker.into_iter().chain(partition).collect();
    if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) }
}

/// Times are counted in milliseconds and served in seconds, as Prometheus wants it.
fn value(name: &str, value: u64) -> String {
    if name.contains("_seconds") {
        format!("{}.{:03}", value / 1_000, value % 1_000)
    } else {
        value.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(metric: Metric, partition: Option<u32>, value: u64) -> Sample {
        Sample { metric: metric.place(), partition, value }
    }

    #[test]
    fn a_metric_has_its_help_and_type_once_and_a_line_for_each_of_its_samples() {
        let own = [
            sample(Metric::Duration, None, 1_250),
            sample(Metric::InputEnd, Some(2), 100),
            sample(Metric::CheckpointedOffset, Some(2), 70),
            Sample { metric: 9_999, partition: None, value: 1 },
        ];
        let workers =
            [(1, vec![sample(Metric::RecordsIn, None, 5)]), (2, vec![sample(Metric::RecordsIn, None, 6)])];
        let text = render(&own, &workers.into());
        let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with("# HELP")).collect();
        assert_eq!(
            lines,
            [
                "# TYPE truecut_checkpoint_duration_seconds gauge",
                "truecut_checkpoint_duration_seconds 1.250",
                "# TYPE truecut_input_end_offset gauge",
                "truecut_input_end_offset{partition=\"2\"} 100",
                "# TYPE truecut_checkpointed_offset gauge",
                "truecut_checkpointed_offset{partition=\"2\"} 70",
                "# TYPE truecut_lag_records gauge",
                "truecut_lag_records{partition=\"2\"} 30",
                "# TYPE truecut_records_in_total counter",
                "truecut_records_in_total{worker=\"1\"} 5",
                "truecut_records_in_total{worker=\"2\"} 6",
            ]
        );
    }

    #[test]
    fn every_metric_is_in_the_documentation_with_its_meaning() {
        let page = include_str!("../../../../docs/metrics.md");
        for info in METRICS {
            let kind = if info.kind == Kind::Counter { "counter" } else { "gauge" };
            let line = format!("| `{}` | {kind} |", info.name);
            let line = page.lines().find(|told| told.starts_with(&line)).unwrap_or_else(|| panic!("{line}"));
            assert!(line.contains(info.meaning), "{line} should say: {}", info.meaning);
            let counts = info.name.ends_with("_total") == (info.kind == Kind::Counter);
            assert!(counts, "{} is named like another kind", info.name);
        }
    }
}
