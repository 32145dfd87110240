//! Each oracle that judges by Kafka's log or by the journal: what it must find, what it must not, and that nothing spoilt passes.

use proptest::prelude::*;

use super::class::{CLASSES, Class};
use super::findings::Findings;
use super::journal::{Journal, Step};
use super::testing::Run;
use super::world::{World, example};
use crate::chaos::kafka_log::{LoggedState, What};
use crate::verdict::Verdict;

fn verdict(findings: &Findings, class: Class) -> Verdict {
    findings.oracles.iter().find(|judged| judged.class == class).unwrap().verdict
}

fn text(world: &World, class: Class) -> String {
    let findings = world.judge();
    let anomaly = findings.anomalies.iter().find(|anomaly| anomaly.class == class);
    anomaly.map(|anomaly| anomaly.example.text.clone()).unwrap_or_default()
}

#[test]
fn a_good_run_with_a_crash_holds_for_every_oracle() {
    let findings = example().judge();
    assert!(findings.is_clean(), "{findings:?}");
    for judged in &findings.oracles {
        assert_eq!(judged.verdict, Verdict::Holds, "{judged:?}");
        assert!(judged.looked_at > 0, "{judged:?}");
    }
    assert_eq!(findings.oracles.len(), CLASSES.len());
}

#[test]
fn without_log_and_journal_their_oracles_do_not_know_and_the_others_hold() {
    let mut oracle = Run::of_inputs(&[(0, "a")]).processed().oracle();
    oracle.run(super::RunEvidence::default());
    let findings = oracle.finish(super::Drain::Complete);
    for info in &CLASSES {
        let known = info.needs == super::Needs::Output;
        assert_eq!(verdict(&findings, info.class) == Verdict::Holds, known, "{}", info.name);
        assert_eq!(verdict(&findings, info.class) == Verdict::Unknown, !known, "{}", info.name);
    }
}

#[test]
fn a_subject_that_tells_nothing_leaves_what_the_log_shows() {
    let mut world = example();
    world.journal = Journal::default();
    let findings = world.judge();
    assert!(findings.is_clean());
    assert_eq!(verdict(&findings, Class::AbortedRead), Verdict::Holds);
    assert_eq!(verdict(&findings, Class::EarlyVisible), Verdict::Unknown);
}

#[test]
fn a_visible_record_of_an_aborted_transaction_is_an_aborted_read() {
    let mut world = example();
    world.read = Some(world.rows.clone());
    let commit = world.rows_of(What::Commit)[0];
    world.rows[commit].what = What::Abort;
    assert!(world.found().contains(&Class::AbortedRead));
    assert!(text(&world, Class::AbortedRead).contains("was aborted by the marker"));
    world.rows.remove(commit);
    assert!(text(&world, Class::AbortedRead).contains("has no marker"));
}

#[test]
fn an_aborted_transaction_that_nobody_sees_is_no_aborted_read() {
    let world = example();
    assert!(!world.rows_of(What::Abort).is_empty());
    assert!(!world.found().contains(&Class::AbortedRead));
}

#[test]
fn a_transaction_committed_in_one_partition_and_aborted_in_another_is_torn_however_the_job_ended() {
    let mut world = example();
    let commits = world.rows_of(What::Commit);
    let (one, other) = (commits[commits.len() - 3], commits[commits.len() - 2]);
    assert_eq!(world.rows[one].producer, world.rows[other].producer);
    assert_ne!(world.rows[one].partition, world.rows[other].partition);
    world.rows[other].what = What::Abort;
    for in_good_order in [true, false] {
        world.in_good_order = in_good_order;
        assert!(text(&world, Class::TornCheckpoint).contains("of which 1 are visible"));
    }
}

#[test]
fn a_transaction_that_is_aborted_as_a_whole_tears_its_checkpoint_if_the_job_says_that_all_is_well() {
    let mut world = example();
    let commit = *world.rows_of(What::Commit).last().unwrap();
    world.rows[commit].what = What::Abort;
    assert!(world.found().contains(&Class::TornCheckpoint));
}

#[test]
fn what_is_still_open_is_not_torn_and_what_was_lost_and_told_is_not_either() {
    let mut world = example();
    let commit = *world.rows_of(What::Commit).last().unwrap();
    world.in_good_order = false;
    world.rows.remove(commit);
    let findings = world.judge_with(super::Drain::Incomplete);
    assert!(!findings.counts.contains_key(&Class::TornCheckpoint), "{findings:?}");
    let mut lost = example();
    lost.in_good_order = false;
    let producer = lost.rows[*lost.rows_of(What::Commit).last().unwrap()].producer;
    for row in lost.rows.iter_mut().filter(|row| row.producer == producer && row.what == What::Commit) {
        row.what = What::Abort;
    }
    let findings = lost.judge_with(super::Drain::Incomplete);
    assert!(!findings.counts.contains_key(&Class::TornCheckpoint), "{findings:?}");
}

