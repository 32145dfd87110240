//! What a thread of a search does with states: ask what is possible, take each step, and write down where it leads.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::action::Action;
use crate::cell::Cell;
use crate::enabled::{Part, parts};
use crate::engine::memo::Memo;
use crate::engine::piece::{Candidate, Expanded, Piece, Share};
use crate::engine::pool::Pool;
use crate::engine::slots::{Layout, Tables, VIOLATED, at_slot};
use crate::engine::{MOST_CELLS, Way, index};
use crate::footprint;
use crate::model::JobModel;
use crate::quiet::quietly;
use crate::state::State;

/// A search's tables, and the model that fills them.
pub(crate) struct Engine<'a> {
    model: &'a JobModel,
    layout: Layout,
    tables: Tables,
    memo: Memo,
    /// The questions of what is possible, by number; then comes what is judged at rest, then each action.
    parts: Vec<Part>,
    /// The id of no violation.
    calm: u32,
    computed: AtomicU64,
    /// Emptied buffers.
    pieces: Pool<Piece>,
    candidates: Pool<Vec<Candidate>>,
}

/// A state of a piece, in full once something has to be computed.
struct At<'a> {
    ids: &'a [u32],
    full: Option<State>,
}

impl<'a> Engine<'a> {
    pub(crate) fn new(model: &'a JobModel) -> Self {
        let layout = Layout::new(&model.scope);
        assert!(layout.len() <= MOST_CELLS, "{}", model.scope.too_large().unwrap_or_default());
        let tables = Tables::new();
        let calm = tables.id(&Cell::new(0_u32));
        let parts = parts(&model.scope, layout.tasks, layout.links);
        let memo = Memo::new(model.memo);
        Self {
            model,
            layout,
            tables,
            memo,
            parts,
            calm,
            computed: AtomicU64::new(0),
            pieces: Pool::default(),
            candidates: Pool::default(),
        }
    }

    /// A piece with the one initial state.
    pub(crate) fn first(&self) -> Piece {
        let (ids, print) = self.layout.store(&self.tables, &self.model.begin());
        Piece { ids, prints: vec![print], first: 0 }
    }

    /// Ids of a state.
    pub(crate) fn width(&self) -> usize {
        self.layout.len()
    }

    /// Answers that were computed, and not from memory.
    pub(crate) fn computed(&self) -> u64 {
        self.computed.load(Ordering::Relaxed)
    }

