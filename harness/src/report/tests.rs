//! Renders runs made up for the purpose: one that holds, one violated, one unknown. To look at the pages, name a directory
//! in `TRUECUT_REPORT_TEST_DIR`.

use std::path::Path;

use super::*;
use crate::history::{self, Entry, Event, History, KillAt, Summary};
use crate::oracle::{Anomaly, Class, Coordinates, Example, Findings};
use crate::verdict::{Evidence, Kafka, Setting, Thresholds, Traces, VERDICT_FILE, conclude};

const KILLS: [(u64, u32, &str); 9] = [
    (4_120, 1, "random"),
    (8_460, 0, "sink.flush.answered"),
    (13_010, 2, "sink.end_txn.unanswered"),
    (17_700, 1, "random"),
    (18_150, 2, "source.snapshot.before"),
    (24_300, 0, "coordinator.notify.before"),
    (29_900, 2, "sink.end_txn.unanswered"),
    (33_000, 1, "operator.upload.unanswered"),
    (38_800, 0, "random"),
];

/// A run of 45 s with three workers: kills, recoveries of different lengths, checkpoints each 100 ms.
fn events() -> Vec<Entry> {
    let mut entries = vec![(0, Event::RunStarted { seed: 42 })];
    for worker in 0..3 {
        entries.push((20 + u64::from(worker), Event::WorkerStarted { worker, pid: 100 + worker }));
    }
    entries.push((150, Event::Attempt { attempt: 1 }));
    entries.push((400, Event::JobRunning { attempt: 1 }));
    let mut down_until = 400;
    let mut outages = Vec::new();
    for (number, &(t_ms, worker, at)) in KILLS.iter().enumerate() {
        let ordinal = u64::try_from(number).unwrap() + 1;
        let pid = KILLS[..number].iter().rposition(|kill| kill.1 == worker);
        let pid = pid.map_or(100 + worker, |kill| 200 + u32::try_from(kill).unwrap());
        entries.push((
            t_ms,
            Event::Kill {
                ordinal,
                who: crate::history::Who::Worker,
                worker,
                pid,
                at: KillAt::from(at.to_owned()),
                confirmed: true,
            },
        ));
        entries.push((t_ms + 4, Event::WorkerExited { worker, pid, status: "signal 9".into() }));
        let (detect, restore) = (12 + 31 * (ordinal % 3), 60 + 45 * (ordinal % 4));
        let restarted = Event::WorkerStarted { worker, pid: 200 + u32::try_from(number).unwrap() };
        entries.push((t_ms + detect + 30, restarted));
        entries.push((t_ms + detect, Event::Attempt { attempt: ordinal + 1 }));
        entries.push((t_ms + detect + restore, Event::JobRunning { attempt: ordinal + 1 }));
        outages.push(t_ms..t_ms + detect + restore);
        down_until = t_ms + detect + restore;
    }
    assert!(down_until < 45_000);
    let attempt_at = |t: u64| 1 + u64::try_from(KILLS.iter().filter(|kill| kill.0 <= t).count()).unwrap();
    for id in 1..440 {
        let t_ms = 400 + id * 100;
        let attempt = attempt_at(t_ms);
        entries.push(match outages.iter().any(|outage| outage.contains(&t_ms)) {
            true => (t_ms, Event::CheckpointAborted { attempt, id, reason: "attempt cancelled".into() }),
            false => (t_ms, Event::CheckpointCompleted { attempt, id }),
        });
    }
    let (mut fed, mut visible) = (0, 0);
    for t_ms in (50..44_800).step_by(50) {
        fed = (fed + 1_250 + (t_ms * 7 % 400)).min(1_000_000);
        entries.push((t_ms, Event::Fed { records_total: fed }));
        let running = t_ms > 600 && !outages.iter().any(|outage| outage.contains(&t_ms));
        if running && t_ms % 100 == 0 {
            visible = (visible + 2_300 + (t_ms * 13 % 1_900)).min(fed);
        }
        entries.push((t_ms, Event::Visible { records_total: visible }));
    }
    entries.push((44_900, Event::Drained));
    entries.sort_by_key(|entry| entry.0);
    entries.into_iter().map(|(t_ms, event)| Entry { t_ms, event }).collect()
}

