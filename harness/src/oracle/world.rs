//! Good runs for the tests, with Kafka's log and with what the subject tells of itself, to be judged as they are or spoilt first.
//! Written apart from the oracles: it plays the job, its checkpoints and its transactions, and a crash in the middle.

use std::collections::{BTreeMap, HashMap};

use truecut_runtime::kafka::raw::ProducerIdentity;

use super::class::Class;
use super::findings::Findings;
use super::journal::{Checkpoint, Commit, Head, Journal, Listed, Read, Restore, Step};
use super::record::Lineage;
use super::testing::{InputRow, OutputRow, Run, classes};
use super::{Drain, Oracle, RunEvidence};
use crate::chaos::kafka_log::{
    Batch, Ends, KafkaLog, Logged, LoggedState, OutputLog, Record, StateChange, What, checksum,
};

/// Sink subtasks; each writes to both output partitions.
const SINKS: u16 = 2;

/// A batch in the output's log.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) partition: i32,
    pub(super) producer: ProducerIdentity,
    pub(super) what: What,
    pub(super) outputs: Vec<OutputRow>,
    pub(super) at_ms: i64,
}

/// A run.
#[derive(Clone, Debug)]
pub(super) struct World {
    pub(super) inputs: Vec<InputRow>,
    pub(super) rows: Vec<Row>,
    pub(super) journal: Journal,
    pub(super) states: Vec<StateChange>,
    pub(super) in_good_order: bool,
    /// Another log than the one that was read: the reading is of this one.
    pub(super) read: Option<Vec<Row>>,
}

/// Plays the job.
struct Player {
    world: World,
    run: Run,
    attempt: u64,
    version: u64,
    id: u64,
    now: u64,
    offsets: BTreeMap<i32, i64>,
}

impl World {
    /// The run's outputs in their order, a checkpoint after every `every` of them; while the one with number `crash` is under
    /// way the job crashes, and does it again in the next attempt.
    pub(super) fn of(run: Run, every: usize, crash: Option<usize>) -> World {
        let world = World {
            inputs: run.inputs.clone(),
            rows: Vec::new(),
            journal: Journal { told: true, ..Journal::default() },
            states: Vec::new(),
            in_good_order: true,
            read: None,
        };
        let offsets = run.inputs.iter().map(|input| (input.at.partition, 0)).collect();
        let mut player = Player { world, run, attempt: 0, version: 0, id: 1, now: 0, offsets };
        player.claim(None);
        player.write(1, false, Vec::new());
        player.complete(1);
        player.restore((1, 1));
        let outputs = player.run.outputs.clone();
        for (number, chunk) in outputs.chunks(every).enumerate() {
            if crash == Some(number) {
                player.crash(chunk);
            }
            player.checkpoint(chunk);
        }
        player.world
    }

    pub(super) fn judge(&self) -> Findings {
        self.judge_with(Drain::Complete)
    }

    pub(super) fn judge_with(&self, drain: Drain) -> Findings {
        let log = log(&self.rows);
        let mut oracle = Oracle::default();
        let kafka = KafkaLog { output: Some(log), states: Some(self.states.clone()) };
        let mut run = RunEvidence::new(kafka, self.journal.clone(), self.in_good_order, 1);
        run.begin_live();
        let read = self.read.as_ref().unwrap_or(&self.rows);
        for (partition, offset, row) in visible(read) {
            let value = value(row);
            run.live(partition, offset, checksum(row.key.as_bytes(), &value));
            oracle.output(partition, offset, row.key.as_bytes(), &value).unwrap();
        }
        oracle.run(run);
        for row in &self.inputs {
            oracle.input(row.at.partition, row.at.offset, row.key.as_bytes(), row.value.as_bytes()).unwrap();
        }
        oracle.finish(drain)
    }

    pub(super) fn found(&self) -> Vec<Class> {
        classes(&self.judge())
    }

    /// Positions of the rows of this kind.
    pub(super) fn rows_of(&self, what: What) -> Vec<usize> {
        (0..self.rows.len()).filter(|row| self.rows[*row].what == what).collect()
    }
}