#[test]
fn a_part_that_was_aborted_and_written_again_is_whole() {
    let mut world = example();
    let end = *world.rows_of(What::Commit).last().unwrap();
    let old = world.rows[end].producer;
    let again: Vec<_> = world.rows.iter().filter(|row| row.producer == old).cloned().collect();
    for row in world.rows.iter_mut().filter(|row| row.producer == old && row.what == What::Commit) {
        row.what = What::Abort;
    }
    for mut row in again {
        row.producer.producer_id = 9_999;
        world.rows.push(row);
    }
    let mut commit =
        *world.journal.commits.iter().find(|one| one.listed.producer_id == old.producer_id).unwrap();
    commit.listed.producer_id = 9_999;
    commit.rewritten = true;
    commit.at_us += 1_000;
    world.journal.commits.push(commit);
    assert_eq!(world.found(), []);
}

#[test]
fn a_commit_asked_for_before_its_checkpoint_is_complete_is_early() {
    let mut world = example();
    let known = world.journal.heads.last().unwrap().known_us;
    let commit = world.journal.commits.last_mut().unwrap();
    commit.at_us = known - 1;
    assert!(world.found().contains(&Class::EarlyVisible));
    assert!(text(&world, Class::EarlyVisible).contains("was asked for 1 µs before checkpoint"));
    world.journal.commits.last_mut().unwrap().at_us = known;
    assert_eq!(world.found(), [], "at the same moment is not before");
}

#[test]
fn a_transaction_that_only_a_failed_checkpoint_lists_must_not_be_visible() {
    let mut world = example();
    let last = world.journal.heads.pop().unwrap();
    assert_eq!(last.latest.unwrap().1, 4);
    assert!(world.found().contains(&Class::EarlyVisible));
    // The next completed one lists it, too: then it may be.
    let mut next = world.journal.checkpoints.last().unwrap().clone();
    next.name.1 = 5;
    world.journal.checkpoints.push(next);
    world.journal.heads.push(super::journal::Head { latest: Some((2, 5)), ..last });
    assert!(!world.found().contains(&Class::EarlyVisible));
}

#[test]
fn what_an_attempt_writes_after_the_next_one_was_claimed_is_a_zombies_if_it_becomes_visible() {
    let mut world = example();
    let claimed = world.journal.heads.iter().find(|head| head.attempt == 2).unwrap().known_ms;
    let abort = world.rows_of(What::Abort)[0];
    let producer = world.rows[abort].producer.producer_id;
    for row in world.rows.iter_mut().filter(|row| row.producer.producer_id == producer) {
        row.at_ms = claimed + 5;
        if row.what == What::Abort {
            row.what = What::Commit;
        }
    }
    assert!(world.found().contains(&Class::ZombieWrite));
    assert!(text(&world, Class::ZombieWrite).contains("attempt 1 wrote it 5 ms after attempt 2 was claimed"));
    for row in world.rows.iter_mut().filter(|row| row.producer.producer_id == producer) {
        row.at_ms = claimed;
    }
    let found = world.found();
    assert!(found.contains(&Class::EarlyVisible) && !found.contains(&Class::ZombieWrite), "{found:?}");
}

#[test]
fn a_late_commit_of_what_is_listed_is_no_zombies() {
    let mut world = example();
    for row in &mut world.rows {
        row.at_ms += 1_000_000;
    }
    assert_eq!(world.found(), []);
}

#[test]
fn two_values_at_one_offset_are_inconsistent() {
    let mut world = example();
    let mut read = world.rows.clone();
    let row = read.iter().position(|row| row.what == What::Records).unwrap();
    read[row].outputs[0].digest ^= 1;
    world.read = Some(read);
    assert!(world.found().contains(&Class::InconsistentOffset));
    assert!(text(&world, Class::InconsistentOffset).contains("has another one there"));
}

#[test]
fn a_reading_that_ends_early_is_not_inconsistent_and_one_that_passes_a_record_by_is() {
    let mut world = example();
    let mut read = world.rows.clone();
    let last = *world.rows_of(What::Commit).last().unwrap();
    read.truncate(last);
    world.read = Some(read.clone());
    assert!(!world.found().contains(&Class::InconsistentOffset));
    let first = world.rows_of(What::Commit)[0];
    let mut read = world.rows.clone();
    read[first].what = What::Abort;
    world.read = Some(read);
    assert!(text(&world, Class::InconsistentOffset).contains("and goes on after it"));
}

