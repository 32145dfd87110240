//! What a job is, as far as the protocol asks: its parallelism, its guarantee, its settings; and which source
//! subtask owns which partition at the start.

use alloc::string::String;
use alloc::vec::Vec;

use crate::alphabet::Channel;
use crate::id::{Partition, Subtask};

/// What the sink promises. Names as in Flink's `DeliveryGuarantee`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Guarantee {
    /// Each input record is reflected once in what a `read_committed` reader sees.
    ExactlyOnce,
    /// Each input record is reflected once or more.
    AtLeastOnce,
    /// Nothing when something fails: records may be lost or repeated.
    None,
}

/// How an exactly-once sink gets over a pre-committed transaction that Kafka aborted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CommitBy {
    /// It does not: the transaction is resumed and committed, or lost (as in Flink's `KafkaSink`). Downtime longer than the
    /// transaction timeout is data loss.
    Resume,
    /// What a transaction holds is in the checkpoint too, and is written again if Kafka aborted it.
    Log,
}

/// Where a job without a checkpoint begins. Ignored on restore.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StartPosition {
    /// The oldest record of each partition.
    Earliest,
    /// The end of each partition at the time of the first start.
    Latest,
    /// The offsets that the consumer group committed; a partition without one begins at its oldest record.
    GroupOrEarliest,
    /// The offsets that the consumer group committed; a partition without one begins at its end.
    GroupOrLatest,
}

/// A place in a partition that Kafka knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Position {
    /// The oldest record.
    Earliest,
    /// The end.
    Latest,
    /// The offset that the consumer group committed.
    Committed,
}

/// Which records a reader is given (Kafka's `isolation.level`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Isolation {
    /// Those of committed transactions and of none, up to the last stable offset.
    ReadCommitted,
    /// All.
    ReadUncommitted,
}

/// How records go from sources to operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Exchange {
    /// Source i feeds operator i alone; as many of one as of the other.
    Forward,
    /// Each source feeds the operators in turn.
    Rebalance,
    /// Records of one key go to one operator.
    Key,
}

/// Settings of the checkpoint coordinator. Durations are the driver's: the core arms timers by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Settings {
    /// Checkpoints that may be under way at once. Flink's default: 1.
    pub max_concurrent: u16,
    /// Failed checkpoints in a row that the job survives without a restart. Flink's default: 0.
    pub tolerable_failures: u32,
    /// Restarts without a completed checkpoint in between, after which the job fails.
    pub max_restarts: u32,
    /// Completed checkpoints that are kept. Flink's default: 1.
    pub retained: u16,
    /// The driver knows a shortest pause between two checkpoints. Flink's default: none.
    pub min_pause: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self { max_concurrent: 1, tolerable_failures: 0, max_restarts: 10, retained: 1, min_pause: false }
    }
}

/// The job graph: sources -> exchange -> operators -> sinks, each sink chained to its operator.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Job {
    /// The input topic.
    pub topic: String,
    /// Its number of partitions.
    pub partitions: u32,
    /// Source subtasks.
    pub sources: u16,
    /// Operator subtasks, and as many sink subtasks.
    pub operators: u16,
    /// How records go from sources to operators.
    pub exchange: Exchange,
    /// What the sink promises.
    pub guarantee: Guarantee,
    /// How an exactly-once sink commits.
    pub commit_by: CommitBy,
    /// Prefix of the transactional ids; unique to the job on its Kafka cluster.
    pub prefix: String,
    /// Where a job without a checkpoint begins.
    pub start: StartPosition,
    /// Which records of the input count.
    pub isolation: Isolation,
    /// The job ends, with a last checkpoint, once every partition was read to its end.
    pub bounded: bool,
    /// After how many milliseconds Kafka aborts a transaction that nobody ended.
    pub transaction_timeout_ms: u32,
    /// Go on when a pre-committed transaction was lost, instead of stopping with a data-loss error.
    pub accept_loss: bool,
    /// Settings of the coordinator.
    pub settings: Settings,
}

impl Job {
    /// Slots that the job takes: slot i hosts source i, operator i and sink i, as far as they exist (Flink's slot sharing).
    pub fn slots(&self) -> u16 {
        self.sources.max(self.operators)
    }

    /// Input channels of an operator subtask: channel c comes from source c, or from its own source if forwarded.
    pub fn operator_channels(&self) -> u16 {
        match self.exchange {
            Exchange::Forward => 1,
            Exchange::Rebalance | Exchange::Key => self.sources,
        }
    }

    /// The operator subtasks that a source subtask feeds.
    pub fn outputs_of_source(&self, source: u16) -> core::ops::Range<u16> {
        match self.exchange {
            Exchange::Forward => source..source + 1,
            Exchange::Rebalance | Exchange::Key => 0..self.operators,
        }
    }

    /// The channel at which a source's records arrive.
    pub fn channel_of_source(&self, source: u16) -> Channel {
        match self.exchange {
            Exchange::Forward => 0,
            Exchange::Rebalance | Exchange::Key => source,
        }
    }

    /// The subtasks of one slot.
    pub fn subtasks_of_slot(&self, slot: u16) -> Vec<Subtask> {
        let mut subtasks = Vec::new();
        if slot < self.operators {
            // Receivers first: a source may emit as soon as it is launched.
            subtasks.push(Subtask::sink(slot));
            subtasks.push(Subtask::operator(slot));
        }
        if slot < self.sources {
            subtasks.push(Subtask::source(slot));
        }
        subtasks
    }

    /// All subtasks, in order.
    pub fn subtasks(&self) -> impl Iterator<Item = Subtask> + '_ {
        let sources = (0..self.sources).map(Subtask::source);
        let operators = (0..self.operators).map(Subtask::operator);
        let sinks = (0..self.operators).map(Subtask::sink);
        sources.chain(operators).chain(sinks)
    }
}

/// The source subtask that first owns a partition, of `readers` in all.
///
/// Flink's rule (`KafkaSourceEnumerator.getSplitOwner`): the topic's Java string hash gives the start, partitions
/// follow round robin. On restore the split state decides instead.
pub fn owner_of_partition(topic: &str, partition: Partition, readers: u16) -> u16 {
    assert!(readers > 0, "a job has at least one source subtask");
    let hash =
        topic.encode_utf16().fold(0_i32, |hash, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)));
    let start = u64::from(hash.wrapping_mul(31).cast_unsigned() & 0x7fff_ffff) % u64::from(readers);
    let owner = (start + u64::from(partition.get())) % u64::from(readers);
    u16::try_from(owner).expect("a remainder of a u16")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_follow_round_robin_from_the_hash_of_the_topic() {
        // "ab".hashCode() is 97 * 31 + 98 = 3105; times 31 is 96255; modulo 4 is 3.
        let owners: Vec<u16> = (0..5).map(|p| owner_of_partition("ab", Partition::new(p), 4)).collect();
        assert_eq!(owners, [3, 0, 1, 2, 3]);
    }

    #[test]
    fn a_negative_hash_still_gives_an_owner() {
        // "polygenelubricants".hashCode() is i32::MIN; times 31 wraps to i32::MIN, whose sign bit is masked off.
        assert_eq!(owner_of_partition("polygenelubricants", Partition::new(0), 3), 0);
        assert_eq!(owner_of_partition("polygenelubricants", Partition::new(4), 3), 1);
    }
}
