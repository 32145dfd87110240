//! A process that is killed loses nothing that it published.

use std::io::{Read as _, Write as _};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use truecut_core::{Effect, Input, Offset, Partition, WorkerId};

use super::*;
use crate::store::StateHandle;
use crate::trace::{BatchDigest, Construction, Event, RoleId, Writer};

type In = Input<BatchDigest, StateHandle>;

fn writer(path: &Path) -> Writer {
    let role = RoleId::Worker(WorkerId::new(1));
    let header = Header { role, instance: 5, construction: Construction::Worker, mutant: None };
    Writer::create(path, &header).unwrap()
}

/// The input with this sequence number: of many lengths.
fn input(sequence: u64) -> In {
    if sequence.is_multiple_of(7) {
        return Input::TaskFailed { detail: "x".repeat(usize::try_from(sequence % 501).unwrap()) };
    }
    let batch = BatchDigest { records: sequence, crc: 9 };
    let offset = Offset::new(sequence.cast_signed());
    Input::Fetched { partition: Partition::new(3), batch, first: offset, last: offset }
}

const KILLED: &str = "TRUECUT_TEST_KILLED_TRACE";

/// The other half of the test below: publishes, then tells the sequence, for ever.
#[test]
fn helper_that_is_killed() {
    let Some(path) = std::env::var_os(KILLED) else { return };
    let mut writer = writer(Path::new(&path));
    let mut pipe = std::io::stderr();
    for expected in 1.. {
        let sequence = writer.input(&input(expected), None).unwrap();
        assert_eq!(sequence, expected);
        pipe.write_all(&sequence.to_le_bytes()).unwrap();
    }
}

#[test]
fn nothing_published_is_lost_when_its_process_is_killed() {
    let mut torn = 0;
    for round in 0..12 {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.trace");
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "trace::tests::kill::helper_that_is_killed", "--nocapture"])
            .env(KILLED, &path)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut pipe = child.stderr.take().unwrap();
        let told = std::thread::spawn(move || {
            let mut told = Vec::new();
            pipe.read_to_end(&mut told).unwrap();
            told
        });
        while !path.exists() {
            std::thread::sleep(Duration::from_millis(1));
        }
        std::thread::sleep(Duration::from_millis(5 + round * 7));
        child.kill().unwrap();
        child.wait().unwrap();
        let told = told.join().unwrap();
        let last =
            told.chunks_exact(8).last().map(|bytes| u64::from_le_bytes(bytes.try_into().unwrap())).unwrap();
        let mut reader = Reader::open(&path).unwrap();
        for frame in reader.by_ref() {
            let frame = frame.unwrap();
            assert_eq!(frame.event, Event::Input { input: input(frame.sequence), stamp: None });
        }
        assert!(
            (last..=last + 1).contains(&reader.last_sequence()),
            "{last} told, {} found",
            reader.last_sequence()
        );
        assert!(!reader.is_finished() && last > 100, "it was killed at work, after {last} events");
        torn += u64::from(reader.last_sequence() == last);
    }
    assert!(torn > 0, "no round was killed between telling and publishing the next");
}

#[test]
fn a_trace_grows_and_ends_at_its_last_frame() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.trace");
    let mut writer = writer(&path);
    let count = 200_000;
    let start = Instant::now();
    for sequence in 1..=count {
        writer.input(&input(sequence), None).unwrap();
    }
    let seconds = start.elapsed().as_secs_f64();
    let effect: Effect<BatchDigest, StateHandle> = Effect::Hold(2);
    assert_eq!(writer.effect(&effect).unwrap(), count + 1);
    writer.finish().unwrap();
    let events: Vec<_> = Reader::open(&path).unwrap().map(Result::unwrap).collect();
    assert_eq!(u64::try_from(events.len()).unwrap(), count + 2);
    assert_eq!(events[events.len() - 2].event, Event::Effect(effect));
    assert_eq!(events[events.len() - 1].event, Event::End);
    let mut reader = Reader::open(&path).unwrap();
    reader.by_ref().for_each(drop);
    assert!(reader.is_finished());
    assert!(seconds < 2.0, "{count} events took {seconds} s; a few hundred milliseconds are expected");
    eprintln!("{count} events in {seconds} s");
}

#[test]
fn a_trace_is_never_written_over_another() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.trace");
    writer(&path).finish().unwrap();
    let role = RoleId::Coordinator;
    let header = Header { role, instance: 6, construction: Construction::Worker, mutant: None };
    assert!(matches!(Writer::create(&path, &header), Err(TraceError::Io { .. })));
    assert_eq!(Reader::open(&path).unwrap().header().instance, 5);
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1, "nothing is left beside it");
}
