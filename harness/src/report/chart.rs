//! The time axis that all charts share, in two sizes: one for wide screens and one for phones. The style sheet shows the one
//! that fits, so that text keeps its size on both.

use maud::{Markup, html};

use super::text::{moment, real, short};

const TIME_STEPS_MS: [u64; 15] = [
    100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 30_000, 60_000, 120_000, 300_000, 600_000, 1_800_000,
    3_600_000,
];

/// Where a chart's time axis lies.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame {
    pub(super) width: f64,
    /// Room on the left for the lanes' names or the numbers of the vertical axis.
    pub(super) gutter: f64,
    pub(super) narrow: bool,
    end_ms: u64,
}

/// Room on the right, so that the last label is not cut.
const MARGIN_RIGHT: f64 = 14.0;

impl Frame {
    fn wide(end_ms: u64) -> Self {
        Frame { width: 1040.0, gutter: 84.0, narrow: false, end_ms }
    }

    fn narrow(end_ms: u64) -> Self {
        Frame { width: 358.0, gutter: 42.0, narrow: true, end_ms }
    }

    /// The right end of the axis.
    pub(super) fn right(&self) -> f64 {
        self.width - MARGIN_RIGHT
    }

    /// Where this moment lies.
    pub(super) fn x(&self, t_ms: u64) -> f64 {
        self.gutter + (self.right() - self.gutter) * real(t_ms) / real(self.end_ms)
    }

    /// Vertical lines with their times beneath, from `top` to `bottom`.
    pub(super) fn time_axis(&self, top: f64, bottom: f64) -> Markup {
        let most = if self.narrow { 4 } else { 9 };
        let fits = |step: &u64| self.end_ms / step <= most;
        let step = TIME_STEPS_MS.into_iter().find(fits).unwrap_or_else(|| self.end_ms.div_ceil(most));
        html! {
            @for t_ms in (0..=self.end_ms / step).map(|n| n * step) {
                (line("grid", self.x(t_ms), top, self.x(t_ms), bottom))
                text x=(px(self.x(t_ms))) y=(px(bottom + 15.0)) text-anchor="middle" { (label(t_ms, step)) }
            }
        }
    }
}

fn label(t_ms: u64, step_ms: u64) -> String {
    if t_ms == 0 {
        "0".to_owned()
    } else if step_ms >= 60_000 {
        format!("{} min", t_ms / 60_000)
    } else if step_ms >= 1_000 {
        format!("{} s", t_ms / 1_000)
    } else {
        moment(t_ms)
    }
}

/// The chart in both sizes. `draw` returns what goes into the frame and how high that is.
pub(super) fn both(end_ms: u64, title: &str, draw: impl Fn(Frame) -> (Markup, f64)) -> Markup {
    html! {
        @for (class, frame) in [("chart wide", Frame::wide(end_ms)), ("chart narrow", Frame::narrow(end_ms))] {
            @let (content, height) = draw(frame);
            svg class=(class) role="img" aria-label=(title) viewBox=(format!("0 0 {} {}", frame.width, height)) {
                (content)
            }
        }
    }
}

/// A coordinate, to a tenth of a pixel.
pub(super) fn px(value: f64) -> String {
    format!("{value:.1}")
}

pub(super) fn line(class: &str, x1: f64, y1: f64, x2: f64, y2: f64) -> Markup {
    html! { line class=(class) x1=(px(x1)) y1=(px(y1)) x2=(px(x2)) y2=(px(y2)) {} }
}

/// A rectangle between two moments; `title` is shown when it is pointed at.
pub(super) fn span(class: &str, from_x: f64, to_x: f64, y: f64, height: f64, title: &str) -> Markup {
    // What happened must be seen: nothing is thinner than a pixel and a half.
    let width = (to_x - from_x).max(1.5);
    html! {
        rect class=(class) x=(px(from_x)) y=(px(y)) width=(px(width)) height=(px(height)) { title { (title) } }
    }
}

/// Many stretches of time as one shape. What is less than a pixel apart is drawn as one: a page need not hold what a screen
/// cannot show.
pub(super) fn spans(frame: Frame, class: &str, times: &[(u64, u64)], y: f64, height: f64) -> Markup {
    let mut sorted: Vec<(f64, f64)> =
        times.iter().map(|&(from, to)| (frame.x(from), frame.x(to).max(frame.x(from) + 1.0))).collect();
    sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut merged: Vec<(f64, f64)> = Vec::new();
    for (from, to) in sorted {
        match merged.last_mut() {
            Some(last) if from - last.1 < 0.5 => last.1 = last.1.max(to),
            Some(_) | None => merged.push((from, to)),
        }
    }
    let mut path = String::new();
    for (from, to) in merged {
        path.push_str(&format!("M{from:.1} {y:.1}H{to:.1}v{height}H{from:.1}Z"));
    }
    html! { @if !path.is_empty() { path class=(class) d=(path) {} } }
}

