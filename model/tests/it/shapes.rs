//! Shapes of steps that searches collect: complete although steps are remembered, and no part of what is counted.

use std::collections::BTreeSet;

use truecut_model::{JobModel, Shapes, StepShape, check_model, scope};
use truecut_mutants::{Mutant, Place};

fn collected(name: &str, threads: usize, change: fn(JobModel) -> JobModel) -> (u64, BTreeSet<StepShape>) {
    let shapes = Shapes::default();
    let model = JobModel::new(scope(name).expect("a scope of the list"), None).collecting(shapes.clone());
    let report = check_model(&change(model), threads, None, &mut |_| {});
    assert!(report.complete);
    (report.unique_states, shapes.collected())
}

#[test]
fn a_search_collects_the_same_shapes_with_and_without_memory_and_with_more_threads() {
    for name in ["small", "bounded"] {
        let (states, shapes) = collected(name, 1, |model| model);
        assert_eq!(
            (states, &shapes),
            (collected(name, 1, JobModel::without_memo).0, &collected(name, 2, |model| model).1)
        );
        assert_eq!(shapes, collected(name, 2, JobModel::without_memo).1, "{name}");
        assert!(Place::ALL.iter().all(|role| shapes.iter().any(|shape| shape.role() == *role)), "{name}");
    }
}

#[test]
fn only_a_world_that_loses_answers_reaches_what_follows_them() {
    let of = |name: &str| -> Vec<String> {
        let (_, shapes) = collected(name, 2, |model| model);
        let lost = shapes
            .iter()
            .map(ToString::to_string)
            .filter(|shape| shape.starts_with("sink: done commit unknown"));
        lost.collect()
    };
    assert_eq!(of("small"), [""; 0]);
    assert!(!of("lost_answers").is_empty());
}

#[test]
fn a_wrong_protocol_takes_steps_of_other_shapes() {
    let shapes = Shapes::default();
    let mutant = Mutant::from_name("skip_alignment").expect("it is in the list");
    let model =
        JobModel::new(scope("calm").expect("it is in the list"), Some(mutant)).collecting(shapes.clone());
    check_model(&model, 2, None, &mut |_| {});
    let right = collected("calm", 2, |model| model).1;
    assert!(shapes.collected().difference(&right).count() > 0);
}
