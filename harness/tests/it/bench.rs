//! `bench`: tiny, to see that it measures, verifies, and tells what is missing. No speed is asserted.

use serde_json::Value;

use crate::program::call_in;

fn names<'a>(list: &'a Value, field: &str) -> Vec<&'a str> {
    let all = list.as_array().expect("a list").iter();
    all.filter_map(|entry| entry[field].as_str()).collect()
}

#[test]
fn throughput_is_measured_of_verified_runs_and_who_is_missing_has_no_number() {
    let Some(kafka) = truecut_cluster::testing::shared_kafka() else { return };
    let directory = tempfile::tempdir().expect("a directory");
    let arguments = "bench throughput --quick --vs raw,flink --peers none --records 60000 --query count,currency \
                     --partitions 3 --run-directory runs --write reports --json --kafka";
    let mut arguments: Vec<&str> = arguments.split_whitespace().collect();
    arguments.push(kafka.bootstrap());
    let answer = call_in(directory.path(), &arguments);
    assert_eq!(answer.code, 2, "flink is missing: {}", answer.err);
    let document = answer.document();
    let missing = names(&document["missing"], "subject");
    if missing.contains(&"raw") {
        truecut_cluster::testing::skip("the raw peer is not built: test the whole workspace");
        return;
    }
    assert_eq!(missing, ["flink"], "{document}");
    assert_eq!(names(&document["runs"], "verdict"), ["holds"; 4], "{document}");
    let mut subjects = names(&document["summary"], "subject");
    subjects.sort_unstable();
    assert_eq!(subjects, ["raw", "raw", "truecut", "truecut"]);
    for run in document["runs"].as_array().expect("runs") {
        let measured = &run["measured"];
        assert!(measured["cpu_seconds_total"].as_f64().is_some_and(|seconds| seconds > 0.0), "{run}");
        assert!(measured["peak_memory_mib"].as_f64().is_some_and(|mib| mib > 1.0), "{run}");
        assert!(measured["startup_seconds"].as_f64().is_some_and(|seconds| seconds > 0.0), "{run}");
    }
    let page = std::fs::read_to_string(directory.path().join("reports/benchmarks.md")).expect("a page");
    assert!(page.contains("flink is **missing**") && page.contains("| truecut | yes |"), "{page}");
    assert!(directory.path().join("reports/benchmark-throughput.json").exists());
}

#[test]
fn latency_is_measured_to_a_reader_of_committed_records_and_traces_tell_where_it_goes() {
    let Some(kafka) = truecut_cluster::testing::shared_kafka() else { return };
    let directory = tempfile::tempdir().expect("a directory");
    let arguments = "bench latency --quick --vs none --rate 200 --measure 1s --traces --run-directory runs --json --kafka";
    let mut arguments: Vec<&str> = arguments.split_whitespace().collect();
    arguments.push(kafka.bootstrap());
    let answer = call_in(directory.path(), &arguments);
    assert_eq!(answer.code, 0, "{}", answer.err);
    let document = answer.document();
    assert_eq!(names(&document["runs"], "verdict"), ["holds"], "{document}");
    let measured = &document["runs"][0]["measured"];
    let of = |name: &str| measured[name].as_f64().unwrap_or(-1.0);
    assert!(of("p50_ms") > 0.0 && of("p50_ms") <= of("p99_ms"), "{measured}");
    assert!(of("p99_ms") <= of("p999_ms") && of("p999_ms") <= of("longest_ms"), "{measured}");

    let kept = std::fs::read_dir(directory.path().join("runs")).expect("runs are kept");
    let kept = kept.map(|entry| entry.expect("an entry").path());
    let traced: Vec<_> = kept.filter(|run| run.join("traces").is_dir()).collect();
    let [run] = traced.as_slice() else { panic!("one run with traces is kept: {traced:?}") };
    let run = run.to_str().expect("a name in UTF-8");
    let answer = call_in(directory.path(), &["analyze", run, "--timing", "--json"]);
    assert_eq!(answer.code, 0, "{}", answer.err);
    let timing = answer.document();
    assert!(timing["completed"].as_u64().is_some_and(|completed| completed > 0), "{timing}");
    let ends = timing["milestones"].as_array().and_then(|all| all.last()).expect("milestones");
    assert_eq!(ends["milestone"], "committed", "{timing}");
}

#[test]
fn recovery_is_measured_of_workers_and_coordinators_and_who_offers_none_is_left_out() {
    let Some(kafka) = truecut_cluster::testing::shared_kafka() else { return };
    for (victim, not_offered) in [("worker", vec!["raw"]), ("coordinator", vec!["raw", "flink"])] {
        let directory = tempfile::tempdir().expect("a directory");
        let vs = not_offered.join(",");
        let arguments = "bench recovery --quick --rate 500 --kills 2 --settle 2s --pause 500ms --peers none \
                         --run-directory runs --write reports --name small --json --kafka";
        let mut arguments: Vec<&str> = arguments.split_whitespace().collect();
        arguments.extend([kafka.bootstrap(), "--kill", victim, "--vs", &vs]);
        let answer = call_in(directory.path(), &arguments);
        assert_eq!(answer.code, 0, "{}", answer.err);
        let document = answer.document();
        assert_eq!(names(&document["runs"], "verdict"), ["holds"], "{document}");
        assert_eq!(names(&document["not_offered"], "subject"), not_offered);
        let run = &document["runs"][0];
        let kills = run["kills"].as_array().expect("kills");
        assert_eq!((kills.len(), run["measured"]["kills"].as_f64()), (2, Some(2.0)), "{run}");
        for kill in kills {
            let of = |name: &str| kill[name].as_f64().unwrap_or(-1.0);
            assert!(of("noticed_ms") >= 0.0 && of("noticed_ms") <= of("running_ms"), "{kill}");
            assert!(
                of("running_ms") <= of("first_ms") && of("first_ms") <= of("every_partition_ms"),
                "{kill}"
            );
            assert!(of("longest_wait_ms") > 0.0 && of("caught_up_ms") >= 0.0, "{kill}");
        }
        let reports = directory.path().join("reports");
        let page = std::fs::read_to_string(reports.join("benchmarks.md")).expect("a page");
        assert!(page.contains("## Recovery: small"), "{page}");
        let chart = reports.join("benchmarks/benchmark-recovery-small-first-p50-ms.svg");
        assert!(std::fs::read_to_string(chart).expect("a chart").contains("<circle"), "a dot for each kill");
    }
}

#[test]
fn the_search_of_the_model_is_measured_by_scope_and_threads() {
    let directory = tempfile::tempdir().expect("a directory");
    let answer = call_in(
        directory.path(),
        &[
            "bench",
            "check",
            "--scope",
            "smoke",
            "--threads",
            "1,2",
            "--rounds",
            "2",
            "--json",
            "--write",
            "reports",
        ],
    );
    let document = answer.document();
    assert_eq!(answer.code, 0, "{document}");
    let rows = document["rows"].as_array().expect("rows");
    assert_eq!(rows.len(), 2);
    for row in rows {
        assert!(row["unique_states"].as_u64().is_some_and(|states| states > 0), "{row}");
        assert!(row["states_per_second"]["median"].as_f64().is_some_and(|rate| rate > 0.0), "{row}");
        assert!(row["bytes_per_state"].as_f64().is_some_and(|bytes| bytes > 0.0), "{row}");
    }
    assert_eq!(rows[0]["unique_states"], rows[1]["unique_states"]);
    let page = std::fs::read_to_string(directory.path().join("reports/benchmarks.md")).expect("a page");
    assert!(page.contains("| smoke | complete | 2 |"), "{page}");
}
