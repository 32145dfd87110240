//! Numbers as people read them, on pages and in charts.

/// A number with its thousands apart, and so many digits behind the point.
pub(super) fn number(value: f64, digits: usize) -> String {
    let text = format!("{value:.digits$}");
    let (whole, rest) = text.split_at(text.find('.').unwrap_or(text.len()));
    let mut grouped = String::new();
    for (place, digit) in whole.chars().enumerate() {
        if place > 0 && (whole.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped + rest
}

/// What the numbers of a page are.
pub(super) fn medians(rounds: u32) -> String {
    match rounds {
        1 => "one round".to_owned(),
        _ => format!("{rounds} rounds: medians, ± half of the distance between smallest and greatest"),
    }
}

/// What is drawn in a chart.
pub(super) fn charted(rounds: u32) -> String {
    match rounds {
        1 => "one round".to_owned(),
        _ => format!("median of {rounds} rounds, with the smallest and the greatest"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_grouped() {
        let all = [number(0.0, 0), number(999.5, 1), number(1_234.0, 0), number(1_234_567.891, 2)];
        assert_eq!(all, ["0", "999.5", "1,234", "1,234,567.89"]);
    }

    #[test]
    fn one_round_has_no_median() {
        assert_eq!([medians(1), charted(1)], ["one round", "one round"]);
        assert!(medians(3).starts_with("3 rounds: ") && charted(3).starts_with("median of 3 rounds"));
    }
}
