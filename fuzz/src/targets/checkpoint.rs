//! Objects of the checkpoint store, in memory: the first byte says which game is played with the others.
//!
//! A checksum that mutation never meets would end every execution at the door. So the bytes are put behind a valid one, or a valid
//! object is damaged.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use truecut_core::{
    Attempt, Checkpoint, CheckpointId, CheckpointName, Decode, Head, HeadVersion, LogName, Outcome as Answer,
    Reader, Request, Subtask,
};
use truecut_runtime::state::{Capture, Changes, StateWriter, read_parts};
use truecut_runtime::store::{CheckpointStore, Checkpoints, Put, StateHandle, StoreError};

use super::by_tags;
use crate::outcome::Outcome;

/// Bytes in front of an object's content: magic, kind, version, length, checksum.
const HEADER: usize = 8 + 4 + 4 + 8 + 4;
/// Where the checksum begins, of what it covers and of itself.
const CHECKSUM: usize = HEADER - 4;
/// The object that is damaged.
const LOG: LogName =
    LogName { of: CheckpointName { attempt: Attempt::new(1), id: CheckpointId::new(2) }, subtask: 3 };

/// Keeps objects in memory.
#[derive(Debug, Default)]
pub struct Memory(Mutex<BTreeMap<String, Vec<u8>>>);

impl Memory {
    /// What is kept.
    pub fn objects(&self) -> MutexGuard<'_, BTreeMap<String, Vec<u8>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl CheckpointStore for Memory {
    fn put_new(&self, name: &str, parts: &[&[u8]]) -> Result<Put, StoreError> {
        let mut objects = self.objects();
        if objects.contains_key(name) {
            return Ok(Put::Exists);
        }
        objects.insert(name.to_owned(), parts.concat());
        Ok(Put::Stored)
    }

    fn get(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.objects().get(name).cloned())
    }

    fn names(&self) -> Result<Vec<String>, StoreError> {
        Ok(self.objects().keys().cloned().collect())
    }

    fn remove(&self, name: &str) -> Result<(), StoreError> {
        self.objects().remove(name);
        Ok(())
    }

    fn place(&self, name: &str) -> PathBuf {
        PathBuf::from(name)
    }
}

/// A store in memory, and what it keeps.
pub fn store() -> (Arc<Memory>, Checkpoints) {
    let memory = Arc::new(Memory::default());
    (Arc::clone(&memory), Checkpoints::new(memory))
}

/// Plays with the real store.
pub fn run(data: &[u8]) -> Outcome {
    match data.split_first() {
        None => Outcome::plain("empty"),
        Some((0..80, bytes)) => checkpoint(bytes),
        Some((80..100, bytes)) => head(bytes),
        Some((100..110, bytes)) => raw(bytes),
        Some((110..120, bytes)) => layer(bytes, read_layer),
        Some((120.., bytes)) => {
            damage(bytes, |memory| Checkpoints::new(memory).read_log(LOG).map_err(|error| error.to_string()))
        }
    }
}

/// The content of a checkpoint behind a valid header: read if and only if it is one, and written as the same.
fn checkpoint(content: &[u8]) -> Outcome {
    let mut reader = Reader::new(content);
    let decoded = Checkpoint::<StateHandle>::decode(&mut reader);
    let decoded = decoded.and_then(|value| reader.end().map(|()| value));
    let name = decoded.as_ref().map_or(LOG.of, |checkpoint| checkpoint.name);
    let (memory, checkpoints) = store();
    let file = format!("checkpoint-{}-{}", name.attempt.get(), name.id.get());
    let sealed = sealed(&file, *b"CHKP", content);
    memory.objects().insert(file, sealed);
    match (checkpoints.perform(&Request::ReadCheckpoint(name)), decoded) {
        (Answer::Checkpoint(read), Ok(decoded)) => {
            assert_eq!(read, decoded);
            let (_, other) = store();
            for _ in 0..2 {
                let written = other.perform(&Request::WriteCheckpoint(read.clone()));
                assert_eq!(written, Answer::Written, "the same once more is no conflict");
            }
            assert_eq!(other.perform(&Request::ReadCheckpoint(name)), Answer::Checkpoint(read.clone()));
            Outcome::value("checkpoint", &read)
        }
        (Answer::Failed { detail }, Err(_)) => Outcome::text("refused", &detail),
        (answer, decoded) => panic!("{decoded:?} is read as {answer:?}"),
    }
}

