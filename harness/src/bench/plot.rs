//! A chart of one measurement as SVG, light and dark, no scripts. Of cells that differ in one number lines over that number; else a bar for
//! each subject in each cell; of kills a dot for each one, on a logarithmic scale.

mod bars;
mod dots;
mod lines;

use std::collections::BTreeSet;

use maud::{Markup, PreEscaped, html};

use super::check::CheckDocument;
use super::document::{BenchDocument, FIRST_P50, Metric};
use super::settings::Cell;
use super::statistics::real;
use super::told::charted;
use bars::{Bar, Group};

const WIDTH: f64 = 860.0;
/// Room on the left, for names.
const GUTTER: f64 = 120.0;
/// Room on the right, for numbers.
const NUMBERS: f64 = 110.0;
const MARGIN: f64 = 14.0;
const TITLE: f64 = 52.0;
const CELL_HEAD: f64 = 26.0;
const ROW: f64 = 24.0;
const AXIS: f64 = 26.0;

const STYLE: &str = "\
.truecut-bench{--bg:#fff;--ink:#1b1d21;--muted:#62676f;--line:#d5d8dd;--truecut:#2f62bd;--raw:#8a9099;--flink:#c2681c;--flink-tuned:#8a5a9e;--kafka-streams:#17774a;\
font:12px system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue','Noto Sans',Arial,sans-serif}\
@media (prefers-color-scheme:dark){.truecut-bench{--bg:#14161a;--ink:#e7e6e3;--muted:#9ba1ab;--line:#3a404b;--truecut:#79a6f2;--raw:#8b929e;\
--flink:#e39a58;--flink-tuned:#c79ade;--kafka-streams:#52c98d}}\
.truecut-bench .bg{fill:var(--bg)}.truecut-bench text{fill:var(--ink)}.truecut-bench .title{font-size:16px;font-weight:600}\
.truecut-bench .sub,.truecut-bench .tick{fill:var(--muted)}.truecut-bench .cell{font-weight:600}\
.truecut-bench .grid{stroke:var(--line)}.truecut-bench .whisker{stroke:var(--ink);stroke-width:1.5;fill:none}\
.truecut-bench .n{font-variant-numeric:tabular-nums}.truecut-bench .middle{stroke:var(--ink);stroke-width:2}\
.truecut-bench .truecut{color:var(--truecut)}.truecut-bench .raw{color:var(--raw)}.truecut-bench .flink{color:var(--flink)}\
.truecut-bench .flink-tuned{color:var(--flink-tuned)}.truecut-bench .kafka-streams{color:var(--kafka-streams)}\
.truecut-bench .bar,.truecut-bench .point,.truecut-bench .name{fill:currentColor}.truecut-bench .dot{fill:currentColor;fill-opacity:.55}\
.truecut-bench .line{stroke:currentColor;stroke-width:2;fill:none}";

/// The chart as a document.
pub(super) fn draw(document: &BenchDocument, metric: &Metric) -> String {
    let cells = cells(document);
    if let Some(axis) = lines::axis(&cells) {
        return lines::lines(document, metric, axis);
    }
    if metric.name == FIRST_P50 {
        return dots::dots(document);
    }
    let group = |cell: &Cell| {
        let rows = document.summary.iter().filter(|row| row.cell == *cell);
        let bar = |row: &super::document::Summary| Bar {
            name: row.subject.to_string(),
            class: row.subject.name(),
            found: row.metrics.get(metric.name).map(|found| found.spread),
        };
        Group { head: cell.to_string(), bars: rows.map(bar).collect() }
    };
    let groups: Vec<Group> = cells.iter().map(group).collect();
    let subtitle = of_rounds(document.setting.rounds, &document.machine.processor);
    bars::bars(metric.title, &subtitle, metric.digits, &groups)
}

