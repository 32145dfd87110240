//! `duplicate`: an input record that more than one visible output stands for.

use super::class::Class;
use super::findings::{Collector, Example};
use super::log::{Matched, Pair};

/// For each input the first output that stands for it, and one anomaly for each further output.
pub(super) fn check<'a>(matched: &Matched<'a>, found: &mut Collector) -> Vec<bool> {
    let mut first: Vec<Option<&Pair<'a>>> = vec![None; matched.inputs.records.len()];
    for pair in &matched.pairs {
        match first[pair.input.position()] {
            None => first[pair.input.position()] = Some(pair),
            Some(earlier) => found.add(Class::Duplicate, || example(matched, earlier, pair)),
        }
    }
    first.into_iter().map(|pair| pair.is_some()).collect()
}

fn example(matched: &Matched<'_>, earlier: &Pair<'_>, pair: &Pair<'_>) -> Example {
    let (earlier, output) = (earlier.output, pair.output);
    let key = matched.key_text(output);
    Example {
        text: format!(
            "input {} of key {key} is visible twice: in output {} as number {} and in output {} as number {}",
            output.input, earlier.at, earlier.count, output.at, output.count
        ),
        key: Some(key),
        input: Some(output.input),
        output: Some(output.at),
        against: Some(earlier.at),
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Run, classes};
    use super::*;

    #[test]
    fn an_input_processed_again_with_a_new_count_is_a_duplicate() {
        // The state was kept but the offset went back: counts and digests are flawless.
        let run = Run::of_inputs(&[(0, "a"), (0, "a"), (1, "a")]).processed_in(&[0, 1, 2, 1]);
        let findings = run.judge();
        assert_eq!(classes(&findings), [Class::Duplicate, Class::Order]);
        let example = &findings.anomalies[0].example;
        assert_eq!(
            example.text,
            "input 0@1 of key a is visible twice: in output 0@1 as number 2 and in output 0@3 as number 4"
        );
        assert_eq!(example.against.unwrap().offset, 1);
    }

    #[test]
    fn a_transaction_committed_twice_is_counted_record_by_record() {
        let mut run = Run::of_inputs(&[(0, "a"), (0, "b"), (1, "a"), (1, "b")]).processed();
        let again = run.outputs.clone();
        run.outputs.extend(again);
        assert_eq!(run.judge().counts[&Class::Duplicate], 4);
    }

    #[test]
    fn equal_bids_of_one_key_are_different_records_and_no_duplicates() {
        let mut run = Run::of_inputs(&[(0, "a"), (0, "a"), (1, "a")]);
        for input in &mut run.inputs {
            input.value = "the same bytes".into();
        }
        assert_eq!(classes(&run.processed().judge()), []);
    }
}
