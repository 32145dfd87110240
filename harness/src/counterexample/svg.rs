//! A chart as SVG: one file with its own style, in light and dark, without scripts; it can also stand in a page of others, so its
//! style names nothing but its own. One row per event, so that no text lies over another.

use maud::{Markup, PreEscaped, html};
use truecut_model::{Lane, Look, Place};

use super::chart::{Chart, Row};

/// Room on the left, for the numbers of steps.
const GUTTER: f64 = 40.0;
const LANE_WIDTH: f64 = 124.0;
const HEAD_HEIGHT: f64 = 26.0;
const ROW_HEIGHT: f64 = 32.0;
const LINE_HEIGHT: f64 = 18.0;
/// Where lanes' names stand.
const TOP: f64 = 64.0;
const MARGIN: f64 = 12.0;
/// Width of a letter of the largest common fonts, at the size of labels and at that of titles.
const LETTER: f64 = 6.9;
const TITLE_LETTER: f64 = 9.4;

const STYLE: &str = "\
.truecut-chart{--bg:#fff;--ink:#1b1d21;--muted:#62676f;--line:#b9bdc4;--head:#eef1f6;--blue:#2f62bd;--good:#17774a;--good-bg:#e2f4ea;\
--bad:#c0322b;--bad-bg:#fbe6e4;--warn:#8a5a00;--warn-bg:#fbf0d9;--note-bg:#f1efeb;\
font:12px system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue','Noto Sans',Arial,sans-serif}\
@media (prefers-color-scheme:dark){.truecut-chart{--bg:#14161a;--ink:#e7e6e3;--muted:#9ba1ab;--line:#4a505b;--head:#242932;--blue:#79a6f2;\
--good:#52c98d;--good-bg:#17362a;--bad:#f2766d;--bad-bg:#43201f;--warn:#e5b04d;--warn-bg:#3d2f14;--note-bg:#262a31}}\
.truecut-chart .bg{fill:var(--bg)}.truecut-chart text{fill:var(--ink)}.truecut-chart .title{font-size:16px;font-weight:600}\
.truecut-chart .sub,.truecut-chart .n{fill:var(--muted)}.truecut-chart .n{font-variant-numeric:tabular-nums}\
.truecut-chart .head{fill:var(--head);stroke:var(--line)}.truecut-chart .name{font-weight:600}\
.truecut-chart .life{stroke:var(--line)}.truecut-chart .gone{stroke:var(--line);stroke-dasharray:1 5}\
.truecut-chart .label{paint-order:stroke;stroke:var(--bg);stroke-width:5px;stroke-linejoin:round}\
.truecut-chart .arrow{fill:none;stroke:var(--blue);stroke-width:1.5}.truecut-chart .tip{fill:var(--blue)}\
.truecut-chart .answer .arrow{stroke-dasharray:5 4}\
.truecut-chart .lost .arrow,.truecut-chart .late .arrow{stroke:var(--warn);stroke-dasharray:5 4}.truecut-chart .lost .tip,.truecut-chart .late .tip{fill:var(--warn)}\
.truecut-chart .box{fill:var(--note-bg);stroke:var(--line)}\
.truecut-chart .done .box{fill:var(--good-bg);stroke:var(--good)}.truecut-chart .done text{fill:var(--good)}\
.truecut-chart .abort .box{fill:var(--warn-bg);stroke:var(--warn)}.truecut-chart .abort text{fill:var(--warn)}\
.truecut-chart .crash .box,.truecut-chart .end .box{fill:var(--bad-bg);stroke:var(--bad)}\
.truecut-chart .crash text,.truecut-chart .end text{fill:var(--bad);font-weight:600}\
.truecut-chart .end .meaning{font-weight:400}\
.truecut-chart .cross{fill:none;stroke:var(--bad);stroke-width:2.5;stroke-linecap:round}";

