//! Jobs drawn at random: captures that overlap, writes that fail or may have failed, checkpoints that are aborted, recoveries, and a
//! worker and a coordinator of an older attempt that go on. Beside them a plain map.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use proptest::prelude::*;
use truecut_core::{Checkpoint, Head, HeadVersion, Outcome, Request, Snapshot, Token};

use super::*;
use crate::batch::{RecordBatch, RecordRef};
use crate::function::{Function, FunctionError, Keyed, KeyedFunction};

/// Completed checkpoints that are kept.
const RETAINED: usize = 2;

/// Keeps the latest value of each key.
#[derive(Debug)]
struct Latest;

impl KeyedFunction for Latest {
    type Value = Vec<u8>;

    fn process(
        &mut self,
        record: RecordRef<'_>,
        value: &mut Vec<u8>,
        _out: &mut RecordBatch,
    ) -> Result<(), FunctionError> {
        *value = record.value.unwrap_or_default().to_vec();
        Ok(())
    }

    fn encode(value: &Vec<u8>, out: &mut Vec<u8>) {
        out.extend_from_slice(value);
    }

    fn decode(bytes: &[u8]) -> Result<Vec<u8>, FunctionError> {
        Ok(bytes.to_vec())
    }
}

/// An attempt's operator subtask.
struct Worker {
    attempt: u64,
    /// The next checkpoint id, as its coordinator gives it out.
    next: u64,
    function: Keyed<Latest>,
    writer: StateWriter,
    values: Values,
    /// Captured and not written yet: the checkpoint, the capture, and what it stands for.
    captured: VecDeque<(u64, Capture, Values)>,
}

/// A completed checkpoint, and what its state stands for.
#[derive(Clone)]
struct Completed {
    name: CheckpointName,
    state: StateHandle,
    values: Values,
}

struct World {
    memory: Arc<Memory>,
    checkpoints: Checkpoints,
    file_bytes: usize,
    worker: Worker,
    zombie: Option<Worker>,
    /// What the zombie's coordinator may still want to be removed: what is older than its own latest checkpoint.
    late: u64,
    completed: Vec<Completed>,
    version: u64,
    /// The next id as the head has it: a recovery gives out ids from there, some for the second time.
    next_in_head: u64,
    value: u32,
}

#[derive(Clone, Debug)]
enum Step {
    /// New values for keys, of this length.
    Put(Vec<u16>, u8),
    /// The barrier of the next checkpoint comes.
    Capture,
    /// The oldest capture is written, with these fates. Its checkpoint is completed, or aborted.
    Write { fates: Vec<Fate>, failing_reads: usize, completes: bool },
    /// The worker is given up, and another one restores the latest checkpoint.
    Recover,
    /// The worker that was given up goes on: captures once more, and writes its oldest capture.
    Zombie,
    /// Its coordinator removes what it found to be old long ago.
    LateDiscard,
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![6 => Just(Fate::Stored), 1 => Just(Fate::Refused), 1 => Just(Fate::Lost), 1 => Just(Fate::Landed)]
}

fn step() -> impl Strategy<Value = Step> {
    let keys = prop_oneof![
        4 => prop::collection::vec(0_u16..40, 0..12),
        1 => prop::collection::vec(0_u16..2_000, 0..400),
    ];
    let write = (prop::collection::vec(fate(), 0..4), 0_usize..10, prop::bool::weighted(0.6));
    prop_oneof![
        4 => (keys, 0_u8..40).prop_map(|(keys, length)| Step::Put(keys, length)),
        4 => Just(Step::Capture),
        5 => write.prop_map(|(fates, reads, completes)| Step::Write { fates, failing_reads: reads.saturating_sub(8), completes }),
        1 => Just(Step::Recover),
        1 => Just(Step::Zombie),
        1 => Just(Step::LateDiscard),
    ]
}

impl Worker {
    fn new(
        checkpoints: &Checkpoints,
        file_bytes: usize,
        (attempt, next): (u64, u64),
        from: Option<&Completed>,
    ) -> Self {
        let mut function = Keyed::new(Latest);
        let state = from.map(|from| from.state.clone()).unwrap_or_default();
        for part in read_parts(checkpoints, &state) {
            function.restore(part.unwrap().1).unwrap();
        }
        let writer = StateWriter::restored(checkpoints.clone(), SUBTASK, state).with_file_bytes(file_bytes);
        let values = from.map(|from| from.values.clone()).unwrap_or_default();
        Self { attempt, next, function, writer, values, captured: VecDeque::new() }
    }

    fn put(&mut self, key: u16, value: Vec<u8>) {
        // Keys of different lengths, one of them empty.
        let key = key.to_string().into_bytes().split_off(usize::from(key == 0));
        let record =
            RecordRef { key: Some(&key), value: Some(&value), timestamp_ms: 0, partition: 0, offset: 0 };
        self.function.process(record, &mut RecordBatch::default()).unwrap();
        self.values.insert(key, value);
    }

    fn capture(&mut self) {
        self.captured.push_back((self.next, self.function.snapshot(), self.values.clone()));
        self.next += 1;
    }

    /// Writes the oldest capture: the checkpoint, its state if that is stored, and what it stands for.
    fn write(&mut self) -> Option<(CheckpointName, Option<StateHandle>, Values)> {
        let (id, capture, values) = self.captured.pop_front()?;
        let name = name(self.attempt, id);
        Some((name, self.writer.write(name, capture).ok(), values))
    }
}

