//! What was written reads back; what was cut or changed is refused or reads as something else, and never panics.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use super::*;
use crate::alphabet::{Input, Message, Outcome, Peer, Report};
use crate::snapshot::Snapshot;

fn bytes(value: &impl Encode) -> Vec<u8> {
    let mut out = Vec::new();
    value.encode(&mut out);
    out
}

fn read<T: Decode>(bytes: &[u8]) -> Result<T, Malformed> {
    let mut reader = Reader::new(bytes);
    let value = T::decode(&mut reader)?;
    reader.end()?;
    Ok(value)
}

fn acknowledgement() -> Input<u64, String> {
    let id = TransactionalId { attempt: Attempt::new(3), subtask: 1, slot: Slot::new(2) };
    let committable = Committable {
        checkpoint: CheckpointId::new(300),
        id,
        producer: Producer { id: i64::MAX, epoch: -1 },
        protocol: TransactionProtocol::V2,
        records: 9,
    };
    let report = Report::Acknowledged {
        checkpoint: CheckpointId::new(300),
        snapshot: Snapshot::Sink(Vec::from([committable])),
    };
    let message = Message::FromSubtask { attempt: Attempt::new(3), subtask: Subtask::sink(1), report };
    Input::Message { from: Peer::Worker(WorkerId::new(7)), message }
}

#[test]
fn numbers_read_back_at_their_limits() {
    for number in [0, 1, 127, 128, 16_383, 16_384, u64::MAX] {
        assert_eq!(read::<u64>(&bytes(&number)), Ok(number));
    }
    for number in [i64::MIN, -1, 0, 1, i64::MAX] {
        assert_eq!(read::<i64>(&bytes(&number)), Ok(number));
    }
    for number in [i16::MIN, -1, i16::MAX] {
        assert_eq!(read::<i16>(&bytes(&number)), Ok(number));
    }
    assert!(read::<u16>(&bytes(&70_000_u64)).is_err());
    assert!(read::<u64>(&[0xff; 11]).is_err());
}

#[test]
fn an_input_reads_back() {
    let input = acknowledgement();
    assert_eq!(read(&bytes(&input)), Ok(input));
    let offsets =
        BTreeMap::from([(Partition::new(0), NextOffset::new(2)), (Partition::new(1), NextOffset::new(1))]);
    let input: Input<u64, String> = Input::Done { op: Op::ResolveStart, outcome: Outcome::Offsets(offsets) };
    assert_eq!(read(&bytes(&input)), Ok(input));
}

#[test]
fn a_cut_input_is_refused() {
    let whole = bytes(&acknowledgement());
    for length in 0..whole.len() {
        assert!(read::<Input<u64, String>>(&whole[..length]).is_err(), "{length} of {} bytes", whole.len());
    }
}

#[test]
fn a_changed_input_never_panics_nor_allocates_beyond_its_bytes() {
    let whole = bytes(&acknowledgement());
    for place in 0..whole.len() {
        for value in 0..=u8::MAX {
            let mut changed = whole.clone();
            changed[place] = value;
            if let Ok(input) = read::<Input<u64, String>>(&changed) {
                assert_eq!(input == acknowledgement(), changed == whole, "byte {place} set to {value}");
            }
        }
    }
}