#[test]
fn each_way_to_skip_input_is_told() {
    type Spoil = fn(&mut World);
    let at = |world: &World, wanted: fn(&Step) -> bool, nth: usize| {
        let reads = world.journal.reads.iter().enumerate();
        reads.filter(|(_, read)| wanted(&read.step)).nth(nth).map(|(at, _)| at).unwrap()
    };
    let records = at(&example(), |step| matches!(step, Step::Records { first: 1, .. }), 0);
    let begin = at(&example(), |step| matches!(step, Step::Begin(_)), 2);
    assert_eq!((records, begin), (4, 10), "the spoils below name them");
    let cases: [(Spoil, &str); 5] = [
        (|w| w.journal.reads.retain(|read| read.step != Step::Records { first: 1, last: 1 }), "but was at"),
        (|w| w.journal.reads[4].step = Step::Records { first: 0, last: 1 }, "took 0 again"),
        (|w| w.journal.reads[10].step = Step::Begin(0), "began to read at 0, but restores"),
        (|w| w.journal.restores[1].offsets[0].1 += 1, "but was given"),
        (|w| w.journal.checkpoints[1].offsets[0].1 += 1, "which was written with"),
    ];
    for (spoil, why) in cases {
        let mut world = example();
        spoil(&mut world);
        let findings = world.judge();
        let texts: Vec<_> = findings.anomalies.iter().map(|anomaly| anomaly.example.text.clone()).collect();
        assert!(findings.counts.contains_key(&Class::SkippedInput), "{why}: {texts:?}");
        assert!(texts.iter().any(|text| text.contains(why)), "{why}: {texts:?}");
    }
}

#[test]
fn a_hole_in_the_offsets_of_the_input_is_no_gap() {
    let mut world = example();
    world.inputs.retain(|input| (input.at.partition, input.at.offset) != (0, 1));
    world
        .journal
        .reads
        .retain(|read| read.step != Step::Records { first: 1, last: 1 } || read.partition != 0);
    let text = text(&world, Class::SkippedInput);
    assert!(!text.contains("left out"), "{text}");
}

#[test]
fn a_deployment_that_was_cut_short_is_no_skipped_input_unless_the_attempt_went_on() {
    let mut world = example();
    let mut short = world.journal.restores[1].clone();
    short.attempt = 3;
    short.offsets.pop();
    world.journal.restores.push(short);
    assert_eq!(world.found(), []);
    world.journal.restores.last_mut().unwrap().attempt = 2;
    assert_eq!(world.found(), [Class::SkippedInput]);
    let twice = world.journal.restores.last_mut().unwrap();
    (twice.attempt, twice.offsets) = (3, vec![twice.offsets[0], twice.offsets[0]]);
    assert_eq!(world.found(), [Class::SkippedInput], "one partition has two owners");
}

#[test]
fn a_completed_checkpoint_that_nobody_describes_makes_the_journal_a_gap_and_no_violation() {
    let mut world = example();
    world.journal.checkpoints.remove(1);
    let findings = world.judge();
    assert!(findings.is_clean(), "{findings:?}");
    assert_eq!(verdict(&findings, Class::EarlyVisible), Verdict::Unknown);
    assert_eq!(verdict(&findings, Class::AbortedRead), Verdict::Holds);
}

#[test]
fn offsets_that_do_not_fit_the_outputs_are_an_inconsistent_cut() {
    let mut ahead = example();
    let cut = ahead.journal.checkpoints.iter().position(|one| one.name.1 == 3).unwrap();
    ahead.journal.checkpoints[cut].offsets[0].1 += 1;
    assert!(text(&ahead, Class::InconsistentCut).contains("the completed checkpoint before 4 ends after it"));
    let mut behind = example();
    behind.journal.checkpoints[cut].offsets[0].1 -= 1;
    assert!(text(&behind, Class::InconsistentCut).contains("checkpoint 3 ends before it"));
    let mut twice = example();
    let again = twice.journal.checkpoints[cut].offsets[0];
    twice.journal.checkpoints[cut].offsets.push(again);
    assert!(text(&twice, Class::InconsistentCut).contains("has partition 0 twice"));
}

#[test]
fn a_checkpoint_that_failed_may_have_any_offsets() {
    let mut world = example();
    let mut failed = world.journal.checkpoints[2].clone();
    failed.name = (1, 3);
    failed.offsets = vec![(0, 77)];
    world.journal.checkpoints.push(failed);
    assert_eq!(world.found(), []);
}