/// The search of the model: states per second by scope and threads.
pub(super) fn draw_check(document: &CheckDocument) -> String {
    let mut groups: Vec<Group> = Vec::new();
    for row in &document.rows {
        if groups.last().is_none_or(|group| group.head != row.scope) {
            groups.push(Group { head: row.scope.clone(), bars: Vec::new() });
        }
        let name = format!("{} thread{}", row.threads, if row.threads == 1 { "" } else { "s" });
        let found = Some(row.states_per_second);
        groups.last_mut().expect("one was pushed").bars.push(Bar { name, class: "truecut", found });
    }
    let subtitle = of_rounds(document.rounds, &document.machine.processor);
    bars::bars("different states/s", &subtitle, 0, &groups)
}

fn of_rounds(rounds: u32, processor: &str) -> String {
    format!("{}; {processor}", charted(rounds))
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
    fn head(&mut self, text: &str) {
        let y = TITLE + self.height + 17.0;
        self.drawn.push(html! { text class="cell" x=(px(MARGIN)) y=(px(y)) { (text) } });
        self.height += CELL_HEAD;
    }

    /// A row; what draws it is told where it begins.
    fn row(&mut self, draw: impl FnOnce(f64) -> Markup) {
        self.drawn.push(draw(TITLE + self.height));
        self.height += ROW;
    }

    /// The chart of these rows; of each tick where it is and what it says.
    fn chart(&self, title: &str, subtitle: &str, ticks: &[(f64, String)]) -> String {
        let bottom = TITLE + self.height;
        let drawn = html! {
            @for (x, text) in ticks {
                line class="grid" x1=(px(*x)) y1=(px(TITLE)) x2=(px(*x)) y2=(px(bottom)) {}
                text class="tick" x=(px(*x)) y=(px(bottom + 16.0)) text-anchor="middle" { (text) }
            }
            @for row in &self.drawn { (row) }
        };
        frame(title, subtitle, bottom + AXIS + MARGIN, &drawn)
    }
}

/// What every chart has around it.
fn frame(title: &str, subtitle: &str, height: f64, drawn: &Markup) -> String {
    let svg = html! {
        svg xmlns="http://www.w3.org/2000/svg" class="truecut-bench" role="img" aria-label=(title)
            width=(px(WIDTH)) height=(px(height)) viewBox=(format!("0 0 {} {}", px(WIDTH), px(height))) {
            style { (PreEscaped(STYLE)) }
            rect class="bg" width="100%" height="100%" {}
            text class="title" x=(px(MARGIN)) y="24" { (title) }
            text class="sub" x=(px(MARGIN)) y="42" { (subtitle) }
            (drawn)
        }
    };
    svg.into_string()
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
    use super::super::document::tests::{CELL, document_of, run};
    use super::super::document::{METRICS, RATE, Run};
    use super::super::subject::SubjectName;
    use super::*;

    #[test]
    fn one_setting_that_differs_makes_lines_and_others_make_bars() {
        let of_keys = |keys: u64| Run { cell: Cell { keys, ..CELL }, ..run(SubjectName::Raw, 1, 90.0) };
        let metric = METRICS.iter().find(|metric| metric.name == RATE).expect("it is measured");
        let scaled = draw(&document_of(&[of_keys(10), of_keys(100), of_keys(1_000)]), metric);
        assert!(
            scaled.contains("<polyline") && scaled.contains(">1 k<") && !scaled.contains("class=\"bar"),
            "{scaled}"
        );
        let alone = draw(&document_of(&[of_keys(10)]), metric);
        assert!(alone.contains("class=\"bar raw\"") && !alone.contains("<polyline"), "{alone}");
    }

    #[test]
    fn ticks_are_round_and_reach_the_greatest() {
        assert_eq!(ticks(0.0), [0.0, 1.0]);
        assert_eq!(ticks(95.0), [0.0, 20.0, 40.0, 60.0, 80.0, 100.0]);
        assert_eq!(ticks(330_000.0), [0.0, 100_000.0, 200_000.0, 300_000.0, 400_000.0]);
        assert_eq!(short(400_000.0), "400 k");
        assert!(ticks(0.7).last().is_some_and(|last| *last >= 0.7));
    }
}
