//! Deliveries in a world that loses answers, delivers late, refuses, and moves leaders: every way that a small one can go.
//!
//! The world is one partition's log as Kafka keeps it for one generation: a batch is appended if its sequence comes next, or if nothing
//! is known of the generation; of the last batches it is remembered that they are there. Connections keep the order; one that breaks lets
//! what is on it land later, at any time, or never. A leader change loses what was not acknowledged. Checked in every state: the log
//! holds each batch once and in order; a flush is answered only when all before it is in the log for good; none fails without
//! reason; and where nothing more can happen, the flush is answered. Wrong deliveries, made by changing what goes in or comes out, fail.

use alloc::collections::{BTreeSet, VecDeque};
use alloc::vec::Vec;
use core::hash::{Hash, Hasher};

use crate::TransactionProtocol::{self, V1, V2};
use crate::delivery::{Answer, Delivery, Effect, IN_FLIGHT_MAX, Input, Sequence, Timer};

/// The partition, and batches by their number.
type Machine = Delivery<u8, u32>;

const TO: u8 = 0;

/// How a delivery is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wrong {
    No,
    /// No answer is taken for success.
    MissingIsDone,
    /// A sequence that is out of order is taken for one that was there before.
    OutOfOrderIsDone,
    /// What is sent again gets new sequences.
    NewSequences,
    /// Partitions are not added.
    AddsNothing,
    /// Batches do not wait for the first one.
    FirstNotAlone,
    /// Pauses never end.
    NeverAgain,
}

#[derive(Clone, Copy, Debug)]
struct Scope {
    protocol: TransactionProtocol,
    batches: u32,
    window: usize,
    /// Batches that the log remembers.
    remembered: usize,
    /// Faults of any kind.
    faults: u8,
    wrong: Wrong,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Sent {
    first: Sequence,
    batch: u32,
}

#[derive(Clone, Debug, Hash)]
struct State {
    machine: Machine,
    produced: u32,
    flushed: bool,
    /// On the connection, in order.
    wire: VecDeque<Sent>,
    /// On their way back, in order.
    answers: VecDeque<(Sequence, i16)>,
    /// On connections that are gone.
    late: Vec<Sent>,
    adds: Adds,
    timers: Vec<Timer<u8>>,
    log: Vec<Sent>,
    /// So much of the log is at every replica.
    safe: usize,
    member: bool,
    faults: u8,
    /// For `NewSequences`.
    used: Vec<Sequence>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Adds {
    None,
    Asked,
    Answered(i16),
}

const NOT_ONCE: &str = "the log does not hold each batch once and in order";
const EARLY: &str = "flushed, and not all is in the log for good";
const FAILED: &str = "failed without reason";
const STUCK: &str = "nothing goes on, and the flush is not answered";

/// What is wrong with a state.
type Found = Result<(), &'static str>;

impl State {
    fn new(scope: Scope) -> Self {
        Self {
            machine: Delivery::new(Some(scope.protocol), scope.window),
            produced: 0,
            flushed: false,
            wire: VecDeque::new(),
            answers: VecDeque::new(),
            late: Vec::new(),
            adds: Adds::None,
            timers: Vec::new(),
            log: Vec::new(),
            safe: 0,
            member: scope.protocol == V2,
            faults: scope.faults,
            used: Vec::new(),
        }
    }

    fn step(&mut self, scope: Scope, input: Input<u8, u32>) -> Found {
        let input = match (scope.wrong, input) {
            (Wrong::MissingIsDone, Input::Produced { to, first, answer: Answer::Missing }) => {
                Input::Produced { to, first, answer: Answer::Code(0) }
            }
            (Wrong::OutOfOrderIsDone, Input::Produced { to, first, answer: Answer::Code(45) }) => {
                Input::Produced { to, first, answer: Answer::Code(46) }
            }
            (_, input) => input,
        };
        let early = matches!((scope.wrong, &input), (Wrong::FirstNotAlone, Input::Batch { .. }));
        let first = self.machine.next_sequence(TO);
        let mut out = Vec::new();
        self.machine.step(input, &mut out);
        if early && out.is_empty() && self.wire.len() < scope.window {
            self.wire.push_back(Sent { first, batch: self.produced });
        }
        out.into_iter().try_for_each(|effect| self.perform(scope, effect))
    }

