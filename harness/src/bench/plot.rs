//! A chart of one measurement as SVG, light and dark, no scripts: a bar for each subject in each cell, with its smallest and greatest run; or,
//! of kills, a dot for each one on a logarithmic scale.

mod dots;

use std::collections::BTreeSet;

use maud::{Markup, PreEscaped, html};

use super::document::{BenchDocument, Compared, FIRST_P50, Metric};
use super::settings::Cell;
use super::statistics::real;
use super::subject::SubjectName;

const WIDTH: f64 = 860.0;
/// Room on the left, for names.
const GUTTER: f64 = 120.0;
/// Room on the right, for numbers.
const NUMBERS: f64 = 110.0;
const MARGIN: f64 = 14.0;
const TITLE: f64 = 52.0;
const CELL_HEAD: f64 = 26.0;
const ROW: f64 = 24.0;
const BAR: f64 = 14.0;
const AXIS: f64 = 26.0;

const STYLE: &str = "\
.truecut-bench{--bg:#fff;--ink:#1b1d21;--muted:#62676f;--line:#d5d8dd;--truecut:#2f62bd;--raw:#8a9099;--flink:#c2681c;--flink-tuned:#8a5a9e;--kafka-streams:#17774a;\
font:12px system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue','Noto Sans',Arial,sans-serif}\
@media (prefers-color-scheme:dark){.truecut-bench{--bg:#14161a;--ink:#e7e6e3;--muted:#9ba1ab;--line:#3a404b;--truecut:#79a6f2;--raw:#8b929e;\
--flink:#e39a58;--flink-tuned:#c79ade;--kafka-streams:#52c98d}}\
.truecut-bench .bg{fill:var(--bg)}.truecut-bench text{fill:var(--ink)}.truecut-bench .title{font-size:16px;font-weight:600}\
.truecut-bench .sub,.truecut-bench .tick{fill:var(--muted)}.truecut-bench .cell{font-weight:600}\
.truecut-bench .grid{stroke:var(--line)}.truecut-bench .whisker{stroke:var(--ink);stroke-width:1.5;fill:none}\
.truecut-bench .n{font-variant-numeric:tabular-nums}.truecut-bench circle{fill-opacity:.55}\
.truecut-bench .middle{stroke:var(--ink);stroke-width:2}\
.truecut-bench .truecut{fill:var(--truecut)}.truecut-bench .raw{fill:var(--raw)}.truecut-bench .flink{fill:var(--flink)}.truecut-bench .flink-tuned{fill:var(--flink-tuned)}\
.truecut-bench .kafka-streams{fill:var(--kafka-streams)}";

/// One bar, or the place where one is missing.
struct Bar<'a> {
    subject: SubjectName,
    found: Option<&'a Compared>,
}

/// The chart as a document.
pub(super) fn draw(document: &BenchDocument, metric: &Metric) -> String {
    if metric.name == FIRST_P50 { dots::dots(document) } else { bars(document, metric) }
}

fn bars(document: &BenchDocument, metric: &Metric) -> String {
    let of_cell = |cell: Cell| -> Vec<Bar<'_>> {
        let rows = document.summary.iter().filter(|row| row.cell == cell);
        rows.map(|row| Bar { subject: row.subject, found: row.metrics.get(metric.name) }).collect()
    };
    let groups: Vec<(Cell, Vec<Bar<'_>>)> =
        cells(document).into_iter().map(|cell| (cell, of_cell(cell))).collect();
    let greatest = groups
        .iter()
        .flat_map(|(_, bars)| bars)
        .filter_map(|bar| Some(bar.found?.spread.max))
        .fold(0.0, f64::max);
    let ticks = ticks(greatest);
    let top = ticks.last().copied().unwrap_or(1.0);
    let x = |value: f64| GUTTER + (WIDTH - GUTTER - NUMBERS) * value / top;
    let mut rows = Rows::default();
    for (cell, bars) in &groups {
        rows.head(cell);
        for bar in bars {
            rows.row(|at| row(bar, at, &x, metric.digits));
        }
    }
    let subtitle = format!(
        "median of {} rounds, with the smallest and the greatest; {}",
        document.setting.rounds, document.machine.processor
    );
    let ticks: Vec<(f64, String)> = ticks.iter().map(|tick| (x(*tick), short(*tick))).collect();
    rows.chart(metric.title, &subtitle, &ticks)
}

fn cells(document: &BenchDocument) -> BTreeSet<Cell> {
    document.summary.iter().map(|row| row.cell).collect()
}

/// Rows of a chart, one under the other.
#[derive(Default)]
struct Rows {
    drawn: Vec<Markup>,
    height: f64,
}

