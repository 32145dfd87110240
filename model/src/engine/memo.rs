//! What was computed before: one decision tree per question, in shared tables.
//!
//! A *question* is a number: a part of what is possible, the judgement at rest, or an action. Its tree says which cell is
//! read first, and for each value of that cell which is read next, and so on to a leaf that holds the answer as words.
//!
//! A tree lies in one array of words. What is put in at once is a *run*: a node per cell read, and the answer. A node
//! holds its slot and the id for which the run goes on behind it; for other ids an edge leads to another run. So a walk mostly reads
//! words side by side.
//!
//! Threads look up without a lock; only a thread that computed something new takes one. The edges grow between blocks of a
//! search; when they run full within one, answers are given without being remembered.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::engine::arena::{Slab, Words};
use crate::engine::edges::Edges;
use crate::engine::index;

/// Most edges that are kept: 16 bytes each.
const MOST_EDGES: usize = 1 << 29;

/// The memory.
#[derive(Debug)]
pub(crate) struct Memo {
    /// Where each question's tree begins; 0 for one that was never asked.
    roots: Slab<AtomicU32>,
    runs: Words,
    edges: Edges,
    writer: Mutex<Writer>,
    /// Off: every answer is computed.
    remembers: bool,
}

#[derive(Debug)]
struct Writer {
    /// The next free word.
    free: u32,
    edges: usize,
}

/// A word of a tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Word {
    /// A cell is read; for this id the run goes on.
    Node { slot: u8, id: u32 },
    /// The answer follows.
    Leaf,
}

const LEAF: u64 = u64::MAX;

impl Word {
    fn pack(self) -> u64 {
        match self {
            Self::Node { slot, id } => u64::from(slot) << 32 | u64::from(id),
            Self::Leaf => LEAF,
        }
    }

    #[inline]
    #[expect(clippy::as_conversions, reason = "the parts of a packed word")]
    fn unpack(word: u64) -> Self {
        match word {
            LEAF => Self::Leaf,
            word => Self::Node { slot: (word >> 32) as u8, id: word as u32 },
        }
    }
}

impl Memo {
    pub(crate) fn new(remembers: bool) -> Self {
        let writer = Mutex::new(Writer { free: 1, edges: 0 });
        Self { roots: Slab::new(), runs: Words::new(), edges: Edges::new(14), writer, remembers }
    }

    /// The place of the answer to a question in a state, if it is known.
    #[inline]
    pub(crate) fn find(&self, question: u32, ids: &[u32]) -> Option<u32> {
        let mut place = self.root(question)?;
        loop {
            match Word::unpack(self.runs.get(place)) {
                Word::Leaf => return Some(place + 1),
                Word::Node { slot, id } => {
                    let found = ids[usize::from(slot)];
                    place = if found == id { place + 1 } else { self.edges.get(place, found)? };
                }
            }
        }
    }

    /// An answer: its words, and what lies behind them.
    #[inline]
    pub(crate) fn answer(&self, place: u32) -> &[AtomicU64] {
        self.runs.from(place)
    }

    fn root(&self, question: u32) -> Option<u32> {
        Some(self.roots.get(question)?.load(Ordering::Acquire)).filter(|place| *place != 0)
    }

    /// Keeps an answer, and remembers which cells were read for it, in order. Gives its place.
    pub(crate) fn keep(&self, question: u32, ids: &[u32], reads: &[u8], answer: &[u64]) -> u32 {
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let writer = &mut *writer;
        if !self.remembers || writer.edges >= self.edges.room() {
            return self.runs.write(&mut writer.free, answer);
        }
        // As far as the tree goes, and what is read after that.
        let mut reads = reads.iter().copied();
        let mut at = self.root(question);
        let mut fork = None;
        while let Some(place) = at {
            match Word::unpack(self.runs.get(place)) {
                Word::Leaf => return place + 1, // another thread was faster
                Word::Node { slot, id } => {
                    assert_eq!(
                        reads.next(),
                        Some(slot),
                        "equal values that were read lead to the same next read"
                    );
                    let found = ids[usize::from(slot)];
                    fork = Some((place, found));
                    at = if found == id { Some(place + 1) } else { self.edges.get(place, found) };
                }
            }
        }
        let node = |slot: u8| Word::Node { slot, id: ids[usize::from(slot)] }.pack();
        let mut run: Vec<u64> = reads.map(node).collect();
        let leaf = u32::try_from(run.len()).expect("a short run") + 1;
        run.push(LEAF);
        run.extend_from_slice(answer);
        let place = self.runs.write(&mut writer.free, &run);
        match fork {
            Some((fork, found)) => {
                self.edges.insert(fork, found, place);
                writer.edges += 1;
            }
            None => {
                if self.roots.get(question).is_none() {
                    self.roots.set(question, AtomicU32::new(0));
                }
                self.roots.get(question).expect("it was set").store(place, Ordering::Release);
            }
        }
        place + leaf
    }

