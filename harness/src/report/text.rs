//! How numbers, times and sizes are written for people.

/// 1234567 as `1,234,567`.
pub(super) fn number(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 kill`, `2 kills`.
pub(super) fn counted(n: u64, one: &str, many: &str) -> String {
    format!("{} {}", number(n), if n == 1 { one } else { many })
}

/// 1500 as `1.5k`, for axes.
pub(super) fn short(n: u64) -> String {
    match n {
        0..1_000 => n.to_string(),
        1_000..1_000_000 => format!("{}k", trimmed(real(n) / 1e3)),
        1_000_000.. => format!("{}M", trimmed(real(n) / 1e6)),
    }
}

fn trimmed(value: f64) -> String {
    let text = format!("{value:.1}");
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}

/// Milliseconds as a person says them: `412 ms`, `1.24 s`, `2 min 05 s`.
pub(super) fn duration(ms: u64) -> String {
    match ms {
        0..1_000 => format!("{ms} ms"),
        1_000..10_000 => format!("{:.2} s", real(ms) / 1e3),
        10_000..120_000 => format!("{:.1} s", real(ms) / 1e3),
        120_000.. => format!("{} min {:02} s", ms / 60_000, ms / 1_000 % 60),
    }
}

/// A moment of the run, to the tenth of a second.
pub(super) fn moment(ms: u64) -> String {
    format!("{:.1} s", real(ms) / 1e3)
}

/// Bytes as `12 kB`.
pub(super) fn size(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{:.0} kB", real(bytes) / 1e3),
        1_000_000.. => format!("{:.1} MB", real(bytes) / 1e6),
    }
}

/// A count as a coordinate. Exact below 2^53, which no run reaches; a pixel does not care beyond.
#[expect(clippy::as_conversions, reason = "std has no lossy conversion from u64 to f64 but `as`")]
pub(super) fn real(n: u64) -> f64 {
    n as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_for_people() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(number), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([999, 1_000, 1_500, 20_000, 2_500_000].map(short), ["999", "1k", "1.5k", "20k", "2.5M"]);
        assert_eq!([412, 1_240, 12_340, 125_000].map(duration), ["412 ms", "1.24 s", "12.3 s", "2 min 05 s"]);
        assert_eq!([12, 12_345, 1_234_567].map(size), ["12 B", "12 kB", "1.2 MB"]);
        assert_eq!(
            (counted(1, "kill", "kills"), counted(2, "kill", "kills")),
            ("1 kill".into(), "2 kills".into())
        );
    }
}
