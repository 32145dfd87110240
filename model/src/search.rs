//! Breadth-first search by levels. Every level is expanded in blocks, a block by several threads, and merged in order: what is
//! found, and by which way, does not depend on the number of threads. So the first state that violates a property is one of the
//! nearest, and the way to it a shortest counterexample.

use std::collections::{BTreeSet, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::action::Action;
use crate::engine::{Candidate, Engine, Expanded, Piece, Visited, Way, Ways};
use crate::model::JobModel;

/// States that one thread takes at a time.
const SHARE: usize = 256;
/// States of a block, about; between blocks the time limit is looked at.
const BLOCK: usize = 1 << 16;

/// When a search ends before it has seen everything.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) threads: usize,
    pub(crate) time: Option<Duration>,
    /// End at the first state that violates one of these properties (bits).
    pub(crate) until: u32,
}

/// How far a search is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Different states found.
    pub unique_states: u64,
    /// Steps taken.
    pub generated_states: u64,
    /// Steps from the beginning.
    pub depth: u64,
    /// States at this depth: all of them.
    pub level: u64,
    /// How many of them have been expanded.
    pub expanded: u64,
}

/// What a search found.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) progress: Progress,
    /// Every reachable state was seen.
    pub(crate) complete: bool,
    /// Kinds of steps that were taken.
    pub(crate) taken: BTreeSet<&'static str>,
    /// Bits of properties that were witnessed.
    pub(crate) witnessed: u32,
    /// For each property the nearest state that violates it.
    pub(crate) violated: Vec<Option<u32>>,
    /// The nearest step that made a role panic: its state, the action, and what was said.
    pub(crate) panicked: Option<(u32, Action, String)>,
    /// What it took.
    pub(crate) cost: Cost,
    ways: Ways,
    expanded: u64,
}

/// What a search took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Answers (steps, and parts of what is possible) that were computed and not found in the memo. Threads that compute the same at the
    /// same time count twice.
    pub computed: u64,
    /// Bytes of the fingerprints of seen states and of the ways to them.
    pub visited_bytes: u64,
    /// Bytes of the memory of steps.
    pub memo_bytes: u64,
    /// Most bytes of states that waited to be expanded.
    pub waiting_bytes: u64,
}

impl Found {
    /// The actions that lead to a state.
    pub(crate) fn way_to(&self, model: &JobModel, state: u32) -> Vec<Action> {
        let mut steps = Vec::new();
        let mut at = state;
        while at != 0 {
            let way = self.ways.get(at);
            steps.push(usize::from(way.step));
            at = way.from;
        }
        let mut state = model.begin();
        let mut actions = Vec::new();
        for step in steps.into_iter().rev() {
            let action = model.enabled(&state).swap_remove(step);
            state = model.step(&state, &action).0;
            actions.push(action);
        }
        actions
    }
}

/// Searches all states of a model.
pub(crate) fn search(model: &JobModel, limits: Limits, progress: &mut dyn FnMut(Progress)) -> Found {
    let began = Instant::now();
    let mut engine = Engine::new(model);
    let mut visited = Visited::new();
    let first = engine.first();
    visited.insert(first.prints[0]);
    let mut found = Found {
        progress: Progress { unique_states: 1, generated_states: 1, depth: 0, level: 1, expanded: 0 },
        complete: false,
        taken: BTreeSet::new(),
        witnessed: 0,
        violated: vec![None; crate::property::properties().len()],
        panicked: None,
        cost: Cost::default(),
        ways: Ways::default(),
        expanded: 0,
    };
    found.ways.push(Way { from: 0, step: 0 });
    let mut level = VecDeque::from([first]);
    while !level.is_empty() {
        let mut next = VecDeque::new();
        while !level.is_empty() {
            let block = block(&mut level);
            let shares: Vec<_> = block.iter().flat_map(|piece| piece.shares(SHARE)).collect();
            let expanded = side_by_side(limits.threads, &shares, |_, share| engine.expand(*share));
            visited.insert_all(&expanded, if shares.len() == 1 { 1 } else { limits.threads });
            let reach = |place: usize, share: &_| engine.reach(*share, &expanded[place]);
            let reached = side_by_side(limits.threads, &shares, reach);
            for expanded in expanded {
                engine.recycle_candidates(found.merge(expanded));
            }
            for (piece, ways) in reached {
                found.collect(piece, ways, &mut next, &engine);
            }
            for piece in block {
                found.expanded += number(piece.len());
                found.progress.expanded += number(piece.len());
                engine.recycle(piece);
            }
            engine.make_room();
            found.weigh(&engine, &visited);
            let hit = |(place, violated): (usize, &Option<u32>)| {
                violated.is_some() && limits.until & 1 << place != 0
            };
            let late = limits.time.is_some_and(|limit| began.elapsed() > limit);
            if late || found.violated.iter().enumerate().any(hit) {
                found.taken = engine.taken();
                return found;
            }
            progress(found.progress);
        }
        level = next;
        if !level.is_empty() {
            found.progress.depth += 1;
            found.progress.level = level.iter().map(|piece| number(piece.len())).sum();
            found.progress.expanded = 0;
        }
    }
    found.complete = true;
    found.taken = engine.taken();
    found
}

