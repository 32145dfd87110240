//! `phantom`: a visible output that no input demands. It is left out of all other checks.

use super::class::Class;
use super::findings::{Collector, Example};
use super::log::{InputLog, Matched, Output, Outputs, Pair, count};

/// Matches each output with the input that it names; those that cannot be matched are phantoms.
pub(super) fn check<'a>(inputs: &'a InputLog, outputs: &'a Outputs, found: &mut Collector) -> Matched<'a> {
    for unreadable in &outputs.unreadable {
        found.add(Class::Phantom, || Example {
            text: format!("output {} is not a record of this job: {}", unreadable.at, unreadable.why),
            output: Some(unreadable.at),
            ..Example::default()
        });
    }
    found.add_untold(Class::Phantom, outputs.unreadable_total - count(outputs.unreadable.len()));

    let mut pairs = Vec::with_capacity(outputs.records.len());
    for output in &outputs.records {
        match inputs.find(output.input) {
            Some(input) if inputs.get(input).key == output.key => pairs.push(Pair { output, input }),
            Some(input) => {
                let theirs = inputs.keys.text(inputs.get(input).key);
                found.add(Class::Phantom, || example(inputs, output, &format!("has the key {theirs}")));
            }
            None => found.add(Class::Phantom, || example(inputs, output, "does not exist")),
        }
    }
    Matched { inputs, pairs }
}

fn example(inputs: &InputLog, output: &Output, why: &str) -> Example {
    let key = inputs.keys.text(output.key);
    Example {
        text: format!(
            "output {} says that key {key} took input {} as its number {}, but that input {why}",
            output.at, output.input, output.count
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

    #[test]
    fn an_output_for_an_offset_that_was_never_written_is_a_phantom() {
        let mut run = Run::of_inputs(&[(0, "a"), (0, "a")]).processed();
        run.outputs[1].input.offset = 9;
        let findings = run.judge();
        assert_eq!(classes(&findings), [Class::Lost, Class::Phantom]);
        let phantom = &findings.anomalies[1].example;
        assert_eq!(
            phantom.text,
            "output 0@1 says that key a took input 0@9 as its number 2, but that input does not exist"
        );
    }

    #[test]
    fn an_output_under_the_key_of_another_input_is_a_phantom() {
        let mut run = Run::of_inputs(&[(0, "a"), (0, "b"), (0, "a")]).processed();
        run.outputs[2].key = "b".into();
        assert_eq!(classes(&run.judge()), [Class::Lost, Class::Phantom]);
    }

    #[test]
    fn bytes_that_are_no_record_are_phantoms_and_all_are_counted() {
        let mut oracle = Run::of_inputs(&[(0, "a")]).processed().oracle();
        for offset in 100..150 {
            oracle.output(0, offset, b"a", b"\xff\xfe").unwrap();
        }
        let findings = oracle.finish(super::super::Drain::Complete);
        assert_eq!(findings.counts[&Class::Phantom], 50);
        assert_eq!(findings.anomalies.len(), super::super::EXAMPLES_PER_CLASS);
        assert_eq!(findings.records_out, 51);
    }

    #[test]
    fn the_same_offset_in_another_partition_is_another_record_and_no_phantom() {
        let run = Run::of_inputs(&[(0, "a"), (1, "a"), (2, "a")]).processed();
        assert_eq!(classes(&run.judge()), []);
    }
}