    fn perform(&mut self, scope: Scope, effect: Effect<u8, u32>) -> Found {
        match effect {
            Effect::Add(_) if scope.wrong == Wrong::AddsNothing => {
                return self.step(scope, Input::Added(Vec::from([(TO, Answer::Code(0))])));
            }
            Effect::Add(_) => self.adds = Adds::Asked,
            Effect::Produce { first, batch, .. } => {
                let again = scope.wrong == Wrong::NewSequences && self.used.contains(&first);
                if scope.wrong == Wrong::NewSequences {
                    self.used.push(first);
                }
                let first = if again { self.machine.next_sequence(TO) } else { first };
                self.wire.push_back(Sent { first, batch });
            }
            Effect::Arm(_) if scope.wrong == Wrong::NeverAgain => {}
            Effect::Arm(timer) => self.timers.push(timer),
            Effect::Flushed { .. } => {
                self.flushed = true;
                let all: Vec<u32> = self.log[..self.safe].iter().map(|sent| sent.batch).collect();
                if (0..scope.batches).any(|batch| !all.contains(&batch)) {
                    return Err(EARLY);
                }
            }
            Effect::Failed(_) => return Err(FAILED),
        }
        Ok(())
    }

    /// Appends as Kafka does, and gives the code.
    fn append(&mut self, scope: Scope, sent: &Sent) -> i16 {
        const INVALID_TXN_STATE: i16 = 48;
        const OUT_OF_ORDER: i16 = 45;
        if !self.member {
            return INVALID_TXN_STATE;
        }
        let mut remembered = self.log.iter().rev().take(scope.remembered);
        if remembered.any(|known| known.first == sent.first) {
            return 0;
        }
        let next = self.log.last().map(|last| last.first.after(1));
        if next.is_some_and(|next| next != sent.first) {
            return OUT_OF_ORDER;
        }
        self.log.push(sent.clone());
        0
    }

    fn check(&self) -> Found {
        let in_order = (0..).zip(&self.log).all(|(number, sent): (u32, _)| sent.batch == number);
        if in_order { Ok(()) } else { Err(NOT_ONCE) }
    }

    fn break_connection(&mut self, scope: Scope) -> Found {
        let wire: Vec<Sent> = self.wire.drain(..).collect();
        let answered: Vec<Sequence> = self.answers.drain(..).map(|(first, _)| first).collect();
        let lost: Vec<Sequence> = answered.into_iter().chain(wire.iter().map(|sent| sent.first)).collect();
        self.late.extend(wire);
        self.late.sort();
        let missing = |first| Input::Produced { to: TO, first, answer: Answer::Missing };
        lost.into_iter().try_for_each(|first| self.step(scope, missing(first)))
    }
}

/// Every state that one more event leads to, or what is wrong with it.
fn next(scope: Scope, state: &State) -> Vec<Result<State, &'static str>> {
    let mut all = Vec::new();
    let mut event = |happens: &dyn Fn(&mut State) -> Found| {
        let mut next = state.clone();
        all.push(happens(&mut next).and_then(|()| next.check()).map(|()| next));
    };
    if state.produced < scope.batches {
        event(&|next| {
            let batch = next.produced;
            next.step(scope, Input::Batch { to: TO, records: 1, batch })?;
            next.produced += 1;
            if next.produced == scope.batches { next.step(scope, Input::Flush) } else { Ok(()) }
        });
    }
    if !state.wire.is_empty() {
        event(&|next| {
            let sent = next.wire.pop_front().expect("there is one");
            let code = next.append(scope, &sent);
            next.safe = next.log.len();
            next.answers.push_back((sent.first, code));
            Ok(())
        });
    }
    if !state.answers.is_empty() {
        event(&|next| {
            let (first, code) = next.answers.pop_front().expect("there is one");
            next.step(scope, Input::Produced { to: TO, first, answer: Answer::Code(code) })
        });
    }
    for at in 0..state.timers.len() {
        event(&|next| {
            let timer = next.timers.remove(at);
            next.step(scope, Input::Fired(timer))
        });
    }
    match state.adds {
        Adds::None => {}
        Adds::Asked => event(&|next| {
            (next.member, next.adds) = (true, Adds::Answered(0));
            Ok(())
        }),
        Adds::Answered(code) => event(&|next| {
            next.adds = Adds::None;
            next.step(scope, Input::Added(Vec::from([(TO, Answer::Code(code))])))
        }),
    }
    // What was sent on a connection that is gone lands after all. It is no fault that it does, nor that it never does.
    for at in 0..state.late.len() {
        event(&|next| {
            let sent = next.late.remove(at);
            next.append(scope, &sent);
            Ok(())
        });
    }
    if state.faults > 0 {
        all.extend(faults(scope, state));
    }
    all
}

fn faults(scope: Scope, state: &State) -> Vec<Result<State, &'static str>> {
    const NOT_LEADER: i16 = 6;
    const NOT_ENOUGH_REPLICAS_AFTER_APPEND: i16 = 20;
    const CONCURRENT_TRANSACTIONS: i16 = 51;
    let mut all = Vec::new();
    let mut event = |happens: &dyn Fn(&mut State) -> Found| {
        let mut next = state.clone();
        next.faults -= 1;
        all.push(happens(&mut next).and_then(|()| next.check()).map(|()| next));
    };
    if !state.wire.is_empty() || !state.answers.is_empty() {
        event(&|next| next.break_connection(scope));
    }
    if !state.wire.is_empty() {
        event(&|next| {
            let sent = next.wire.pop_front().expect("there is one");
            next.answers.push_back((sent.first, NOT_LEADER));
            Ok(())
        });
        event(&|next| {
            let sent = next.wire.pop_front().expect("there is one");
            let code = next.append(scope, &sent);
            let code = if code == 0 { NOT_ENOUGH_REPLICAS_AFTER_APPEND } else { code };
            next.answers.push_back((sent.first, code));
            Ok(())
        });
    }
    if state.safe < state.log.len() {
        event(&|next| {
            next.log.truncate(next.safe);
            Ok(())
        });
    }
    if state.adds == Adds::Asked {
        event(&|next| {
            next.adds = Adds::Answered(CONCURRENT_TRANSACTIONS);
            Ok(())
        });
        for landed in [false, true] {
            event(&|next| {
                (next.member, next.adds) = (next.member || landed, Adds::None);
                next.step(scope, Input::Added(Vec::from([(TO, Answer::Missing)])))
            });
        }
    }
    all
}

