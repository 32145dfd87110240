//! What the model says: counts of states, verdicts, witnesses, mutants, and that another checker counts the same.
//!
//! Counts are pinned: a count that changes means that core, world or scope changed, and that somebody has to say why
//! (`UPDATE_EXPECT=1` rewrites them).

mod histories;
mod kafka_hazards;
mod process_hazards;
mod shapes;
mod walks;

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeSet, HashMap};
use std::hash::{Hash, Hasher};
use std::time::Duration;

use expect_test::{Expect, expect};
use stateright::{Checker, Model};
use truecut_model::{
    CheckReport, JobModel, Options, PropertyReport, State, Verdict, check, check_model, check_mutant,
    check_mutants, check_whole, properties, scope, scope_of, scopes,
};
use truecut_mutants::{Expected, Mutant};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn run(name: &str) -> CheckReport {
    let options = Options { threads: 2, time_limit: None, mutant: None, progress: &mut |_| {} };
    check(scope(name).expect("a scope of the list"), options)
}

/// Checks that a scope holds, and pins its counts and what it is too small to witness.
pub(crate) fn holds(name: &str, expected: &Expect) {
    let report = run(name);
    assert!(report.panic.is_none(), "{:?}", report.panic);
    for property in &report.properties {
        if let Some(counterexample) = &property.counterexample {
            panic!("{} is violated in {name}:\n{counterexample}", property.name);
        }
    }
    assert!(report.holds());
    let not_witnessed: Vec<_> = report
        .properties
        .iter()
        .filter(|property| !property.witnessed)
        .map(|property| property.name)
        .collect();
    let CheckReport { unique_states, generated_states, depth, .. } = report;
    expected.assert_eq(&format!(
        "{unique_states} unique, {generated_states} generated, depth {depth}, not witnessed: {not_witnessed:?}"
    ));
}

#[test]
fn the_example_holds() {
    holds("example", &expect!["127577 unique, 399278 generated, depth 53, not witnessed: []"]);
}

#[test]
fn the_smoke_scope_holds() {
    holds("smoke", &expect!["62743 unique, 178159 generated, depth 39, not witnessed: []"]);
}

#[test]
fn the_scope_of_pull_requests_holds_and_every_property_is_witnessed() {
    holds("pr", &expect!["418133 unique, 1376215 generated, depth 54, not witnessed: []"]);
}

#[test]
fn a_small_job_holds() {
    holds("small", &expect!["14430 unique, 35061 generated, depth 35, not witnessed: []"]);
}

#[test]
fn two_checkpoints_hold() {
    holds("two_checkpoints", &expect!["302825 unique, 898795 generated, depth 48, not witnessed: []"]);
}

#[test]
fn checkpoints_that_expire_hold() {
    holds("expiry", &expect!["24720 unique, 70463 generated, depth 57, not witnessed: []"]);
}

#[test]
fn two_workers_hold() {
    holds("two_workers", &expect!["194148 unique, 617161 generated, depth 50, not witnessed: []"]);
}

#[test]
fn a_transaction_timeout_is_never_silent() {
    holds("timeout", &expect!["180171 unique, 527657 generated, depth 45, not witnessed: []"]);
}

#[test]
fn what_kafka_aborted_is_written_again_once_by_the_log_sink() {
    holds("log", &expect!["454693 unique, 1189658 generated, depth 64, not witnessed: []"]);
}

#[test]
fn a_log_sink_that_crashes_while_it_writes_again_still_loses_and_repeats_nothing() {
    holds("log_twice", &expect!["4897642 unique, 14174385 generated, depth 83, not witnessed: []"]);
}

#[test]
fn lost_answers_hold() {
    holds("lost_answers", &expect!["227795 unique, 708425 generated, depth 41, not witnessed: []"]);
}

#[test]
fn a_calm_world_holds() {
    holds("calm", &expect!["1569 unique, 3069 generated, depth 34, not witnessed: []"]);
}

