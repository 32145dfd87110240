//! Compares what a keyed count with lineage has committed with what its input demands.
//! It shares no code with the protocol: it knows the input as read back from Kafka, the output as a
//! `read_committed` reader saw it and as it lies in Kafka's log, what the subject is willing to tell (`journal`), and the rules of
//! `CLASSES`. Who reads, and when, is left to others. What a run does not have makes the oracles that need it unknown.
//!
//! Records of one key may interleave across input partitions in any order that keeps each partition's own,
//! so no order is prescribed: the oracle takes the order it finds and asks whether it is a legal one. It
//! assumes that all outputs of one key go to one output partition, as the job's key partitioner has it.
//!
//! All is kept in flat arrays and judged once at the end, in linear time: a million records take about 0.1 GB at the peak, and 0.2 GB
//! with Kafka's log and a live reading.

mod aborted_read;
mod checkpoint_regression;
mod class;
mod duplicate;
mod early_visible;
mod findings;
mod inconsistent_cut;
mod inconsistent_offset;
pub mod journal;
mod log;
mod lost;
mod order;
mod phantom;
mod record;
mod run;
#[cfg(test)]
mod run_tests;
mod sequence;
mod skipped_input;
mod stuck_transaction;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod torn_checkpoint;
mod unseen;
mod view;
#[cfg(test)]
mod world;
mod write_cycles;
mod wrong_value;
mod zombie_write;

pub use class::{CLASSES, Class, ClassInfo, Needs};
pub use findings::{Anomaly, Coordinates, Example, Findings, Judged};
pub use record::{Lineage, fold};
pub use run::RunEvidence;
pub use unseen::{UnseenAt, unseen};

use crate::chaos::kafka_log;
use findings::Collector;
use log::{Inputs, Outputs};
use view::SeenRecord;

/// How many offending records are kept of each class unless told otherwise.
pub const EXAMPLES_PER_CLASS: usize = 10;

/// Whether the reader is sure to have seen all that will ever be visible.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drain {
    /// The job has come to rest and the output was read to its end: what is missing is lost.
    Complete,
    /// The output may go on: what is missing at its end is only pending.
    Incomplete,
}

/// A record was handed in that no reader of a log can have seen there: the reading went wrong, not the job.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{side} partition {partition} gave offset {offset} after offset {after}; \
     read each partition once, from its start, in order"
)]
pub struct BadRead {
    side: &'static str,
    partition: i32,
    offset: i64,
    after: i64,
}

/// Collects one run's input and output, then judges them. Input and output may be handed in interleaved.
#[derive(Debug)]
pub struct Oracle {
    inputs: Inputs,
    outputs: Outputs,
    /// Every visible record, also one that can't be read, in the order handed in.
    seen: Vec<SeenRecord>,
    run: RunEvidence,
    examples_per_class: usize,
}

impl Default for Oracle {
    fn default() -> Self {
        Oracle::new(EXAMPLES_PER_CLASS)
    }
}

impl Oracle {
    /// An oracle that keeps the first `examples_per_class` offending records of each class; all are counted.
    #[must_use]
    pub fn new(examples_per_class: usize) -> Self {
        Oracle {
            inputs: Inputs::default(),
            outputs: Outputs::default(),
            seen: Vec::new(),
            run: RunEvidence::default(),
            examples_per_class,
        }
    }

    /// Takes what is known of the run besides its input and output.
    pub fn run(&mut self, run: RunEvidence) {
        self.run = run;
    }

    /// Takes one record of the input topic, read back from Kafka.
    ///
    /// # Errors
    /// If the partition's offsets do not ascend.
    pub fn input(&mut self, partition: i32, offset: i64, key: &[u8], value: &[u8]) -> Result<(), BadRead> {
        self.input_checksum(partition, offset, key, crc32c::crc32c(value))
    }

    /// The same of a record of whose value only the CRC-32C was kept.
    ///
    /// # Errors
    /// As [`Oracle::input`].
    pub fn input_checksum(
        &mut self,
        partition: i32,
        offset: i64,
        key: &[u8],
        crc32c: u32,
    ) -> Result<(), BadRead> {
        self.inputs.push(partition, offset, key, crc32c)
    }

    /// Takes one record of the output topic, read `read_committed`.
    ///
    /// # Errors
    /// If the partition's offsets do not ascend. A record that cannot be understood is no error: it is a phantom.
    pub fn output(&mut self, partition: i32, offset: i64, key: &[u8], value: &[u8]) -> Result<(), BadRead> {
        self.output_that_says(partition, offset, (key, value), record::parse(key, value))
    }

    /// The same of a record that says in another form than JSON what it stands for, or of which the reason is given why it can't be
    /// one of the job's.
    ///
    /// # Errors
    /// As [`Oracle::output`].
    pub fn output_that_says(
        &mut self,
        partition: i32,
        offset: i64,
        (key, value): (&[u8], &[u8]),
        says: Result<Lineage<'_>, String>,
    ) -> Result<(), BadRead> {
        let at = Coordinates { partition, offset };
        self.outputs.push(at, says, &mut self.inputs.keys, self.examples_per_class)?;
        self.seen.push(SeenRecord { partition, offset, crc32c: kafka_log::checksum(key, value) });
        Ok(())
    }

    /// How many input and output records it has been given.
    #[must_use]
    pub fn taken(&self) -> (u64, u64) {
        (self.inputs.taken(), self.outputs.taken())
    }

    /// Judges everything taken so far.
    #[must_use]
    pub fn finish(self, drain: Drain) -> Findings {
        let Oracle { inputs, outputs, seen, run, examples_per_class } = self;
        let inputs = inputs.close();
        let mut found = Collector::new(examples_per_class);
        run.check(&inputs, &seen, &mut found);
        drop(seen);
        for info in CLASSES.iter().filter(|info| info.needs == Needs::Output) {
            let input = matches!(info.class, Class::Lost | Class::Duplicate);
            found.looked(info.class, if input { inputs.taken() } else { outputs.taken() });
        }
        let matched = phantom::check(&inputs, &outputs, &mut found);
        let seen = duplicate::check(&matched, &mut found);
        let pending = lost::check(&inputs, &seen, drain, &mut found);
        order::check(&matched, &mut found);
        let by_count = sequence::by_count(&matched);
        sequence::check(&matched, &by_count, &mut found);
        wrong_value::check(&matched, &by_count, &mut found);
        found.into_findings(
            log::count(inputs.records.len()),
            outputs.taken(),
            inputs.distinct_keys(),
            pending,
        )
    }
}