/// Round values from 0 to at least `top`, about `wanted` of them.
pub(super) fn value_ticks(top: u64, wanted: u64) -> Vec<u64> {
    let raw = (top / wanted.max(1)).max(1);
    let magnitude = 10_u64.pow(raw.ilog10());
    let factors = [1, 2, 5, 10].into_iter();
    let step = factors.map(|factor| factor * magnitude).find(|step| *step >= raw).unwrap_or(raw);
    (0..=top.div_ceil(step)).map(|n| n * step).collect()
}

/// Room above the drawing of a chart with a vertical axis.
pub(super) const TOP: f64 = 10.0;

/// A vertical axis from 0 to its last tick.
#[derive(Debug)]
pub(super) struct Axis {
    frame: Frame,
    top: u64,
    height: f64,
}

impl Axis {
    pub(super) fn new(frame: Frame, ticks: &[u64], height: f64) -> Self {
        Axis { frame, top: ticks.last().copied().unwrap_or(0).max(1), height }
    }

    pub(super) fn y(&self, value: u64) -> f64 {
        TOP + self.height * (1.0 - real(value) / real(self.top))
    }

    pub(super) fn draw(&self, ticks: &[u64], unit: &str) -> Markup {
        html! {
            @for &tick in ticks {
                (line("grid", self.frame.gutter, self.y(tick), self.frame.right(), self.y(tick)))
                text x=(px(self.frame.gutter - 8.0)) y=(px(self.y(tick))) text-anchor="end" dominant-baseline="central" {
                    (short(tick)) @if tick > 0 && !self.frame.narrow { (unit) }
                }
            }
        }
    }

    /// The area under a line that keeps each value until the next. Of all values that fall on one pixel the highest is drawn.
    pub(super) fn area(&self, values: &[(u64, u64)], end_ms: u64) -> String {
        let frame = self.frame;
        let pixel = |t_ms: u64| px(frame.x(t_ms).round());
        let mut path = format!("M{:.1} {:.1}", frame.x(0), self.y(0));
        for on_pixel in values.chunk_by(|a, b| pixel(a.0) == pixel(b.0)) {
            let highest = on_pixel.iter().map(|&(_, value)| value).max().unwrap_or(0);
            path.push_str(&format!("H{:.1}V{:.1}", frame.x(on_pixel[0].0), self.y(highest)));
        }
        path.push_str(&format!("H{:.1}V{:.1}Z", frame.x(end_ms), self.y(0)));
        path
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_reach_the_top() {
        assert_eq!(value_ticks(0, 4), [0]);
        assert_eq!(value_ticks(1, 4), [0, 1]);
        assert_eq!(value_ticks(95, 4), [0, 50, 100]);
        assert_eq!(value_ticks(123_000, 4), [0, 50_000, 100_000, 150_000]);
    }

    #[test]
    fn stretches_less_than_a_pixel_apart_are_drawn_as_one() {
        let frame = Frame::wide(1_000_000);
        let many: Vec<(u64, u64)> = (0..1_000_000).step_by(20).map(|t| (t, t + 10)).collect();
        assert!(spans(frame, "open", &many, 0.0, 4.0).into_string().len() < 100);
        let two = spans(frame, "open", &[(0, 10), (500_000, 500_001)], 0.0, 4.0).into_string();
        assert_eq!(two.matches('M').count(), 2, "{two}");
    }

    #[test]
    fn the_axis_runs_from_the_gutter_to_the_right_end() {
        let frame = Frame::narrow(2_000);
        assert_eq!((frame.x(0), frame.x(2_000)), (42.0, 344.0));
        let axis = frame.time_axis(0.0, 10.0).into_string();
        assert!(axis.contains(">0.5 s<") && axis.contains(">2.0 s<"), "{axis}");
        assert!(Frame::wide(45_000).time_axis(0.0, 10.0).into_string().contains(">40 s<"));
        assert!(Frame::wide(7_200_000).time_axis(0.0, 10.0).into_string().contains(">120 min<"));
    }
}
