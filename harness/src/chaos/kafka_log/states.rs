//! What a transaction coordinator wrote down of a transactional id: the records of Kafka's topic `__transaction_state`, kept as
//! they are and decoded here by Kafka's schemas `TransactionLogKey` (version 0) and `TransactionLogValue` (versions 0 and 1).

use super::super::records::Kept;
use super::decode::Bytes;

/// A change of a transactional id's state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateChange {
    /// The partition of the state topic: all changes of one id are in one.
    pub partition: i32,
    /// The offset there.
    pub offset: i64,
    /// The id, as Kafka sees it.
    pub transactional_id: String,
    /// The new state; `None` if Kafka forgot the id.
    pub logged: Option<Logged>,
}

/// A transactional id's state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logged {
    /// The producer id in use.
    pub producer_id: i64,
    /// Its epoch.
    pub producer_epoch: i16,
    /// The producer id of the transaction before, where the epochs of that were used up; else -1.
    pub previous_producer_id: i64,
    /// The producer id that follows, where the epochs are used up; else -1.
    pub next_producer_id: i64,
    /// Kafka aborts the transaction after so long.
    pub timeout_ms: i32,
    /// The state.
    pub state: LoggedState,
    /// Topics and partitions of the transaction.
    pub partitions: Vec<(String, Vec<i32>)>,
    /// When the state was entered, in milliseconds since 1970.
    pub updated_ms: i64,
    /// When the transaction was begun; -1 without one.
    pub started_ms: i64,
    /// The transaction version that the client spoke: 2 since KIP-890; 0 if it was not told.
    pub client_version: i16,
}

/// States as the coordinator knows them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LoggedState {
    /// No transaction.
    Empty,
    /// A transaction is open.
    Ongoing,
    /// The commit is decided.
    PrepareCommit,
    /// The abort is decided.
    PrepareAbort,
    /// All commit markers are written.
    CompleteCommit,
    /// All abort markers are written.
    CompleteAbort,
    /// The id has expired.
    Dead,
    /// The epoch is being bumped, to abort what is open.
    PrepareEpochFence,
    /// A state that this version does not know, by its number.
    Other(i8),
}

impl StateChange {
    /// Decodes a kept record; `None` if it is none.
    pub(super) fn decode(kept: &Kept<'_>) -> Option<Self> {
        let transactional_id = id(kept.key)?;
        let logged = if kept.value.is_empty() { None } else { Some(logged(kept.value)?) };
        Some(Self { partition: kept.partition, offset: kept.offset, transactional_id, logged })
    }
}

/// The transactional id in a key of the topic; `None` for a key of another kind.
pub(super) fn id(key: &[u8]) -> Option<String> {
    let mut key = Bytes(key);
    let version = key.i16()?;
    let length = usize::try_from(key.i16()?).ok()?;
    let id = key.text(length)?;
    (version == 0 && key.is_empty()).then_some(id)
}

fn logged(value: &[u8]) -> Option<Logged> {
    let mut from = Bytes(value);
    let flexible = match from.i16()? {
        0 => false,
        1 => true,
        _ => return None,
    };
    let mut logged = Logged {
        producer_id: from.i64()?,
        producer_epoch: from.i16()?,
        previous_producer_id: -1,
        next_producer_id: -1,
        timeout_ms: from.i32()?,
        state: state(from.i8()?),
        partitions: partitions(&mut from, flexible)?,
        updated_ms: from.i64()?,
        started_ms: from.i64()?,
        client_version: 0,
    };
    if flexible {
        tagged(&mut from, |tag, mut field| {
            match tag {
                0 => logged.previous_producer_id = field.i64()?,
                1 => logged.next_producer_id = field.i64()?,
                2 => logged.client_version = field.i16()?,
                _ => {}
            }
            Some(())
        })?;
    }
    from.is_empty().then_some(logged)
}

fn state(number: i8) -> LoggedState {
    match number {
        0 => LoggedState::Empty,
        1 => LoggedState::Ongoing,
        2 => LoggedState::PrepareCommit,
        3 => LoggedState::PrepareAbort,
        4 => LoggedState::CompleteCommit,
        5 => LoggedState::CompleteAbort,
        6 => LoggedState::Dead,
        7 => LoggedState::PrepareEpochFence,
        other => LoggedState::Other(other),
    }
}

