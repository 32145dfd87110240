//! Files of counterexamples: what is written is read again, run again, and drawn whole.

use quick_xml::events::Event as Xml;
use truecut_model::{Counterexample, Options, check_mutant, scope_of};
use truecut_mutants::Mutant;

use super::chart::Chart;
use super::saved::Saved;
use super::world::{Assumed, Sink, World};
use super::{mermaid, save, svg};

fn found(name: &str) -> (World, Counterexample) {
    let mutant = Mutant::from_name(name).expect("a mutant of the list");
    let options = Options { threads: 2, time_limit: None, mutant: None, progress: &mut |_| {} };
    let counterexample = check_mutant(mutant, options).counterexample.expect("it is found");
    (World::of(&scope_of(mutant).name, Some(mutant)), counterexample)
}

#[test]
fn what_was_saved_is_read_and_fits() {
    let directory = tempfile::tempdir().expect("a directory");
    let (world, counterexample) = found("commit_on_precommit");
    let paths = save(directory.path(), &world, &counterexample).expect("it is written");
    let names: Vec<_> = paths.iter().filter_map(|path| path.file_name()?.to_str()).collect();
    let stem = "commit_on_precommit-no_duplicate";
    assert_eq!(names, [format!("{stem}.json"), format!("{stem}.svg"), format!("{stem}.mmd")]);
    let text = std::fs::read_to_string(&paths[0]).expect("it is there");
    let saved: Saved = serde_json::from_str(&text).expect("it is one");
    assert_eq!(saved, Saved::new(&world, &counterexample));
    let again = saved.replay().expect("it fits");
    assert_eq!(again.steps.len(), counterexample.steps.len());
}

#[test]
fn what_was_changed_does_not_fit() {
    let (world, counterexample) = found("fenced_means_committed");
    let saved = Saved::new(&world, &counterexample);
    let why = |change: &dyn Fn(&mut Saved)| {
        let mut changed = saved.clone();
        change(&mut changed);
        changed.replay().expect_err("it does not fit")
    };
    assert!(why(&|saved| saved.schema = 99).contains("99"));
    assert!(
        why(&|saved| saved.world.mutant = None).contains("violates no_silent_loss; here it violates nothing")
    );
    assert!(why(&|saved| saved.world.mutant = Some("none_such".into())).contains("none_such"));
    assert!(why(&|saved| saved.world.scope = "none_such".into()).contains("smoke"));
    assert!(why(&|saved| saved.steps[2].action = "Stop".into()).contains("step 3 does not fit"));
    assert!(why(&|saved| drop(saved.steps.pop())).contains("here it violates nothing"));
    assert!(why(&|saved| saved.violates = Some("no_loss".into())).contains("no_loss"));
    assert!(why(&|saved| saved.violates = None).contains("of nothing"));
    assert!(why(&|saved| saved.assertion = Some("a < b".into())).contains("a < b"));
}

#[test]
fn a_chart_is_one_element_of_well_formed_xml_and_says_every_label() {
    for name in ["commit_on_precommit", "skip_alignment", "fenced_means_committed", "commit_on_cancel"] {
        let (world, counterexample) = found(name);
        let chart = Chart::of(&world, &counterexample);
        let text = svg::render(&chart);
        let (mut reader, mut depth) = (quick_xml::Reader::from_str(&text), 0);
        loop {
            let event = reader.read_event().expect("well-formed");
            if event == Xml::Eof {
                break;
            }
            depth += i32::from(matches!(event, Xml::Start(_))) - i32::from(matches!(event, Xml::End(_)));
        }
        assert_eq!(depth, 0, "{name}");
        for row in &chart.rows {
            let label = row.event.label.replace('&', "&amp;").replace('<', "&lt;");
            assert!(text.contains(&format!(">{label}</text>")), "{name}: {label}");
        }
        assert!(text.contains("is violated</text>"), "{name}");
        let mermaid = mermaid::render(&chart);
        assert_eq!(mermaid.lines().count(), 1 + chart.lanes.len() + chart.rows.len() + 1, "{name}");
        assert!(mermaid.starts_with("sequenceDiagram\n"));
    }
}

#[test]
fn a_world_is_named_by_few_words() {
    let known = World::of("pr", None);
    assert_eq!(known.scope().expect("it is known").name, "pr");
    let made = World {
        assume: vec!["expiry".parse().expect("known"), "crash=2".parse().expect("known")],
        sink: Some(Sink::Log),
        ..known.clone()
    };
    let scope = made.scope().expect("it is known");
    assert_eq!(scope.name, "pr + expiry + crash, log");
    assert_eq!(scope.budget.of(truecut_model::Assumption::Crash), 2);
    let calm = World { assume: vec![Assumed { name: "crash".into(), times: 1 }], ..World::of("calm", None) };
    assert!(calm.scope().expect("it is known").too_calm_for.is_empty());
    assert!(!World::of("calm", None).scope().expect("it is known").too_calm_for.is_empty());
    for wrong in ["crush", "crash=0", "crash=many", "crash=256"] {
        assert!(wrong.parse::<Assumed>().is_err(), "{wrong}");
    }
    let unknown = "crush".parse::<Assumed>().expect_err("it is not known");
    assert!(unknown.contains("transaction_timeout"), "{unknown}");
}
