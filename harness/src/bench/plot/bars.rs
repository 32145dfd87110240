//! Bars in groups, one under the other, each with its smallest and greatest run.

use maud::{Markup, html};

use super::{GUTTER, NUMBERS, ROW, Rows, WIDTH, px, short, ticks};
use crate::bench::statistics::Spread;
use crate::bench::told::number;

const BAR: f64 = 14.0;

/// One bar, or the place where one is missing.
pub(super) struct Bar {
    pub(super) name: String,
    /// Decides its colour.
    pub(super) class: &'static str,
    pub(super) found: Option<Spread>,
}

/// Bars that belong together, under a heading.
pub(super) struct Group {
    pub(super) head: String,
    pub(super) bars: Vec<Bar>,
}

pub(super) fn bars(title: &str, subtitle: &str, digits: usize, groups: &[Group]) -> String {
    let found = groups.iter().flat_map(|group| &group.bars).filter_map(|bar| bar.found);
    let ticks = ticks(found.map(|spread| spread.max).fold(0.0, f64::max));
    let top = ticks.last().copied().unwrap_or(1.0);
    let x = |value: f64| GUTTER + (WIDTH - GUTTER - NUMBERS) * value / top;
    let mut rows = Rows::default();
    for group in groups {
        rows.head(&group.head);
        for bar in &group.bars {
            rows.row(|at| row(bar, at, &x, digits));
        }
    }
    let ticks: Vec<(f64, String)> = ticks.iter().map(|tick| (x(*tick), short(*tick))).collect();
    rows.chart(title, subtitle, &ticks)
}

fn row(bar: &Bar, at: f64, x: &impl Fn(f64) -> f64, digits: usize) -> Markup {
    let Bar { name, class, found } = bar;
    let middle = at + ROW / 2.0;
    let told = |value| number(value, digits);
    html! {
        text x=(px(GUTTER - 10.0)) y=(px(middle)) text-anchor="end" dominant-baseline="central" { (name) }
        @if let Some(spread) = found {
            rect class=(format!("bar {class}")) x=(px(GUTTER)) y=(px(middle - BAR / 2.0)) width=(px((x(spread.median) - GUTTER).max(1.0)))
                height=(px(BAR)) rx="2" {
                title { (format!("{name}: {}, {} to {}", told(spread.median), told(spread.min), told(spread.max))) }
            }
            path class="whisker" d=(whisker(x(spread.min), x(spread.max), middle)) {}
            text class="n" x=(px(x(spread.max) + 10.0)) y=(px(middle)) dominant-baseline="central" {
                (told(spread.median))
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
