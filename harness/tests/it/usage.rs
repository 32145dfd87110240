//! The command line itself.

use crate::program::call;

#[test]
fn help_begins_with_examples_and_ends_well() {
    let answer = call(&["--help"]);
    assert_eq!(answer.code, 0);
    assert!(answer.out.starts_with("Examples:\n"), "{}", answer.out);
    assert!(answer.out.contains("Exit codes:"));
    assert!(!answer.out.contains('\x1b'), "colour without a terminal");
}

#[test]
fn a_wrong_command_line_ends_with_64() {
    for arguments in [
        &["frobnicate"][..],
        &[],
        &["chaos", "--kills", "many"],
        &["chaos", "--mutant", "none_such"],
        &["chaos", "--kafka", "nowhere"],
        &["chaos", "--time-limit", "0s"],
        &["check", "--scope", "none_such"],
        &["check", "--mutants", "--scope", "smoke"],
        &["check", "--mutants", "--assume", "crash"],
        &["check", "--replay", "file.json", "--mutants"],
        &["check", "--pages", "directory"],
        &["check", "--sink", "none_such"],
        &["run"],
        &["bench"],
        &["bench", "throughput", "--vs", "storm"],
        &["bench", "throughput", "--bytes", "8"],
        &["bench", "throughput", "--guarantee", "twice"],
        &["bench", "throughput", "--parallelism", "4", "--partitions", "2"],
        &["bench", "latency", "--query", "currency", "--vs", "none"],
        &["bench", "check", "--scope", "none_such"],
        &["list", "unicorns"],
    ] {
        let answer = call(arguments);
        assert_eq!((answer.code, answer.out.as_str()), (64, ""), "{arguments:?}: {}", answer.err);
        assert!(!answer.err.is_empty(), "{arguments:?}");
    }
}

#[test]
fn a_failure_with_json_is_one_document_that_names_it() {
    let answer = call(&["check", "--scope", "none_such", "--json"]);
    assert_eq!(answer.code, 64);
    let document = answer.document();
    assert_eq!((&document["verdict"], &document["exit_code"]), (&"unknown".into(), &64.into()));
    assert!(
        document["error"]
            .as_str()
            .is_some_and(|error| error.contains("none_such") && error.contains("smoke"))
    );
}