#[test]
fn the_world_of_the_safety_matrix_holds_where_nothing_fails() {
    holds("matrix", &expect!["203 unique, 350 generated, depth 23, not witnessed: []"]);
    holds("matrix_two", &expect!["1083 unique, 2580 generated, depth 31, not witnessed: []"]);
}

#[test]
fn records_that_overtake_hold() {
    holds("overtaking", &expect!["2167 unique, 4742 generated, depth 34, not witnessed: []"]);
}

#[test]
fn two_sources_hold() {
    holds("two_sources", &expect!["8015 unique, 21380 generated, depth 29, not witnessed: []"]);
}

#[test]
fn a_slot_that_is_used_again_holds() {
    holds("reused_slot", &expect!["62355 unique, 162019 generated, depth 43, not witnessed: []"]);
}

#[test]
fn a_job_that_accepts_losses_holds() {
    holds("losses_accepted", &expect!["65012 unique, 188265 generated, depth 35, not witnessed: []"]);
}

#[test]
fn an_input_that_ends_holds() {
    holds("bounded", &expect!["18861 unique, 47920 generated, depth 36, not witnessed: []"]);
}

#[test]
fn two_sinks_hold() {
    holds("two_sinks", &expect!["90281 unique, 288968 generated, depth 41, not witnessed: []"]);
}

#[test]
fn a_loss_is_told_in_time() {
    holds("late_loss", &expect!["1563 unique, 3268 generated, depth 31, not witnessed: []"]);
}

#[test]
fn records_that_kafka_refuses_hold() {
    holds("refused_records", &expect!["1284 unique, 2773 generated, depth 36, not witnessed: []"]);
}