/// The content of a head behind a valid header.
fn head(content: &[u8]) -> Outcome {
    let (memory, checkpoints) = store();
    let sealed = sealed("head-1", *b"HEAD", content);
    memory.objects().insert("head-1".to_owned(), sealed);
    let mut reader = Reader::new(content);
    let decoded =
        HeadVersion::decode(&mut reader).and_then(|version| Ok((version, Head::decode(&mut reader)?)));
    let decoded = decoded.and_then(|both| reader.end().map(|()| both));
    let first = HeadVersion::new(1);
    match (checkpoints.perform(&Request::ReadHead), decoded) {
        (Answer::Head { version, head: Some(read) }, Ok((written, decoded))) => {
            assert_eq!((version, written, read), (first, first, decoded));
            let (_, other) = store();
            let swap = Request::SwapHead { expected: HeadVersion::new(0), head: read };
            assert_eq!(other.perform(&swap), Answer::Swapped);
            assert_eq!(other.perform(&Request::ReadHead), Answer::Head { version: first, head: Some(read) });
            Outcome::value("head", &read)
        }
        (Answer::Failed { detail }, Ok((written, _))) if written != first => {
            Outcome::text("refused", &detail)
        }
        (Answer::Failed { detail }, Err(_)) => Outcome::text("refused", &detail),
        (answer, decoded) => panic!("{decoded:?} is read as {answer:?}"),
    }
}

/// Keys and values, in order.
pub type Pairs = Vec<(Vec<u8>, Vec<u8>)>;

/// The content of a layer behind a valid header: read if and only if it is entries in order, and written as the same.
///
/// # Panics
/// If it is read although it is something else, refused although it is that, or written as something else.
pub fn layer(
    content: &[u8],
    read: impl FnOnce(&Checkpoints, &StateHandle) -> Result<Pairs, String>,
) -> Outcome {
    let pairs = pairs(content).filter(|pairs| pairs.is_sorted_by(|one, next| one.0 < next.0));
    let entries = pairs.as_ref().map_or(0, |pairs| u64::try_from(pairs.len()).expect("a number fits"));
    let (_, checkpoints) = store();
    let file = checkpoints.write_layer(LOG.of, Subtask::operator(0), 0, content, entries);
    let file = file.expect("memory does not fail").expect("it is known");
    let state = StateHandle { files: vec![file] };
    match (read(&checkpoints, &state), pairs) {
        (Ok(read), Some(pairs)) => {
            assert_eq!(read, pairs);
            let mut changes = Changes::default();
            for (key, value) in pairs.iter().rev() {
                changes.put(key, |out| out.extend_from_slice(value));
            }
            let written =
                StateWriter::new(store().1, Subtask::operator(0)).write(LOG.of, Capture::Changes(changes));
            let same = if pairs.is_empty() { StateHandle::default() } else { state };
            assert_eq!(written.expect("memory does not fail"), same, "{pairs:?} is written in one form");
            Outcome { kind: "layer", detail: entries.min(8) }
        }
        (Err(why), None) => Outcome::text("refused", &why),
        (Err(why), Some(pairs)) => panic!("{pairs:?} is refused: {why}"),
        (Ok(read), None) => panic!("{content:?} is no layer and is read as {read:?}"),
    }
}

/// Reads a layer with the runtime's reader.
///
/// # Errors
/// It is refused.
pub fn read_layer(checkpoints: &Checkpoints, state: &StateHandle) -> Result<Pairs, String> {
    let mut pairs = Pairs::new();
    for part in read_parts(checkpoints, state) {
        let (_, part) = part.map_err(|error| error.to_string())?;
        let entries = part.entries().map_err(|error| error.to_string())?;
        pairs.extend(entries.iter().map(|(key, value)| (key.to_vec(), value.to_vec())));
    }
    Ok(pairs)
}

/// Keys and values as `state/entries.rs` of the runtime documents them, in any order; none, if it is something else.
pub fn pairs(mut content: &[u8]) -> Option<Pairs> {
    let mut pairs = Pairs::new();
    while let Some((lengths, rest)) = content.split_first_chunk::<8>() {
        let [key, value] = [&lengths[..4], &lengths[4..]].map(|half| half.first_chunk().copied());
        let (key, rest) = rest.split_at_checked(usize::try_from(u32::from_le_bytes(key?)).ok()?)?;
        let (value, rest) = rest.split_at_checked(usize::try_from(u32::from_le_bytes(value?)).ok()?)?;
        pairs.push((key.to_vec(), value.to_vec()));
        content = rest;
    }
    content.is_empty().then_some(pairs)
}

