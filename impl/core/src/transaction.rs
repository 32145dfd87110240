//! Identities of Kafka transactions: how a transactional id is named, and which generation of it a transaction has.

use alloc::format;
use alloc::string::String;

use crate::id::Attempt;

/// Number of a sink's transactional id within its attempt. A slot is used again only after a completed checkpoint
/// that no longer lists its transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot(u16);

impl Slot {
    /// The slot of the recovery id, beside those that take turns.
    pub const RECOVERY: Self = Self(u16::MAX);

    /// Wraps a number.
    pub const fn new(number: u16) -> Self {
        Self(number)
    }

    /// The number.
    pub const fn get(self) -> u16 {
        self.0
    }
}

/// A transactional id: prefix / attempt / sink subtask / slot. The prefix is the job's and is added when it is rendered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TransactionalId {
    /// The attempt that opened it; attempts are unique, so two attempts never share an id.
    pub attempt: Attempt,
    /// Index of the sink subtask.
    pub subtask: u16,
    /// The sink's slot.
    pub slot: Slot,
}

impl TransactionalId {
    /// The id under which a sink subtask writes again what Kafka aborted: the same in all attempts, so that whoever takes it
    /// excludes every other. No attempt has number 0.
    pub const fn recovery(subtask: u16) -> Self {
        Self { attempt: Attempt::new(0), subtask, slot: Slot::RECOVERY }
    }

    /// Whether it is a recovery id.
    pub fn is_recovery(self) -> bool {
        self.attempt == Attempt::new(0)
    }

    /// The name that Kafka sees, such as `orders/3/0/1`.
    pub fn render(self, prefix: &str) -> String {
        format!("{prefix}/{}/{}/{}", self.attempt.get(), self.subtask, self.slot.get())
    }

    /// Reads a name back. `None` if it is not one of this prefix: the prefix counts with its delimiter, so that a
    /// job `app` never touches the transactions of a job `app2` or `app/2`.
    pub fn parse(prefix: &str, name: &str) -> Option<Self> {
        let rest = name.strip_prefix(prefix)?.strip_prefix('/')?;
        let mut parts = rest.split('/');
        let attempt = Attempt::new(number(parts.next()?)?);
        let subtask = u16::try_from(number(parts.next()?)?).ok()?;
        let slot = Slot::new(u16::try_from(number(parts.next()?)?).ok()?);
        match parts.next() {
            None => Some(Self { attempt, subtask, slot }),
            Some(_) => None,
        }
    }
}

/// A decimal number in the one form that `render` writes: no sign, no leading zero.
fn number(text: &str) -> Option<u64> {
    if text.len() > 1 && text.starts_with('0') || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

/// Producer id and epoch: the generation of a transactional id. One transaction per generation, so that a stale
/// EndTxn can never end a later transaction (KAFKA-17754, FLINK-8132).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Producer {
    /// The producer id that InitProducerId answered.
    pub id: i64,
    /// The producer epoch that InitProducerId answered.
    pub epoch: i16,
}

impl Producer {
    /// Of nobody: asks InitProducerId for a new generation whatever the current one is (KIP-360), and stands where there
    /// are no transactions.
    pub const NONE: Self = Self { id: -1, epoch: -1 };
}

/// The protocol between client and broker by which one transaction is run (KIP-890). Who ends the transaction must speak
/// the one that its producer spoke: a V2 end bumps the epoch, and a V1 end after it is fenced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TransactionProtocol {
    /// Partitions are added by the client; an end leaves the epoch as it is.
    V1,
    /// Partitions are added by the broker; every end bumps the epoch.
    V2,
}

impl TransactionProtocol {
    /// The versions of EndTxn that end a transaction of this protocol: those up to 4 leave the epoch as it is.
    pub const fn end_txn_versions(self) -> core::ops::RangeInclusive<i16> {
        match self {
            Self::V1 => 0..=4,
            Self::V2 => 5..=5,
        }
    }

    /// By how much ending a transaction raises its epoch.
    pub const fn bump(self) -> i16 {
        match self {
            Self::V1 => 0,
            Self::V2 => 1,
        }
    }
}

/// State of a transactional id as DescribeTransactions names it (KIP-664).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TransactionState {
    /// No transaction since the last InitProducerId.
    Empty,
    /// A transaction is open.
    Ongoing,
    /// The commit is decided, its markers are being written.
    PrepareCommit,
    /// The abort is decided, its markers are being written.
    PrepareAbort,
    /// The last transaction was committed.
    CompleteCommit,
    /// The last transaction was aborted.
    CompleteAbort,
    /// Anything else: about to be fenced, expired, or a state that this version does not know.
    Other,
}

impl TransactionState {
    /// Kafka's name of the state; empty for those without one here.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Empty => "Empty",
            Self::Ongoing => "Ongoing",
            Self::PrepareCommit => "PrepareCommit",
            Self::PrepareAbort => "PrepareAbort",
            Self::CompleteCommit => "CompleteCommit",
            Self::CompleteAbort => "CompleteAbort",
            Self::Other => "",
        }
    }

    /// Reads Kafka's name of a state.
    pub fn from_name(name: &str) -> Self {
        match name {
            "Empty" => Self::Empty,
            "Ongoing" => Self::Ongoing,
            "PrepareCommit" => Self::PrepareCommit,
            "PrepareAbort" => Self::PrepareAbort,
            "CompleteCommit" => Self::CompleteCommit,
            "CompleteAbort" => Self::CompleteAbort,
            _ => Self::Other,
        }
    }
}

/// What DescribeTransactions says of a transactional id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Described {
    /// State of its latest transaction.
    pub state: TransactionState,
    /// Its current generation.
    pub producer: Producer,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_reads_back() {
        let id = TransactionalId { attempt: Attempt::new(12), subtask: 3, slot: Slot::new(2) };
        assert_eq!(id.render("orders"), "orders/12/3/2");
        assert_eq!(TransactionalId::parse("orders", "orders/12/3/2"), Some(id));
    }

    #[test]
    fn another_job_is_never_taken_for_ours() {
        for name in [
            "app2/1/0/0",
            "app",
            "app/1/0",
            "app/1/0/0/0",
            "app/2/1/0/0",
            "app/x/0/0",
            "app/01/0/0",
            "app/+1/0/0",
            "/1/0/0",
        ] {
            assert_eq!(TransactionalId::parse("app", name), None, "{name}");
        }
    }
}
