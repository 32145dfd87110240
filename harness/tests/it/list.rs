//! `list`: names are an interface, scripts rely on them.

use crate::program::call;

fn names(what: &str) -> Vec<String> {
    let answer = call(&["list", what, "--json"]);
    assert_eq!(answer.code, 0, "{}", answer.err);
    let document = answer.document();
    assert_eq!(
        (&document["schema"], &document["command"], &document["what"]),
        (&1.into(), &"list".into(), &what.into())
    );
    let items = document["items"].as_array().expect("items").clone();
    let text = |item: &serde_json::Value, field: &str| item[field].as_str().expect("text").to_owned();
    assert!(items.iter().all(|item| !text(item, "describe").is_empty()));
    items.iter().map(|item| text(item, "name")).collect()
}

#[test]
fn everything_that_has_a_name_is_listed() {
    for (what, some) in [
        ("crash-points", &["flush.before", "commit.unanswered", "completed.received"][..]),
        ("mutants", &["commit_on_precommit", "resume_from_group_offsets", "skip_alignment"]),
        ("properties", &["no_loss", "no_duplicate", "consistent_cut"]),
        ("scopes", &["example", "smoke", "pr", "deep_everything"]),
        ("assumptions", &["crash", "transaction_timeout"]),
        ("plans", &["restarts", "recoveries", "zombies"]),
        ("faults", &["kill", "crash_point", "pause", "outage"]),
    ] {
        let names = names(what);
        assert!(some.iter().all(|name| names.iter().any(|listed| listed == name)), "{what}: {names:?}");
        let text = call(&["list", what]).out;
        assert_eq!(text.lines().count(), names.len(), "{what}");
    }
    assert_eq!(names("properties").len(), 16);
    assert!(names("mutants").len() >= 12);
}

#[test]
fn every_class_of_anomaly_names_properties_that_exist() {
    let properties = names("properties");
    for class in truecut::oracle::CLASSES {
        assert!(
            class.properties.iter().all(|name| properties.iter().any(|known| known == name)),
            "{}",
            class.name
        );
    }
}