/// The chart as a document.
#[must_use]
pub fn render(chart: &Chart) -> String {
    let frame = Frame::new(chart);
    let height = frame.bottom() + frame.end_height() + MARGIN;
    let svg = html! {
        svg xmlns="http://www.w3.org/2000/svg" class="truecut-chart" role="img" aria-label=(chart.title)
            width=(px(frame.width)) height=(px(height)) viewBox=(format!("0 0 {} {}", px(frame.width), px(height))) {
            style { (PreEscaped(STYLE)) }
            rect class="bg" width="100%" height="100%" {}
            text class="title" x=(px(MARGIN)) y="26" { (chart.title) }
            text class="sub" x=(px(MARGIN)) y="46" { (chart.subtitle) }
            (frame.lifelines())
            @for (place, lane) in chart.lanes.iter().enumerate() { (frame.head(place, *lane)) }
            @for (place, row) in chart.rows.iter().enumerate() { (frame.row(place, row)) }
            (frame.end())
        }
    };
    svg.into_string()
}

struct Frame<'a> {
    chart: &'a Chart,
    width: f64,
}

impl<'a> Frame<'a> {
    fn new(chart: &'a Chart) -> Self {
        let lanes = GUTTER + real(chart.lanes.len()) * LANE_WIDTH + MARGIN;
        let labels = chart.rows.iter().map(|row| text_width(&row.event.label) + GUTTER + 3.0 * MARGIN);
        let title = real(chart.title.chars().count()) * TITLE_LETTER + 2.0 * MARGIN;
        Self { chart, width: labels.fold(lanes.max(title), f64::max) }
    }

    fn x(&self, place: usize) -> f64 {
        GUTTER + (real(place) + 0.5) * LANE_WIDTH
    }

    /// The middle of a row.
    fn y(row: usize) -> f64 {
        TOP + HEAD_HEIGHT + (real(row) + 0.75) * ROW_HEIGHT
    }

    /// Where the lanes end.
    fn bottom(&self) -> f64 {
        TOP + HEAD_HEIGHT + (real(self.chart.rows.len()) + 0.5) * ROW_HEIGHT
    }

    /// Where a text of this width begins that is to stand around `x`.
    fn clamped(&self, x: f64, width: f64) -> f64 {
        (x - width / 2.0).min(self.width - MARGIN - width).max(GUTTER)
    }

    fn head(&self, place: usize, lane: Lane) -> Markup {
        let x = self.x(place);
        let (left, width) = (x - LANE_WIDTH / 2.0 + 6.0, LANE_WIDTH - 12.0);
        html! {
            rect class="head" x=(px(left)) y=(px(TOP)) width=(px(width)) height=(px(HEAD_HEIGHT)) rx="5" {}
            text class="name" x=(px(x)) y=(px(TOP + 17.0)) text-anchor="middle" { (lane) }
        }
    }

    /// Each lane as a line where somebody is there, and dots where nobody is.
    fn lifelines(&self) -> Markup {
        html! { @for (place, lane) in self.chart.lanes.iter().enumerate() {
            @for (is_there, from, to) in self.lives(*lane) {
                @let x = px(self.x(place));
                line class=(if is_there { "life" } else { "gone" }) x1=(x) x2=(x) y1=(px(from)) y2=(px(to)) {}
            }
        } }
    }

    fn lives(&self, lane: Lane) -> Vec<(bool, f64, f64)> {
        let mut is_there = self.chart.begins.contains(&lane);
        let mut from = TOP + HEAD_HEIGHT;
        let mut lives = Vec::new();
        for (place, row) in self.chart.rows.iter().enumerate() {
            let now = row.alive.contains(&lane);
            if now != is_there {
                lives.push((is_there, from, Self::y(place)));
                (is_there, from) = (now, Self::y(place));
            }
        }
        lives.push((is_there, from, self.bottom()));
        lives
    }

    fn row(&self, place: usize, row: &Row) -> Markup {
        let y = Self::y(place);
        html! {
            g class=(row.event.look.name()) {
                title { (row.sentence) }
                @if let Some(number) = row.number {
                    text class="n" x=(px(GUTTER - 12.0)) y=(px(y + 4.0)) text-anchor="end" { (number) }
                }
                @match &row.event.place {
                    Place::Between(from, to) => (self.arrow(y, self.chart.place(*from), self.chart.place(*to), row)),
                    Place::In(_) => (self.note(y, row)),
                }
            }
        }
    }

