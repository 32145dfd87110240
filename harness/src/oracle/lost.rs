//! `lost`: an input record that no visible output stands for. Not seen is not yet lost: before the drain is
//! complete only those count whose successor (same partition, same key) is already visible, since order forbids them to come.

use std::collections::HashSet;

use super::Drain;
use super::class::Class;
use super::findings::{Collector, Coordinates, Example};
use super::log::{InputLog, Number};

/// Reports what is lost; returns how many records are only pending.
pub(super) fn check(inputs: &InputLog, seen: &[bool], drain: Drain, found: &mut Collector) -> u64 {
    let mut pending = 0;
    for (partition, numbers) in inputs.partitions() {
        let mut lost = Vec::new();
        let mut overtaken_by = HashSet::new();
        for number in numbers.rev() {
            let key = inputs.get(number).key;
            if seen[number.position()] {
                overtaken_by.insert(key);
            } else if drain == Drain::Complete || overtaken_by.contains(&key) {
                lost.push((number, overtaken_by.contains(&key)));
            } else {
                pending += 1;
            }
        }
        for (number, overtaken) in lost.into_iter().rev() {
            found.add(Class::Lost, || example(inputs, partition, number, overtaken));
        }
    }
    pending
}

fn example(inputs: &InputLog, partition: i32, number: Number, overtaken: bool) -> Example {
    let record = inputs.get(number);
    let (key, at) = (inputs.keys.text(record.key), Coordinates { partition, offset: record.offset });
    let also = if overtaken {
        "though a later one of its partition and key is"
    } else {
        "and no later one of its partition and key is"
    };
    Example {
        text: format!("input {at} of key {key} is nowhere in the output, {also}"),
        key: Some(key),
        input: Some(at),
        ..Example::default()
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Run, classes};
    use super::*;

    #[test]
    fn an_input_skipped_without_a_gap_in_the_counts_is_lost() {
        // The offset ran ahead of the state: nothing else gives it away.
        let run = Run::of_inputs(&[(0, "a"), (0, "a"), (0, "a")]).processed_in(&[0, 2]);
        let findings = run.judge();
        assert_eq!(classes(&findings), [Class::Lost]);
        let example = &findings.anomalies[0].example;
        assert_eq!(
            example.text,
            "input 0@1 of key a is nowhere in the output, though a later one of its partition and key is"
        );
        assert_eq!(example.input, Some(Coordinates { partition: 0, offset: 1 }));
    }

    #[test]
    fn the_tail_is_lost_after_a_complete_drain_and_pending_before() {
        let run = Run::of_inputs(&[(0, "a"), (0, "b"), (0, "a")]).processed_in(&[0]);
        let findings = run.judge();
        assert_eq!((findings.counts[&Class::Lost], findings.pending), (2, 0));
        let findings = run.oracle().finish(Drain::Incomplete);
        assert_eq!((findings.is_clean(), findings.pending), (true, 2));
    }

    #[test]
    fn all_are_counted_and_the_first_few_are_told_in_order() {
        let findings = Run::of_inputs(&[(0, "a"); 25]).judge();
        assert_eq!(findings.counts[&Class::Lost], 25);
        let told: Vec<_> =
            findings.anomalies.iter().map(|anomaly| anomaly.example.input.unwrap().offset).collect();
        assert_eq!(told, (0..10).collect::<Vec<_>>());
    }

    #[test]
    fn what_was_overtaken_is_lost_even_before_the_drain_is_complete() {
        let run = Run::of_inputs(&[(0, "a"), (0, "a"), (1, "a")]).processed_in(&[1]);
        let findings = run.oracle().finish(Drain::Incomplete);
        assert_eq!((findings.counts[&Class::Lost], findings.pending), (1, 1));
    }

    #[test]
    fn an_input_processed_long_after_its_neighbours_of_other_partitions_is_not_lost() {
        let run = Run::of_inputs(&[(0, "a"), (1, "a"), (1, "a"), (1, "a")]).processed_in(&[1, 2, 3, 0]);
        assert_eq!(classes(&run.judge()), []);
    }
}