    /// Makes room, between blocks.
    pub(crate) fn make_room(&mut self) {
        let writer = self.writer.get_mut().unwrap_or_else(PoisonError::into_inner);
        while writer.edges > self.edges.room() / 2 && self.edges.room() < MOST_EDGES / 2 {
            self.edges.grow();
        }
        if !self.remembers {
            writer.free = 1;
        }
    }

    /// Bytes in use.
    pub(crate) fn bytes(&self) -> usize {
        let free = self.writer.lock().unwrap_or_else(PoisonError::into_inner).free;
        self.edges.bytes() + 8 * index(free)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A question that reads cell 0, and cell 1 only where that is odd.
    fn ask(memo: &Memo, ids: &[u32]) -> (u32, bool) {
        if let Some(place) = memo.find(7, ids) {
            return (word(memo, place), true);
        }
        let (reads, answer): (&[u8], u32) = match ids[0] % 2 {
            0 => (&[0], ids[0]),
            _ => (&[0, 1], ids[0] * 100 + ids[1]),
        };
        (word(memo, memo.keep(7, ids, reads, &[u64::from(answer)])), false)
    }

    fn word(memo: &Memo, place: u32) -> u32 {
        u32::try_from(memo.answer(place)[0].load(Ordering::Relaxed)).expect("a number")
    }

    #[test]
    fn an_answer_is_known_where_what_it_read_is_the_same() {
        let memo = Memo::new(true);
        assert_eq!(ask(&memo, &[2, 5, 9]), (2, false));
        assert_eq!(ask(&memo, &[2, 6, 8]), (2, true), "cells 1 and 2 were not read");
        assert_eq!(ask(&memo, &[3, 5, 9]), (305, false));
        assert_eq!(ask(&memo, &[3, 6, 9]), (306, false), "cell 1 was read");
        assert_eq!(ask(&memo, &[3, 5, 0]), (305, true));
    }

    #[test]
    fn answers_stay_known_while_tables_grow_and_are_right_when_they_are_full() {
        let mut memo = Memo::new(true);
        for round in 0..2 {
            let known = (0..200_000).filter(|number| {
                let (answer, known) = ask(&memo, &[number * 2 + 1, number + 1]);
                assert_eq!(answer, (number * 2 + 1).wrapping_mul(100) + number + 1);
                known
            });
            let known = known.count();
            assert!(known == 0 || round == 1, "{known}");
            assert!(
                round == 0 || (10_000..200_000).contains(&known),
                "what did not fit was not kept: {known}"
            );
            memo.make_room();
        }
        let before = ask(&memo, &[3, 2]).0;
        memo.make_room();
        assert_eq!(ask(&memo, &[3, 2]), (before, true));
    }

    #[test]
    #[should_panic(expected = "equal values that were read lead to the same next read")]
    fn a_question_that_is_not_determined_by_what_it_reads_is_noticed() {
        let memo = Memo::new(true);
        memo.keep(7, &[1, 1, 1], &[0, 1], &[0]);
        memo.keep(7, &[1, 2, 1], &[0, 2], &[0]);
    }

    #[test]
    fn nothing_is_remembered_without_memory() {
        let memo = Memo::new(false);
        assert_eq!(ask(&memo, &[2, 5]), (2, false));
        assert_eq!(ask(&memo, &[2, 5]), (2, false));
    }
}