fn partitions(from: &mut Bytes<'_>, flexible: bool) -> Option<Vec<(String, Vec<i32>)>> {
    let topics = length(from, flexible)?;
    let mut found = Vec::new();
    for _ in 0..topics {
        let name =
            if flexible { from.varint()?.checked_sub(1)? } else { usize::try_from(from.i16()?).ok()? };
        let name = from.text(name)?;
        let count = length(from, flexible)?;
        let ids = (0..count).map(|_| from.i32()).collect::<Option<Vec<_>>>()?;
        if flexible {
            tagged(from, |_, _| Some(()))?;
        }
        found.push((name, ids));
    }
    Some(found)
}

/// Of an array; one that is null is empty.
fn length(from: &mut Bytes<'_>, flexible: bool) -> Option<usize> {
    if flexible { Some(from.varint()?.saturating_sub(1)) } else { usize::try_from(from.i32()?.max(0)).ok() }
}

fn tagged<'a>(from: &mut Bytes<'a>, mut take: impl FnMut(usize, Bytes<'a>) -> Option<()>) -> Option<()> {
    for _ in 0..from.varint()? {
        let (tag, size) = (from.varint()?, from.varint()?);
        take(tag, Bytes(from.take(size)?))?;
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(id: &str) -> Vec<u8> {
        let mut key = vec![0, 0, 0, u8::try_from(id.len()).unwrap()];
        key.extend_from_slice(id.as_bytes());
        key
    }

    fn head(version: u8, state: u8) -> Vec<u8> {
        let mut value = vec![0, version];
        value.extend_from_slice(&1_000_i64.to_be_bytes());
        value.extend_from_slice(&7_i16.to_be_bytes());
        value.extend_from_slice(&60_000_i32.to_be_bytes());
        value.push(state);
        value
    }

    fn times(value: &mut Vec<u8>) {
        value.extend_from_slice(&111_i64.to_be_bytes());
        value.extend_from_slice(&99_i64.to_be_bytes());
    }

    fn decode(key: &[u8], value: &[u8]) -> Option<StateChange> {
        StateChange::decode(&Kept { partition: 3, offset: 9, key, value })
    }

    #[test]
    fn the_plain_version_is_read() {
        let mut value = head(0, 1);
        value.extend_from_slice(&1_i32.to_be_bytes());
        value.extend_from_slice(&[0, 1, b't']);
        value.extend_from_slice(&2_i32.to_be_bytes());
        value.extend_from_slice(&[0, 0, 0, 0, 0, 0, 0, 5]);
        times(&mut value);
        let change = decode(&key("job/1/0/2"), &value).unwrap();
        let logged = change.logged.unwrap();
        assert_eq!((change.transactional_id.as_str(), change.partition, change.offset), ("job/1/0/2", 3, 9));
        assert_eq!((logged.producer_id, logged.producer_epoch, logged.timeout_ms), (1_000, 7, 60_000));
        assert_eq!((logged.state, logged.client_version), (LoggedState::Ongoing, 0));
        assert_eq!(logged.partitions, [("t".to_owned(), vec![0, 5])]);
        assert_eq!((logged.updated_ms, logged.started_ms), (111, 99));
        for length in 1..value.len() {
            assert_eq!(decode(&key("a"), &value[..length]), None, "{length}");
        }
    }

    #[test]
    fn the_flexible_version_is_read_with_its_tags_also_unknown_ones() {
        let mut value = head(1, 4);
        value.extend_from_slice(&[2, 2, b't', 2, 0, 0, 0, 1, 0]);
        times(&mut value);
        value.extend_from_slice(&[3, 0, 8, 0, 0, 0, 0, 0, 0, 3, 0xe7, 2, 2, 0, 2, 9, 1, 0xff]);
        let logged = decode(&key("a"), &value).unwrap().logged.unwrap();
        assert_eq!((logged.state, logged.client_version), (LoggedState::CompleteCommit, 2));
        assert_eq!((logged.previous_producer_id, logged.next_producer_id), (999, -1));
        assert_eq!(logged.partitions, [("t".to_owned(), vec![1])]);
    }

    #[test]
    fn without_partitions_and_without_a_state_it_is_read_too() {
        let mut value = head(0, 0);
        value.extend_from_slice(&(-1_i32).to_be_bytes());
        times(&mut value);
        assert!(decode(&key("a"), &value).unwrap().logged.unwrap().partitions.is_empty());
        assert_eq!(decode(&key("a"), b"").unwrap().logged, None);
        assert_eq!(decode(&[0, 1, 0, 1, b'a'], &value), None, "a key of another version");
    }
}
