//! Changes one thing in a trace, as a forger would who knows the layout: frames are numbered anew, their clocks stay in order, and
//! their checksums fit.
#![expect(clippy::wildcard_enum_match_arm, reason = "what has no numbers is told by its name")]

use std::path::{Path, PathBuf};

use truecut_core::{
    CheckpointId, Described, Encode as _, HeadVersion, Input, Offset, Op, Outcome, Producer, Snapshot,
    Subtask, TransactionState,
};
use truecut_runtime::store::StateHandle;
use truecut_runtime::trace::{BatchDigest, Event, Frame, Reader};

type In = Input<BatchDigest, StateHandle>;
type Answer = Outcome<StateHandle>;

/// Length published, length, checksum; then the sequence and two clocks.
const PREFIX: usize = 12;
const CLOCKS: usize = PREFIX + 24;
/// The kind of a frame with an input that nobody sent.
const INPUT: u8 = 1;

/// A draw, the same for the same seed (SplitMix64).
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    pub(super) fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(limit).unwrap()).unwrap()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Mutation {
    Drop,
    Duplicate,
    Swap,
    /// A byte of what a frame says, so that it can still be read.
    Edit,
    /// What the world answered.
    Answer,
}

pub(super) const ALL: [Mutation; 5] =
    [Mutation::Drop, Mutation::Duplicate, Mutation::Swap, Mutation::Edit, Mutation::Answer];

/// A trace, cut into frames.
pub(super) struct Cut {
    pub(super) path: PathBuf,
    start: Vec<u8>,
    frames: Vec<Vec<u8>>,
    pub(super) events: Vec<Event>,
    tail: Vec<u8>,
}

impl Cut {
    pub(super) fn read(path: &Path) -> Self {
        let bytes = std::fs::read(path).unwrap();
        let frames: Vec<Frame> = Reader::open(path).unwrap().map(Result::unwrap).collect();
        let mut places: Vec<usize> =
            frames.iter().map(|frame| usize::try_from(frame.offset).unwrap()).collect();
        if let Some(last) = places.last().copied() {
            places.push(last + (PREFIX + length(&bytes[last..])).next_multiple_of(4));
        } else {
            places.push(bytes.len());
        }
        Self {
            path: path.to_path_buf(),
            start: bytes[..places[0]].to_vec(),
            frames: places.windows(2).map(|ends| bytes[ends[0]..ends[1]].to_vec()).collect(),
            events: frames.into_iter().map(|frame| frame.event).collect(),
            tail: bytes[places[places.len() - 1]..].to_vec(),
        }
    }

    pub(super) fn restore(&self) {
        self.write(&self.frames);
    }

    fn write(&self, frames: &[Vec<u8>]) {
        std::fs::write(&self.path, [self.start.as_slice(), &frames.concat(), &self.tail].concat()).unwrap();
    }

    /// Writes the trace with one mutation. Says what was changed; `None` if nothing was.
    pub(super) fn mutate(&self, mutation: Mutation, random: &mut Random) -> Option<String> {
        let place = random.below(self.frames.len().max(1));
        let mut frames = self.frames.clone();
        let frame = self.frames.get(place)?;
        match mutation {
            Mutation::Drop => drop(frames.remove(place)),
            Mutation::Duplicate => frames.insert(place, frame.clone()),
            Mutation::Swap => {
                let other = self.frames.get(place + 1)?;
                let clocks = |frame: &[u8]| frame[PREFIX..CLOCKS].to_vec();
                frames.swap(place, place + 1);
                frames[place][PREFIX..CLOCKS].copy_from_slice(&clocks(frame));
                frames[place + 1][PREFIX..CLOCKS].copy_from_slice(&clocks(other));
            }
            Mutation::Edit => {
                let payload = (PREFIX + length(frame)).checked_sub(CLOCKS + 1).filter(|bytes| *bytes > 0)?;
                let byte = CLOCKS + 1 + random.below(payload);
                let edited = &mut frames[place][byte];
                *edited = edited.wrapping_add(if random.below(2) == 0 { 1 } else { u8::MAX });
            }
            Mutation::Answer => {
                let Event::Input { input: Input::Done { op, outcome }, stamp: None } = &self.events[place]
                else {
                    return None;
                };
                let others = others(outcome);
                let outcome = others.get(random.below(others.len().max(1)))?.clone();
                frames[place] = encoded(frame, &Input::Done { op: *op, outcome });
            }
        }
        (1..).zip(&mut frames).for_each(|(sequence, frame)| reseal(sequence, frame));
        if frames == self.frames {
            return None;
        }
        self.write(&frames);
        // What can't be read back, or reads the same, is no edit.
        let read: Result<Vec<Event>, _> =
            Reader::open(&self.path).unwrap().map(|frame| frame.map(|frame| frame.event)).collect();
        let Some(events) = read.ok().filter(|events| *events != self.events) else {
            self.restore();
            return None;
        };
        let before = kind(&self.events[place]);
        let after = events.get(place).map(kind).filter(|_| mutation == Mutation::Answer);
        Some(after.map_or_else(|| before.clone(), |after| format!("{before}, made {after}")))
    }
}

