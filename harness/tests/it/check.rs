//! `check`: the model by way of the program.

use crate::program::call;

#[test]
fn the_example_holds_and_its_document_has_every_field() {
    let answer = call(&["check", "--scope", "example", "--json"]);
    let document = answer.document();
    assert_eq!((&document["schema"], &document["command"]), (&1.into(), &"check".into()));
    assert_eq!(document["scope"], "example");
    assert!(document["seconds"].is_f64());
    let unique = document["unique_states"].as_u64().expect("a number");
    assert!(unique > 100 && document["generated_states"].as_u64() >= Some(unique), "{document}");
    let properties = document["properties"].as_array().expect("properties");
    assert!(!properties.is_empty());
    for property in properties {
        assert_eq!(property["verdict"], "holds", "{property}");
        assert!(property["name"].is_string() && property["witnessed"].is_boolean());
    }
    let witnessed = properties.iter().all(|property| property["witnessed"] == true);
    let expected = if witnessed { ("holds", 0) } else { ("unknown", 2) };
    assert_eq!((document["verdict"].as_str(), answer.code), (Some(expected.0), expected.1));
}

#[test]
fn the_smoke_scope_holds() {
    let answer = call(&["check", "--scope", "smoke"]);
    assert_eq!(answer.code, 0, "{}{}", answer.out, answer.err);
    assert!(answer.out.starts_with("holds   scope smoke\n"), "{}", answer.out);
    assert!(answer.out.contains("consistent_cut") && answer.out.contains("unique states"), "{}", answer.out);
}

#[test]
fn a_wrong_protocol_is_found_and_told_in_numbered_sentences() {
    let answer = call(&["check", "--mutant", "commit_on_precommit"]);
    assert_eq!(answer.code, 1, "{}", answer.err);
    assert!(answer.out.contains("no_duplicate") && answer.out.contains("\n   1. "), "{}", answer.out);
    let document = call(&["check", "--mutant", "commit_on_precommit", "--json"]).document();
    let mutant = &document["mutants"][0];
    assert_eq!(
        (&mutant["name"], &mutant["killed_by"]),
        (&"commit_on_precommit".into(), &"no_duplicate".into())
    );
    assert!(mutant["steps"].as_u64() > Some(3) && mutant["seconds"].is_f64());
}

#[test]
fn a_search_that_is_ended_early_is_unknown() {
    let answer = call(&["check", "--scope", "pr", "--time-limit", "1ms", "--json"]);
    assert_eq!((answer.code, &answer.document()["verdict"]), (2, &"unknown".into()));
}
