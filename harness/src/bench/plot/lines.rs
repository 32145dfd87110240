//! How a measurement grows with one setting: a line for each subject through its medians, with its smallest and greatest run.

use std::collections::BTreeSet;

use maud::{Markup, html};

use super::{AXIS, BenchDocument, MARGIN, Metric, TITLE, WIDTH, cells, frame, px, short, ticks};
use crate::bench::settings::{Cell, Dimension, in_few_letters};
use crate::bench::statistics::{Spread, real};
use crate::bench::subject::SubjectName;
use crate::bench::told;

/// Room on the left, for ticks, and on the right, for names.
const LEFT: f64 = 64.0;
const RIGHT: f64 = 130.0;
const HEIGHT: f64 = 260.0;
/// Room on both sides of the first and the last value.
const INSET: f64 = 24.0;
/// The least distance between two names.
const APART: f64 = 16.0;
/// Values that lie further apart than so many times are drawn by their logarithms.
const FAR_APART: f64 = 8.0;
/// Two values make no line that says something.
const VALUES: usize = 3;

/// A setting that is a number.
pub(super) struct Axis {
    dimension: Dimension,
    name: &'static str,
    of: fn(&Cell) -> u64,
    /// The same cell but for this setting.
    without: fn(Cell) -> Cell,
}

const AXES: [Axis; 6] = [
    Axis {
        dimension: Dimension::Records,
        name: "input records",
        of: |cell| cell.records.unwrap_or(0),
        without: |cell| Cell { records: None, ..cell },
    },
    Axis {
        dimension: Dimension::Partitions,
        name: "partitions",
        of: |cell| u64::from(cell.partitions),
        without: |cell| Cell { partitions: 0, ..cell },
    },
    Axis {
        dimension: Dimension::Keys,
        name: "keys",
        of: |cell| cell.keys,
        without: |cell| Cell { keys: 0, ..cell },
    },
    Axis {
        dimension: Dimension::Bytes,
        name: "bytes of a value",
        of: |cell| u64::try_from(cell.bytes).unwrap_or(u64::MAX),
        without: |cell| Cell { bytes: 0, ..cell },
    },
    Axis {
        dimension: Dimension::Interval,
        name: "interval, ms",
        of: |cell| cell.interval_ms,
        without: |cell| Cell { interval_ms: 0, ..cell },
    },
    Axis {
        dimension: Dimension::Parallelism,
        name: "parallelism",
        of: |cell| u64::from(cell.parallelism),
        without: |cell| Cell { parallelism: 0, ..cell },
    },
];

/// The setting that these cells differ in, if it is only one, a number, and has values enough.
pub(super) fn axis(cells: &BTreeSet<Cell>) -> Option<&'static Axis> {
    let alone =
        |axis: &&Axis| cells.iter().map(|cell| (axis.without)(*cell)).collect::<BTreeSet<_>>().len() == 1;
    AXES.iter().find(alone).filter(|axis| cells.iter().map(axis.of).collect::<BTreeSet<_>>().len() >= VALUES)
}

/// What is drawn of a subject.
struct Line {
    subject: SubjectName,
    points: Vec<(u64, Spread)>,
}

pub(super) fn lines(document: &BenchDocument, metric: &Metric, axis: &Axis) -> String {
    let cells = cells(document);
    let values: BTreeSet<u64> = cells.iter().map(axis.of).collect();
    let lines = of_subjects(document, metric, axis);
    let all = lines.iter().flat_map(|line| &line.points);
    let y_ticks = ticks(all.map(|(_, spread)| spread.max).fold(0.0, f64::max));
    let top = y_ticks.last().copied().unwrap_or(1.0);
    let y = |value: f64| TITLE + HEIGHT * (1.0 - value / top);
    let place = place(&values);
    let x = |value: u64| LEFT + INSET + (WIDTH - LEFT - RIGHT - 2.0 * INSET) * place(value);
    let (bottom, right) = (TITLE + HEIGHT, WIDTH - RIGHT);
    let same = cells.first().map_or_else(String::new, |cell| cell.but_for(axis.dimension));
    let subtitle = format!("{}; {same}", told::charted(document.setting.rounds));
    let drawn = html! {
        @for tick in &y_ticks {
            line class="grid" x1=(px(LEFT)) y1=(px(y(*tick))) x2=(px(right)) y2=(px(y(*tick))) {}
            text class="tick" x=(px(LEFT - 8.0)) y=(px(y(*tick))) text-anchor="end" dominant-baseline="central" { (short(*tick)) }
        }
        @for value in &values {
            line class="grid" x1=(px(x(*value))) y1=(px(bottom)) x2=(px(x(*value))) y2=(px(bottom + 5.0)) {}
            text class="tick" x=(px(x(*value))) y=(px(bottom + 18.0)) text-anchor="middle" { (in_few_letters(*value)) }
        }
        text class="sub" x=(px(right)) y=(px(bottom + 18.0)) { (axis.name) }
        @for line in &lines { (drawn(line, metric, &x, &y)) }
        @for (subject, at) in names(&lines, &y) {
            text class=(format!("name {}", subject.name())) x=(px(right + 8.0)) y=(px(at)) dominant-baseline="central" { (subject.name()) }
        }
    };
    frame(metric.title, &subtitle, bottom + AXIS + MARGIN, &drawn)
}