/// A frame with the clocks of another, that says this.
fn encoded(clocks: &[u8], input: &In) -> Vec<u8> {
    let mut frame = clocks[..CLOCKS].to_vec();
    frame.push(INPUT);
    input.encode(&mut frame);
    let length = u32::try_from(frame.len() - PREFIX).unwrap().to_le_bytes();
    frame[..4].copy_from_slice(&length);
    frame[4..8].copy_from_slice(&length);
    frame.resize(frame.len().next_multiple_of(4), 0);
    frame
}

fn length(frame: &[u8]) -> usize {
    usize::try_from(u32::from_le_bytes(frame[4..8].try_into().unwrap())).unwrap()
}

/// Gives a frame another sequence number and the checksum that fits.
fn reseal(sequence: u64, frame: &mut [u8]) {
    frame[PREFIX..PREFIX + 8].copy_from_slice(&sequence.to_le_bytes());
    let crc = crc32c::crc32c(&frame[PREFIX..PREFIX + length(frame)]);
    frame[8..12].copy_from_slice(&crc.to_le_bytes());
}

/// What might have been answered instead.
fn others(outcome: &Answer) -> Vec<Answer> {
    let codes = [0, 14, 48, 51, 90];
    match outcome {
        Outcome::Answer(code) => {
            let codes = codes.into_iter().filter(|other| other != code).map(Outcome::Answer);
            codes.chain([Outcome::Unknown]).collect()
        }
        Outcome::Swapped => vec![Outcome::Conflict, Outcome::Unknown],
        Outcome::Conflict => vec![Outcome::Swapped, Outcome::Unknown],
        Outcome::Head { version, head } => {
            let versions = [version.next(), HeadVersion::new(version.get().saturating_sub(1))];
            let mut all: Vec<Answer> =
                versions.into_iter().map(|version| Outcome::Head { version, head: *head }).collect();
            if let Some(head) = head {
                let next = CheckpointId::new(head.next.get() + 1);
                all.push(Outcome::Head {
                    version: *version,
                    head: Some(truecut_core::Head { next, ..*head }),
                });
            }
            all
        }
        Outcome::Initialised { described, protocol } => descriptions(*described)
            .into_iter()
            .map(|described| Outcome::Initialised { described, protocol: *protocol })
            .collect(),
        Outcome::Described(described) => {
            descriptions(*described).into_iter().map(Outcome::Described).collect()
        }
        Outcome::Listed { topic, leaderless, brokers, names } => {
            let less = names.split_last().map(|(_, rest)| rest.to_vec());
            let lists = less.into_iter().map(|names| Outcome::Listed {
                topic: *topic,
                leaderless: *leaderless,
                brokers: brokers.clone(),
                names,
            });
            lists.chain([Outcome::Unknown]).collect()
        }
        Outcome::Snapshotted(handle) => {
            let mut changed = handle.clone();
            changed.files.iter_mut().for_each(|file| file.crc32c = file.crc32c.wrapping_add(1));
            let mut fewer = handle.clone();
            fewer.files.pop();
            let others = [changed, fewer].into_iter().filter(|other| other != handle);
            others.map(Outcome::Snapshotted).collect()
        }
        Outcome::Checkpoint(checkpoint) => {
            let mut offset = checkpoint.clone();
            if let Some(Snapshot::Source(offsets)) = offset.snapshots.get_mut(&Subtask::source(0)) {
                offsets.values_mut().for_each(|next| *next = Offset::new(next.get()).one_past());
            }
            let mut name = checkpoint.clone();
            name.name.id = name.name.id.next();
            vec![Outcome::Checkpoint(offset), Outcome::Checkpoint(name)]
        }
        Outcome::Flushed => vec![Outcome::Answer(90), Outcome::Unknown],
        Outcome::Written | Outcome::Uploaded => vec![Outcome::Unknown],
        Outcome::Restored => vec![Outcome::Failed { detail: "forged".to_owned() }],
        Outcome::Unknown => vec![Outcome::Answer(0), Outcome::Answer(90)],
        Outcome::Failed { .. } | Outcome::Offsets(_) | Outcome::Opened | Outcome::Markers(_) => Vec::new(),
    }
}

fn descriptions(described: Described) -> Vec<Described> {
    let Described { state, producer } = described;
    let other =
        if state == TransactionState::Empty { TransactionState::Ongoing } else { TransactionState::Empty };
    vec![
        Described { state: other, producer },
        Described { state, producer: Producer { epoch: producer.epoch + 1, ..producer } },
        Described { state, producer: Producer { id: producer.id + 1, ..producer } },
    ]
}

/// An event in two words: what a mutation was made to.
fn kind(event: &Event) -> String {
    match event {
        Event::Input { input: Input::Done { op, outcome }, .. } => answer(*op, outcome),
        Event::Input { input: Input::Message { message, .. }, .. } => format!("received {}", first(message)),
        Event::Input { input, .. } => format!("input {}", first(input)),
        Event::Effect(effect) => format!("effect {}", first(effect)),
        Event::End => "end".to_owned(),
    }
}

fn answer(op: Op, outcome: &Answer) -> String {
    match outcome {
        Outcome::Answer(code) => format!("answer to {}: {code}", op.name()),
        Outcome::Initialised { described, .. } => {
            format!("answer to {}: {:?} of epoch {}", op.name(), described.state, described.producer.epoch)
        }
        other => format!("answer to {}: {}", op.name(), first(other)),
    }
}

/// The first word of what it prints.
fn first(value: &impl std::fmt::Debug) -> String {
    let text = format!("{value:?}");
    text.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default().to_owned()
}