#[test]
fn a_transaction_without_an_end_is_stuck_unless_the_job_failed() {
    let mut world = example();
    let commit = *world.rows_of(What::Commit).last().unwrap();
    let producer = world.rows.remove(commit).producer;
    assert!(world.found().contains(&Class::StuckTransaction));
    for (state, is_kafkas) in [(LoggedState::CompleteCommit, true), (LoggedState::PrepareCommit, false)] {
        let logged = world.states.last_mut().unwrap().logged.as_mut().unwrap();
        (logged.producer_id, logged.producer_epoch, logged.state) =
            (producer.producer_id, producer.producer_epoch, state);
        assert_eq!(text(&world, Class::StuckTransaction).contains("KAFKA-20734"), is_kafkas);
    }
    world.in_good_order = false;
    let findings = world.judge();
    assert_eq!(verdict(&findings, Class::StuckTransaction), Verdict::Unknown);
    let mut ongoing = example();
    ongoing.states.last_mut().unwrap().logged.as_mut().unwrap().state = LoggedState::Ongoing;
    assert_eq!(ongoing.found(), [Class::StuckTransaction]);
    let mut once = example();
    once.states[0].logged.as_mut().unwrap().state = LoggedState::Ongoing;
    once.states[1].transactional_id = once.states[0].transactional_id.clone();
    assert_eq!(once.found(), [], "what was open once may be closed since");
}

#[test]
fn a_completion_without_an_acknowledgement_is_a_regression_but_the_first_checkpoint_has_none() {
    let mut world = example();
    world.journal.checkpoints[0].unacknowledged = vec!["source-0".into()];
    assert_eq!(world.found(), []);
    world.journal.checkpoints[2].unacknowledged = vec!["sink-1".into()];
    assert_eq!(world.found(), [Class::CheckpointRegression]);
}

#[test]
fn restoring_what_was_not_the_latest_is_a_regression_and_a_second_reader_of_a_partition_is_told() {
    let mut older = example();
    older.journal.restores[1].checkpoint = (1, 1);
    older.journal.restores[1].offsets = older.journal.checkpoints[0].offsets.clone();
    assert!(
        text(&older, Class::CheckpointRegression)
            .contains("attempt 2 restores checkpoint 1, but checkpoint 2")
    );
    let mut second = example();
    let begin = second.journal.reads[10];
    second.journal.reads.push(super::journal::Read { reader: 99, ..begin });
    assert!(text(&second, Class::SkippedInput).contains("is the second one of that attempt"));
}

#[test]
fn writes_in_a_cycle_are_told_and_do_not_count() {
    // Two sinks write to one partition, one of them before and after the other.
    let mut world = World::of(Run::of_inputs(&[(0, "h"), (0, "a"), (0, "h")]).processed(), 3, None);
    let cycles = |world: &World| {
        let findings = world.judge();
        assert!(findings.is_clean(), "{findings:?}");
        let judged = findings.oracles.iter().find(|judged| judged.class == Class::WriteCycles).unwrap();
        assert_eq!(judged.verdict, Verdict::Holds);
        judged.found
    };
    assert_eq!((cycles(&world), world.rows_of(What::Records)), (0, vec![0, 1]));
    let mut after = world.rows[0].clone();
    after.outputs = world.rows[0].outputs.split_off(1);
    world.rows.insert(2, after);
    assert_eq!(cycles(&world), 2);
}

/// What may be done to a good run. Each must be found by at least one oracle.
#[derive(Clone, Copy, Debug)]
enum Spoil {
    DropRecord,
    RepeatRecord,
    ChangeRecord,
    ChangeReading,
    FlipMarker,
    FlipMarkerBehindTheReader,
    RemoveMarker,
    RemoveMarkerBehindTheReader,
    SwapHeads,
    RepeatCompletion,
    MoveOffset,
    MoveSnapshot,
    AskEarly,
    CountListed,
    ForgetRead,
}

const SPOILS: [Spoil; 15] = [
    Spoil::DropRecord,
    Spoil::RepeatRecord,
    Spoil::ChangeRecord,
    Spoil::ChangeReading,
    Spoil::FlipMarker,
    Spoil::FlipMarkerBehindTheReader,
    Spoil::RemoveMarker,
    Spoil::RemoveMarkerBehindTheReader,
    Spoil::SwapHeads,
    Spoil::RepeatCompletion,
    Spoil::MoveOffset,
    Spoil::MoveSnapshot,
    Spoil::AskEarly,
    Spoil::CountListed,
    Spoil::ForgetRead,
];