impl Player {
    fn tick(&mut self) -> u64 {
        self.now += 1;
        self.now
    }

    fn head(&mut self, latest: Option<(u64, u64)>) {
        self.version += 1;
        let known_us = self.tick();
        let known_ms = i64::try_from(known_us).unwrap();
        self.world.journal.heads.push(Head {
            version: self.version,
            attempt: self.attempt,
            latest,
            known_us,
            known_ms,
        });
    }

    fn claim(&mut self, latest: Option<(u64, u64)>) {
        self.attempt += 1;
        self.head(latest);
    }

    fn write(&mut self, id: u64, triggered: bool, listed: Vec<Listed>) {
        let offsets = self.offsets.clone().into_iter().collect();
        let name = (self.attempt, id);
        let unacknowledged = Vec::new();
        self.world.journal.checkpoints.push(Checkpoint { name, triggered, offsets, listed, unacknowledged });
    }

    fn complete(&mut self, id: u64) {
        self.head(Some((self.attempt, id)));
    }

    fn restore(&mut self, checkpoint: (u64, u64)) {
        let offsets: Vec<_> = self.offsets.clone().into_iter().collect();
        for (partition, next) in &offsets {
            self.read(*partition, Step::Begin(*next));
        }
        self.world.journal.restores.push(Restore { attempt: self.attempt, checkpoint, offsets });
    }

    fn read(&mut self, partition: i32, step: Step) {
        let reader = u32::try_from(self.attempt).unwrap();
        self.world.journal.reads.push(Read { reader, attempt: self.attempt, partition, step });
    }

    /// The producer of a sink for the checkpoint under way: one id for each, and that one's only epoch.
    fn producer(&self, sink: u16, id: u64) -> ProducerIdentity {
        let number = self.attempt * 1_000 + id * 10 + u64::from(sink);
        ProducerIdentity { producer_id: i64::try_from(number).unwrap(), producer_epoch: 3 }
    }

    fn process(&mut self, chunk: &[OutputRow], id: u64) -> Vec<Listed> {
        let mut listed = Vec::new();
        for output in chunk {
            let (partition, offset) = (output.input.partition, output.input.offset);
            self.read(partition, Step::Records { first: offset, last: offset });
            self.offsets.insert(partition, offset + 1);
        }
        for sink in 0..SINKS {
            let producer = self.producer(sink, id);
            self.world.journal.attempt_of_producer.insert(producer.producer_id, self.attempt);
            let of_sink: Vec<_> = chunk
                .iter()
                .filter(|output| u16::from(output.key.as_bytes()[0]) % SINKS == sink)
                .cloned()
                .collect();
            for partition in 0..2 {
                let outputs: Vec<_> =
                    of_sink.iter().filter(|row| row.partition == partition).cloned().collect();
                if !outputs.is_empty() {
                    let at_ms = i64::try_from(self.tick()).unwrap();
                    self.world.rows.push(Row { partition, producer, what: What::Records, outputs, at_ms });
                }
            }
            if !of_sink.is_empty() {
                let ProducerIdentity { producer_id, producer_epoch } = producer;
                let records = u64::try_from(of_sink.len()).unwrap();
                listed.push(Listed { checkpoint: id, subtask: sink, producer_id, producer_epoch, records });
            }
        }
        listed
    }

    fn end(&mut self, id: u64, what: What) {
        for sink in 0..SINKS {
            let mut producer = self.producer(sink, id);
            let rows = self.world.rows.iter().filter(|row| row.producer == producer);
            let partitions: Vec<_> = rows.map(|row| row.partition).collect();
            producer.producer_epoch += i16::from(what == What::Abort);
            for partition in partitions {
                let at_ms = i64::try_from(self.tick()).unwrap();
                self.world.rows.push(Row { partition, producer, what, outputs: Vec::new(), at_ms });
            }
        }
    }

