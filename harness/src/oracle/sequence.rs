//! `sequence`: the counts of a key run 1, 2, 3 … without gap or repeat, in the order of the output.
//! Counts missing at the end are not seen here: then the input is lost.

use std::collections::HashMap;

use super::class::Class;
use super::findings::{Collector, Example};
use super::log::{Matched, Output, Pair};

/// The outputs of each key by ascending count; equal counts stay in log order.
pub(super) fn by_count<'a>(matched: &Matched<'a>) -> Vec<Pair<'a>> {
    let mut pairs = matched.pairs.clone();
    pairs.sort_by_key(|pair| (pair.output.key, pair.output.count));
    pairs
}

/// One anomaly for each count that follows a gap, repeats, or comes after a higher one.
pub(super) fn check(matched: &Matched<'_>, by_count: &[Pair<'_>], found: &mut Collector) {
    let mut before: Option<&Output> = None;
    for pair in by_count {
        let output = pair.output;
        let last = before.filter(|last| last.key == output.key);
        let count = last.map_or(0, |last| last.count);
        if count == output.count {
            found.add(Class::Sequence, || example(matched, output, last, "repeats the count of"));
        } else if count + 1 != output.count {
            found.add(Class::Sequence, || example(matched, output, last, "leaves a gap after"));
        }
        before = Some(output);
    }
    check_log_order(matched, found);
}

fn check_log_order(matched: &Matched<'_>, found: &mut Collector) {
    let mut highest: HashMap<_, &Output> = HashMap::new();
    for pair in &matched.pairs {
        let output = pair.output;
        let highest = highest.entry((output.key, output.at.partition)).or_insert(output);
        if highest.count > output.count {
            found.add(Class::Sequence, || {
                example(matched, output, Some(highest), "comes after the higher count of")
            });
        } else {
            *highest = output;
        }
    }
}

fn example(matched: &Matched<'_>, output: &Output, other: Option<&Output>, what: &str) -> Example {
    let key = matched.key_text(output);
    let other_text = match other {
        Some(other) => format!("output {}, which is number {}", other.at, other.count),
        None => "the start, where number 1 belongs".to_owned(),
    };
    Example {
        text: format!(
            "output {} is number {} of key {key} (input {}) and {what} {other_text}",
            output.at, output.count, output.input
        ),
        key: Some(key),
        input: Some(output.input),
        output: Some(output.at),
        against: other.map(|other| other.at),
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Run, classes};
    use super::*;

    fn run() -> Run {
        Run::of_inputs(&[(0, "a"), (1, "a"), (0, "a"), (0, "b")]).processed()
    }

    #[test]
    fn a_gap_is_flagged_once() {
        let mut run = run();
        run.outputs.remove(1);
        let findings = run.judge();
        assert_eq!(classes(&findings), [Class::Lost, Class::Sequence]);
        assert_eq!(
            findings.anomalies[1].example.text,
            "output 0@1 is number 3 of key a (input 0@1) and leaves a gap after output 0@0, which is number 1"
        );
    }

    #[test]
    fn a_key_that_does_not_start_at_one_is_flagged() {
        let mut run = run();
        run.outputs[3].count = 2;
        let findings = run.judge();
        assert_eq!(classes(&findings), [Class::Sequence]);
        assert!(
            findings.anomalies[0]
                .example
                .text
                .ends_with("leaves a gap after the start, where number 1 belongs")
        );
    }

    #[test]
    fn a_count_of_zero_and_a_repeat_are_flagged() {
        let mut zero = run();
        zero.outputs[3].count = 0;
        assert_eq!(classes(&zero.judge()), [Class::Sequence]);
        let mut repeat = run();
        repeat.outputs[2].count = 2;
        let findings = repeat.judge();
        assert_eq!(classes(&findings), [Class::Sequence, Class::WrongValue]);
        let text = &findings.anomalies[0].example.text;
        assert!(text.ends_with("repeats the count of output 0@1, which is number 2"), "{text}");
    }

    #[test]
    fn counts_in_the_wrong_order_of_the_log_are_flagged() {
        let mut run = run();
        run.outputs.swap(0, 1);
        let findings = run.judge();
        assert_eq!(classes(&findings), [Class::Sequence]);
        assert!(findings.anomalies[0].example.text.contains("comes after the higher count of output 0@0"));
    }

    #[test]
    fn counts_of_two_keys_may_interleave() {
        let mut run = run();
        run.outputs.swap(2, 3);
        assert_eq!(classes(&run.judge()), []);
    }
}
