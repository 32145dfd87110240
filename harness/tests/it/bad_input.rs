//! Run directories and machines that are not as they should be.

use crate::program::{call, call_in};

#[test]
fn a_directory_that_is_no_run_is_bad_data() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().display().to_string();
    for command in ["analyze", "report"] {
        let answer = call(&[command, &path]);
        assert_eq!(answer.code, 65, "{command}: {}", answer.err);
        assert!(answer.err.contains(&path), "{command}: {}", answer.err);
    }
    assert_eq!(call(&["analyze", "/none/such"]).code, 65);
}

#[test]
fn a_run_directory_in_use_is_refused_before_anything_starts() {
    let directory = tempfile::tempdir().expect("a directory");
    std::fs::write(directory.path().join("mine.txt"), "mine").expect("a file");
    let path = directory.path().display().to_string();
    let answer = call(&["chaos", "--run-directory", &path]);
    assert_eq!(answer.code, 64, "{}", answer.err);
    assert!(answer.err.contains("not empty"), "{}", answer.err);
}

#[test]
fn a_kafka_that_does_not_answer_is_named_with_its_address() {
    let directory = tempfile::tempdir().expect("a directory");
    let answer = call_in(directory.path(), &["chaos", "--kafka", "127.0.0.1:1", "--json"]);
    assert_eq!(answer.code, 3, "{}", answer.err);
    let document = answer.document();
    assert_eq!(document["verdict"], "unknown");
    assert!(document["error"].as_str().is_some_and(|error| error.contains("127.0.0.1:1")), "{document}");
}

#[test]
fn without_an_engine_a_container_is_one_clear_error() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut command = crate::program::truecut();
    command.args(["chaos", "--kafka", "container"]).current_dir(directory.path());
    command.env("DOCKER_HOST", "unix:///none/such.sock");
    let answer = crate::program::answer(command.output().expect("the program starts"));
    assert_eq!(answer.code, 3, "{}", answer.err);
    assert!(
        answer.err.contains("container engine") && answer.err.contains("--kafka process"),
        "{}",
        answer.err
    );
}

#[test]
fn the_doctor_names_what_it_looked_at() {
    let answer = call(&["doctor", "--json"]);
    assert!([0, 3].contains(&answer.code), "{}", answer.err);
    let document = answer.document();
    assert_eq!(document["usable"], answer.code == 0);
    let checks = document["checks"].as_array().expect("checks");
    assert!(checks.iter().any(|check| check["name"] == "container engine"));
    let unwell = checks.iter().filter(|check| check["status"] != "ok");
    assert!(unwell.into_iter().all(|check| check["remedy"].is_string()));
}