/// Any bytes under every kind of name: refused, unless all of it is as it would be written.
fn raw(bytes: &[u8]) -> Outcome {
    let (memory, checkpoints) = store();
    for name in ["head-1", "checkpoint-1-2", "log-1-2-sink-3"] {
        memory.objects().insert(name.to_owned(), bytes.to_vec());
    }
    let of = |answer| if let Answer::Failed { detail } = answer { Some(detail) } else { None };
    let refused = [
        of(checkpoints.perform(&Request::ReadHead)),
        of(checkpoints.perform(&Request::ReadCheckpoint(LOG.of))),
        checkpoints.read_log(LOG).err().map(|error| error.to_string()),
    ];
    let refused: Vec<String> = refused.into_iter().flatten().collect();
    assert!(refused.len() >= 2, "the same bytes are two kinds of objects; refused as {refused:?}");
    Outcome::text("raw", refused.first().and_then(|why| why.split(", but").next()).unwrap_or_default())
}

/// An object is written, and a few bytes of its file are changed, cut off or added: it is not read any more. `read` gives the content
/// of the log, or why it is refused.
///
/// # Panics
/// If damaged content is read.
pub fn damage(data: &[u8], read: impl FnOnce(Arc<Memory>) -> Result<Vec<u8>, String>) -> Outcome {
    let Some((&[how, high, low], rest)) = data.split_first_chunk::<3>() else {
        return Outcome::plain("empty");
    };
    let (change, content) = rest.split_at(rest.len().min(4));
    let (memory, checkpoints) = store();
    checkpoints.write_log(LOG, content).expect("memory does not fail").expect("it is known");
    let name = memory.objects().keys().next().expect("it was written").clone();
    let before = memory.objects()[&name].clone();
    let mut after = before.clone();
    let at = usize::from(u16::from_be_bytes([high, low])) % before.len();
    match how % 4 {
        0 | 1 => change_at(&mut after, at, change),
        2 => after.truncate(at),
        _ => after.extend_from_slice(change),
    }
    let same = after == before;
    memory.objects().insert(name, after);
    match read(memory) {
        Ok(found) => {
            assert!(same, "a log was damaged at byte {at} and is read all the same");
            assert_eq!(found, content);
            Outcome::plain("whole")
        }
        Err(why) => {
            assert!(!same, "a whole log is refused: {why}");
            // Behind it stands what the object calls itself, which may be anything.
            Outcome::text("damaged", why.split(", but").next().unwrap_or_default())
        }
    }
}

/// Changes up to four bytes, none beyond the end of what the checksum covers in one piece: such a change a CRC always shows.
fn change_at(bytes: &mut [u8], at: usize, change: &[u8]) {
    let end = if at < CHECKSUM {
        CHECKSUM
    } else if at < HEADER {
        HEADER
    } else {
        bytes.len()
    };
    for (byte, change) in bytes[at..end].iter_mut().zip(change) {
        *byte ^= change;
    }
}

/// What the store writes around content, for content that it would not write. The version is taken from what it does write.
fn sealed(name: &str, kind: [u8; 4], content: &[u8]) -> Vec<u8> {
    let (memory, checkpoints) = store();
    checkpoints.write_log(LOG, content).expect("memory does not fail").expect("it is known");
    let mut bytes = memory.objects().pop_first().expect("it was written").1;
    bytes[8..12].copy_from_slice(&kind);
    let of_name = crc32c::crc32c(name.as_bytes());
    let of_header = crc32c::crc32c_append(of_name, &bytes[..CHECKSUM]);
    let checksum = crc32c::crc32c_append(of_header, content);
    bytes[CHECKSUM..HEADER].copy_from_slice(&checksum.to_le_bytes());
    bytes
}

/// Checkpoints and heads of every kind, layers, and a log to be damaged.
pub fn seeds() -> Vec<Vec<u8>> {
    let read = |bytes: &[u8]| matches!(run(bytes).kind, "checkpoint" | "head");
    let mut seeds = by_tags(read, &[0]);
    // One snapshot: of a source, an operator, a sink.
    seeds.extend(by_tags(read, &[0, 1, 2, 7, 0, 1]));
    // A head of version 1 is that, and otherwise numbers.
    seeds.extend(by_tags(read, &[80, 1]));
    for keys in 0..4 {
        let entry = |key| [1, 0, 0, 0, 1, 0, 0, 0, key, b'v'];
        seeds.push([&[110], (b'a'..b'a' + keys).map(entry).collect::<Vec<_>>().concat().as_slice()].concat());
    }
    for how in 0..4 {
        seeds.push([&[120, how, 0, 9, 1, 2, 3, 4], &b"the outputs of a transaction"[..]].concat());
    }
    seeds
}
