//! Each target finds what is wrong: it runs over something with a known fault, and must say so within so many executions.

use std::sync::Arc;

use bytes::Bytes;
use truecut_fuzz::Outcome;
use truecut_fuzz::campaign::{self, Report};
use truecut_fuzz::round_trip::round_trip;
use truecut_fuzz::targets::checkpoint::Memory;
use truecut_fuzz::targets::{checkpoint, job_file, kafka_frame, schedule, trace, wire};
use truecut_model::properties;
use truecut_mutants::Mutant;
use truecut_proxy::{Cutter, Head, Kafka, Peek, Protocol, RuleId, Side, Style};
use truecut_runtime::config::JobConfig;
use truecut_runtime::store::{Checkpoints, StateHandle, StoredState};
use truecut_runtime::wire::Frame;

/// Runs until something is found, at most so often.
fn hunt(target: impl Fn(&[u8]) -> Outcome, seeds: Vec<Vec<u8>>, executions: u64) -> Report {
    campaign::run(target, seeds, executions, 1, |_, _| {})
}

/// What was said of the fault.
#[track_caller]
fn found(target: impl Fn(&[u8]) -> Outcome, seeds: Vec<Vec<u8>>, executions: u64) -> String {
    let report = hunt(target, seeds, executions);
    report.finding.unwrap_or_else(|| panic!("nothing was found in {executions} executions")).said
}

#[test]
fn a_frame_that_loses_a_field_is_found() {
    let forgetful = |frame: &Frame| match frame.clone() {
        Frame::Welcome { worker, config, partitions, .. } => {
            Frame::Welcome { worker, config, partitions, accept_loss: true }.to_bytes()
        }
        other @ (Frame::Hello { .. } | Frame::Core { .. } | Frame::Metrics(_)) => {
            let mut bytes = other.to_bytes();
            if bytes.first() == Some(&3) {
                bytes.truncate(1); // the samples
            }
            bytes
        }
    };
    let target = |data: &[u8]| round_trip(data.get(1..).unwrap_or_default(), wire::read_frame, forgetful);
    let said = found(target, wire::seeds(), 10_000);
    assert!(said.contains("can't be read"), "{said}");
}

#[test]
fn a_frame_that_is_read_without_its_end_is_found() {
    let target = |data: &[u8]| {
        let read = |bytes: &[u8]| {
            (0..=bytes.len()).find_map(|end| wire::read_frame(&bytes[..end]).ok()).ok_or_else(String::new)
        };
        round_trip(data.get(1..).unwrap_or_default(), read, Frame::to_bytes)
    };
    let said = found(target, wire::seeds(), 10_000);
    assert!(said.contains("with a byte more"), "{said}");
}

#[test]
fn a_store_that_skips_the_checksum_is_found() {
    let trusting = |memory: Arc<Memory>| {
        let objects = memory.objects();
        let bytes = objects.values().next().ok_or("nothing is there")?;
        let (header, content) = bytes.split_at_checked(28).ok_or("too short")?;
        let length = u64::from_le_bytes(*header[16..].first_chunk().ok_or("too short")?);
        if u64::try_from(content.len()) != Ok(length) || &header[..8] != b"truecut\n" {
            return Err("the header does not fit".to_owned());
        }
        Ok(content.to_vec())
    };
    let target = |data: &[u8]| match data.split_first() {
        Some((120.., rest)) => checkpoint::damage(rest, trusting),
        Some(_) | None => Outcome::plain("another game"),
    };
    let said = found(target, checkpoint::seeds(), 10_000);
    assert!(said.contains("is read all the same"), "{said}");
}

#[test]
fn a_store_that_takes_entries_in_any_order_is_found() {
    let trusting = |checkpoints: &Checkpoints, state: &StateHandle| {
        let file = state.files.first().ok_or("no file")?;
        match checkpoints.read_state(file).map_err(|error| error.to_string())? {
            StoredState::Layer(content) => {
                checkpoint::pairs(&content).ok_or("an entry is cut off".to_owned())
            }
            StoredState::Whole(_) => Err("a whole state".to_owned()),
        }
    };
    let target = |data: &[u8]| match data.split_first() {
        Some((110..120, rest)) => checkpoint::layer(rest, trusting),
        Some(_) | None => Outcome::plain("another game"),
    };
    let said = found(target, checkpoint::seeds(), 10_000);
    assert!(said.contains("is no layer and is read as"), "{said}");
}

