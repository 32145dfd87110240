//! `wrong_value`: along the counts of a key, each digest must be the fold of the one before with its input.
//! Only neighbours are compared, so that one wrong record is one anomaly and a gap (another class) is none.

use super::class::Class;
use super::findings::{Collector, Example};
use super::log::{Matched, Pair};
use super::record::fold;

/// Beyond this many repeats of one count the fold has no meaning; `sequence` has long said so.
const CANDIDATES_MAX: usize = 64;

/// One anomaly for each digest that does not follow from any record of the count before.
pub(super) fn check(matched: &Matched<'_>, by_count: &[Pair<'_>], found: &mut Collector) {
    for of_key in by_count.chunk_by(|a, b| a.output.key == b.output.key) {
        let mut count_before = 0;
        // The digests that the next count may build on: those found, and what they should have been.
        let mut candidates = vec![0];
        for of_count in of_key.chunk_by(|a, b| a.output.count == b.output.count) {
            let count = of_count[0].output.count;
            let judged = count == count_before + 1 && candidates.len() <= CANDIDATES_MAX;
            let base = if judged { candidates } else { Vec::new() };
            candidates = Vec::with_capacity(of_count.len());
            for pair in of_count {
                candidates.push(pair.output.digest);
                let crc = matched.inputs.get(pair.input).crc;
                if judged && !base.iter().any(|&digest| fold(digest, crc) == pair.output.digest) {
                    let expected = fold(base[0], crc);
                    candidates.push(expected);
                    found.add(Class::WrongValue, || example(matched, pair, expected));
                }
            }
            count_before = count;
        }
    }
}

fn example(matched: &Matched<'_>, pair: &Pair<'_>, expected: u32) -> Example {
    let output = pair.output;
    let key = matched.key_text(output);
    Example {
        text: format!(
            "output {} is number {} of key {key} (input {}) and has the digest {}, but the inputs up to it give {expected}",
            output.at, output.count, output.input, output.digest
        ),
        key: Some(key),
        input: Some(output.input),
        output: Some(output.at),
        against: None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Run, classes};
    use super::*;

    fn run() -> Run {
        Run::of_inputs(&[(0, "a"), (1, "a"), (0, "a"), (1, "a")])
    }

    #[test]
    fn a_digest_written_wrong_is_one_anomaly_and_its_successors_are_none() {
        let mut run = run().processed();
        run.outputs[1].digest ^= 1;
        let findings = run.judge();
        assert_eq!(findings.counts, [(Class::WrongValue, 1)].into());
        let text = &findings.anomalies[0].example.text;
        assert!(
            text.starts_with("output 0@1 is number 2 of key a (input 1@0) and has the digest "),
            "{text}"
        );
    }

    #[test]
    fn state_gone_wrong_is_one_anomaly_though_all_later_digests_build_on_it() {
        let mut run = run().processed();
        let mut digest = 77;
        for (output, input) in run.outputs.iter_mut().zip(&run.inputs).skip(1) {
            digest = fold(digest, crc32c::crc32c(input.value.as_bytes()));
            output.digest = digest;
        }
        let findings = run.judge();
        assert_eq!(findings.counts, [(Class::WrongValue, 1)].into());
        assert_eq!(findings.anomalies[0].example.output.unwrap().offset, 1);
    }

    #[test]
    fn an_input_that_the_job_saw_with_other_bytes_is_flagged() {
        let mut run = run().processed();
        run.inputs[2].value.push('!');
        assert_eq!(run.judge().counts, [(Class::WrongValue, 1)].into());
    }

    #[test]
    fn another_legal_order_of_the_same_inputs_gives_other_digests_and_is_right() {
        let (one, other) = (run().processed_in(&[0, 1, 2, 3]), run().processed_in(&[1, 3, 0, 2]));
        assert_ne!(one.outputs[3].digest, other.outputs[3].digest);
        assert_eq!((classes(&one.judge()), classes(&other.judge())), (vec![], vec![]));
    }

    #[test]
    fn after_a_gap_the_fold_goes_on_from_what_was_found() {
        let mut run = run().processed();
        run.outputs.remove(1);
        assert_eq!(classes(&run.judge()), [Class::Lost, Class::Sequence]);
    }

    #[test]
    fn a_replay_in_another_legal_order_is_a_duplicate_but_no_wrong_value() {
        let mut run = run().processed_in(&[0, 1, 2, 3]);
        run.outputs.extend(self::run().processed_in(&[1, 0, 2, 3]).outputs);
        assert!(!classes(&run.judge()).contains(&Class::WrongValue));
    }
}
