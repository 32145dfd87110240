//! Good histories pass, spoilt ones are flagged with the right classes and no others.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::class::Class;
use super::testing::{Run, classes};

const KEYS: [&str; 6] = ["a", "b", "c", "d", "e", "f"];

/// A run over four input partitions that interleave at will while each keeps its own order.
fn good() -> impl Strategy<Value = Run> {
    let rows = prop::collection::vec((0..4_i32, 0..KEYS.len()), 1..60);
    (rows, prop::collection::vec(any::<prop::sample::Index>(), 60)).prop_map(|(rows, choices)| {
        let rows: Vec<_> = rows.into_iter().map(|(partition, key)| (partition, KEYS[key])).collect();
        let mut waiting: Vec<Vec<usize>> = vec![Vec::new(); 4];
        for (number, &(partition, _)) in rows.iter().enumerate().rev() {
            waiting[usize::try_from(partition).unwrap()].push(number);
        }
        let mut order = Vec::new();
        for choice in choices {
            waiting.retain(|partition| !partition.is_empty());
            if let Some(partition) = (!waiting.is_empty()).then(|| choice.index(waiting.len())) {
                order.extend(waiting[partition].pop());
            }
        }
        Run::of_inputs(&rows).processed_in(&order)
    })
}

/// The good run and one of its outputs.
fn good_and_one() -> impl Strategy<Value = (Run, usize)> {
    (good(), any::<prop::sample::Index>()).prop_map(|(run, one)| {
        let one = one.index(run.outputs.len());
        (run, one)
    })
}

fn found(run: &Run) -> BTreeSet<Class> {
    classes(&run.judge()).into_iter().collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn every_legal_interleaving_is_clean(run in good()) {
        let findings = run.judge();
        prop_assert!(findings.is_clean(), "{findings:?}");
        prop_assert_eq!(findings.records_in, findings.records_out);
    }

    #[test]
    fn dropping_an_output_is_lost_and_a_gap_unless_it_was_the_last((mut run, one) in good_and_one()) {
        let dropped = run.outputs.remove(one);
        let later = run.outputs.iter().any(|o| o.key == dropped.key && o.count > dropped.count);
        let want = if later { vec![Class::Lost, Class::Sequence] } else { vec![Class::Lost] };
        prop_assert_eq!(classes(&run.judge()), want);
    }

    #[test]
    fn an_output_committed_twice_is_a_duplicate((mut run, one) in good_and_one(), later in any::<prop::sample::Index>()) {
        let copy = run.outputs[one].clone();
        let place = one + 1 + later.index(run.outputs.len() - one);
        run.outputs.insert(place, copy);
        prop_assert_eq!(classes(&run.judge()), vec![Class::Duplicate, Class::Order, Class::Sequence]);
    }

    #[test]
    fn swapping_two_outputs_breaks_the_sequence_if_they_share_a_key_and_nothing_if_not(
        (mut run, one) in good_and_one()
    ) {
        prop_assume!(one + 1 < run.outputs.len());
        let (first, second) = (run.outputs[one].clone(), run.outputs[one + 1].clone());
        run.outputs.swap(one, one + 1);
        let mut want = BTreeSet::new();
        if first.key == second.key {
            want.insert(Class::Sequence);
            if first.input.partition == second.input.partition {
                want.insert(Class::Order);
            }
        }
        prop_assert_eq!(found(&run), want);
    }

    #[test]
    fn an_edited_digest_is_a_wrong_value((mut run, one) in good_and_one(), flip in 1..=u32::MAX) {
        run.outputs[one].digest ^= flip;
        prop_assert_eq!(run.judge().counts, [(Class::WrongValue, 1)].into());
    }

    #[test]
    fn an_edited_count_breaks_the_sequence((mut run, one) in good_and_one(), count in 0..100_u64) {
        prop_assume!(run.outputs[one].count != count);
        run.outputs[one].count = count;
        let found = found(&run);
        prop_assert!(found.contains(&Class::Sequence));
        prop_assert!(found.is_subset(&[Class::Sequence, Class::WrongValue].into()), "{found:?}");
    }

    #[test]
    fn an_output_for_an_input_that_never_was_is_a_phantom((mut run, one) in good_and_one(), beyond in 60..1000_i64) {
        run.outputs[one].input.offset = beyond;
        let found = found(&run);
        prop_assert!(found.contains(&Class::Phantom) && found.contains(&Class::Lost), "{found:?}");
    }

    #[test]
    fn an_output_pointing_at_another_input_is_a_phantom_or_a_duplicate(
        (mut run, one) in good_and_one(), other in any::<prop::sample::Index>()
    ) {
        let other = run.outputs[other.index(run.outputs.len())].clone();
        prop_assume!(other.input != run.outputs[one].input);
        run.outputs[one].input = other.input;
        let kind = if other.key == run.outputs[one].key { Class::Duplicate } else { Class::Phantom };
        let found = found(&run);
        prop_assert!(found.contains(&kind) && found.contains(&Class::Lost), "{found:?}");
    }

    #[test]
    fn an_input_changed_behind_the_jobs_back_is_a_wrong_value(
        (mut run, _) in good_and_one(), one in any::<prop::sample::Index>()
    ) {
        let one = one.index(run.inputs.len());
        run.inputs[one].value.push('!');
        prop_assert_eq!(run.judge().counts, [(Class::WrongValue, 1)].into());
    }

    #[test]
    fn a_restart_that_forgets_the_offsets_or_the_state_is_seen((run, one) in good_and_one()) {
        // Offsets restored, state lost: all that was processed before is counted from 1 again.
        let mut forgot = run.clone();
        let before: Vec<_> = forgot.outputs[..one].iter().map(|o| o.key.clone()).collect();
        for output in &mut forgot.outputs[one..] {
            output.count -= u64::try_from(before.iter().filter(|key| **key == output.key).count()).unwrap();
        }
        let touched = run.outputs[one..].iter().any(|o| before.contains(&o.key));
        prop_assert_eq!(found(&forgot).contains(&Class::Sequence), touched);
        // State kept, offsets forgotten: the last output's input is taken again.
        let mut again = run.clone();
        let last = again.outputs[one].clone();
        let number = run.inputs.iter().position(|i| i.at == last.input).unwrap();
        let highest = run.outputs.iter().filter(|o| o.key == last.key).max_by_key(|o| o.count).unwrap();
        let digest = super::fold(highest.digest, crc32c::crc32c(run.inputs[number].value.as_bytes()));
        again.outputs.push(super::testing::OutputRow { count: highest.count + 1, digest, ..last });
        prop_assert_eq!(found(&again), [Class::Duplicate, Class::Order].into());
    }
}
