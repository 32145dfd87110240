//! The targets, by name.

pub mod checkpoint;
pub mod job_file;
pub mod kafka_frame;
pub mod schedule;
pub mod trace;
pub mod wire;

use crate::outcome::Outcome;

/// A target.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name: of its corpus's folder and of its libFuzzer program, too.
    pub name: &'static str,
    /// What it asks.
    pub purpose: &'static str,
    /// Panics if something is wrong.
    pub run: fn(&[u8]) -> Outcome,
    /// Inputs to begin with.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// All of them.
pub const TARGETS: &[Target] = &[
    Target {
        name: "wire",
        purpose: "frames between processes: what is read is written and read again as the same",
        run: wire::run,
        seeds: wire::seeds,
    },
    Target {
        name: "checkpoint",
        purpose: "objects of the checkpoint store: read, written and read as the same; a damaged one is refused",
        run: checkpoint::run,
        seeds: checkpoint::seeds,
    },
    Target {
        name: "trace",
        purpose: "traces: what is read is what was written, or a prefix of it with an error",
        run: trace::run,
        seeds: trace::seeds,
    },
    Target {
        name: "job_file",
        purpose: "job files: refused with a reason, or written and read again as the same job",
        run: job_file::run,
        seeds: job_file::seeds,
    },
    Target {
        name: "kafka_frame",
        purpose: "Kafka's frames in the proxy: named as kafka-protocol wrote them, however they are cut",
        run: kafka_frame::run,
        seeds: kafka_frame::seeds,
    },
    Target {
        name: "schedule",
        purpose: "schedules through the core in the modelled world: no property is violated, no assertion fails",
        run: schedule::run,
        seeds: schedule::seeds,
    },
];

/// Seeds for a codec with tags: bytes that decode although they are almost all zero, for each pair of tags.
fn by_tags(decodes: impl Fn(&[u8]) -> bool, prefix: &[u8]) -> Vec<Vec<u8>> {
    const TAGS: u8 = 24;
    const ZEROS: usize = 24;
    let pairs = (0..TAGS).flat_map(|first| (0..TAGS).map(move |second| [first, second]));
    pairs
        .filter_map(|tags| {
            let mut bytes = [prefix, &tags].concat();
            (0..ZEROS).find_map(|_| {
                let found = decodes(&bytes).then(|| bytes.clone());
                bytes.push(0);
                found
            })
        })
        .collect()
}