fn of_subjects(document: &BenchDocument, metric: &Metric, axis: &Axis) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    for row in &document.summary {
        let Some(found) = row.metrics.get(metric.name) else { continue };
        let point = ((axis.of)(&row.cell), found.spread);
        match lines.iter_mut().find(|line| line.subject == row.subject) {
            Some(line) => line.points.push(point),
            None => lines.push(Line { subject: row.subject, points: vec![point] }),
        }
    }
    for line in &mut lines {
        line.points.sort_by_key(|(value, _)| *value);
    }
    lines
}

/// Where a value lies between the smallest, 0, and the greatest, 1.
fn place(values: &BTreeSet<u64>) -> impl Fn(u64) -> f64 + use<> {
    let of = |value: Option<&u64>| real(value.copied().unwrap_or(1).max(1));
    let (least, most) = (of(values.first()), of(values.last()));
    let by_logarithm = most / least > FAR_APART;
    move |value| {
        let value = real(value.max(1));
        if by_logarithm {
            (value / least).ln() / (most / least).ln()
        } else {
            (value - least) / (most - least)
        }
    }
}

fn drawn(line: &Line, metric: &Metric, x: &impl Fn(u64) -> f64, y: &impl Fn(f64) -> f64) -> Markup {
    let name = line.subject.name();
    let path: Vec<String> = line
        .points
        .iter()
        .map(|(value, spread)| format!("{},{}", px(x(*value)), px(y(spread.median))))
        .collect();
    html! {
        polyline class=(format!("line {name}")) points=(path.join(" ")) {}
        @for (value, spread) in &line.points {
            line class=(format!("line {name}")) x1=(px(x(*value))) y1=(px(y(spread.min))) x2=(px(x(*value))) y2=(px(y(spread.max))) {}
            circle class=(format!("point {name}")) cx=(px(x(*value))) cy=(px(y(spread.median))) r="4" {
                title { (format!("{name}, {}: {}", in_few_letters(*value), told::number(spread.median, metric.digits))) }
            }
        }
    }
}

/// Where the names stand: at the ends of the lines, but none over another.
fn names(lines: &[Line], y: &impl Fn(f64) -> f64) -> Vec<(SubjectName, f64)> {
    let ends = lines.iter().filter_map(|line| Some((line.subject, y(line.points.last()?.1.median))));
    let mut names: Vec<(SubjectName, f64)> = ends.collect();
    names.sort_by(|one, other| one.1.total_cmp(&other.1));
    for next in 1..names.len() {
        names[next].1 = names[next].1.max(names[next - 1].1 + APART);
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::document::tests::CELL;

    fn of_keys(keys: &[u64]) -> BTreeSet<Cell> {
        keys.iter().map(|keys| Cell { keys: *keys, ..CELL }).collect()
    }

    #[test]
    fn lines_are_drawn_over_the_one_setting_that_differs() {
        assert_eq!(axis(&of_keys(&[10, 100, 1_000])).map(|axis| axis.name), Some("keys"));
        assert!(axis(&of_keys(&[10, 100])).is_none(), "two points");
        let mut two = of_keys(&[10, 100, 1_000]);
        two.insert(Cell { parallelism: 4, ..CELL });
        assert!(axis(&two).is_none(), "two settings differ");
        assert!(axis(&of_keys(&[10])).is_none());
    }

    #[test]
    fn values_far_apart_lie_by_their_logarithms() {
        let far = place(&[1, 10, 100].into());
        assert!(far(1).abs() < 1e-9 && (far(10) - 0.5).abs() < 1e-9 && (far(100) - 1.0).abs() < 1e-9);
        let near = place(&[1, 2, 4].into());
        assert!((near(2) - 1.0 / 3.0).abs() < 1e-9);
    }

    #[test]
    fn names_stand_apart() {
        let spread = Spread::of([5.0]).expect("a value");
        let line = |subject| Line { subject, points: vec![(1, spread)] };
        let names = names(&[line(SubjectName::Truecut), line(SubjectName::Raw)], &|value| value);
        assert!((names[1].1 - names[0].1 - APART).abs() < 1e-9, "{names:?}");
    }
}
