//! The coordinator is killed, or thought dead, and another one takes over: under `run`, and under `chaos`.

use std::path::Path;

use nix::sys::signal::Signal;
use serde_json::Value;
use truecut_cluster::testing::shared_kafka;

use crate::job::{Topics, job};
use crate::program::{call, call_in};
use crate::running::{Running, wait_until};

/// Records of a topic; reads them all, so that it can be asked again and again.
fn committed(topics: &Topics, topic: &str) -> u64 {
    let both = topics.committed_and_aborted(topic);
    tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(both)).0
}

fn unbounded(text: String) -> String {
    text.replace("bounded = true", "bounded = false, start = \"earliest\"")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_outlives_its_coordinators_and_remembers_ctrl_c() {
    let Some(kafka) = shared_kafka() else { return };
    let topics = Topics::make(kafka.bootstrap(), "outlives-in", "outlives-out").await;
    let folder = tempfile::tempdir().expect("a directory");
    let directory = folder.path().canonicalize().expect("it is there");
    let file = job(&directory, kafka.bootstrap(), ("outlives-in", "outlives-out"), unbounded);
    let run = Running::start(&directory, &file);
    wait_until("records are committed", || committed(&topics, "outlives-out") == Topics::RECORDS);

    let second = call_in(&directory, &["run", &file, "--json"]);
    assert_eq!(second.code, 3, "{}", second.err);
    assert!(second.err.contains("is in use by process"), "one supervisor at a time: {}", second.err);

    let before = run.processes("__worker");
    let first = run.kill_coordinator(None);
    topics.add("outlives-in").await;
    wait_until("the next coordinator commits", || committed(&topics, "outlives-out") == 2 * Topics::RECORDS);
    wait_until("the dead one's workers are gone", || {
        run.processes("__worker").iter().all(|pid| !before.contains(pid))
    });

    topics.add("outlives-in").await;
    run.kill_coordinator(Some(first));
    run.ask_to_end(Signal::SIGINT);
    let ended = run.end();
    let document = ended.document();
    assert_eq!(ended.code, 0, "{document:#} {}", ended.err);
    assert!(document["message"].as_str().is_some_and(|said| said.contains("finished")), "{document:#}");
    assert_eq!(document["coordinators_lost"], 2);
    let records = committed(&topics, "outlives-out");
    assert!((2 * Topics::RECORDS..=3 * Topics::RECORDS).contains(&records), "{records}");
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_ends_a_job_with_a_last_checkpoint() {
    let Some(kafka) = shared_kafka() else { return };
    let topics = Topics::make(kafka.bootstrap(), "terminated-in", "terminated-out").await;
    let folder = tempfile::tempdir().expect("a directory");
    let directory = folder.path().canonicalize().expect("it is there");
    let file = job(&directory, kafka.bootstrap(), ("terminated-in", "terminated-out"), unbounded);
    let run = Running::start(&directory, &file);
    wait_until("records are committed", || committed(&topics, "terminated-out") == Topics::RECORDS);
    run.ask_to_end(Signal::SIGTERM);
    let ended = run.end();
    let document = ended.document();
    assert_eq!(ended.code, 0, "{document:#} {}", ended.err);
    assert!(document["message"].as_str().is_some_and(|said| said.contains("finished")), "{document:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_coordinator_that_dies_again_and_again_ends_the_job_and_its_log_is_named() {
    let Some(kafka) = shared_kafka() else { return };
    let _topics = Topics::make(kafka.bootstrap(), "again-in", "again-out").await;
    let folder = tempfile::tempdir().expect("a directory");
    let directory = folder.path().canonicalize().expect("it is there");
    let rarely =
        |text: String| unbounded(text).replace("interval_ms = 200", "interval_ms = 60000\nmax_restarts = 2");
    let file = job(&directory, kafka.bootstrap(), ("again-in", "again-out"), rarely);
    let run = Running::start(&directory, &file);
    let mut last = None;
    for _ in 0..3 {
        last = Some(run.kill_coordinator(last));
    }
    let ended = run.end();
    let document = ended.document();
    let message = document["message"].as_str().unwrap_or_default();
    assert_eq!((ended.code, &document["coordinators_lost"]), (4, &2.into()), "{document:#} {}", ended.err);
    assert!(message.contains("died 3 times") && message.contains("signal 9"), "{message}");
    assert!(message.contains("logs/coordinator-3.log") && message.contains("max_restarts"), "{message}");
}

fn chaos(directory: &Path, bootstrap: &str, more: &[&str]) -> (Value, Vec<Value>) {
    let run = directory.display().to_string();
    let mut arguments = vec!["chaos", "--json", "--kafka", bootstrap, "--run-directory", &run];
    arguments.extend_from_slice(&["--records", "40000"]);
    arguments.extend_from_slice(more);
    let answer = call(&arguments);
    let document = answer.document();
    assert_eq!((answer.code, &document["verdict"]), (0, &"holds".into()), "{document:#} {}", answer.err);
    let history = std::fs::read_to_string(directory.join("history.ndjson")).expect("a history");
    (document, history.lines().map(|line| serde_json::from_str(line).expect("an event")).collect())
}

fn of_kind<'a>(history: &'a [Value], kind: &str) -> Vec<&'a Value> {
    history.iter().filter(|event| event["kind"] == kind).collect()
}

fn is_noted(history: &[Value], text: &str) -> bool {
    of_kind(history, "note").iter().any(|note| note["text"].as_str().is_some_and(|said| said.contains(text)))
}

#[test]
fn a_coordinator_that_comes_back_after_another_took_over_ends_superseded_and_does_no_harm() {
    let Some(kafka) = shared_kafka() else { return };
    let folder = tempfile::tempdir().expect("a directory");
    let directory = folder.path().join("run");
    let more = ["--seed", "5", "--kill", "coordinator", "--kills", "4", "--pauses", "2"];
    let (document, history) = chaos(&directory, kafka.bootstrap(), &more);
    assert!(document["coordinator_kills"].as_u64() >= Some(4), "{document:#}");
    assert_eq!(document["pauses"], 2);
    let started = of_kind(&history, "coordinator_started").len();
    assert!(started >= 7, "each kill and each pause brings another coordinator: {started}");
    for pause in of_kind(&history, "paused") {
        assert_eq!(pause["who"], "coordinator");
        let said = format!("coordinator {} came back as a zombie and ended: superseded", pause["number"]);
        assert!(is_noted(&history, &said), "{said}");
    }
    assert!(!is_noted(&history, "complete as a zombie"));
    assert!(of_kind(&history, "kill").iter().all(|kill| kill["confirmed"] == true));
    let page = std::fs::read_to_string(directory.join("report.html")).expect("a page");
    assert!(page.contains("of coordinator 1 at") && page.contains("was paused at"));
}

#[test]
fn a_worker_that_comes_back_after_it_was_given_up_ends_and_is_replaced() {
    let Some(kafka) = shared_kafka() else { return };
    let folder = tempfile::tempdir().expect("a directory");
    let more = ["--seed", "6", "--kills", "1", "--pauses", "1"];
    let (document, history) = chaos(&folder.path().join("run"), kafka.bootstrap(), &more);
    assert_eq!((&document["pauses"], &document["coordinator_kills"]), (&1.into(), &0.into()));
    let at = |event: &Value| event["t_ms"].as_u64().expect("a time");
    let pauses = of_kind(&history, "paused");
    let (pid, number) = (&pauses[0]["pid"], &pauses[0]["number"]);
    let resumed = at(of_kind(&history, "resumed")[0]);
    assert!(resumed >= at(pauses[0]) + 2_000, "longer than the heartbeat timeout");
    let exits = of_kind(&history, "worker_exited");
    let exit = exits.iter().find(|exit| exit["pid"] == *pid).expect("it ended");
    assert_eq!((&exit["status"], at(exit) >= resumed), (&"exit code 0".into(), true));
    assert!(is_noted(&history, &format!("worker {number} came back as a zombie and ended by itself")));
    let starts = of_kind(&history, "worker_started");
    assert!(starts.iter().any(|start| start["worker"] == *number && at(start) >= at(exit)));
}