#[test]
fn a_trace_reader_that_skips_checksums_is_found() {
    // What it reads has right checksums, wherever the bytes came from.
    let trusting = |bytes: &[u8]| {
        let mut bytes = bytes.to_vec();
        let mut at = trace::header().len();
        while let Some(length) = bytes.get(at..at + 4).and_then(|word| word.first_chunk()) {
            let size = usize::try_from(u32::from_le_bytes(*length)).unwrap_or(usize::MAX);
            let Some(body) = bytes.get(at + 12..).and_then(|rest| rest.get(..size)) else { break };
            let crc = crc32c::crc32c(body);
            bytes[at + 8..at + 12].copy_from_slice(&crc.to_le_bytes());
            at += (12 + size).next_multiple_of(4);
        }
        trace::read(&bytes)
    };
    let said = found(|data| trace::run_with(data, trusting), trace::seeds(), 50_000);
    assert!(said.contains("were read of") || said.contains("changed at byte"), "{said}");
}

#[test]
fn a_job_that_loses_a_setting_is_found() {
    let forgetful = |config: &JobConfig| {
        let mut config = config.clone();
        config.checkpoints.tolerable_failures = 0;
        toml::to_string(&config).expect("a job can be written")
    };
    let said = found(|data| job_file::run_with(data, forgetful), job_file::seeds(), 10_000);
    assert!(said.contains("and read as"), "{said}");
}

/// A protocol that forgets whose transaction is ended.
struct Forgetful;

struct Cut(Box<dyn Cutter>);

impl Protocol for Forgetful {
    fn style(&self) -> Style {
        Kafka.style()
    }

    fn knows(&self, frame: &str) -> bool {
        Kafka.knows(frame)
    }

    fn open(&self, connection: u64) -> Box<dyn Cutter> {
        Box::new(Cut(Kafka.open(connection)))
    }
}

impl Cutter for Cut {
    fn peek(&mut self, side: Side, bytes: &Bytes) -> Peek {
        match self.0.peek(side, bytes) {
            Peek::Frame(head) if head.api == Some((26, 5)) && side == Side::Request => {
                Peek::Frame(Head { transactional_id: None, ..head })
            }
            other @ (Peek::Frame(_) | Peek::Need(_) | Peek::Garbage(_)) => other,
        }
    }

    fn sent(&mut self, request: &Head, copy: Option<RuleId>) {
        self.0.sent(request, copy);
    }

    fn error_code(&self, answer: &Head, frame: &Bytes) -> Option<i16> {
        self.0.error_code(answer, frame)
    }
}

#[test]
fn a_proxy_that_forgets_a_transactional_id_is_found() {
    let said = found(|data| kafka_frame::run_with(data, &Forgetful), kafka_frame::seeds(), 10_000);
    assert!(said.contains("EndTxn") && said.contains("transactional_id: None"), "{said}");
}

/// A proxy that waits for bytes that never come.
struct Greedy;

impl Protocol for Greedy {
    fn style(&self) -> Style {
        Kafka.style()
    }

    fn knows(&self, frame: &str) -> bool {
        Kafka.knows(frame)
    }

    fn open(&self, _connection: u64) -> Box<dyn Cutter> {
        Box::new(Self)
    }
}

impl Cutter for Greedy {
    fn peek(&mut self, side: Side, bytes: &Bytes) -> Peek {
        match Kafka.open(1).peek(side, bytes) {
            Peek::Need(count) => Peek::Need(count.max(64)),
            other @ (Peek::Frame(_) | Peek::Garbage(_)) => other,
        }
    }
}

#[test]
fn a_proxy_that_waits_for_more_than_a_frame_has_is_found() {
    let said = found(|data| kafka_frame::run_with(data, &Greedy), kafka_frame::seeds(), 10_000);
    assert!(said.contains("are waited for"), "{said}");
}

#[test]
fn wrong_protocols_are_found_by_schedules() {
    // Faults of the coordinator, the operator and the sink.
    for name in [
        "notify_before_store",
        "skip_alignment",
        "list_only_own_transaction",
        "restart_from_none",
        "ack_before_flush",
        "abort_precommitted_on_expiry",
    ] {
        let mutant = Mutant::from_name(name).expect("a mutant of the list");
        let said = found(|data| schedule::run_with(data, Some(mutant)), schedule::seeds(), 2_000);
        let named = properties().iter().any(|property| said.starts_with(property.name));
        assert!(named, "{name} breaks a property and not a role's own assertion: {said}");
    }
}
