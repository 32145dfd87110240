//! `order`: in one output partition, the offsets of one input partition and key must strictly ascend.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::class::Class;
use super::findings::{Collector, Example};
use super::log::{Matched, Output};

/// One anomaly for each output that comes after one of a later input, or after one of the same input.
pub(super) fn check(matched: &Matched<'_>, found: &mut Collector) {
    let mut latest: HashMap<_, &Output> = HashMap::new();
    for pair in &matched.pairs {
        let output = pair.output;
        match latest.entry((output.key, output.input.partition, output.at.partition)) {
            Entry::Vacant(place) => {
                place.insert(output);
            }
            Entry::Occupied(mut place) if place.get().input.offset < output.input.offset => {
                place.insert(output);
            }
            Entry::Occupied(place) => found.add(Class::Order, || example(matched, place.get(), output)),
        }
    }
}

fn example(matched: &Matched<'_>, earlier: &Output, output: &Output) -> Example {
    let key = matched.key_text(output);
    Example {
        text: format!(
            "input {} of key {key} is visible in output {}, after input {} in output {}",
            output.input, output.at, earlier.input, earlier.at
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
    fn two_inputs_of_one_partition_and_key_in_the_wrong_order_are_flagged() {
        let run = Run::of_inputs(&[(0, "a"), (0, "a")]).processed_in(&[1, 0]);
        let findings = run.judge();
        assert_eq!(classes(&findings), [Class::Order]);
        assert_eq!(
            findings.anomalies[0].example.text,
            "input 0@0 of key a is visible in output 0@1, after input 0@1 in output 0@0"
        );
    }

    #[test]
    fn two_inputs_of_different_partitions_may_come_in_any_order() {
        let run = Run::of_inputs(&[(0, "a"), (1, "a")]);
        assert_eq!(classes(&run.clone().processed_in(&[1, 0]).judge()), []);
        assert_eq!(classes(&run.processed_in(&[0, 1]).judge()), []);
    }

    #[test]
    fn two_keys_of_one_partition_may_come_in_any_order() {
        let run = Run::of_inputs(&[(0, "a"), (0, "b")]).processed_in(&[1, 0]);
        assert_eq!(classes(&run.judge()), []);
    }
}