impl Found {
    /// Takes in what was found, and gives the candidates back.
    fn merge(&mut self, expanded: Expanded) -> Vec<Candidate> {
        self.witnessed |= expanded.witnessed;
        self.progress.generated_states += expanded.generated;
        for (state, bits) in expanded.violated {
            for (place, violated) in self.violated.iter_mut().enumerate() {
                if bits & 1 << place != 0 {
                    violated.get_or_insert(state);
                }
            }
        }
        if self.panicked.is_none() {
            self.panicked = expanded.panicked;
        }
        expanded.candidates
    }

    /// Numbers new states, and puts them into the next level: behind the states of its last piece where there is room.
    fn collect(&mut self, mut piece: Piece, ways: Vec<Way>, next: &mut VecDeque<Piece>, engine: &Engine<'_>) {
        piece.first = self.ways.len();
        ways.into_iter().for_each(|way| self.ways.push(way));
        self.progress.unique_states = u64::from(self.ways.len());
        if let Some(last) = next.back_mut().filter(|last| last.len() + piece.len() <= SHARE) {
            last.append(&mut piece);
        }
        if piece.len() > 0 {
            next.push_back(piece);
        } else {
            engine.recycle(piece);
        }
    }

    fn weigh(&mut self, engine: &Engine<'_>, visited: &Visited) {
        self.cost.computed = engine.computed();
        self.cost.visited_bytes = number(visited.bytes() + self.ways.bytes());
        self.cost.memo_bytes = number(engine.memo_bytes());
        let waiting = (self.progress.unique_states - self.expanded) * number(engine.width() * 4 + 8);
        self.cost.waiting_bytes = self.cost.waiting_bytes.max(waiting);
    }
}

/// The next pieces of a level.
fn block(level: &mut VecDeque<Piece>) -> Vec<Piece> {
    let mut block = Vec::new();
    let mut states = 0;
    while let Some(piece) = level.pop_front() {
        states += piece.len();
        block.push(piece);
        if states >= BLOCK {
            break;
        }
    }
    block
}

fn number(number: usize) -> u64 {
    u64::try_from(number).expect("a word")
}

/// Does the same to each item on several threads. Results come in the order of the items.
fn side_by_side<T: Sync, R: Send>(
    threads: usize,
    items: &[T],
    act: impl Fn(usize, &T) -> R + Sync,
) -> Vec<R> {
    if threads < 2 || items.len() < 2 {
        return items.iter().enumerate().map(|(place, item)| act(place, item)).collect();
    }
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        loop {
            let place = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(place) else { return done };
            done.push((place, act(place, item)));
        }
    };
    let mut results: Vec<(usize, R)> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads.min(items.len())).map(|_| scope.spawn(work)).collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("a search thread ends")).collect()
    });
    results.sort_by_key(|(place, _)| *place);
    results.into_iter().map(|(_, result)| result).collect()
}
