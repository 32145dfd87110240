//! Worlds in which Kafka is late, forgets, or promises less: counts, verdicts, and what the world itself breaks.

use std::borrow::Cow;

use expect_test::{Expect, expect};
use truecut_model::{CheckReport, JobModel, Options, check, check_model, scope};
use truecut_mutants::Mutant;

use crate::{assert_acyclic, holds};

/// A scope with all properties asked.
fn ask_all(name: &str) -> CheckReport {
    let mut all = scope(name).expect("a scope of the list").clone();
    all.except = Cow::Borrowed(&[]);
    all.too_calm_for = Cow::Borrowed(&[]);
    check(&all, Options { threads: 2, time_limit: None, mutant: None, progress: &mut |_| {} })
}

/// Which properties are violated in a scope, if all are asked, and how soon: what its exceptions are for.
fn breaks(name: &str, expected: &Expect) {
    let report = ask_all(name);
    assert!(report.complete && report.panic.is_none(), "{:?}", report.panic);
    let violated = report.properties.iter().filter_map(|property| {
        let counterexample = property.counterexample.as_ref()?;
        Some(format!("{} after {} steps", property.name, counterexample.steps.len()))
    });
    expected.assert_eq(&violated.collect::<Vec<_>>().join(", "));
}

/// How a property is violated.
fn tells(name: &str, property: &str, expected: &Expect) {
    let report = ask_all(name);
    let found = report.properties.iter().find(|found| found.name == property);
    let counterexample = found.and_then(|found| found.counterexample.as_ref());
    expected.assert_eq(&counterexample.expect("it is violated").to_string());
}

