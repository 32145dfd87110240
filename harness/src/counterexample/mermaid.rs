//! A chart as Mermaid text (`sequenceDiagram`), which many places show where Markdown is shown.

use std::fmt::Write as _;

use truecut_model::{Look, Place};

use super::chart::{Chart, Row};

/// The chart as text.
#[must_use]
pub fn render(chart: &Chart) -> String {
    let mut text = String::from("sequenceDiagram\n");
    for (place, lane) in chart.lanes.iter().enumerate() {
        line(&mut text, &format!("participant L{place} as {}", escaped(&lane.to_string())));
    }
    for row in &chart.rows {
        line(&mut text, &drawn(chart, row));
    }
    if let Some((end, _)) = &chart.end {
        let last = chart.lanes.len() - 1;
        line(&mut text, &format!("Note over L0,L{last}: ✘ {}", escaped(end)));
    }
    text
}

fn line(text: &mut String, line: &str) {
    // A string takes whatever is written.
    let _ = writeln!(text, "    {line}");
}

fn drawn(chart: &Chart, row: &Row) -> String {
    let number = row.number.map_or_else(String::new, |number| format!("{number}. "));
    let label = escaped(&row.event.label);
    match &row.event.place {
        Place::Between(from, to) => {
            let arrow = match row.event.look {
                Look::Answer | Look::Late => "-->>",
                Look::Lost => "--x",
                Look::Call | Look::Note | Look::Done | Look::Abort | Look::Crash => "->>",
            };
            format!("L{}{arrow}L{}: {number}{label}", chart.place(*from), chart.place(*to))
        }
        Place::In(_) => {
            let places = chart.places(&row.event);
            let first = places.iter().min().copied().unwrap_or(0);
            let last = places.iter().max().copied().unwrap_or(first);
            let lanes = if first == last { format!("L{first}") } else { format!("L{first},L{last}") };
            let mark = match row.event.look {
                Look::Crash => "✘ ",
                Look::Abort => "⊘ ",
                Look::Done => "✔ ",
                Look::Call | Look::Answer | Look::Lost | Look::Late | Look::Note => "",
            };
            format!("Note over {lanes}: {number}{mark}{label}")
        }
    }
}

/// Characters that would end a text, or begin something else, as entities.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        match c {
            '#' | ';' | '%' | '<' | '>' | '&' | '"' | '\\' | '`' | '{' | '}' | '$' => {
                let _ = write!(escaped, "#{};", u32::from(c));
            }
            c if c.is_control() => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_end_a_text_is_escaped() {
        assert_eq!(escaped("a; b # <c>\nd: e, f"), "a#59; b #35; #60;c#62; d: e, f");
    }
}
