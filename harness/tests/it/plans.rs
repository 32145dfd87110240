//! Plans that have a name, on real Kafka: one run of each family of faults that a single broker can have.

use serde_json::Value;
use truecut_cluster::testing::shared_kafka;

use crate::program::call;

/// Carries out a plan; what is judged, and the lines of its history.
fn carried_out(plan: &str, kafka: &str) -> (i32, Value, Vec<Value>) {
    let folder = tempfile::tempdir().expect("a directory");
    let directory = folder.path().join("run");
    let path = directory.display().to_string();
    let answer = call(&["chaos", "--json", "--plan", plan, "--kafka", kafka, "--run-directory", &path]);
    let history = std::fs::read_to_string(directory.join("history.ndjson")).expect("a history");
    let history = history.lines().map(|line| serde_json::from_str(line).expect("an event")).collect();
    (answer.code, answer.document(), history)
}

/// It holds, and every fault of it struck.
fn holds(plan: &str, kafka: &str) -> Vec<Value> {
    let (code, document, history) = carried_out(plan, kafka);
    assert_eq!((code, &document["verdict"]), (0, &"holds".into()), "{document:#}");
    let faults = document["faults"].as_object().expect("faults");
    assert!(!faults.is_empty() && faults.values().all(|count| count["missed"] == 0), "{document:#}");
    assert_eq!(document["traces"]["verdict"], "holds");
    assert_eq!(document["plan"], plan);
    history
}

/// Where a Kafka is started that is a run's own.
fn own_kafka() -> String {
    std::env::var("TRUECUT_TEST_KAFKA").unwrap_or_else(|_| "container".to_owned())
}

#[test]
fn a_job_that_is_stopped_and_started_again_goes_on_where_it_was() {
    let Some(kafka) = shared_kafka() else { return };
    let history = holds("restarts", kafka.bootstrap());
    let ended = history.iter().filter(|event| event["kind"] == "job_ended" && event["exit_code"] == 0);
    assert_eq!(ended.count(), 3, "twice by plan, and at the end");
}

#[test]
fn kills_in_the_middle_of_recoveries_and_of_all_processes_at_once_hold() {
    let Some(kafka) = shared_kafka() else { return };
    holds("recoveries", kafka.bootstrap());
}

#[test]
fn messages_between_coordinator_and_workers_may_be_lost_late_or_come_twice() {
    let Some(kafka) = shared_kafka() else { return };
    let history = holds("control_messages", kafka.bootstrap());
    assert!(
        history.iter().any(|event| event["kind"] == "checkpoint_aborted"),
        "a lost trigger costs a checkpoint"
    );
}

#[test]
fn requests_to_kafka_and_their_answers_may_be_lost_late_or_come_twice() {
    if shared_kafka().is_none() {
        return;
    }
    holds("lost_answers", &own_kafka());
}

#[test]
fn so_may_they_with_our_own_producer_and_the_newer_protocol_of_transactions() {
    if shared_kafka().is_none() {
        return;
    }
    holds("lost_answers_v2", &own_kafka());
}

#[test]
fn a_damaged_checkpoint_ends_the_job_and_is_named() {
    let Some(kafka) = shared_kafka() else { return };
    let (code, document, history) = carried_out("flipped_checkpoint", kafka.bootstrap());
    assert_eq!((code, &document["verdict"]), (0, &"holds".into()), "{document:#}");
    let ended = history.iter().find(|event| event["kind"] == "job_ended").expect("it ended");
    assert_eq!(ended["exit_code"], 65);
    let said = ended["message"].as_str().unwrap_or_default();
    assert!(said.contains("checkpoint-"), "{said}");
}

#[test]
fn a_plan_that_needs_brokers_of_its_own_refuses_those_of_others() {
    let Some(kafka) = shared_kafka() else { return };
    let answer = call(&["chaos", "--json", "--plan", "broker", "--kafka", kafka.bootstrap()]);
    assert_eq!(answer.code, 64, "{}", answer.err);
    assert!(
        answer.err.contains("broker_pause") && answer.err.contains("--kafka container"),
        "{}",
        answer.err
    );
}

#[test]
fn a_plan_that_is_none_is_refused_before_anything_starts() {
    let answer = call(&["chaos", "--plan", "no-such-plan"]);
    assert_eq!(answer.code, 64, "{}", answer.err);
    assert!(answer.err.contains("truecut list plans"), "{}", answer.err);
    let folder = tempfile::tempdir().expect("a directory");
    let path = folder.path().join("plan.toml");
    std::fs::write(&path, "name = \"x\"\n[[steps]]\nfault = { kil = {} }\n").expect("it can be written");
    let answer = call(&["chaos", "--plan", &path.display().to_string()]);
    assert_eq!(answer.code, 65, "{}", answer.err);
    assert!(answer.err.contains("plan.toml") && answer.err.contains("kil"), "{}", answer.err);
}