    fn checkpoint(&mut self, chunk: &[OutputRow]) {
        self.id += 1;
        let listed = self.process(chunk, self.id);
        for (partition, next) in self.offsets.clone() {
            self.read(partition, Step::Snapshot { checkpoint: self.id, next });
        }
        self.write(self.id, true, listed.clone());
        self.complete(self.id);
        for listed in listed {
            let at_us = self.tick();
            self.world.journal.commits.push(Commit { listed, rewritten: false, at_us });
        }
        self.end(self.id, What::Commit);
        self.tell(LoggedState::CompleteCommit);
    }

    /// Some of the next checkpoint is written, and then aborted by the next attempt.
    fn crash(&mut self, chunk: &[OutputRow]) {
        let (before, id) = (self.offsets.clone(), self.id + 1);
        let restored = self.world.journal.heads.last().and_then(|head| head.latest).unwrap();
        self.process(chunk, id);
        self.end(id, What::Abort);
        self.offsets = before;
        self.claim(Some(restored));
        self.restore(restored);
    }

    fn tell(&mut self, state: LoggedState) {
        let offset = i64::try_from(self.world.states.len()).unwrap();
        let logged = Logged {
            producer_id: self.producer(0, self.id).producer_id,
            producer_epoch: 3,
            previous_producer_id: -1,
            next_producer_id: -1,
            timeout_ms: 60_000,
            state,
            partitions: Vec::new(),
            updated_ms: 0,
            started_ms: -1,
            client_version: 0,
        };
        let transactional_id = format!("job/{}/0/{}", self.attempt, self.id % 3);
        self.world.states.push(StateChange { partition: 0, offset, transactional_id, logged: Some(logged) });
    }
}

fn value(row: &OutputRow) -> Vec<u8> {
    let lineage = Lineage {
        key: row.key.as_str().into(),
        count: row.count,
        digest: row.digest,
        partition: row.input.partition,
        offset: row.input.offset,
    };
    serde_json::to_vec(&lineage).unwrap()
}

/// The rows as Kafka has them.
pub(super) fn log(rows: &[Row]) -> OutputLog {
    let mut log = OutputLog::default();
    for partition in 0..2 {
        let mut next = 0;
        let (mut stable, mut open) = (None, HashMap::new());
        for row in rows.iter().filter(|row| row.partition == partition) {
            let start = log.records.len();
            let base_offset = next;
            for output in &row.outputs {
                let crc32c = checksum(output.key.as_bytes(), &value(output));
                log.records.push(Record { offset: next, crc32c, input: Some(output.input) });
                next += 1;
            }
            if row.what == What::Records {
                open.entry(row.producer.producer_id).or_insert(base_offset);
            } else {
                open.remove(&row.producer.producer_id);
                next += 1;
            }
            log.batches.push(Batch {
                partition,
                base_offset,
                producer: Some(row.producer),
                transactional: true,
                what: row.what,
                appended_ms: row.at_ms,
                records: start..log.records.len(),
            });
            stable = open.values().min().copied();
        }
        let last_stable = stable.unwrap_or(next);
        log.partitions.push(Ends { partition, log_start: 0, last_stable, high_watermark: next });
    }
    log
}

/// What a reader of committed records gets.
fn visible(rows: &[Row]) -> Vec<(i32, i64, &OutputRow)> {
    let mut found = Vec::new();
    let mut next = HashMap::<i32, i64>::new();
    for (at, row) in rows.iter().enumerate() {
        let same = |other: &&Row| {
            other.what != What::Records
                && (other.partition, other.producer.producer_id) == (row.partition, row.producer.producer_id)
        };
        let end = rows[at..].iter().find(same).map(|end| end.what);
        let next = next.entry(row.partition).or_default();
        for output in &row.outputs {
            if end == Some(What::Commit) {
                found.push((row.partition, *next, output));
            }
            *next += 1;
        }
        *next += i64::from(row.what != What::Records);
    }
    found
}

/// Nine inputs of two partitions and four keys, three checkpoints of three, the second of them begun twice. In the last one, one sink
/// writes to both output partitions.
pub(super) fn example() -> World {
    let rows = [(0, "a"), (1, "b"), (0, "b"), (1, "a"), (0, "c"), (1, "c"), (0, "a"), (1, "b"), (0, "h")];
    World::of(Run::of_inputs(&rows).processed(), 3, Some(1))
}
