//! Breadth-first search by levels. Every level is expanded in blocks, a block by several threads, and merged in order: what is
//! found, and by which way, does not depend on the number of threads. So the first state that violates a property is one of the
//! nearest, and the way to it a shortest counterexample.

use std::collections::HashSet;
use std::hash::{BuildHasherDefault, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use crate::action::Action;
use crate::cell::fingerprint;
use crate::model::JobModel;
use crate::state::State;

/// States of a block; between blocks the time limit is looked at.
const BLOCK: usize = 8192;

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
}

/// What a search found.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) progress: Progress,
    /// Every reachable state was seen.
    pub(crate) complete: bool,
    /// Bits of properties that were witnessed.
    pub(crate) witnessed: u32,
    /// For each property the nearest state that violates it.
    pub(crate) violated: Vec<Option<usize>>,
    /// The nearest step that made a role panic: its state, and the number of the action.
    pub(crate) panicked: Option<(usize, Action, String)>,
    ways: Vec<Way>,
}

/// How a state was reached: from which one, by which of its actions.
#[derive(Clone, Copy, Debug)]
struct Way {
    from: u32,
    action: u32,
}

/// A fingerprint is a hash already.
#[derive(Default)]
struct Same(u64);

impl Hasher for Same {
    fn write(&mut self, _bytes: &[u8]) {
        unreachable!("fingerprints are words")
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

type Seen = HashSet<u64, BuildHasherDefault<Same>>;

/// What became of one state.
struct Expanded {
    violated: u32,
    witnessed: u32,
    generated: u64,
    /// Number of the action, fingerprint, state.
    next: Vec<(u32, u64, State)>,
    panicked: Option<(Action, String)>,
}

impl Found {
    /// The actions that lead to a state.
    pub(crate) fn way_to(&self, model: &JobModel, place: usize) -> Vec<Action> {
        let mut numbers = Vec::new();
        let mut at = place;
        while at != 0 {
            let way = self.ways[at];
            numbers.push(usize::try_from(way.action).expect("a number"));
            at = usize::try_from(way.from).expect("a number");
        }
        let mut state = model.begin();
        let mut actions = Vec::new();
        for number in numbers.into_iter().rev() {
            let action = model.enabled(&state).swap_remove(number);
            state = model.step(&state, &action).0;
            actions.push(action);
        }
        actions
    }
}

/// Searches all states of a model.
pub(crate) fn search(model: &JobModel, limits: Limits, progress: &mut dyn FnMut(Progress)) -> Found {
    let began = Instant::now();
    let first = model.begin();
    let mut seen = Seen::default();
    seen.insert(fingerprint(&first));
    let mut found = Found {
        progress: Progress { unique_states: 1, generated_states: 1, depth: 0 },
        complete: false,
        witnessed: 0,
        violated: vec![None; crate::property::properties().len()],
        panicked: None,
        ways: vec![Way { from: 0, action: 0 }],
    };
    let mut level = vec![(0_usize, first)];
    while !level.is_empty() {
        let mut next = Vec::new();
        for block in level.chunks(BLOCK) {
            let expanded = expand(model, &seen, block, limits.threads);
            for ((from, _), expanded) in block.iter().zip(expanded) {
                found.merge(*from, expanded, &mut seen, &mut next);
            }
            let hit = |(place, violated): (usize, &Option<usize>)| {
                violated.is_some() && limits.until & 1 << place != 0
            };
            let late = limits.time.is_some_and(|limit| began.elapsed() > limit);
            if late || found.violated.iter().enumerate().any(hit) {
                return found;
            }
            progress(found.progress);
        }
        level = next;
        found.progress.depth += u64::from(!level.is_empty());
    }
    found.complete = true;
    found
}

impl Found {
    fn merge(&mut self, from: usize, expanded: Expanded, seen: &mut Seen, next: &mut Vec<(usize, State)>) {
        self.witnessed |= expanded.witnessed;
        self.progress.generated_states += expanded.generated;
        for (place, violated) in self.violated.iter_mut().enumerate() {
            if expanded.violated & 1 << place != 0 {
                violated.get_or_insert(from);
            }
        }
        if self.panicked.is_none() {
            self.panicked = expanded.panicked.map(|(action, message)| (from, action, message));
        }
        let parent = u32::try_from(from).expect("fewer than 2^32 states");
        for (action, print, state) in expanded.next {
            if seen.insert(print) {
                next.push((self.ways.len(), state));
                self.ways.push(Way { from: parent, action });
                self.progress.unique_states += 1;
            }
        }
    }
}

fn expand(model: &JobModel, seen: &Seen, block: &[(usize, State)], threads: usize) -> Vec<Expanded> {
    let share = block.len().div_ceil(threads.max(1)).max(64);
    let one = |part: &[(usize, State)]| {
        part.iter().map(|(_, state)| expand_one(model, seen, state)).collect::<Vec<_>>()
    };
    if block.len() <= share {
        return one(block);
    }
    std::thread::scope(|threads| {
        let parts: Vec<_> = block.chunks(share).map(|part| threads.spawn(move || one(part))).collect();
        parts.into_iter().flat_map(|part| part.join().expect("a search thread ends")).collect()
    })
}

fn expand_one(model: &JobModel, seen: &Seen, state: &State) -> Expanded {
    let actions = model.enabled(state);
    let (violated, witnessed) = model.judge(state, &actions);
    let mut expanded = Expanded { violated, witnessed, generated: 0, next: Vec::new(), panicked: None };
    for (number, action) in (0..).zip(&actions) {
        expanded.generated += 1;
        match quietly(|| model.step(state, action)) {
            Ok((next, witnessed)) => {
                expanded.witnessed |= witnessed;
                let print = fingerprint(&next);
                if !seen.contains(&print) {
                    expanded.next.push((number, print, next));
                }
            }
            Err(message) => {
                expanded.panicked.get_or_insert((action.clone(), message));
            }
        }
    }
    expanded
}

/// Catches a panic, which is a finding of the search, and gives its message.
fn quietly<T>(act: impl FnOnce() -> T) -> Result<T, String> {
    quiet::during(|| catch_unwind(AssertUnwindSafe(act))).map_err(|panic| {
        let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        text.or_else(|| panic.downcast_ref::<String>().cloned())
            .unwrap_or_else(|| "a panic without a message".into())
    })
}

/// Panics of steps are reported by the search, and not printed as they happen.
mod quiet {
    use std::cell::Cell;
    use std::panic;
    use std::sync::Once;

    thread_local! {
        static QUIET: Cell<bool> = const { Cell::new(false) };
    }

    pub(super) fn during<T>(act: impl FnOnce() -> T) -> T {
        static HOOK: Once = Once::new();
        HOOK.call_once(|| {
            let before = panic::take_hook();
            panic::set_hook(Box::new(move |info| {
                if !QUIET.get() {
                    before(info);
                }
            }));
        });
        QUIET.set(true);
        let result = act();
        QUIET.set(false);
        result
    }
}
