//! How each state was reached: from which one, and by which of its steps. 5 bytes a state, by number of the state.

use crate::engine::index;

/// States of a chunk.
const CHUNK: usize = 1 << 20;

/// How a state was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Way {
    /// Number of the state before.
    pub(crate) from: u32,
    /// Number of the step among those that are possible there.
    pub(crate) step: u8,
}

#[derive(Debug, Default)]
struct Chunk {
    from: Vec<u32>,
    steps: Vec<u8>,
}

/// All ways.
#[derive(Debug, Default)]
pub(crate) struct Ways {
    chunks: Vec<Chunk>,
    len: u32,
}

impl Ways {
    pub(crate) fn push(&mut self, way: Way) {
        if index(self.len).is_multiple_of(CHUNK) {
            self.chunks.push(Chunk::default());
        }
        let chunk = self.chunks.last_mut().expect("it was pushed");
        chunk.from.push(way.from);
        chunk.steps.push(way.step);
        self.len = self.len.checked_add(1).expect("fewer than 2^32 states");
    }

    /// How many states there are.
    pub(crate) fn len(&self) -> u32 {
        self.len
    }

    pub(crate) fn get(&self, state: u32) -> Way {
        let (chunk, place) = (&self.chunks[index(state) / CHUNK], index(state) % CHUNK);
        Way { from: chunk.from[place], step: chunk.steps[place] }
    }

    /// Bytes that it takes.
    pub(crate) fn bytes(&self) -> usize {
        self.chunks.iter().map(|chunk| chunk.from.capacity() * 4 + chunk.steps.capacity()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ways_are_found_across_chunks() {
        let way = |state: u32| Way { from: state / 3, step: u8::try_from(state % 251).expect("a byte") };
        let states = 0..u32::try_from(CHUNK).expect("few states") + 5;
        let mut ways = Ways::default();
        states.clone().for_each(|state| ways.push(way(state)));
        assert_eq!(ways.len(), states.end);
        assert!(states.clone().all(|state| ways.get(state) == way(state)));
        assert!(ways.bytes() < index(states.end) * 8);
    }
}