/// What there is in a scope.
#[derive(Debug, Default)]
struct Explored {
    states: usize,
    wrong: BTreeSet<&'static str>,
}

/// Looks at every state.
fn explore(scope: Scope) -> Explored {
    let (mut seen, mut todo) = (BTreeSet::new(), Vec::from([State::new(scope)]));
    let mut wrong = BTreeSet::new();
    while let Some(state) = todo.pop() {
        let after = next(scope, &state);
        // Late requests need not land: without them, and without faults, it must go on until the flush is answered.
        if after.len() == state.late.len() && state.faults == 0 && !state.flushed {
            wrong.insert(STUCK);
        }
        for next in after {
            match next {
                Ok(next) if seen.insert(key(&next)) => todo.push(next),
                Ok(_) => {}
                Err(found) => drop(wrong.insert(found)),
            }
        }
    }
    Explored { states: seen.len(), wrong }
}

/// Tells states apart.
fn key(state: &State) -> (u64, u64) {
    let [mut one, mut other] = [0x9e37_79b9_7f4a_7c15, 0xc2b2_ae3d_27d4_eb4f].map(Mix);
    state.hash(&mut one);
    state.hash(&mut other);
    (one.finish(), other.finish())
}

/// FNV-1a with a seed.
struct Mix(u64);

impl Hasher for Mix {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3).rotate_left(5);
        }
    }
}

const V2_SCOPE: Scope =
    Scope { protocol: V2, batches: 4, window: 2, remembered: 2, faults: 3, wrong: Wrong::No };
const V1_SCOPE: Scope = Scope { protocol: V1, batches: 3, ..V2_SCOPE };

#[test]
fn each_batch_lands_once_and_in_order_whatever_is_lost_or_late() {
    let wide = Scope { batches: 5, window: 3, remembered: 3, ..V2_SCOPE };
    // As Kafka's log remembers, and as deliveries are made.
    let whole = Scope { batches: 7, window: IN_FLIGHT_MAX, remembered: 5, faults: 2, ..V2_SCOPE };
    for scope in [V2_SCOPE, V1_SCOPE, wide, whole] {
        let Explored { states, wrong } = explore(scope);
        assert!(wrong.is_empty(), "{scope:?}: {wrong:?}");
        assert!(states > 1_000, "{scope:?}: only {states} states");
    }
}

#[test]
fn wrong_deliveries_are_found() {
    let finds = |wrong: Wrong, scope: Scope, expected: &str| {
        let explored = explore(Scope { wrong, ..scope });
        assert!(explored.wrong.contains(expected), "{wrong:?}: {explored:?}");
    };
    finds(Wrong::MissingIsDone, V2_SCOPE, EARLY);
    finds(Wrong::OutOfOrderIsDone, V2_SCOPE, EARLY);
    finds(Wrong::NewSequences, V2_SCOPE, NOT_ONCE);
    finds(Wrong::AddsNothing, V1_SCOPE, FAILED);
    finds(Wrong::FirstNotAlone, V2_SCOPE, NOT_ONCE);
    finds(Wrong::NeverAgain, V2_SCOPE, STUCK);
    // More is sent than the log remembers.
    finds(Wrong::No, Scope { window: 3, ..V2_SCOPE }, FAILED);
}