#[test]
fn a_late_init_producer_id_loses_what_is_pre_committed_and_the_job_says_so() {
    holds("late_init", &expect!["115640 unique, 340760 generated, depth 47, not witnessed: []"]);
    breaks("late_init", &expect!["no_loss after 10 steps"]);
    tells(
        "late_init",
        "no_loss",
        &expect![[r#"
        1. Worker w0 is told: run attempt 1 from checkpoint 1.
        2. The coordinator triggers a checkpoint.
        3. Source-0 reads the record at offset 0 of partition 0.
        4. Worker w0 is told: take checkpoint 2.
        5. Operator-0 takes the record at offset 0 of partition 0 from source-0.
        6. Operator-0 takes barrier 2 from source-0.
        7. Sink-0 hears the answer to the flush of slot 0. Checkpoint 2 has every acknowledgement; the coordinator writes it.
        8. The data of checkpoint 2 is durable.
        9. The head names checkpoint 2: it is complete.
        10. An InitProducerId of job/1/0/0 that was sent long ago reaches Kafka. This violates no_loss: what a completed checkpoint has passed is committed, or can still be.
    "#]],
    );
}

#[test]
fn a_late_init_producer_id_costs_the_log_sink_nothing() {
    holds("late_init_log", &expect!["888661 unique, 2539305 generated, depth 68, not witnessed: []"]);
}

#[test]
fn a_commit_that_was_not_heard_and_whose_id_was_initialised_again_is_told_as_lost() {
    holds("late_init_unheard", &expect!["19148 unique, 56088 generated, depth 43, not witnessed: []"]);
    breaks("late_init_unheard", &expect!["no_loss after 11 steps"]);
}

#[test]
fn markers_that_are_late_break_nothing() {
    holds("late_marker", &expect!["252464 unique, 862380 generated, depth 45, not witnessed: []"]);
    breaks("late_marker", &expect!["no_loss after 10 steps"]);
}

#[test]
fn the_log_sink_sees_late_markers() {
    holds("late_marker_log", &expect!["195412 unique, 592334 generated, depth 66, not witnessed: []"]);
}

#[test]
fn a_recovery_that_died_does_not_harm_the_next() {
    holds("two_recoverers", &expect!["402163 unique, 1202418 generated, depth 61, not witnessed: []"]);
}

#[test]
fn late_records_leave_a_transaction_to_the_timeout_and_nothing_worse() {
    holds("late_records", &expect!["221833 unique, 866736 generated, depth 48, not witnessed: []"]);
    breaks("late_records", &expect!["no_zombie_commit after 25 steps, no_stuck_transaction after 20 steps"]);
    holds("late_records_v2", &expect!["231087 unique, 742142 generated, depth 47, not witnessed: []"]);
    breaks("late_records_v2", &expect!["no_stuck_transaction after 20 steps"]);
    tells(
        "late_records_v2",
        "no_stuck_transaction",
        &expect![[r#"
        1. Worker w0 is told: run attempt 1 from checkpoint 1.
        2. Source-0 reads the record at offset 0 of partition 0.
        3. Source-0 reads the record at offset 1 of partition 0.
        4. Operator-0 takes the record at offset 0 of partition 0 from source-0.
        5. Source-0 reads the record at offset 2 of partition 0.
        6. The coordinator is asked to end the job: it triggers the last checkpoint.
        7. Worker w0 is killed with 1 records on their way to Kafka, of which 0 arrive.
        8. The coordinator learns that worker w0 is gone; worker w1 registers. The coordinator claims attempt 2.
        9. Kafka lists its open transactions for the coordinator.
        10. The coordinator hears that no transaction is open.
        11. Worker w1 is told: run attempt 2 from checkpoint 1.
        12. Worker w1 is told: take checkpoint 3, the last.
        13. Operator-0 takes barrier 3 from source-0. Checkpoint 3 has every acknowledgement; the coordinator writes it.
        14. The data of checkpoint 3 is durable.
        15. The head names checkpoint 3: it is complete.
        16. Kafka lists its open transactions for the coordinator.
        17. The coordinator hears that no transaction is open.
        18. Worker w1 is told: checkpoint 3 is complete. The job ends: finished with checkpoint 3.
        19. A record of transaction job/1/0/0 that a dead sender had sent reaches Kafka.
        20. The job is over, and transaction job/1/0/0 times out: Kafka aborts it. This violates no_stuck_transaction: at rest no transaction is open, unless the job ended with an error.
    "#]],
    );
}

#[test]
fn a_committed_transaction_that_is_opened_again_can_look_aborted() {
    holds("late_reopened", &expect!["130121 unique, 451087 generated, depth 38, not witnessed: []"]);
    breaks(
        "late_reopened",
        &expect![
            "no_loss after 10 steps, no_zombie_commit after 23 steps, no_stuck_transaction after 16 steps"
        ],
    );
    tells(
        "late_reopened",
        "no_zombie_commit",
        &expect![[r#"
        1. Worker w0 is told: run attempt 1 from checkpoint 1.
        2. The coordinator triggers a checkpoint.
        3. Source-0 reads the record at offset 0 of partition 0.
        4. Worker w0 is told: take checkpoint 2.
        5. Operator-0 takes the record at offset 0 of partition 0 from source-0.
        6. Source-0 reads the record at offset 1 of partition 0.
        7. Operator-0 takes barrier 2 from source-0.
        8. Sink-0 hears the answer to the flush of slot 0. Checkpoint 2 has every acknowledgement; the coordinator writes it.
        9. The data of checkpoint 2 is durable.
        10. The head names checkpoint 2: it is complete.
        11. The coordinator is asked to end the job: it triggers the last checkpoint.
        12. Worker w0 is told: checkpoint 2 is complete.
        13. Worker w0 is killed while the commit of transaction job/1/0/0 is on its way.
        14. The coordinator learns that worker w0 is gone; worker w1 registers. The coordinator claims attempt 2.
        15. Worker w1 is told: run attempt 2 from checkpoint 2.
        16. Kafka takes the commit of transaction job/1/0/0.
        17. Sink-0 hears the answer to the commit of transaction job/1/0/0: it is done.
        18. Worker w1 is told: take checkpoint 4, the last.
        19. Operator-0 takes barrier 4 from source-0. Checkpoint 4 has every acknowledgement; the coordinator writes it.
        20. The data of checkpoint 4 is durable.
        21. The head names checkpoint 4: it is complete.
        22. An AddPartitionsToTxn of job/1/0/0, producer epoch 0, partition 0, that was sent long ago reaches Kafka.
        23. The commit of transaction job/1/0/0 that a dead sender had sent reaches Kafka. This violates no_zombie_commit: once an attempt is claimed, a transaction of an older one is committed only if the latest completed checkpoint lists it.
    "#]],
    );
    holds("late_reopened_log", &expect!["336671 unique, 1160736 generated, depth 59, not witnessed: []"]);
    breaks(
        "late_reopened_log",
        &expect!["no_zombie_commit after 24 steps, no_stuck_transaction after 17 steps"],
    );
}

#[test]
fn the_second_transaction_protocol_holds() {
    holds("v2", &expect!["634397 unique, 2188749 generated, depth 43, not witnessed: []"]);
    breaks("v2", &expect!["no_loss after 11 steps"]);
    holds("v2_log", &expect!["354602 unique, 1095786 generated, depth 70, not witnessed: []"]);
}

#[test]
fn an_id_that_expires_stops_the_job_unless_the_marker_tells() {
    holds("id_expiry", &expect!["91423 unique, 268003 generated, depth 47, not witnessed: []"]);
    breaks("id_expiry", &expect![""]);
    holds("id_expiry_log", &expect!["462369 unique, 1438320 generated, depth 56, not witnessed: []"]);
}

#[test]
fn at_least_once_nothing_is_lost() {
    holds("at_least_once", &expect!["185773 unique, 469474 generated, depth 47, not witnessed: []"]);
    breaks("at_least_once", &expect!["no_duplicate after 9 steps, no_early_visibility after 4 steps"]);
}

#[test]
fn without_a_guarantee_checkpoints_are_right_all_the_same() {
    holds("no_guarantee", &expect!["308409 unique, 816570 generated, depth 47, not witnessed: []"]);
    breaks(
        "no_guarantee",
        &expect![
            "no_loss after 8 steps, no_duplicate after 9 steps, no_early_visibility after 4 steps, no_silent_loss after 8 steps, everything_is_visible_at_rest after 22 steps"
        ],
    );
}

#[test]
fn a_reader_that_does_not_wait_for_commits_sees_records_twice_and_early() {
    holds("read_uncommitted", &expect!["15926 unique, 38432 generated, depth 36, not witnessed: []"]);
    breaks("read_uncommitted", &expect!["no_duplicate after 12 steps, no_early_visibility after 4 steps"]);
    tells(
        "read_uncommitted",
        "no_duplicate",
        &expect![[r#"
        1. Worker w0 is told: run attempt 1 from checkpoint 1.
        2. Source-0 reads the record at offset 0 of partition 0.
        3. Operator-0 takes the record at offset 0 of partition 0 from source-0.
        4. Worker w0 is killed with 1 records on their way to Kafka, of which 1 arrive.
        5. The coordinator learns that worker w0 is gone; worker w1 registers. The coordinator claims attempt 2.
        6. Worker w1 is told: run attempt 2 from checkpoint 1.
        7. The coordinator triggers a checkpoint.
        8. Source-0 reads the record at offset 0 of partition 0.
        9. Worker w1 is told: take checkpoint 2.
        10. Operator-0 takes the record at offset 0 of partition 0 from source-0.
        11. Operator-0 takes barrier 2 from source-0.
        12. Sink-0 hears the answer to the flush of slot 0. Checkpoint 2 has every acknowledgement; the coordinator writes it. This violates no_duplicate: no input record is committed twice.
    "#]],
    );
}

/// What wrong protocols break in these worlds: the properties can fail here.
#[test]
fn wrong_protocols_are_found_where_kafka_is_late_and_where_less_is_promised() {
    let found = [
        ("late_init", "fenced_means_committed", "no_silent_loss"),
        ("late_init", "drop_lost_transaction", "no_silent_loss"),
        ("late_init_unheard", "fenced_means_committed", "no_silent_loss"),
        ("late_marker", "fenced_means_committed", "no_silent_loss"),
        ("late_marker", "drained_before_commit", "everything_is_visible_at_rest"),
        ("late_marker_log", "acknowledge_before_upload", "no_loss"),
        ("late_marker_log", "commit_on_precommit", "no_duplicate"),
        ("late_records", "commit_on_precommit", "no_duplicate"),
        ("late_records_v2", "commit_on_precommit", "no_duplicate"),
        ("late_records_v2", "abort_all_lingering", "no_foreign_abort"),
        ("late_reopened_log", "trust_describe", "no_duplicate"),
        ("two_recoverers", "acknowledge_before_upload", "no_loss"),
        ("v2_log", "trust_describe", "no_duplicate"),
        ("id_expiry", "list_empty_transaction", "all_or_nothing"),
        ("at_least_once", "ack_before_flush", "no_loss"),
        ("at_least_once", "hold_back_at_barrier", "no_loss"),
        ("no_guarantee", "snapshot_before_drain", "consistent_cut"),
        ("no_guarantee", "restore_older_checkpoint", "restore_is_latest"),
        ("no_guarantee", "commit_offsets_at_barrier", "offsets_follow_checkpoints"),
        ("read_uncommitted", "restore_older_checkpoint", "restore_is_latest"),
    ];
    for (name, mutant, property) in found {
        let mutant = Mutant::from_name(mutant).expect("a mutant of the list");
        let model = JobModel::new(scope(name).expect("a scope of the list"), Some(mutant));
        let report = check_model(&model, 2, None, &mut |_| {});
        assert!(
            report.violated().contains(&property),
            "{mutant} in {name} violates {:?}, {:?}",
            report.violated(),
            report.panic
        );
    }
}

/// What Kafka does late is remembered with all that it depends on, and comes to an end.
#[test]
fn late_steps_are_remembered_exactly_and_do_not_go_round() {
    for name in ["late_init_unheard", "late_reopened", "read_uncommitted", "id_expiry"] {
        let scope = scope(name).expect("a scope of the list");
        let counted = |model: &JobModel| {
            let report = check_model(model, 2, None, &mut |_| {});
            (report.unique_states, report.generated_states, report.depth)
        };
        let model = JobModel::new(scope, None);
        assert_eq!(counted(&model), counted(&model.clone().without_memo()), "{name}");
    }
    for name in ["late_init_unheard", "id_expiry"] {
        assert_acyclic(&JobModel::new(scope(name).expect("a scope of the list"), None));
    }
}
