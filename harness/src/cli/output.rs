//! What a command prints: one JSON document, or text for a person, in colour only on a terminal.

use std::io::{IsTerminal as _, Write as _};

use serde::Serialize;
use truecut::failure::Failure;
use truecut::verdict::{SCHEMA, Verdict};

/// Prints the one document of `--json`.
pub(super) fn document(document: &impl Serialize) {
    match serde_json::to_string_pretty(document) {
        Ok(text) => line(&text),
        Err(error) => self::error(&format!("the result can't be written as JSON: {error}")),
    }
}

/// Prints a line on standard output. A reader that has gone away needs nothing more.
pub(super) fn line(text: &str) {
    drop(writeln!(std::io::stdout().lock(), "{text}"));
}

/// Prints why a command failed.
pub(super) fn error(text: &str) {
    let style = Style::of(std::io::stderr().is_terminal());
    drop(writeln!(std::io::stderr().lock(), "{} {text}", style.red("truecut:")));
}

/// The document of a command that came to no verdict.
#[derive(Debug, Serialize)]
pub(super) struct Failed {
    schema: u32,
    command: String,
    verdict: Verdict,
    exit_code: u8,
    error: String,
}

impl Failed {
    pub(super) fn new(command: &str, failure: &Failure) -> Self {
        Self {
            schema: SCHEMA,
            command: command.to_owned(),
            verdict: Verdict::Unknown,
            exit_code: failure.exit.code(),
            error: failure.message.clone(),
        }
    }
}

/// Colours, or none.
#[derive(Clone, Copy, Debug)]
pub(super) struct Style {
    on: bool,
}

impl Style {
    /// For standard output.
    pub(super) fn stdout() -> Self {
        Self::of(std::io::stdout().is_terminal())
    }

    fn of(terminal: bool) -> Self {
        let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self { on: terminal && !refused }
    }

    fn paint(self, code: &str, text: &str) -> String {
        if self.on { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    pub(super) fn red(self, text: &str) -> String {
        self.paint("1;31", text)
    }

    pub(super) fn green(self, text: &str) -> String {
        self.paint("1;32", text)
    }

    pub(super) fn yellow(self, text: &str) -> String {
        self.paint("1;33", text)
    }

    pub(super) fn dim(self, text: &str) -> String {
        self.paint("2", text)
    }

    /// A verdict in its colour.
    pub(super) fn verdict(self, verdict: Verdict) -> String {
        match verdict {
            Verdict::Holds => self.green(verdict.name()),
            Verdict::Violated => self.red(verdict.name()),
            Verdict::Unknown => self.yellow(verdict.name()),
        }
    }
}

/// Rows with columns as wide as they need.
pub(super) fn table(rows: &[Vec<String>]) {
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| shown(cell)).max();
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or_default()).collect();
    for row in rows {
        let mut text = String::from(" ");
        for (cell, width) in row.iter().zip(&widths) {
            text.push(' ');
            text.push_str(cell);
            text.push_str(&" ".repeat(width - shown(cell) + 1));
        }
        line(text.trim_end());
    }
}

/// Characters of a cell that are seen: colours are not.
fn shown(cell: &str) -> usize {
    let mut visible = 0;
    let mut rest = cell.chars();
    while let Some(c) = rest.next() {
        if c == '\x1b' {
            rest.by_ref().take_while(|c| *c != 'm').for_each(drop);
        } else {
            visible += 1;
        }
    }
    visible
}

/// A number with its thousands apart.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_grouped_and_colours_take_no_room() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!(shown("\x1b[1;31mred\x1b[0m"), 3);
    }
}