#[test]
fn every_mutant_is_killed_by_the_property_that_must_find_it() {
    let options = Options { threads: 2, time_limit: None, mutant: None, progress: &mut |_| {} };
    let mut lines = String::new();
    for report in check_mutants(options) {
        assert_eq!(report.killed_by, Some(report.expected), "{} lives in {}", report.name, report.scope);
        lines += &format!(
            "{} is killed by {} in {} after {} steps\n",
            report.name, report.expected, report.scope, report.steps
        );
    }
    expect![[r#"
        commit_on_precommit is killed by no_duplicate in small after 20 steps
        resume_from_group_offsets is killed by no_duplicate in small after 25 steps
        restart_from_none is killed by no_duplicate in small after 25 steps
        offset_off_by_one is killed by no_duplicate in small after 25 steps
        produce_again is killed by no_duplicate in calm after 11 steps
        skip_alignment is killed by consistent_cut in smoke after 7 steps
        snapshot_after_barrier_release is killed by consistent_cut in smoke after 9 steps
        snapshot_before_drain is killed by consistent_cut in calm after 9 steps
        count_acks is killed by consistent_cut in expiry after 15 steps
        omit_splits_after_restore is killed by consistent_cut in small after 8 steps
        drop_split_on_restore is killed by consistent_cut in small after 8 steps
        ack_before_flush is killed by no_loss in small after 9 steps
        hold_back_at_barrier is killed by no_loss in small after 8 steps
        list_only_own_transaction is killed by no_loss in two_checkpoints after 15 steps
        barrier_overtakes_committable is killed by no_loss in small after 9 steps
        forget_committables_at_end is killed by no_loss in small after 11 steps
        forward_barrier_at_first is killed by no_loss in smoke after 9 steps
        abort_precommitted_on_expiry is killed by no_loss in expiry after 20 steps
        abort_on_close is killed by no_loss in small after 9 steps
        abort_on_recovery is killed by no_loss in small after 12 steps
        drop_committables_on_restore is killed by no_loss in small after 18 steps
        abort_all_lingering is killed by no_foreign_abort in small after 14 steps
        fence_before_claim is killed by no_foreign_abort in small after 6 steps
        fenced_means_committed is killed by no_silent_loss in timeout after 15 steps
        drop_lost_transaction is killed by no_silent_loss in timeout after 15 steps
        report_loss_late is killed by no_silent_loss in late_loss after 18 steps
        swallow_send_error is killed by no_silent_loss in refused_records after 13 steps
        notify_before_store is killed by no_early_visibility in small after 9 steps
        commit_last_early is killed by no_early_visibility in small after 10 steps
        write_during_flush is killed by no_early_visibility in calm after 13 steps
        reuse_producer_epoch is killed by all_or_nothing in two_checkpoints after 20 steps
        recycle_at_precommit is killed by all_or_nothing in calm after 13 steps
        commit_on_cancel is killed by no_zombie_commit in two_workers after 14 steps
        give_up_on_unknown is killed by no_zombie_commit in losses_accepted after 21 steps
        produce_ahead_of_flush is killed by order_per_key in overtaking after 23 steps
        forget_state_on_restore is killed by no_phantom in small after 24 steps
        process_out_of_order is killed by no_phantom in calm after 13 steps
        commit_offsets_at_barrier is killed by offsets_follow_checkpoints in small after 4 steps
        restore_older_checkpoint is killed by restore_is_latest in small after 8 steps
        reassign_splits_on_restore is killed by restore_is_latest in two_sources after 2 steps
        misattribute_committables is killed by restore_is_latest in two_sinks after 12 steps
        roll_back_on_claim is killed by completion_is_monotone in small after 8 steps
        forget_next_id is killed by completion_is_monotone in calm after 6 steps
        assign_split_twice is killed by one_owner_per_split in two_workers after 6 steps
        read_split_of_another is killed by one_owner_per_split in two_sources after 1 steps
        never_abort_lingering is killed by no_stuck_transaction in small after 17 steps
        produce_after_commit is killed by no_stuck_transaction in calm after 17 steps
        only_exact_notification is killed by everything_is_visible_at_rest in expiry after 23 steps
        one_shot_commit is killed by everything_is_visible_at_rest in lost_answers after 14 steps
        drained_before_commit is killed by everything_is_visible_at_rest in small after 12 steps
        end_never_met is killed by everything_is_visible_at_rest in bounded after 19 steps
        list_empty_transaction is killed by everything_is_visible_at_rest in small after 12 steps
        reuse_listed_slot is killed by everything_is_visible_at_rest in reused_slot after 25 steps
        share_ids_between_sinks is killed by everything_is_visible_at_rest in two_sinks after 18 steps
        pool_too_small is killed by everything_is_visible_at_rest in calm after 26 steps
        discard_before_complete is killed by everything_is_visible_at_rest in small after 7 steps
        unknown_means_completed is killed by no_early_visibility in store_fault after 16 steps
        discard_on_unknown is killed by everything_is_visible_at_rest in store_fault after 5 steps
        claim_without_compare is killed by completion_is_monotone in takeover after 7 steps
        read_before_claim is killed by restore_is_latest in takeover after 15 steps
        forget_zombies is killed by no_stuck_transaction in zombie_worker after 29 steps
        commit_all_when_told is killed by no_early_visibility in overlapping after 17 steps
        heartbeat_without_latest is killed by everything_is_visible_at_rest in lost_notification after 17 steps
        ignore_broken_channel is killed by everything_is_visible_at_rest in channel_break after 11 steps
        skip_failed_record is killed by consistent_cut in task_failure after 12 steps
        read_marker_before_fence is killed by no_duplicate in late_init_log after 36 steps
        never_fence_listed is killed by no_duplicate in id_expiry_log after 33 steps
        trust_describe is killed by no_duplicate in id_expiry_log after 20 steps
        recovery_id_per_attempt is killed by no_duplicate in log_twice after 27 steps
        mark_checkpoint_before is killed by no_duplicate in id_expiry_log after 21 steps
        rewrite_unmarked is killed by no_duplicate in two_recoverers after 31 steps
        mark_checkpoint_behind is killed by no_loss in log after 34 steps
        acknowledge_before_upload is killed by no_loss in log after 10 steps
        commit_after_rewrite is killed by order_per_key in log after 32 steps
        forget_protocol is killed by everything_is_visible_at_rest in v2 after 18 steps
    "#]]
    .assert_eq(&lines);
}

/// In the whole of its scope such a mutant violates one property and no other: without that property nobody would find it.
#[test]
fn every_property_alone_kills_a_mutant() {
    let mut alone = BTreeSet::new();
    for mutant in Mutant::all() {
        let Expected::Killed { property, alone: true, scope } = mutant.info().expected else { continue };
        let options = Options { threads: 2, time_limit: None, mutant: None, progress: &mut |_| {} };
        let report = check_whole(*mutant, options);
        assert!(report.complete, "{mutant} in {scope}");
        assert_eq!(report.violated(), [property], "{mutant} in {scope}");
        assert!(report.panic.is_none(), "{mutant} in {scope}: {:?}", report.panic);
        alone.insert(property);
    }
    assert_eq!(alone, properties().iter().map(|property| property.name).collect::<BTreeSet<_>>());
}

/// What is said to be the same as the protocol keeps every property, in a scope where it does what it does.
#[test]
fn equivalent_mutants_violate_nothing() {
    for mutant in Mutant::equivalents() {
        let options = Options { threads: 2, time_limit: None, mutant: None, progress: &mut |_| {} };
        let report = check_whole(*mutant, options);
        assert!(report.complete && report.panic.is_none(), "{mutant}");
        assert!(report.violated().is_empty(), "{mutant} violates {:?}", report.violated());
        let plain = check(
            scope_of(*mutant),
            Options { threads: 2, time_limit: None, mutant: None, progress: &mut |_| {} },
        );
        assert_ne!(report.unique_states, plain.unique_states, "{mutant} does nothing");
    }
}

#[test]
fn another_checker_counts_the_same_states() {
    for name in ["small", "expiry", "smoke"] {
        let checker = JobModel::new(scope(name).unwrap(), None).checker().threads(2).spawn_bfs().join();
        checker.assert_properties();
        let own = run(name);
        assert_eq!(u64::try_from(checker.unique_state_count()).unwrap(), own.unique_states, "{name}");
        assert_eq!(u64::try_from(checker.state_count()).unwrap(), own.generated_states, "{name}");
    }
}

/// Remembered steps are those that the core would take: without memory every count and verdict is the same.
#[test]
fn a_search_without_memo_finds_the_same() {
    let counted = |report: &CheckReport| {
        let properties =
            report.properties.iter().map(|property| (property.name, property.verdict, property.witnessed));
        (report.unique_states, report.generated_states, report.depth, properties.collect::<Vec<_>>())
    };
    for name in ["smoke", "small", "expiry", "two_workers", "timeout", "lost_answers"] {
        let model = JobModel::new(scope(name).unwrap(), None).without_memo();
        let report = check_model(&model, 2, None, &mut |_| {});
        assert_eq!(counted(&report), counted(&run(name)), "{name}");
    }
}

#[test]
fn wrong_protocols_fail_alike_without_memo() {
    for mutant in
        Mutant::all().iter().filter(|mutant| ["small", "expiry"].contains(&&*scope_of(**mutant).name))
    {
        let model = || JobModel::new(scope_of(*mutant), Some(*mutant));
        let violated = |model: &JobModel| {
            let report = check_model(model, 2, None, &mut |_| {});
            let told = |property: &PropertyReport| property.counterexample.as_ref().map(ToString::to_string);
            let panic = report.panic.map(|(said, way)| format!("{said}\n{way}"));
            (report.unique_states, report.properties.iter().map(told).collect::<Vec<_>>(), panic)
        };
        assert_eq!(violated(&model()), violated(&model().without_memo()), "{mutant}");
    }
}

/// The larger part of what a search needs is what it has seen: at most 24 bytes a state.
#[test]
fn what_was_seen_takes_few_bytes() {
    let report = run("pr");
    assert!(report.bytes_per_state() <= 24.0, "{}", report.bytes_per_state());
    assert!(report.cost.computed * 20 < report.generated_states, "{:?}", report.cost);
    assert!(report.omission_odds() < 1e-8);
}

/// Steps that are collapsed are shown to lose nothing where the whole can be seen: with every report a step of its own there
/// are more states, the protocol holds, and mutants do not.
#[test]
fn collapsed_steps_change_no_verdict() {
    let whole =
        JobModel::new(scope("small").unwrap(), None).uncollapsed().checker().threads(2).spawn_bfs().join();
    whole.assert_properties();
    assert!(u64::try_from(whole.unique_state_count()).unwrap() > run("small").unique_states);
    for mutant in
        Mutant::all().iter().filter(|mutant| ["small", "expiry"].contains(&&*scope_of(**mutant).name))
    {
        let whole = JobModel::new(scope_of(*mutant), Some(*mutant)).uncollapsed();
        assert_eq!(whole.checker().threads(2).spawn_bfs().join().discoveries().len(), 1, "{mutant}");
    }
}

#[test]
fn the_readme_names_every_property_mutant_and_scope() {
    let readme = include_str!("../../README.md");
    let names = properties().iter().map(|property| property.name);
    let names = names
        .chain(Mutant::all().iter().chain(Mutant::equivalents()).map(|mutant| mutant.name()))
        .chain(scopes().iter().map(|scope| &*scope.name));
    for name in names {
        assert!(readme.contains(&format!("`{name}`")), "{name}");
    }
    for property in properties() {
        assert!(readme.contains(property.meaning), "{}: {}", property.name, property.meaning);
    }
}

#[test]
fn what_is_found_does_not_depend_on_the_number_of_threads() {
    let found = |threads| {
        let options = Options { threads, time_limit: None, mutant: None, progress: &mut |_| {} };
        check_mutant(Mutant::from_name("list_only_own_transaction").unwrap(), options).counterexample
    };
    assert_eq!(found(1), found(3));
    let counted = |threads| {
        let model = JobModel::new(scope("expiry").unwrap(), None);
        let report = check_model(&model, threads, None, &mut |_| {});
        (report.unique_states, report.generated_states, report.depth)
    };
    assert_eq!(counted(1), counted(3));
}

#[test]
fn a_time_limit_leaves_what_was_not_seen_unknown() {
    let options =
        Options { threads: 2, time_limit: Some(Duration::ZERO), mutant: None, progress: &mut |_| {} };
    let report = check(scope("pr").unwrap(), options);
    assert!(!report.complete && !report.holds());
    assert!(report.properties.iter().all(|property| property.verdict == Verdict::Unknown));
}

/// Liveness is judged in states of rest, which is exact only if no behaviour goes round for ever.
#[test]
fn the_graph_of_states_has_no_cycle() {
    for name in ["small", "expiry", "timeout"] {
        assert_acyclic(&JobModel::new(scope(name).unwrap(), None));
    }
}

pub(crate) fn assert_acyclic(model: &JobModel) {
    let print = |state: &State| {
        let mut hasher = DefaultHasher::new();
        state.hash(&mut hasher);
        hasher.finish()
    };
    let first = model.init_states().remove(0);
    // Whether a state is on the way that is being followed, or done.
    let mut on_way = HashMap::from([(print(&first), true)]);
    let mut way = vec![(print(&first), model.next_states(&first))];
    while let Some((at, next)) = way.last_mut() {
        let Some(state) = next.pop() else {
            on_way.insert(*at, false);
            way.pop();
            continue;
        };
        let to = print(&state);
        match on_way.get(&to) {
            Some(true) => panic!("the graph has a cycle after {} steps", way.len()),
            Some(false) => {}
            None => {
                on_way.insert(to, true);
                way.push((to, model.next_states(&state)));
            }
        }
    }
}

#[test]
fn names_lead_to_scopes() {
    for known in scopes() {
        assert_eq!(scope(&known.name), Some(known));
    }
    assert_eq!(scope("none such"), None);
}

/// The counterexample of a mutant, in plain sentences.
fn tells(mutant: &str, expected: &Expect) {
    let options = Options { threads: 2, time_limit: None, mutant: None, progress: &mut |_| {} };
    let report = check_mutant(Mutant::from_name(mutant).expect("a mutant of the list"), options);
    expected.assert_eq(&report.counterexample.expect("it is killed").to_string());
}

#[test]
fn a_commit_at_pre_commit_repeats_output_after_a_crash() {
    tells(
        "commit_on_precommit",
        &expect![[r#"
            1. Worker w0 is told: run attempt 1 from checkpoint 1.
            2. Source-0 reads the record at offset 0 of partition 0.
            3. Source-0 reads the record at offset 1 of partition 0.
            4. The coordinator is asked to end the job: it triggers the last checkpoint.
            5. Worker w0 is told: take checkpoint 2, the last.
            6. Operator-0 takes the record at offset 0 of partition 0 from source-0.
            7. Operator-0 takes the record at offset 1 of partition 0 from source-0.
            8. Operator-0 takes barrier 2 from source-0.
            9. Sink-0 hears the answer to the flush of slot 0. Checkpoint 2 has every acknowledgement; the coordinator writes it.
            10. Kafka takes the commit of transaction job/1/0/0.
            11. Worker w0 is killed after Kafka took the commit of transaction job/1/0/0 and before it heard the answer.
            12. The coordinator learns that worker w0 is gone; worker w1 registers.
            13. The data of checkpoint 2 is durable. The coordinator claims attempt 2.
            14. Worker w1 is told: run attempt 2 from checkpoint 1.
            15. Source-0 reads the record at offset 0 of partition 0.
            16. Worker w1 is told: take checkpoint 3, the last.
            17. Operator-0 takes the record at offset 0 of partition 0 from source-0.
            18. Operator-0 takes barrier 3 from source-0.
            19. Sink-0 hears the answer to the flush of slot 0. Checkpoint 3 has every acknowledgement; the coordinator writes it.
            20. Kafka takes the commit of transaction job/2/0/0. This violates no_duplicate: no input record is committed twice.
        "#]],
    );
}

#[test]
fn a_commit_that_is_fenced_and_taken_for_done_loses_output_in_silence() {
    tells(
        "fenced_means_committed",
        &expect![[r#"
            1. Worker w0 is told: run attempt 1 from checkpoint 1.
            2. Source-0 reads the record at offset 0 of partition 0.
            3. Source-0 reads the record at offset 1 of partition 0.
            4. The coordinator is asked to end the job: it triggers the last checkpoint.
            5. Worker w0 is told: take checkpoint 2, the last.
            6. Operator-0 takes the record at offset 0 of partition 0 from source-0.
            7. Operator-0 takes the record at offset 1 of partition 0 from source-0.
            8. Operator-0 takes barrier 2 from source-0.
            9. Sink-0 hears the answer to the flush of slot 0. Checkpoint 2 has every acknowledgement; the coordinator writes it.
            10. The data of checkpoint 2 is durable.
            11. The head names checkpoint 2: it is complete.
            12. Worker w0 is told: checkpoint 2 is complete.
            13. Transaction job/1/0/0 times out: Kafka aborts it.
            14. Kafka takes the commit of transaction job/1/0/0.
            15. Sink-0 hears the answer to the commit of transaction job/1/0/0: error 90. The job ends: finished with checkpoint 2. This violates no_silent_loss: when a listed transaction is lost, the job ends with a data-loss error: no later checkpoint passes over it, and the job does not end as finished.
        "#]],
    );
}

#[test]
fn without_alignment_a_checkpoint_holds_what_its_offsets_do_not() {
    tells(
        "skip_alignment",
        &expect![[r#"
            1. Worker w0 is told: run attempt 1 from checkpoint 1.
            2. The coordinator triggers a checkpoint.
            3. Source-0 reads the record at offset 0 of partition 0.
            4. Worker w0 is told: take checkpoint 2.
            5. Operator-0 takes barrier 2 from source-1. Checkpoint 2 has every acknowledgement; the coordinator writes it.
            6. The data of checkpoint 2 is durable.
            7. The head names checkpoint 2: it is complete. This violates consistent_cut: a completed checkpoint is a cut: its operator state folds exactly the input before its offsets, each record once, and each split is in it once.
        "#]],
    );
}