/// Writes a run directory as a chaos run does and renders its page.
fn rendered(name: &str, entries: Vec<Entry>, findings: &Findings, mutant: Option<&str>) -> String {
    let folder = tempfile::tempdir().unwrap();
    let kept = std::env::var("TRUECUT_REPORT_TEST_DIR").ok().map(|kept| Path::new(&kept).join(name));
    let directory = kept.as_deref().unwrap_or(folder.path());
    std::fs::create_dir_all(directory.join("traces")).unwrap();
    let lines: Vec<String> =
        entries.iter().map(|entry| serde_json::to_string(entry).unwrap() + "\n").collect();
    std::fs::write(directory.join(history::FILE_NAME), lines.concat()).unwrap();
    std::fs::write(directory.join("worker 0.log"), "started").unwrap();

    let history = History { entries, torn: false };
    let evidence = Evidence {
        findings,
        summary: &Summary::of(&history),
        recoveries: &history::recoveries(&history),
        traces: &Traces {
            events: 1_284_310,
            verdict: Verdict::Holds,
            reasons: vec![],
            ..Traces::not_replayed("it was")
        },
        ends_with: None,
    };
    let setting = Setting {
        seconds: 61.4,
        seed: 42,
        kafka: Kafka { kind: "container".into(), version: "4.3.0".into() },
        mutant: mutant.map(str::to_owned),
        kills_planned: 9,
        plan: "drawn".into(),
        replay: "truecut replay truecut-runs/2026-01-01T12-00-00-seed-42".into(),
        run_directory: "truecut-runs/2026-01-01T12-00-00-seed-42".into(),
    };
    let thresholds = Thresholds { kills_min: 9, ..Thresholds::default() };
    let document = conclude(setting, &evidence, thresholds);
    std::fs::write(directory.join(VERDICT_FILE), serde_json::to_string_pretty(&document).unwrap()).unwrap();
    let page = std::fs::read_to_string(write(directory).unwrap()).unwrap();
    assert_eq!(page, render(directory).unwrap(), "a page does not depend on an older page beside it");
    page
}

fn clean() -> Findings {
    Findings { records_in: 1_000_000, records_out: 1_000_000, keys: 65_263, ..Findings::default() }
}

fn spoilt() -> Findings {
    let anomaly = |class, text: &str, offset| Anomaly {
        class,
        example: Example {
            text: text.into(),
            key: Some("1<7".into()),
            input: Some(Coordinates { partition: 2, offset }),
            output: Some(Coordinates { partition: 1, offset: offset + 41 }),
            against: (class != Class::Lost).then_some(Coordinates { partition: 1, offset: offset + 3 }),
        },
    };
    let seen_twice = "input 2@117 of key 1<7 is visible twice: in output 1@120 as number 3 and in output 1@158 as number 3";
    let gap = "output 1@159 is number 9 of key 1<7 (input 2@118) and leaves a gap after output 1@121, which is number 4";
    Findings {
        counts: [(Class::Duplicate, 312), (Class::Sequence, 1)].into(),
        anomalies: vec![
            anomaly(Class::Duplicate, seen_twice, 117),
            anomaly(Class::Duplicate, seen_twice, 118),
            anomaly(Class::Sequence, gap, 118),
        ],
        ..clean()
    }
}

#[test]
fn a_run_that_holds_says_so_first_and_shows_every_kill() {
    let page = rendered("holds", events(), &clean(), None);
    assert!(page.contains("<title>truecut: holds, seed 42</title>"));
    assert!(page.contains("Each of 1,000,000 input records is in the committed output exactly once"));
    assert!(!page.contains("class=\"reasons\"") && !page.contains("class=\"anomaly\""));
    let wide_and_narrow = 2;
    assert_eq!(page.matches("<g class=\"kill\">").count(), wide_and_narrow * KILLS.len());
    assert_eq!(page.matches("class=\"who\"").count(), KILLS.len());
    assert!(page.contains("<code>sink.end_txn.unanswered</code></td><td class=\"n\">2<"));
    assert!(page.contains("truecut replay truecut-runs/2026-01-01T12-00-00-seed-42"));
    assert!(page.contains("truecut analyze truecut-runs/2026-01-01T12-00-00-seed-42"));
    assert!(page.contains("href=\"./worker%200.log\"") && page.contains("href=\"./traces/\""));
}

#[test]
fn a_violated_run_shows_the_offending_records_with_their_coordinates() {
    let page = rendered("violated", events(), &spoilt(), Some("commit_on_precommit"));
    assert!(page.contains("<body class=\"violated\">") && page.contains("313 findings"));
    assert!(page.contains("duplicate: 312 records against no_duplicate."));
    assert!(page.contains("<code>commit_on_precommit</code>"));
    assert!(page.contains("key <b>1&lt;7</b>") && !page.contains("1<7"));
    assert!(page.contains("<span>against output <b>1@120</b></span>"));
    assert!(page.contains("<span>2 of 312</span>"));
}

#[test]
fn a_run_that_saw_too_little_says_that_it_is_no_pass() {
    let early = events().into_iter().take_while(|entry| entry.t_ms < 4_300);
    let unconfirmed = early.map(|mut entry| {
        if let Event::Kill { confirmed, .. } = &mut entry.event {
            *confirmed = false;
        }
        entry
    });
    let few = Findings { records_in: 900, records_out: 850, keys: 70, pending: 50, ..Findings::default() };
    let page = rendered("unknown", unconfirmed.collect(), &few, None);
    assert!(page.contains("This is not a pass."));
    assert!(page.contains("too few input records: 900, at least 10000 are needed"));
    assert!(page.contains("1 kill was not confirmed"));
    assert!(page.contains("class=\"kill unconfirmed\""));
    assert!(page.contains("nobody was confirmed killed"));
}

#[test]
fn an_empty_history_still_gives_a_page() {
    let page = rendered("empty", vec![], &Findings::default(), None);
    assert!(
        page.contains("Nobody was killed.") && page.contains("No sample of the visible output was taken.")
    );
    assert!(!page.contains("NaN") && !page.contains("inf"));
}

