//! What was computed before: one decision tree per question, in shared tables.
//!
//! A *question* is a number: a part of what is possible, the judgement at rest, or an action. Its tree says which cell is
//! read first, and for each value of that cell which is read next, and so on to a leaf that holds the answer as words.
//!
//! Threads look up without a lock; only a thread that computed something new takes one. The tables grow between blocks of a
//! search; when they run full within one, answers are given without being remembered.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::engine::arena::{Slab, Words};
use crate::engine::edges::{Edges, Next};
use crate::engine::index;

/// Words that leaves may take in all.
const MOST_WORDS: u32 = u32::MAX - (1 << 20);
/// Most edges, as a power of two: 16 bytes each.
const MOST_EDGES: u64 = 1 << 29;

/// The memory.
#[derive(Debug)]
pub(crate) struct Memo {
    /// Where each question's tree begins: packed, 0 for one that was never asked.
    roots: Slab<AtomicU64>,
    edges: Edges,
    leaves: Words,
    writer: Mutex<Writer>,
    /// Off: every answer is computed.
    remembers: bool,
    edge_count: AtomicU32,
}

#[derive(Debug)]
struct Writer {
    nodes: u32,
    /// The next free word of a leaf.
    word: u32,
}

impl Memo {
    pub(crate) fn new(remembers: bool) -> Self {
        Self {
            roots: Slab::new(),
            edges: Edges::new(16),
            leaves: Words::new(),
            writer: Mutex::new(Writer { nodes: 1, word: 1 }),
            remembers,
            edge_count: AtomicU32::new(0),
        }
    }

    /// The place of the answer to a question in a state, if it is known.
    #[inline]
    pub(crate) fn find(&self, question: u32, ids: &[u32]) -> Option<u32> {
        let mut next = Next::unpack(self.roots.get(question)?.load(Ordering::Acquire))?;
        loop {
            match next {
                Next::Leaf(place) => return Some(place),
                Next::Read { node, slot } => next = self.edges.get(node, ids[usize::from(slot)])?,
            }
        }
    }

    /// A word of an answer.
    #[inline]
    pub(crate) fn word(&self, place: u32) -> u32 {
        self.leaves.get(place)
    }

    /// Two words of an answer.
    #[inline]
    pub(crate) fn double(&self, place: u32) -> u64 {
        u64::from(self.leaves.get(place)) | u64::from(self.leaves.get(place + 1)) << 32
    }

    /// Keeps an answer, and remembers which cells were read for it, in order. Gives its place.
    pub(crate) fn keep(&self, question: u32, ids: &[u32], reads: &[u8], answer: &[u32]) -> u32 {
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = self.find(question, ids).filter(|_| self.remembers) {
            return place;
        }
        let leaf = writer.word;
        writer.word += u32::try_from(answer.len()).expect("a short answer");
        assert!(writer.word < MOST_WORDS, "answers take less than 16 GiB");
        for (place, word) in (leaf..).zip(answer) {
            self.leaves.set(place, *word);
        }
        let edges = index(self.edge_count.load(Ordering::Relaxed));
        if self.remembers && edges + reads.len() < self.edges.room() {
            self.remember(&mut writer, question, ids, reads, leaf);
        }
        leaf
    }

    fn remember(&self, writer: &mut Writer, question: u32, ids: &[u32], reads: &[u8], leaf: u32) {
        let mut reads = reads.iter().copied();
        let mut ahead = |writer: &mut Writer| match reads.next() {
            None => Next::Leaf(leaf),
            Some(slot) => {
                writer.nodes += 1;
                Next::Read { node: writer.nodes - 1, slot }
            }
        };
        if self.roots.get(question).is_none() {
            self.roots.set(question, AtomicU64::new(0));
        }
        let root = self.roots.get(question).expect("it was set");
        let mut known = Next::unpack(root.load(Ordering::Relaxed));
        if known.is_none() {
            let next = ahead(writer);
            root.store(next.pack(), Ordering::Release);
            known = Some(next);
        } else {
            ahead(writer);
        }
        let mut at = known.expect("it was set");
        while let Next::Read { node, slot } = at {
            let id = ids[usize::from(slot)];
            let next = ahead(writer);
            at = self.edges.get(node, id).unwrap_or_else(|| {
                self.edges.insert(node, id, next);
                self.edge_count.fetch_add(1, Ordering::Relaxed);
                next
            });
            assert_eq!(at.slot(), next.slot(), "equal values that were read lead to the same next read");
        }
    }

    /// Makes room, between blocks.
    pub(crate) fn make_room(&mut self) {
        while index(self.edge_count.load(Ordering::Relaxed)) > self.edges.room() / 2
            && u64::from(self.edge_count.load(Ordering::Relaxed)) < MOST_EDGES / 2
        {
            self.edges.grow();
        }
        if !self.remembers {
            self.writer.get_mut().unwrap_or_else(PoisonError::into_inner).word = 1;
        }
    }

    /// Bytes in use.
    pub(crate) fn bytes(&self) -> usize {
        let word = self.writer.lock().unwrap_or_else(PoisonError::into_inner).word;
        self.edges.bytes() + 4 * index(word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A question that reads cell 0, and cell 1 only where that is odd.
    fn ask(memo: &Memo, ids: &[u32]) -> (u32, bool) {
        if let Some(place) = memo.find(7, ids) {
            return (memo.word(place), true);
        }
        let (reads, answer): (&[u8], u32) = match ids[0] % 2 {
            0 => (&[0], ids[0]),
            _ => (&[0, 1], ids[0] * 100 + ids[1]),
        };
        (memo.word(memo.keep(7, ids, reads, &[answer])), false)
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
