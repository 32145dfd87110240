//! What is counted, and what is told: coverage falls with what a run did not meet, and what the model does not reach is listed.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::Path;
use std::rc::Rc;

use truecut_core::{AnyRole, Attempt, Input, Message, Peer, Role as _, Worker};
use truecut_model::Assumption;
use truecut_mutants::Mutated;
use truecut_runtime::store::StateHandle;
use truecut_runtime::trace::BatchDigest;

use super::*;
use crate::chaos::validate;
use crate::verdict::Verdict;
use crate::world::tests::sample;

/// The shapes of the recorded run.
fn recorded() -> BTreeSet<String> {
    let sample = sample::unpack();
    let traces = validate(sample.paths[0].parent().unwrap(), None, sample.circumstances.clone()).unwrap();
    assert_eq!(traces.verdict, Verdict::Holds, "{:?}", traces.reasons);
    traces.shapes
}

fn visited(shapes: &BTreeSet<String>) -> Visited {
    let mut visited = Visited::new("test".to_owned());
    visited.add(shapes, &[Assumption::Crash]);
    visited
}

#[test]
fn a_recorded_run_visits_what_the_model_reaches_and_less_without_a_kind_of_input() {
    let (model, shapes) = (ModelShapes::committed(), recorded());
    let (reached, all) = model.share(&shapes);
    assert!(reached * 10 > all, "{reached} of {all}");

    let without: BTreeSet<String> =
        shapes.iter().filter(|shape| !shape.starts_with("sink: done commit ")).cloned().collect();
    let removed = shapes.difference(&without).filter(|shape| model.shapes.contains_key(*shape)).count();
    assert!(removed > 0, "the run commits");
    assert_eq!(model.share(&without), (reached - removed, all));

    let (with, without) = (page(&model, &visited(&shapes)), page(&model, &visited(&without)));
    let of_commits = |page: &str| -> Vec<String> {
        page.lines()
            .filter(|line| line.starts_with("| sink | done commit answer done |"))
            .map(Into::into)
            .collect()
    };
    assert!(of_commits(&with)[0].ends_with("| 0 |"), "{:?}", of_commits(&with));
    assert!(of_commits(&with).len() < of_commits(&without).len(), "what is not visited is listed");
}

#[test]
fn what_no_scope_reaches_is_listed_as_not_looked_at() {
    let model = ModelShapes::committed();
    let mut shapes = recorded();
    let before = page(&model, &visited(&shapes));
    let unheard_of = "sink: done commit swapped -> halt finished";
    assert!(shapes.insert(unheard_of.to_owned()));
    let after = page(&model, &visited(&shapes));
    let row = "| sink | done commit swapped | halt finished | 1 | **not looked at yet** |";
    assert!(!before.contains(row) && after.contains(row), "{after}");
}

#[test]
fn runs_are_counted_and_one_without_steps_is_none() {
    let mut visited = Visited::new("test".to_owned());
    let shape = |text: &str| BTreeSet::from([text.to_owned()]);
    visited.add(&shape("a"), &[Assumption::Crash]);
    visited.add(&shape("a"), &[]);
    visited.add(&BTreeSet::new(), &[Assumption::Takeover]);
    assert_eq!(
        (visited.runs, visited.shapes["a"], visited.hazards["crash"], visited.hazards.len()),
        (2, 2, 1, 1)
    );
}

#[test]
fn the_last_step_before_a_kill_does_not_count() {
    let take = |inputs: usize, finished: bool| {
        let seen = Rc::<RefCell<Seen>>::default();
        let role: AnyRole<StateHandle> = AnyRole::Worker(Worker::new());
        let mut watched =
            Watched::<BatchDigest, _> { role: Mutated::new(role, None), seen: Rc::clone(&seen) };
        let heartbeat = Message::Heartbeat { attempt: Attempt::new(1), latest: None };
        let heartbeat = Input::Message { from: Peer::Coordinator, message: heartbeat };
        for input in [Input::Begin, heartbeat].into_iter().take(inputs) {
            watched.step(input, &mut Vec::new());
        }
        drop(watched);
        seen.take().conclude(finished).len()
    };
    assert_eq!([take(2, true), take(2, false), take(1, true), take(1, false)], [2, 1, 1, 0]);
}

#[test]
fn nothing_is_excused_that_the_model_reaches() {
    let model = ModelShapes::committed();
    for shape in known::all() {
        let reached = model.shapes.get(shape).or_else(|| model.walked.get(shape));
        assert_eq!(reached, None, "{shape}: the model reaches it; take it off the list in known.rs");
    }
}

#[test]
fn the_committed_page_is_that_of_its_data() {
    let reports = Path::new(env!("CARGO_MANIFEST_DIR")).join("../reports");
    let read = |name: &str| std::fs::read_to_string(reports.join(name)).unwrap();
    let visited: Visited = serde_json::from_str(&read(DATA)).unwrap();
    assert!(
        read(PAGE) == page(&ModelShapes::committed(), &visited),
        "reports/{PAGE} is out of date: {REMEDY}"
    );
}

const REMEDY: &str = "after a change of the core, `truecut check --shapes reports/model-shapes.json`, then a campaign, or \
                      `truecut analyze RUN... --coverage`, with `--write reports`";

#[test]
fn small_scopes_reach_what_is_committed() {
    let model = ModelShapes::committed();
    let listed: Vec<&str> = model.scopes.iter().map(|searched| searched.scope.as_str()).collect();
    let all: Vec<&str> =
        scopes().iter().map(|scope| &*scope.name).filter(|name| !TOO_LARGE.contains(name)).collect();
    assert_eq!(listed, all, "{REMEDY}");
    for searched in model.scopes.iter().filter(|searched| searched.unique_states < 100_000) {
        let scope = truecut_model::scope(&searched.scope).unwrap();
        let shapes = Shapes::default();
        let report =
            check_model(&JobModel::new(scope, None).collecting(shapes.clone()), 2, None, &mut |_| {});
        let shapes = shapes.collected();
        assert_eq!(
            (report.unique_states, shapes.len()),
            (searched.unique_states, searched.shapes),
            "{REMEDY}"
        );
        for shape in shapes {
            assert!(model.shapes.contains_key(&shape.to_string()), "{shape}: {REMEDY}");
        }
    }
}