    /// Kinds of steps that were taken: every step that is possible in an expanded state is taken, and no other is ever asked for.
    pub(crate) fn taken(&self) -> BTreeSet<&'static str> {
        self.tables.kinds()
    }

    /// Bytes of the memory.
    pub(crate) fn memo_bytes(&self) -> usize {
        self.memo.bytes()
    }

    /// Makes room, between blocks.
    pub(crate) fn make_room(&mut self) {
        self.memo.make_room();
    }

    /// Takes every step of every state of a share.
    pub(crate) fn expand(&self, share: Share<'_>) -> Expanded {
        let mut out = Expanded { candidates: self.candidates.take(), ..Expanded::default() };
        let mut actions = Vec::new();
        for (from, (ids, print)) in (0_u16..).zip(share.ids.chunks_exact(self.width()).zip(share.prints)) {
            let mut at = At { ids, full: None };
            let awaited = self.possible(&mut at, &mut actions);
            self.judge(&mut at, awaited, share.first + u32::from(from), &mut out);
            for (step, action) in actions.iter().enumerate() {
                out.generated += 1;
                match self.step(&mut at, *action) {
                    Ok(outcome) => {
                        let words = self.memo.answer(outcome);
                        out.witnessed |= halves(word(words, 1)).0;
                        out.candidates.push(Candidate {
                            print: print.wrapping_add(word(words, 0)),
                            outcome,
                            from,
                            step: u8::try_from(step).expect("fewer than 256 steps are possible"),
                            is_new: AtomicBool::new(false),
                        });
                    }
                    Err(message) => {
                        let action = self.tables.action(*action);
                        out.panicked.get_or_insert((share.first + u32::from(from), action, message));
                    }
                }
            }
        }
        out
    }

    /// The new states that a share led to, not yet numbered, and how they were reached.
    pub(crate) fn reach(&self, share: Share<'_>, expanded: &Expanded) -> (Piece, Vec<Way>) {
        let width = self.width();
        let is_new = |candidate: &&Candidate| candidate.is_new.load(Ordering::Relaxed);
        let new = || expanded.candidates.iter().filter(is_new);
        let number = new().count();
        let (mut reached, mut ways) = (self.pieces.take(), Vec::with_capacity(number));
        reached.ids.reserve_exact(number * width);
        reached.prints.reserve_exact(number);
        for candidate in new() {
            let from = usize::from(candidate.from) * width;
            let begin = reached.ids.len();
            reached.ids.extend_from_slice(&share.ids[from..from + width]);
            let ids = &mut reached.ids[begin..];
            let words = self.memo.answer(candidate.outcome);
            let written = index(halves(word(words, 1)).1);
            for write in &words[2..2 + written] {
                let (slot, id) = halves(write.load(Ordering::Relaxed));
                ids[index(slot)] = id;
            }
            reached.prints.push(candidate.print);
            let from = share.first + u32::from(candidate.from);
            ways.push(Way { from, step: candidate.step });
        }
        (reached, ways)
    }

    /// Takes back what is not needed any more.
    pub(crate) fn recycle(&self, mut piece: Piece) {
        piece.ids.clear();
        piece.prints.clear();
        self.pieces.give(piece);
    }

    /// Takes back what is not needed any more.
    pub(crate) fn recycle_candidates(&self, mut candidates: Vec<Candidate>) {
        candidates.clear();
        self.candidates.give(candidates);
    }

    /// The ids of the possible actions. Says whether one of them is awaited: the state is not at rest.
    fn possible(&self, at: &mut At<'_>, actions: &mut Vec<u32>) -> bool {
        actions.clear();
        let mut awaited = false;
        for (question, part) in (0..).zip(&self.parts) {
            if self.is_absent(*part, at.ids) {
                continue;
            }
            let place = self.memo.find(question, at.ids).unwrap_or_else(|| self.ask(question, *part, at));
            let words = self.memo.answer(place);
            let number = usize::try_from(word(words, 0)).expect("few actions");
            for action in &words[1..=number] {
                let (action, is_awaited) = halves(action.load(Ordering::Relaxed));
                awaited |= is_awaited != 0;
                actions.push(action);
            }
        }
        awaited
    }

    /// Whether a part has no steps because it does not exist.
    fn is_absent(&self, part: Part, ids: &[u32]) -> bool {
        let slot = match part {
            Part::Task(place, task) | Part::LostAnswers(place, task) => self.layout.task(place, task),
            Part::Link(link) | Part::Break(link) => self.layout.link(link),
            Part::Coordinator
            | Part::Machine(_)
            | Part::Orphans
            | Part::Expiries
            | Part::Crash(_)
            | Part::Store
            | Part::Failures(_)
            | Part::LostMail(_)
            | Part::Former
            | Part::Zombie(_)
            | Part::TimeOuts
            | Part::Kafka => return false,
        };
        ids[usize::from(slot)] == 0
    }

    fn ask(&self, question: u32, part: Part, at: &mut At<'_>) -> u32 {
        let mut actions = Vec::new();
        let state = self.full(at);
        footprint::begin();
        part.enabled(&self.model.scope, state, &mut actions);
        let awaited: Vec<bool> = actions.iter().map(|action| self.model.is_awaited(state, action)).collect();
        let reads = footprint::taken();
        let word = |(action, awaited): (Action, bool)| {
            whole(self.tables.actions.id(&Cell::new(action)), u32::from(awaited))
        };
        let mut answer = vec![u64::try_from(actions.len()).expect("few actions")];
        answer.extend(actions.into_iter().zip(awaited).map(word));
        self.keep(question, at, &reads, &answer)
    }

    fn judge(&self, at: &mut At<'_>, awaited: bool, number: u32, out: &mut Expanded) {
        let id = at.ids[usize::from(VIOLATED)];
        let mut violated = if id == self.calm { 0 } else { self.tables.word(id) };
        if !awaited {
            let question = u32::try_from(self.parts.len()).expect("few parts");
            let place = self.memo.find(question, at.ids).unwrap_or_else(|| {
                let state = self.full(at);
                footprint::begin();
                let (violated, witnessed) = self.model.judge_at_rest(state);
                let reads = footprint::taken();
                self.keep(question, at, &reads, &[whole(violated, witnessed)])
            });
            let (at_rest, witnessed) = halves(word(self.memo.answer(place), 0));
            violated |= at_rest;
            out.witnessed |= witnessed;
        }
        if violated != 0 {
            out.violated.push((number, violated));
        }
    }

    /// The place of a step's outcome: the difference of fingerprints; what it witnessed, and how many cells it writes; each of
    /// these, and its id. Or what a role said when it panicked.
    fn step(&self, at: &mut At<'_>, action: u32) -> Result<u32, String> {
        let question = u32::try_from(self.parts.len()).expect("few parts") + action;
        if let Some(place) = self.memo.find(question, at.ids) {
            return Ok(place);
        }
        let ids = at.ids;
        let before = self.full(at);
        let taken = self.tables.action(action);
        let state = before.clone();
        footprint::begin();
        let (after, witnessed) = quietly(|| self.model.step_from(state, &taken))?;
        let (print, writes) = if self.model.memo {
            self.changes(before, &after, ids)
        } else {
            self.all_changes(before, &after, ids)
        };
        let reads = footprint::taken();
        let mut answer = vec![print, whole(witnessed, u32::try_from(writes.len()).expect("few cells"))];
        answer.extend(writes.into_iter().map(|(slot, id)| whole(u32::from(slot), id)));
        Ok(self.keep(question, at, &reads, &answer))
    }

    /// What a step changed: the difference of fingerprints, and the cells with their new ids. A cell that was replaced counts as
    /// read, also if it has its old value again: in another state it might have had another one.
    fn changes(&self, before: &State, after: &State, ids: &[u32]) -> (u64, Vec<(u8, u32)>) {
        let mut now: Vec<Option<(u32, u64)>> = vec![None; ids.len()];
        self.layout.each(after, &mut |slot, cell| {
            let at = usize::from(slot);
            now[at] = match cell.origin() {
                Some((from, true)) if from == slot => Some((ids[at], 0)),
                from => {
                    footprint::read(slot);
                    if let Some((moved, true)) = from {
                        footprint::read(moved);
                    }
                    Some((cell.id(&self.tables), at_slot(slot, cell.print())))
                }
            };
        });
        let mut difference = 0_u64;
        let mut writes = Vec::new();
        for (slot, (now, id)) in (0..).zip(now.into_iter().zip(ids)) {
            let (now, print) = now.unwrap_or((0, 0));
            if now != *id {
                footprint::read(slot);
                writes.push((slot, now));
                difference = difference.wrapping_add(print);
            }
        }
        self.layout.each(before, &mut |slot, cell| {
            if writes.iter().any(|(written, _)| *written == slot) {
                difference = difference.wrapping_sub(at_slot(slot, cell.print()));
            }
        });
        (difference, writes)
    }

    /// The same by comparing all cells, whether they were read or not.
    fn all_changes(&self, before: &State, after: &State, ids: &[u32]) -> (u64, Vec<(u8, u32)>) {
        let (_, print_before) = self.layout.store(&self.tables, before);
        let (now, print) = self.layout.store(&self.tables, after);
        let changed = (0..).zip(now.into_iter().zip(ids)).filter(|(_, (now, id))| now != *id);
        (print.wrapping_sub(print_before), changed.map(|(slot, (now, _))| (slot, now)).collect())
    }

    fn full<'b>(&self, at: &'b mut At<'_>) -> &'b State {
        at.full.get_or_insert_with(|| self.layout.load(&self.tables, at.ids))
    }

    fn keep(&self, question: u32, at: &At<'_>, reads: &[u8], answer: &[u64]) -> u32 {
        self.computed.fetch_add(1, Ordering::Relaxed);
        self.memo.keep(question, at.ids, reads, answer)
    }
}

#[inline]
fn word(words: &[AtomicU64], place: usize) -> u64 {
    words[place].load(Ordering::Relaxed)
}

/// Two numbers in a word.
fn whole(high: u32, low: u32) -> u64 {
    u64::from(high) << 32 | u64::from(low)
}

#[inline]
#[expect(clippy::as_conversions, reason = "the halves of a word")]
fn halves(word: u64) -> (u32, u32) {
    ((word >> 32) as u32, word as u32)
}