#[test]
fn a_page_needs_nothing_but_itself() {
    let page = rendered("alone", events(), &clean(), None);
    let outside = page.replace("http://www.w3.org/2000/svg", "");
    for foreign in ["<script", " src=", "http://", "https://", "@import", "url("] {
        assert!(!outside.contains(foreign), "{foreign}");
    }
    assert!(page.len() < 600_000, "{} bytes", page.len());
}

/// An hour: a kill every two seconds, a checkpoint every 200 ms, a broker that fails every ten seconds, samples every 50 ms.
fn long_run() -> Vec<Entry> {
    let mut entries = vec![(0, Event::RunStarted { seed: 42 })];
    entries.extend((0..8).map(|worker| (10, Event::WorkerStarted { worker, pid: worker })));
    for ordinal in 1..=1_800_u32 {
        let (t_ms, worker) = (u64::from(ordinal) * 2_000 - 1_000, ordinal % 8);
        let pid = ordinal.saturating_sub(8) * u32::from(ordinal > 8) + worker * u32::from(ordinal <= 8);
        let (who, at) = (history::Who::Worker, KillAt::from("flush.unanswered".to_owned()));
        let kill = Event::Kill { ordinal: ordinal.into(), who, worker, pid, at, confirmed: true };
        entries.push((t_ms, kill));
        entries.push((t_ms + 10, Event::WorkerStarted { worker, pid: ordinal }));
        entries.push((t_ms + 20, Event::Attempt { attempt: u64::from(ordinal) + 1 }));
        entries.push((t_ms + 80, Event::JobRunning { attempt: u64::from(ordinal) + 1 }));
    }
    for step in 1..=360_u32 {
        let (t_ms, fault) = (u64::from(step) * 10_000 - 5_000, "broker_kill".to_owned());
        for (after, phase) in [(0, history::Phase::Struck), (4_000, history::Phase::Healed)] {
            let text = "broker 1 is killed or serves again".to_owned();
            entries.push((t_ms + after, Event::Fault { step, fault: fault.clone(), phase, text }));
        }
    }
    for id in 1..18_000 {
        entries.push((id * 200, Event::CheckpointTriggered { attempt: 1, id }));
        entries.push((id * 200 + 20, Event::CheckpointCompleted { attempt: 1, id }));
    }
    for t_ms in (50..3_600_000).step_by(50) {
        entries.push((t_ms, Event::Fed { records_total: t_ms * 20 }));
        entries.push((t_ms, Event::Visible { records_total: t_ms * 19 + t_ms % 700 }));
        let (high_watermark_total, last_stable_total) = (t_ms * 20, t_ms * 20 - t_ms % 5_000);
        entries.push((t_ms, Event::OutputEnds { high_watermark_total, last_stable_total }));
    }
    entries.sort_by_key(|entry| entry.0);
    entries.into_iter().map(|(t_ms, event)| Entry { t_ms, event }).collect()
}

#[test]
fn a_page_of_an_hour_with_thousands_of_faults_is_still_small() {
    let page = rendered("hour", long_run(), &clean(), None);
    assert!(page.len() < 2_000_000, "{} bytes", page.len());
    assert!(page.contains("The slowest 40 of 1800 are shown."));
    assert!(page.contains("The other 60 are in the history."));
}

#[test]
fn faults_are_bands_in_every_chart_and_told_with_their_outcome() {
    let fault = |t_ms, step, fault: &str, phase, text: &str| Entry {
        t_ms,
        event: Event::Fault { step, fault: fault.into(), phase, text: text.into() },
    };
    let mut entries = events();
    entries.push(fault(20_000, 1, "broker_kill", history::Phase::Struck, "broker 1 is killed"));
    entries.push(fault(22_500, 1, "broker_kill", history::Phase::Healed, "broker 1 serves again"));
    entries.push(fault(26_000, 2, "kafka_api", history::Phase::Missed, "no such frame came"));
    let (high_watermark_total, last_stable_total) = (900, 500);
    let ends = Event::OutputEnds { high_watermark_total, last_stable_total };
    entries.push(Entry { t_ms: 21_000, event: ends });
    entries.sort_by_key(|entry| entry.t_ms);
    let page = rendered("faults", entries, &clean(), None);
    let (charts, sizes) = (4, 2);
    assert_eq!(page.matches("<rect class=\"fault-band\"").count(), charts * sizes);
    assert!(page.contains("struck, healed after 2.50 s") && page.contains("hit nothing"));
    assert!(page.contains("class=\"fault missed\""));
    assert!(page.contains("at most 400, 21.0 s into the run"));
    assert!(!page.contains("no broker failed") && page.contains("no network broke"));
}

#[test]
fn a_directory_without_a_verdict_is_an_error_that_names_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let error = render(folder.path()).unwrap_err().to_string();
    assert!(error.contains("verdict.json"), "{error}");
    std::fs::write(folder.path().join(VERDICT_FILE), "{}").unwrap();
    let error = render(folder.path()).unwrap_err().to_string();
    assert!(error.contains("not the verdict of a chaos run"), "{error}");
}
