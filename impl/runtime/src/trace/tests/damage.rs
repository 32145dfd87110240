//! Traces in which one frame was dropped, repeated, swapped or edited are rejected: as they are, and also when whoever did it
//! numbered the frames anew and made the checksums fit.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::PathBuf;

use super::random::Random;
use super::run::Recorded;
use super::*;
use crate::trace::causality;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Mutation {
    Drop,
    Duplicate,
    Swap,
    Edit,
}

const ALL: [Mutation; 4] = [Mutation::Drop, Mutation::Duplicate, Mutation::Swap, Mutation::Edit];

/// The bytes of a trace, cut into frames.
struct Cut {
    path: PathBuf,
    start: Vec<u8>,
    frames: Vec<Vec<u8>>,
    tail: Vec<u8>,
    finished: bool,
}

impl Cut {
    fn read(path: &Path) -> Self {
        let bytes = fs::read(path).unwrap();
        let mut reader = Reader::open(path).unwrap();
        let mut places: Vec<usize> =
            reader.by_ref().map(|frame| usize::try_from(frame.unwrap().offset).unwrap()).collect();
        let last = *places.last().unwrap();
        let length = usize::try_from(crate::trace::frame::word(&bytes, last)).unwrap();
        places.push(last + crate::trace::frame::aligned(crate::trace::frame::FRAME_PREFIX + length));
        Self {
            path: path.to_path_buf(),
            start: bytes[..places[0]].to_vec(),
            frames: places.windows(2).map(|ends| bytes[ends[0]..ends[1]].to_vec()).collect(),
            tail: bytes[places[places.len() - 1]..].to_vec(),
            finished: reader.is_finished(),
        }
    }

    /// Puts frames in place of those that are there. Never cuts the file to nothing first: some file systems would then sync it.
    fn write(&self, frames: &[Vec<u8>]) {
        let bytes = [self.start.as_slice(), &frames.concat(), &self.tail].concat();
        let mut file = fs::File::options().write(true).open(&self.path).unwrap();
        file.write_all(&bytes).unwrap();
        file.set_len(u64::try_from(bytes.len()).unwrap()).unwrap();
    }

    /// The frames with one mutation; `None` if it would change nothing.
    fn mutated(&self, mutation: Mutation, forge: bool, random: &mut Random) -> Option<Vec<Vec<u8>>> {
        let mut frames = self.frames.clone();
        let place = random.below(frames.len());
        match mutation {
            Mutation::Drop => drop(frames.remove(place)),
            Mutation::Duplicate => frames.insert(place, frames[place].clone()),
            Mutation::Swap => frames.swap(place, random.below(self.frames.len())),
            Mutation::Edit => {
                let frame = &mut frames[place];
                // A forger edits what the frame says; its kind and payload begin after three numbers.
                let from = if forge { crate::trace::frame::FRAME_PREFIX + 24 } else { 0 };
                let byte = from + random.below(frame.len() - from);
                frame[byte] = frame[byte].wrapping_add(u8::try_from(1 + random.next() % 255).unwrap());
            }
        }
        if forge {
            (1..).zip(&mut frames).for_each(|(sequence, frame)| reseal(sequence, frame));
        }
        (frames != self.frames).then_some(frames)
    }
}

/// Gives a frame another sequence number and the checksum that fits.
fn reseal(sequence: u64, frame: &mut [u8]) {
    let prefix = crate::trace::frame::FRAME_PREFIX;
    let length = usize::try_from(crate::trace::frame::word(frame, 4)).unwrap();
    frame[prefix..prefix + 8].copy_from_slice(&sequence.to_le_bytes());
    let crc = crc32c::crc32c(&frame[prefix..prefix + length]);
    frame[8..12].copy_from_slice(&crc.to_le_bytes());
}

/// How a mutated trace is found out; `None` if it is not.
fn rejected(cut: &Cut, recorded: &Recorded) -> Option<&'static str> {
    match replayed(&cut.path) {
        Err(_) => return Some("damaged"),
        Ok(found) if found.divergence.is_some() => return Some("diverged"),
        Ok(found) if found.finished != cut.finished => return Some("cut off, though nobody was killed"),
        Ok(_) => {}
    }
    match causality(&recorded.paths) {
        Err(_) => Some("damaged"),
        Ok(found) if found.violations > 0 => Some("does not fit the other traces"),
        Ok(_) => None,
    }
}

/// Mutates traces of a run one at a time; returns how many of each kind were made, and were not rejected.
fn mutate(mutations: u32, forge: bool) -> BTreeMap<Mutation, (u32, u32)> {
    let mut random = Random(2026);
    let mut counts = BTreeMap::new();
    for seed in 0..4 {
        let (_directory, recorded) = recorded(seed);
        let cuts: Vec<Cut> = recorded.paths.iter().map(|path| Cut::read(path)).collect();
        for number in 0..mutations / 4 {
            let cut = &cuts[random.below(cuts.len())];
            let mutation = ALL[usize::try_from(number).unwrap() % ALL.len()];
            let Some(frames) = cut.mutated(mutation, forge, &mut random) else { continue };
            cut.write(&frames);
            let (made, accepted) = counts.entry(mutation).or_insert((0, 0));
            *made += 1;
            if rejected(cut, &recorded).is_none() {
                *accepted += 1;
            }
            cut.write(&cut.frames);
        }
        assert_eq!(causality(&recorded.paths).unwrap().violations, 0, "the traces are as they were");
    }
    counts
}

#[test]
fn a_trace_that_was_tampered_with_is_rejected() {
    let counts = mutate(10_400, false);
    let (made, accepted) = counts.values().fold((0, 0), |sum, count| (sum.0 + count.0, sum.1 + count.1));
    eprintln!("tampered with: {made} made, {accepted} not rejected: {counts:?}");
    assert!(made > 10_000 && accepted * 100 <= made, "{accepted} of {made} were not rejected: {counts:?}");
}

/// Here a few change nothing that anybody could tell: an input that is without effect, such as records read after the last
/// barrier, is as good left out or given a moment later.
#[test]
fn a_trace_that_was_forged_with_fitting_checksums_is_rejected() {
    let counts = mutate(2_400, true);
    let (made, accepted) = counts.values().fold((0, 0), |sum, count| (sum.0 + count.0, sum.1 + count.1));
    eprintln!("forged: {made} made, {accepted} not rejected: {counts:?}");
    assert!(made > 2_000 && accepted * 33 <= made, "{accepted} of {made} were not rejected: {counts:?}");
}