impl World {
    fn new(file_bytes: usize) -> Self {
        let (memory, checkpoints) = Memory::new();
        let worker = Worker::new(&checkpoints, file_bytes, (1, 1), None);
        Self {
            memory,
            checkpoints,
            file_bytes,
            worker,
            zombie: None,
            late: 0,
            completed: Vec::new(),
            version: 0,
            next_in_head: 1,
            value: 0,
        }
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Put(keys, length) => {
                for key in keys {
                    self.value += 1;
                    let mut value = self.value.to_le_bytes().to_vec();
                    value.resize(4 + usize::from(length), 7);
                    self.worker.put(key, value);
                }
            }
            Step::Capture => self.worker.capture(),
            Step::Write { fates, failing_reads, completes } => {
                self.memory.fates(fates);
                self.memory.fail_reads(failing_reads);
                self.write(completes);
            }
            Step::Recover => self.recover(),
            Step::Zombie => {
                if let Some(zombie) = &mut self.zombie {
                    zombie.put(1, b"of a zombie".to_vec());
                    zombie.capture();
                    if let Some((name, state, _)) = zombie.write() {
                        let written = self.store(name, state.unwrap_or_default());
                        assert_eq!(written, Outcome::Written);
                        self.perform(&Request::Discard(name));
                    }
                }
            }
            Step::LateDiscard => {
                self.perform(&Request::DiscardBelow(CheckpointId::new(self.late)));
            }
        }
        for completed in &self.completed {
            assert_eq!(restored(&self.checkpoints, &completed.state), completed.values, "{}", completed.name);
        }
    }

    fn write(&mut self, completes: bool) {
        let written = self.worker.write();
        self.memory.fates([]);
        self.memory.fail_reads(0);
        let Some((name, state, values)) = written else { return };
        let Some(state) = state else {
            self.perform(&Request::Discard(name));
            return;
        };
        assert_eq!(restored(&self.checkpoints, &state), values, "{name}");
        let written = self.store(name, state.clone());
        assert_eq!(written, Outcome::Written);
        if !completes {
            self.perform(&Request::Discard(name));
            return;
        }
        self.swap(Some(name), self.worker.next);
        self.completed.push(Completed { name, state, values });
        if self.completed.len() > RETAINED {
            self.completed.remove(0);
            let oldest = self.completed[0].name.id;
            let discarded = self.perform(&Request::DiscardBelow(oldest));
            assert_eq!(discarded, Outcome::Written);
            self.nothing_is_left_over(oldest);
        }
    }

    fn recover(&mut self) {
        let latest = self.completed.last();
        let attempt = self.worker.attempt + 1;
        let next = self.next_in_head;
        let worker = Worker::new(&self.checkpoints, self.file_bytes, (attempt, next), latest);
        assert_eq!(worker.values, latest.map(|latest| latest.values.clone()).unwrap_or_default());
        self.late = self.completed.first().map_or(0, |oldest| oldest.name.id.get());
        self.zombie = Some(std::mem::replace(&mut self.worker, worker));
        self.swap(self.completed.last().map(|latest| latest.name), next);
    }

    /// What is older than what is kept is there only because it is needed.
    fn nothing_is_left_over(&self, oldest: CheckpointId) {
        let needed: BTreeSet<&str> = self
            .completed
            .iter()
            .flat_map(|completed| completed.state.files.iter().map(|file| file.path.as_str()))
            .collect();
        for path in self.memory.named("layer") {
            let file = crate::store::StateFile { path, length: 0, crc32c: 0, entries: 0 };
            let is_older = file.layer().is_some_and(|of| of.id < oldest);
            assert!(!is_older || needed.contains(file.path.as_str()), "{} is left over", file.path);
        }
    }

    fn store(&self, name: CheckpointName, state: StateHandle) -> Outcome<StateHandle> {
        let snapshots = BTreeMap::from([(SUBTASK, Snapshot::Operator(Some(state)))]);
        let checkpoint = Checkpoint { name, origin: Token::new(1), last: false, snapshots };
        self.perform(&Request::WriteCheckpoint(checkpoint))
    }

    fn swap(&mut self, latest: Option<CheckpointName>, next: u64) {
        let head = Head {
            token: Token::new(1),
            attempt: Attempt::new(self.worker.attempt),
            latest,
            next: CheckpointId::new(next),
        };
        let expected = HeadVersion::new(self.version);
        assert_eq!(self.perform(&Request::SwapHead { expected, head }), Outcome::Swapped);
        self.version += 1;
        self.next_in_head = next;
    }

    fn perform(&self, request: &Request<StateHandle>) -> Outcome<StateHandle> {
        self.checkpoints.perform(request)
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_checkpoint_that_is_kept_comes_back_as_it_was_captured(
        file_bytes in 16_usize..2_000,
        steps in prop::collection::vec(step(), 1..80),
    ) {
        let mut world = World::new(file_bytes);
        steps.into_iter().for_each(|step| world.step(step));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn layers_are_few(puts in prop::collection::vec(prop::collection::vec(0_u16..2_000, 1..150), 1..60)) {
        let mut world = World::new(4_096);
        for keys in puts {
            world.step(Step::Put(keys, 40));
            world.step(Step::Capture);
            world.write(true);
            let sizes = sizes(&world.completed.last().expect("it is complete").state);
            prop_assert!(sizes.windows(2).all(|two| two[0] > 2 * two[1]), "{sizes:?}");
        }
    }
}
