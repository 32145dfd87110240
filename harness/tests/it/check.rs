//! `check`: the model by way of the program.

use crate::program::{call, call_in};

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

#[test]
fn a_document_says_what_a_search_is_worth() {
    let document = call(&["check", "--scope", "small", "--json"]).document();
    assert!(document["bytes_per_state"].as_f64().is_some_and(|bytes| bytes > 8.0), "{document}");
    assert!(document["omission_odds"].as_f64().is_some_and(|odds| odds > 0.0 && odds < 1e-6));
    assert!(document["states_per_second"].as_f64().is_some_and(|speed| speed > 1_000.0));
    let never = document["never_taken"].as_array().expect("kinds of steps");
    assert!(never.contains(&"expire".into()) && !never.contains(&"crash".into()), "{never:?}");
    assert_eq!(document["assumed"][0]["name"], "crash");
    assert_eq!(document["sink"], "resume");
}

#[test]
fn a_scope_can_be_made_from_another_one() {
    let answer = call(&["check", "--scope", "small", "--assume", "expiry", "--json"]);
    let document = answer.document();
    assert_eq!(document["scope"], "small + expiry", "{}", answer.err);
    assert_eq!(document["properties"].as_array().map(Vec::len), Some(16));
    assert!(document["never_taken"].as_array().is_some_and(|never| !never.contains(&"expire".into())));
    assert_eq!(answer.code, 0, "{}", answer.out);
}

/// The sink that resumes loses what Kafka times out; the sink that writes a log does not.
#[test]
fn what_one_sink_loses_another_one_keeps() {
    let timed_out = ["check", "--scope", "small", "--assume", "transaction_timeout", "--sink"];
    let answer = |sink| call(&[&timed_out[..], &[sink]].concat());
    let (resume, log) = (answer("resume"), answer("log"));
    assert_eq!(resume.code, 1, "{}", resume.err);
    assert!(resume.out.contains("no_loss is violated") && resume.out.contains("times out"), "{}", resume.out);
    assert!(
        resume
            .out
            .contains("truecut check --scope small --assume transaction_timeout --sink resume --save DIR")
    );
    assert_eq!(log.code, 0, "{}", log.out);
    assert!(log.out.starts_with("holds   scope small + transaction_timeout, log\n"), "{}", log.out);
}

/// In a world so calm a property that is asked all the same can't fail: that is said, and no pass.
#[test]
fn what_could_not_have_failed_in_a_derived_scope_is_unknown() {
    let answer = call(&["check", "--scope", "calm", "--sink", "log"]);
    assert_eq!(answer.code, 2, "{}", answer.out);
    assert!(answer.out.contains("no_zombie_commit could not have failed in this scope"), "{}", answer.out);
}

#[test]
fn an_unknown_assumption_is_told_with_the_known_ones() {
    for wrong in ["crush", "crash,crush", "crash=many"] {
        let answer = call(&["check", "--assume", wrong]);
        assert_eq!((answer.code, answer.out.as_str()), (64, ""), "{wrong}: {}", answer.err);
    }
    let told = call(&["check", "--assume", "crush"]).err;
    assert!(
        told.contains("crush") && told.contains("lost_answer") && told.contains("early_landing"),
        "{told}"
    );
}

#[test]
fn a_counterexample_is_saved_and_run_again() {
    let directory = tempfile::tempdir().expect("a directory");
    let answer = call_in(directory.path(), &["check", "--mutant", "skip_alignment", "--save", "found"]);
    assert_eq!(answer.code, 1, "{}", answer.err);
    let file = directory.path().join("found/skip_alignment-consistent_cut.json");
    assert!(answer.out.contains("found/skip_alignment-consistent_cut.svg"), "{}", answer.out);
    let replay =
        |file: &std::path::Path| call(&["check", "--replay", file.to_str().expect("text"), "--json"]);
    let again = replay(&file);
    let violates = again.document()["violates"].as_array().expect("names").clone();
    assert!(again.code == 1 && violates.contains(&"consistent_cut".into()), "{violates:?} {}", again.err);
    let text = std::fs::read_to_string(&file).expect("it was saved");
    for (what, changed) in [
        ("step 2 does not fit", text.replacen("Trigger", "Stop", 1)),
        ("step 6 does not fit", text.replacen("\"mutant\": \"skip_alignment\"", "\"mutant\": null", 1)),
        ("it is no counterexample", text.replacen('{', "[", 1)),
    ] {
        assert_ne!(changed, text, "{what}");
        let path = directory.path().join("changed.json");
        std::fs::write(&path, changed).expect("it is written");
        let answer = replay(&path);
        assert_eq!(answer.code, 65, "{what}: {}", answer.out);
        assert!(answer.err.contains(what), "{what}: {}", answer.err);
    }
    assert_eq!(replay(&directory.path().join("none.json")).code, 65);
}

#[test]
fn a_build_server_is_told_in_junit_xml() {
    let directory = tempfile::tempdir().expect("a directory");
    let junit = |arguments: &[&str]| {
        let answer = call_in(directory.path(), &[&["check", "--junit", "junit.xml"], arguments].concat());
        (answer.code, std::fs::read_to_string(directory.path().join("junit.xml")).expect("it was written"))
    };
    let (code, text) = junit(&["--scope", "smoke"]);
    assert!(code == 0 && text.contains("tests=\"15\" failures=\"0\" errors=\"0\""), "{text}");
    assert!(text.contains("name=\"no_loss\""), "{text}");
    let (code, text) = junit(&["--scope", "small", "--mutant", "commit_on_precommit"]);
    assert!(
        code == 1 && text.contains("<failure type=\"violated\" message=\"no_duplicate is violated\">1. ")
    );
    let (code, text) = junit(&["--scope", "pr", "--time-limit", "1ms"]);
    assert!(
        code == 2 && text.contains("<error type=\"unknown\"") && text.contains("errors=\"16\""),
        "{text}"
    );
    let (code, text) = junit(&["--mutant", "skip_alignment"]);
    assert!(code == 1 && text.contains("message=\"consistent_cut is violated\""), "{text}");
}

#[test]
fn every_mutant_is_found_or_is_the_same_as_the_protocol() {
    let answer = call(&["check", "--mutants", "--json"]);
    assert_eq!(answer.code, 0, "{}", answer.err);
    let document = answer.document();
    let rows = |what: &str| document[what].as_array().expect("rows").clone();
    assert!(
        rows("mutants").len() >= 45 && rows("mutants").iter().all(|row| row["killed_by"] == row["expected"])
    );
    for row in rows("equivalent") {
        assert!(row["complete"] == true && row["violates"] == serde_json::json!([]), "{row}");
        assert!(!row["argument"].as_str().expect("text").is_empty());
    }
}

#[test]
fn mutants_that_time_does_not_suffice_for_are_unknown() {
    let answer = call(&["check", "--mutants", "--time-limit", "1ms", "--json"]);
    assert_eq!((answer.code, &answer.document()["verdict"]), (2, &"unknown".into()), "{}", answer.err);
}