fn spoil(world: &mut World, how: Spoil, one: prop::sample::Index) {
    // Records that are aborted tell nobody anything.
    let commits = world.rows_of(What::Commit);
    let producers: Vec<_> = commits.iter().map(|at| world.rows[*at].producer).collect();
    let data: Vec<_> = world.rows_of(What::Records);
    let data: Vec<_> = data.into_iter().filter(|at| producers.contains(&world.rows[*at].producer)).collect();
    let row = data[one.index(data.len())];
    let commit = commits[one.index(commits.len())];
    let journal = &mut world.journal;
    match how {
        Spoil::DropRecord => drop(world.rows[row].outputs.pop()),
        Spoil::RepeatRecord => {
            let again = world.rows[row].outputs[0].clone();
            world.rows[row].outputs.push(again);
        }
        Spoil::ChangeRecord => world.rows[row].outputs[0].digest ^= 1,
        Spoil::ChangeReading => {
            let mut read = world.rows.clone();
            read[row].outputs[0].count += 1;
            world.read = Some(read);
        }
        Spoil::FlipMarker => world.rows[commit].what = What::Abort,
        Spoil::FlipMarkerBehindTheReader => {
            world.read = Some(world.rows.clone());
            world.rows[commit].what = What::Abort;
        }
        Spoil::RemoveMarker => drop(world.rows.remove(commit)),
        Spoil::RemoveMarkerBehindTheReader => {
            world.read = Some(world.rows.clone());
            world.rows.remove(commit);
        }
        Spoil::SwapHeads => {
            let at = 1 + one.index(journal.heads.len() - 2);
            let (before, after) = (journal.heads[at].clone(), journal.heads[at + 1].clone());
            journal.heads[at] = super::journal::Head { version: before.version, ..after };
            journal.heads[at + 1] = super::journal::Head { version: before.version + 1, ..before };
        }
        Spoil::RepeatCompletion => {
            let mut again = journal.heads.last().unwrap().clone();
            again.version += 1;
            again.attempt += 1;
            again.latest = again.latest.map(|(_, id)| (again.attempt, id));
            journal.heads.push(again);
        }
        Spoil::MoveOffset => {
            let at = one.index(journal.checkpoints.len());
            journal.checkpoints[at].offsets[0].1 += 1;
        }
        Spoil::MoveSnapshot => {
            let of_snapshot = |step: &Step| matches!(step, Step::Snapshot { .. });
            let all: Vec<_> =
                (0..journal.reads.len()).filter(|at| of_snapshot(&journal.reads[*at].step)).collect();
            if let Step::Snapshot { next, .. } = &mut journal.reads[all[one.index(all.len())]].step {
                *next += 1;
            }
        }
        Spoil::AskEarly => {
            let at = one.index(journal.commits.len());
            journal.commits[at].at_us = 0;
        }
        Spoil::CountListed => {
            let all: Vec<_> = (1..journal.checkpoints.len()).collect();
            journal.checkpoints[all[one.index(all.len())]].listed[0].records += 1;
        }
        Spoil::ForgetRead => {
            let taken = |step: &Step| matches!(step, Step::Records { .. });
            // Of a crashed attempt what it did last is not missed.
            let last = journal.reads.last().unwrap().attempt;
            let all: Vec<_> = (0..journal.reads.len())
                .filter(|at| taken(&journal.reads[*at].step) && journal.reads[*at].attempt == last)
                .collect();
            let _ = journal.reads.remove(all[one.index(all.len())]);
        }
    }
}

fn good() -> impl Strategy<Value = World> {
    let keys = ["a", "b", "c", "h"];
    let rows = prop::collection::vec((0..3_i32, 0..keys.len()), 4..40);
    (rows, 1..7_usize, prop::option::of(0..4_usize)).prop_map(move |(rows, every, crash)| {
        let rows: Vec<_> = rows.into_iter().map(|(partition, key)| (partition, keys[key])).collect();
        World::of(Run::of_inputs(&rows).processed(), every, crash)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn every_good_run_is_clean_and_every_oracle_says_so(world in good()) {
        let findings = world.judge();
        prop_assert!(findings.is_clean(), "{findings:?}");
        prop_assert!(findings.oracles.iter().all(|judged| judged.verdict == Verdict::Holds), "{findings:?}");
    }

    #[test]
    fn every_spoilt_run_is_found(world in good(), how in prop::sample::select(&SPOILS[..]), one in any::<prop::sample::Index>()) {
        let mut spoilt = world;
        spoil(&mut spoilt, how, one);
        let findings = spoilt.judge();
        prop_assert!(!findings.is_clean(), "{how:?} passes: {spoilt:?}");
    }
}