    fn arrow(&self, y: f64, from: usize, to: usize, row: &Row) -> Markup {
        let (x1, x2) = (self.x(from), self.x(to));
        let back = if x2 > x1 { -1.0 } else { 1.0 };
        let width = text_width(&row.event.label);
        let left = self.clamped(f64::midpoint(x1, x2), width);
        let y = y + 6.0;
        let tip = format!("M{} {} l{} -4.5 v9 z", px(x2), px(y), px(back * 9.0));
        html! {
            path class="arrow" d=(format!("M{} {} H{}", px(x1), px(y), px(x2 + back * 8.0))) {}
            path class="tip" d=(tip) {}
            @if row.event.look == Look::Lost { (cross(x2 + back * 18.0, y, 4.5)) }
            text class="label" x=(px(left + width / 2.0)) y=(px(y - 7.0)) text-anchor="middle" { (row.event.label) }
        }
    }

    fn note(&self, y: f64, row: &Row) -> Markup {
        let places = self.chart.places(&row.event);
        let first = places.iter().copied().min().unwrap_or(0);
        let width = text_width(&row.event.label) + 20.0;
        let left = self.clamped(self.x(first), width);
        let hidden = |x: f64| x > left - 6.0 && x < left + width + 6.0;
        let crossed = if row.event.look == Look::Crash { places } else { Vec::new() };
        html! {
            rect class="box" x=(px(left)) y=(px(y - 10.0)) width=(px(width)) height="21" rx="5" {}
            text x=(px(left + width / 2.0)) y=(px(y + 5.0)) text-anchor="middle" { (row.event.label) }
            @for x in crossed.into_iter().map(|place| self.x(place)).filter(|x| !hidden(*x)) { (cross(x, y, 6.0)) }
        }
    }

    /// What it comes to, over the whole width, its meaning in as many lines as it needs.
    fn end(&self) -> Markup {
        let Some((end, _)) = &self.chart.end else { return html! {} };
        let (left, top) = (GUTTER, self.bottom());
        html! {
            g class="end" {
                rect class="box" x=(px(left)) y=(px(top)) width=(px(self.width - left - MARGIN)) height=(px(self.end_height() - 2.0)) rx="5" {}
                text x=(px(left + 12.0)) y=(px(top + 20.0)) { (end) }
                @for (line, y) in self.meaning().iter().zip(1_u8..) {
                    text class="meaning" x=(px(left + 12.0)) y=(px(top + 20.0 + f64::from(y) * LINE_HEIGHT)) { (line) }
                }
            }
        }
    }

    fn end_height(&self) -> f64 {
        let lines = real(self.meaning().len());
        if self.chart.end.is_some() { 32.0 + lines * LINE_HEIGHT } else { 0.0 }
    }

    fn meaning(&self) -> Vec<String> {
        let meaning = self.chart.end.as_ref().map_or("", |(_, meaning)| meaning);
        wrapped(meaning, self.width - GUTTER - MARGIN - 24.0)
    }
}

fn cross(x: f64, y: f64, arm: f64) -> Markup {
    let (left, top, twice) = (px(x - arm), px(y - arm), px(2.0 * arm));
    html! { path class="cross" d=(format!("M{left} {top} l{twice} {twice} m-{twice} 0 l{twice} -{twice}")) {} }
}

/// Lines of words that are no wider than this.
fn wrapped(text: &str, width: f64) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut().filter(|line| text_width(line) + text_width(word) + LETTER <= width) {
            Some(line) => *line = format!("{line} {word}"),
            None => lines.push(word.to_owned()),
        }
    }
    lines
}

fn text_width(text: &str) -> f64 {
    real(text.chars().count()) * LETTER
}

/// A coordinate, to a tenth of a pixel.
fn px(value: f64) -> String {
    format!("{value:.1}")
}

#[expect(
    clippy::as_conversions,
    clippy::cast_precision_loss,
    reason = "counts of rows, lanes and letters are small"
)]
fn real(number: usize) -> f64 {
    number as f64
}
