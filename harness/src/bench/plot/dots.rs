//! Kills as dots: how long each kept new output away, by subject, on a logarithmic scale, since subjects lie a hundredfold apart.

use maud::{Markup, html};

use super::{BenchDocument, GUTTER, NUMBERS, ROW, Rows, WIDTH, cells, px, short};
use crate::bench::document::FIRST_P50;
use crate::bench::subject::SubjectName;
use crate::bench::told::number;

const TITLE: &str = "kill to first new output, ms";

pub(super) fn dots(document: &BenchDocument) -> String {
    let all = document.runs.iter().flat_map(|run| &run.kills).map(|kill| kill.first_ms);
    let (low, high) = all.fold((f64::MAX, 0.0_f64), |(low, high), ms| (low.min(ms), high.max(ms)));
    let ticks = ticks(low, high);
    let (first, last) = (ticks[0], ticks[ticks.len() - 1]);
    let x = |ms: f64| GUTTER + (WIDTH - GUTTER - NUMBERS) * (ms / first).log10() / (last / first).log10();
    let mut rows = Rows::default();
    for cell in cells(document) {
        rows.head(&cell.to_string());
        for summary in document.summary.iter().filter(|row| row.cell == cell) {
            let runs = document.runs.iter().filter(|run| run.cell == cell && run.subject == summary.subject);
            let kills: Vec<f64> = runs.flat_map(|run| &run.kills).map(|kill| kill.first_ms).collect();
            let middle = summary.metrics.get(FIRST_P50).map(|found| found.spread.median);
            rows.row(|at| row(summary.subject, &kills, middle, at, &x));
        }
    }
    let subtitle = format!(
        "a dot for each kill, a line at the median, logarithmic; {} records a second; {}",
        document.setting.rate.unwrap_or_default(),
        document.machine.processor
    );
    let ticks: Vec<(f64, String)> = ticks.iter().map(|tick| (x(*tick), short(*tick))).collect();
    rows.chart(TITLE, &subtitle, &ticks)
}

fn row(subject: SubjectName, kills: &[f64], middle: Option<f64>, at: f64, x: &impl Fn(f64) -> f64) -> Markup {
    let (name, y) = (subject.name(), at + ROW / 2.0);
    html! {
        text x=(px(GUTTER - 10.0)) y=(px(y)) text-anchor="end" dominant-baseline="central" { (name) }
        @for kill in kills {
            circle class=(format!("dot {name}")) cx=(px(x(*kill))) cy=(px(y)) r="4" { title { (format!("{name}: {} ms", number(*kill, 0))) } }
        }
        @if let Some(middle) = middle {
            line class="middle" x1=(px(x(middle))) y1=(px(y - 9.0)) x2=(px(x(middle))) y2=(px(y + 9.0)) {}
            text class="n" x=(px(WIDTH - NUMBERS + 20.0)) y=(px(y)) dominant-baseline="central" { (number(middle, 0)) }
        } @else {
            text class="sub" x=(px(GUTTER + 4.0)) y=(px(y)) dominant-baseline="central" { "no verified number" }
        }
    }
}

/// 1, 2 and 5 times powers of ten around what there is; always two at least.
fn ticks(low: f64, high: f64) -> Vec<f64> {
    let (low, high) = (low.max(1.0).min(high.max(1.0)), high.max(2.0));
    let mut ticks: Vec<f64> = Vec::new();
    let mut power = 1.0;
    while power <= high * 10.0 {
        for step in [1.0, 2.0, 5.0] {
            let tick = step * power;
            if ticks.last().is_none_or(|last| *last < high) {
                ticks.push(tick);
            }
        }
        power *= 10.0;
    }
    let unneeded = ticks.iter().take_while(|tick| **tick <= low).count().saturating_sub(1);
    ticks.drain(..unneeded);
    ticks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_enclose_what_there_is() {
        assert_eq!(ticks(120.0, 900.0), [100.0, 200.0, 500.0, 1_000.0]);
        assert_eq!(ticks(0.4, 1.1), [1.0, 2.0]);
        assert_eq!(ticks(f64::MAX, 0.0), [1.0, 2.0], "nothing at all");
        let wide = ticks(33.0, 16_100.0);
        assert_eq!((wide.first(), wide.last()), (Some(&20.0), Some(&20_000.0)));
    }
}
