//! Good histories for the tests, to be judged as they are or spoilt first. Written apart from the checks: it plays the job.

use std::collections::HashMap;

use super::class::Class;
use super::findings::{Coordinates, Findings};
use super::record::{Lineage, fold};
use super::{Drain, Oracle};

#[derive(Clone, Debug)]
pub(super) struct InputRow {
    pub(super) at: Coordinates,
    pub(super) key: String,
    pub(super) value: String,
}

#[derive(Clone, Debug)]
pub(super) struct OutputRow {
    pub(super) partition: i32,
    pub(super) key: String,
    pub(super) count: u64,
    pub(super) digest: u32,
    pub(super) input: Coordinates,
}

/// A run: the input as written, the output in the order of its log.
#[derive(Clone, Debug, Default)]
pub(super) struct Run {
    pub(super) inputs: Vec<InputRow>,
    pub(super) outputs: Vec<OutputRow>,
}

impl Run {
    /// Inputs of these partitions and keys, in this order of writing.
    pub(super) fn of_inputs(rows: &[(i32, &str)]) -> Run {
        let mut next = HashMap::<i32, i64>::new();
        let mut inputs = Vec::new();
        for (number, &(partition, key)) in rows.iter().enumerate() {
            let next = next.entry(partition).or_default();
            let at = Coordinates { partition, offset: *next };
            *next += 1;
            inputs.push(InputRow { at, key: key.to_owned(), value: format!("value {number}") });
        }
        Run { inputs, outputs: Vec::new() }
    }

    /// A keyed count takes the inputs in this order; two output partitions, by the key's last byte.
    pub(super) fn processed_in(mut self, order: &[usize]) -> Run {
        let mut state = HashMap::<&str, (u64, u32)>::new();
        for &number in order {
            let input = &self.inputs[number];
            let (count, digest) = state.entry(&input.key).or_default();
            *count += 1;
            *digest = fold(*digest, crc32c::crc32c(input.value.as_bytes()));
            self.outputs.push(OutputRow {
                partition: i32::from(input.key.ends_with(['b', 'd', 'f'])),
                key: input.key.clone(),
                count: *count,
                digest: *digest,
                input: input.at,
            });
        }
        self
    }

    pub(super) fn processed(self) -> Run {
        let order: Vec<usize> = (0..self.inputs.len()).collect();
        self.processed_in(&order)
    }

    /// An oracle that has taken it all: outputs first, to show that it does not matter.
    pub(super) fn oracle(&self) -> Oracle {
        let mut oracle = Oracle::default();
        let mut next = HashMap::<i32, i64>::new();
        for row in &self.outputs {
            let next = next.entry(row.partition).or_default();
            let value = serde_json::to_vec(&Lineage {
                key: row.key.as_str().into(),
                count: row.count,
                digest: row.digest,
                partition: row.input.partition,
                offset: row.input.offset,
            });
            oracle.output(row.partition, *next, row.key.as_bytes(), &value.unwrap()).unwrap();
            *next += 1;
        }
        for row in &self.inputs {
            oracle.input(row.at.partition, row.at.offset, row.key.as_bytes(), row.value.as_bytes()).unwrap();
        }
        oracle
    }

    pub(super) fn judge(&self) -> Findings {
        self.oracle().finish(Drain::Complete)
    }
}

/// The classes found, in order.
pub(super) fn classes(findings: &Findings) -> Vec<Class> {
    findings.counts.keys().copied().collect()
}