impl Rows {
    fn head(&mut self, cell: &Cell) {
        let y = TITLE + self.height + 17.0;
        self.drawn.push(html! { text class="cell" x=(px(MARGIN)) y=(px(y)) { (cell) } });
        self.height += CELL_HEAD;
    }

    /// A row; what draws it is told where it begins.
    fn row(&mut self, draw: impl FnOnce(f64) -> Markup) {
        self.drawn.push(draw(TITLE + self.height));
        self.height += ROW;
    }

    /// The chart of these rows; of each tick where it is and what it says.
    fn chart(&self, title: &str, subtitle: &str, ticks: &[(f64, String)]) -> String {
        let (bottom, height) = (TITLE + self.height, TITLE + self.height + AXIS + MARGIN);
        let svg = html! {
            svg xmlns="http://www.w3.org/2000/svg" class="truecut-bench" role="img" aria-label=(title)
                width=(px(WIDTH)) height=(px(height)) viewBox=(format!("0 0 {} {}", px(WIDTH), px(height))) {
                style { (PreEscaped(STYLE)) }
                rect class="bg" width="100%" height="100%" {}
                text class="title" x=(px(MARGIN)) y="24" { (title) }
                text class="sub" x=(px(MARGIN)) y="42" { (subtitle) }
                @for (x, text) in ticks {
                    line class="grid" x1=(px(*x)) y1=(px(TITLE)) x2=(px(*x)) y2=(px(bottom)) {}
                    text class="tick" x=(px(*x)) y=(px(bottom + 16.0)) text-anchor="middle" { (text) }
                }
                @for row in &self.drawn { (row) }
            }
        };
        svg.into_string()
    }
}

fn row(bar: &Bar<'_>, at: f64, x: &impl Fn(f64) -> f64, digits: usize) -> Markup {
    let (name, middle) = (bar.subject.name(), at + ROW / 2.0);
    html! {
        text x=(px(GUTTER - 10.0)) y=(px(middle)) text-anchor="end" dominant-baseline="central" { (name) }
        @if let Some(Compared { spread, .. }) = bar.found {
            rect class=(name) x=(px(GUTTER)) y=(px(middle - BAR / 2.0)) width=(px((x(spread.median) - GUTTER).max(1.0)))
                height=(px(BAR)) rx="2" {
                title { (format!("{name}: median {:.digits$}, {:.digits$} to {:.digits$}", spread.median, spread.min, spread.max)) }
            }
            path class="whisker" d=(whisker(x(spread.min), x(spread.max), middle)) {}
            text class="n" x=(px(x(spread.max) + 10.0)) y=(px(middle)) dominant-baseline="central" {
                (format!("{:.digits$}", spread.median))
            }
        } @else {
            text class="sub" x=(px(GUTTER + 4.0)) y=(px(middle)) dominant-baseline="central" { "no verified number" }
        }
    }
}

fn whisker(from: f64, to: f64, y: f64) -> String {
    let (low, high) = (y - 4.0, y + 4.0);
    format!("M{from:.1} {low:.1}V{high:.1}M{from:.1} {y:.1}H{to:.1}M{to:.1} {low:.1}V{high:.1}")
}

/// Round values from 0 to at least the greatest.
fn ticks(greatest: f64) -> Vec<f64> {
    if greatest <= 0.0 {
        return vec![0.0, 1.0];
    }
    let magnitude = 10_f64.powf((greatest / 5.0).log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0].map(|factor| factor * magnitude);
    let step = steps.into_iter().find(|step| step * 5.0 >= greatest).unwrap_or(10.0 * magnitude);
    let mut ticks = vec![0.0];
    while ticks.last().is_some_and(|last| *last < greatest) {
        ticks.push(step * real(u64::try_from(ticks.len()).unwrap_or(u64::MAX)));
    }
    ticks
}

/// A tick in a few letters.
fn short(value: f64) -> String {
    match value {
        value if value >= 1e6 => format!("{} M", value / 1e6),
        value if value >= 1e4 => format!("{} k", value / 1e3),
        value if value >= 1.0 || value == 0.0 => format!("{value}"),
        value => format!("{value:.2}"),
    }
}

/// A coordinate, to a tenth of a pixel.
fn px(value: f64) -> String {
    format!("{value:.1}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_reach_the_greatest() {
        assert_eq!(ticks(0.0), [0.0, 1.0]);
        assert_eq!(ticks(95.0), [0.0, 20.0, 40.0, 60.0, 80.0, 100.0]);
        assert_eq!(ticks(330_000.0), [0.0, 100_000.0, 200_000.0, 300_000.0, 400_000.0]);
        assert_eq!(short(400_000.0), "400 k");
        assert!(ticks(0.7).last().is_some_and(|last| *last >= 0.7));
    }
}
