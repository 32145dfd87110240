//! All states that one transactional id may be in, given what was asked of Kafka and answered so far.
//!
//! Each request under way may have landed or not; each of these, and a timeout, is a step of the modelled Kafka. An answer keeps the
//! states in which the request landed and was answered so. If none is left, the answer is impossible.

use std::collections::{BTreeMap, BTreeSet};

use truecut_core::{Described, ErrorCode, Op, Producer, Slot, TransactionState};
use truecut_model::OneId;

use super::{Impossible, Trace};

/// States beyond which an id is not followed: it is then unknown what it allows.
const MOST_STATES: usize = 4_096;
/// The broker's clock and ours may be read so far apart, and it rounds to milliseconds.
const CLOCK_SLACK_US: u64 = 200_000;
/// PRODUCER_FENCED, and what older request versions are told in its place.
const FENCED: [ErrorCode; 2] = [90, 47];
/// CONCURRENT_TRANSACTIONS
const CONCURRENT: ErrorCode = 51;

/// Names a request under way: whose it is, and which.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Call {
    pub(super) trace: Trace,
    pub(super) which: Which,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Which {
    Op(Op),
    /// Records that are produced and not flushed.
    Records(Slot),
}

/// What is asked of Kafka about the id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ask {
    /// InitProducerId: by librdkafka, which asks again by itself, and then DescribeTransactions; or by our own producer, once, whose answer
    /// is told as a description, or as its code.
    Init,
    /// InitProducerId, once.
    Fence,
    /// Records of this producer, which open its transaction.
    Records(Producer),
    /// EndTxn(commit) in this version.
    Commit(Producer, i16),
    /// DescribeTransactions.
    Describe,
    /// ListTransactions.
    List,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Answer {
    Code(ErrorCode),
    Described(Result<Described, ErrorCode>),
    Listed(bool),
}

#[derive(Clone, Copy, Debug)]
struct UnderWay {
    call: Call,
    ask: Ask,
    since_us: u64,
}

/// A state that the id may be in.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Possible {
    shape: Shape,
    /// When the open transaction began at the earliest; 0 if none is open.
    open_since_us: u64,
}

/// What tells states apart.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Shape {
    id: OneId,
    /// What the requests under way were answered, in their order; `None` for those that have not landed.
    answers: Vec<Option<Answer>>,
}

/// Possible states, each with when its open transaction began at the earliest. One that began earlier times out earlier, and allows
/// all else alike: of equal shapes it stands for the later ones.
#[derive(Clone, Debug, Default)]
struct States(BTreeMap<Shape, u64>);

impl States {
    /// Adds a state. Whether it allows anything that was not allowed before.
    fn add(&mut self, state: Possible) -> bool {
        let Possible { shape, open_since_us } = state;
        match self.0.get_mut(&shape) {
            Some(known) if *known <= open_since_us => false,
            Some(known) => {
                *known = open_since_us;
                true
            }
            None => self.0.insert(shape, open_since_us).is_none(),
        }
    }

    fn len(&self) -> usize {
        self.0.len()
    }

    fn shapes(&self) -> impl Iterator<Item = &Shape> {
        self.0.keys()
    }

    fn iter(&self) -> impl Iterator<Item = Possible> {
        let state = |(shape, open_since_us): (&Shape, &u64)| Possible {
            shape: shape.clone(),
            open_since_us: *open_since_us,
        };
        self.0.iter().map(state)
    }

    /// Keeps those whose shape fits, if there are any; whether there are.
    fn keep(&mut self, fits: impl Fn(&Shape) -> bool) -> bool {
        let any = self.shapes().any(&fits);
        if any {
            self.0.retain(|shape, _| fits(shape));
        }
        any
    }

    /// Changes every shape; those that become equal become one.
    fn change(&mut self, change: impl Fn(&mut Shape)) {
        for (mut shape, open_since_us) in std::mem::take(&mut self.0) {
            change(&mut shape);
            self.add(Possible { shape, open_since_us });
        }
    }
}

/// All states of one id.
#[derive(Debug)]
pub(super) struct Frontier {
    states: States,
    under_way: Vec<UnderWay>,
    /// Requests that nobody waits for any more: each may land at any time, more than once, or never.
    loose: Vec<(Ask, u64)>,
    timeout_us: u64,
    /// The highest epoch that Kafka told, and what may have raised it since.
    told_epoch: i16,
    bumps: i16,
    /// There were too many states to follow them all.
    lost: bool,
    most_states: usize,
}

impl Default for Frontier {
    fn default() -> Self {
        let first = Shape { id: OneId::default(), answers: Vec::new() };
        Self {
            states: States(BTreeMap::from([(first, 0)])),
            under_way: Vec::new(),
            loose: Vec::new(),
            timeout_us: u64::MAX,
            told_epoch: -1,
            bumps: 0,
            lost: false,
            most_states: 1,
        }
    }
}

impl Frontier {
    pub(super) fn most_states(&self) -> usize {
        self.most_states
    }

    pub(super) fn is_lost(&self) -> bool {
        self.lost
    }

    /// Whether its transaction may be open, now or by what is under way.
    pub(super) fn may_be_open(&self) -> bool {
        let opens = |ask: &Ask| matches!(ask, Ask::Records(_));
        self.states.shapes().any(|state| state.id.is_open())
            || self.under_way.iter().any(|under_way| opens(&under_way.ask))
            || self.loose.iter().any(|(ask, _)| opens(ask))
    }

    /// InitProducerId states after which time the transaction is aborted.
    pub(super) fn times_out_after(&mut self, timeout_ms: u32) {
        self.timeout_us = self.timeout_us.min(u64::from(timeout_ms) * 1_000);
    }

    /// A request is sent.
    pub(super) fn ask(&mut self, call: Call, ask: Ask, since_us: u64) {
        self.give_up(call); // one that is asked under the same name has taken its place
        self.bumps = self.bumps.saturating_add(i16::from(matches!(ask, Ask::Init | Ask::Fence)));
        self.under_way.push(UnderWay { call, ask, since_us });
        self.states.change(|state| state.answers.push(None));
    }

    /// Nobody will hear the answer of a request: it may land at any time.
    pub(super) fn give_up(&mut self, call: Call) {
        let Some(place) = self.place(call) else { return };
        let UnderWay { ask, since_us, .. } = self.under_way[place];
        self.let_loose(ask, since_us);
        self.forget(place);
    }

    /// A request was answered so. `repeats`: it may arrive once more.
    pub(super) fn answered(
        &mut self,
        call: Call,
        answer: Answer,
        now_us: u64,
        repeats: bool,
    ) -> Result<(), Impossible> {
        let Some(place) = self.place(call) else { return Ok(()) };
        let UnderWay { ask, since_us, .. } = self.under_way[place];
        // States in which it was answered otherwise are not followed: with many of the same request they are the square of the others.
        let before = self.states.clone();
        let otherwise = |state: &Shape| {
            let possible = state.answers[place];
            possible.is_some_and(|possible| is_final(ask, possible) && !says(answer, possible))
        };
        self.states.0.retain(|state, _| !otherwise(state));
        self.close(now_us, otherwise);
        let busy = self.is_busy(now_us);
        let fits = |state: &Shape| match state.answers[place] {
            Some(possible) => says(answer, possible),
            // A transition that is being written is answered so too, and then nothing is done.
            None => answer == Answer::Code(CONCURRENT) && busy,
        };
        let result = if self.states.keep(fits) || self.lost {
            Ok(())
        } else {
            self.states = before;
            self.close_fully(now_us);
            Err(self.allowed(place, answer))
        };
        if let Answer::Described(Ok(described)) = answer {
            self.told_epoch = described.producer.epoch.max(self.told_epoch);
            self.bumps = i16::try_from(self.under_way.len() + self.loose.len()).unwrap_or(i16::MAX);
        }
        if repeats {
            self.let_loose(ask, since_us);
        }
        self.forget(place);
        self.tidy();
        result
    }

    /// A request was certainly not done.
    pub(super) fn not_done(&mut self, call: Call, now_us: u64) {
        let Some(place) = self.place(call) else { return };
        self.close_fully(now_us);
        self.states.keep(|state| state.answers[place].is_none());
        self.forget(place);
    }

    /// Whether the id may be in such a state at this time.
    pub(super) fn may_be(&mut self, now_us: u64, wanted: impl Fn(&OneId) -> bool) -> bool {
        self.close_fully(now_us);
        self.lost || self.states.shapes().any(|state| wanted(&state.id))
    }

    fn place(&self, call: Call) -> Option<usize> {
        self.under_way.iter().position(|under_way| under_way.call == call)
    }

    fn let_loose(&mut self, ask: Ask, since_us: u64) {
        let changes_something = !matches!(ask, Ask::Describe | Ask::List);
        if changes_something && !self.loose.iter().any(|(loose, _)| *loose == ask) {
            self.loose.push((ask, since_us));
        }
    }

    fn forget(&mut self, place: usize) {
        self.under_way.remove(place);
        self.states.change(|state| {
            state.answers.remove(place);
        });
    }

    /// Lets go of loose requests of epochs that are over in every state.
    fn tidy(&mut self) {
        let lowest = self.states.shapes().map(|state| state.id.epoch()).min().unwrap_or(-1);
        self.loose.retain(|(ask, _)| match ask {
            Ask::Records(producer) => producer.epoch >= lowest,
            Ask::Commit(producer, _) => producer.epoch + 1 >= lowest,
            Ask::Init | Ask::Fence => true,
            Ask::Describe | Ask::List => false,
        });
    }

    /// Something besides one request goes on at Kafka.
    fn is_busy(&self, now_us: u64) -> bool {
        let timed_out = |state: &Possible| self.may_time_out(state, now_us);
        self.under_way.len() > 1
            || !self.loose.is_empty()
            || self.states.iter().any(|state| timed_out(&state))
    }

    fn may_time_out(&self, state: &Possible, now_us: u64) -> bool {
        let due = state.open_since_us.saturating_add(self.timeout_us);
        state.shape.id.is_open() && now_us.saturating_add(CLOCK_SLACK_US) >= due
    }

    /// Adds every state that can be reached by now.
    fn close_fully(&mut self, now_us: u64) {
        self.close(now_us, |_| false);
    }

    /// The same without those that are of no interest, and what follows from them.
    fn close(&mut self, now_us: u64, is_of_no_interest: impl Fn(&Shape) -> bool) {
        let bumps = self.bumps.saturating_mul(2).saturating_add(2);
        let epoch_max = self.told_epoch.saturating_add(bumps);
        let mut todo: Vec<Possible> = self.states.iter().collect();
        while let Some(state) = todo.pop() {
            for next in self.next(&state, now_us) {
                let is_followed = next.shape.id.epoch() <= epoch_max && !is_of_no_interest(&next.shape);
                if is_followed && self.states.add(next.clone()) {
                    todo.push(next);
                }
            }
            if self.states.len() > MOST_STATES {
                self.lost = true;
                break;
            }
        }
        self.most_states = self.most_states.max(self.states.len());
    }

    fn next(&self, state: &Possible, now_us: u64) -> Vec<Possible> {
        let mut all = Vec::new();
        for (place, under_way) in self.under_way.iter().enumerate() {
            all.extend(land(state, place, under_way));
        }
        for (ask, since_us) in &self.loose {
            let mut next = state.clone();
            perform(&mut next, *ask, *since_us);
            all.push(next);
        }
        if self.may_time_out(state, now_us) {
            let mut next = state.clone();
            next.shape.id.timeout();
            next.open_since_us = 0;
            all.push(next);
        }
        let mut told = state.clone();
        if told.shape.id.write_markers() {
            all.push(told);
        }
        all
    }

    fn allowed(&self, place: usize, answer: Answer) -> Impossible {
        let ask = self.under_way[place].ask;
        let answers: BTreeSet<String> = self
            .states
            .shapes()
            .map(|state| state.answers[place].map_or_else(|| "that it has not landed".to_owned(), tell))
            .collect();
        let answers: Vec<String> = answers.into_iter().collect();
        Impossible::new(format!("{} was answered {}", asked(ask), tell(answer)), answers.join(", or "))
    }
}

/// Whether an answer may be told so: of codes that mean the same, older versions of a request are told another.
fn says(told: Answer, possible: Answer) -> bool {
    match (told, possible) {
        (Answer::Code(code), Answer::Code(possible)) => {
            code == possible || FENCED.contains(&code) && FENCED.contains(&possible)
        }
        (Answer::Described(Ok(told)), Answer::Described(Ok(possible))) => is_told(told, possible),
        (told, possible) => told == possible,
    }
}

/// Whether this is all that the request is answered: an initialisation that was done is described then.
fn is_final(ask: Ask, answer: Answer) -> bool {
    ask != Ask::Init || answer != Answer::Code(0)
}

/// A request under way lands, in every way that it can.
fn land(state: &Possible, place: usize, under_way: &UnderWay) -> Vec<Possible> {
    let UnderWay { ask, since_us, .. } = *under_way;
    let answered = state.shape.answers[place];
    let answered_so = |answer: Answer| {
        let mut next = state.clone();
        next.shape.answers[place] = Some(answer);
        next
    };
    let done = || {
        let mut next = state.clone();
        let code = perform(&mut next, ask, since_us);
        (next, code)
    };
    match (ask, answered) {
        (Ask::Init, Some(Answer::Described(_))) => Vec::new(),
        // A client that asks once has heard that it is not done.
        (Ask::Init, Some(Answer::Code(code))) if code != 0 => Vec::new(),
        // The client asks again until it hears of success, and what it does then is described.
        (Ask::Init | Ask::Records(_), _) => {
            let (mut next, code) = done();
            let described = ask == Ask::Init && answered.is_some();
            let refused = ask == Ask::Init && answered.is_none() && code != 0;
            let refused = refused.then(|| {
                let mut next = next.clone();
                next.shape.answers[place] = Some(Answer::Code(code));
                next
            });
            if code == 0 {
                next.shape.answers[place] = Some(Answer::Code(0));
            }
            let described = described.then(|| answered_so(Answer::Described(state.shape.id.describe())));
            described.into_iter().chain(refused).chain([next]).collect()
        }
        (_, Some(_)) => Vec::new(),
        (Ask::Describe, None) => vec![answered_so(Answer::Described(state.shape.id.describe()))],
        (Ask::List, None) => vec![answered_so(Answer::Listed(state.shape.id.is_open()))],
        (Ask::Fence | Ask::Commit(..), None) => {
            let (mut next, code) = done();
            next.shape.answers[place] = Some(Answer::Code(code));
            vec![next]
        }
    }
}

/// Does at Kafka what is asked. Gives the raw code.
fn perform(state: &mut Possible, ask: Ask, since_us: u64) -> ErrorCode {
    let id = &mut state.shape.id;
    let was_open = id.is_open();
    let code = match ask {
        Ask::Init | Ask::Fence => id.init_producer_id().err().unwrap_or(0),
        Ask::Records(producer) => id.add_partition(producer),
        Ask::Commit(producer, version) => id.commit(producer, version),
        Ask::Describe | Ask::List => 0,
    };
    match (was_open, id.is_open()) {
        (false, true) => state.open_since_us = since_us,
        (true, false) => state.open_since_us = 0,
        (true, true) | (false, false) => {}
    }
    code
}

/// Whether a description is one of this state. A state that has no name here is on its way from an open transaction to its abort.
fn is_told(told: Described, possible: Described) -> bool {
    told.state == TransactionState::Other || told == possible
}

fn asked(ask: Ask) -> String {
    match ask {
        Ask::Init => "InitProducerId".to_owned(),
        Ask::Fence => "InitProducerId, to fence".to_owned(),
        Ask::Records(producer) => format!("the flush of records of epoch {}", producer.epoch),
        Ask::Commit(producer, _) => format!("EndTxn(commit) of epoch {}", producer.epoch),
        Ask::Describe => "DescribeTransactions".to_owned(),
        Ask::List => "ListTransactions".to_owned(),
    }
}

fn tell(answer: Answer) -> String {
    match answer {
        Answer::Code(0) => "with success".to_owned(),
        Answer::Code(code) => format!("with code {code}"),
        Answer::Described(Ok(Described { state, producer })) => {
            format!("with {} of epoch {}", state.name(), producer.epoch)
        }
        Answer::Described(Err(code)) => format!("with code {code}"),
        Answer::Listed(true) => "that it is open".to_owned(),
        Answer::Listed(false) => "that it is not open".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open_since(open_since_us: u64, answers: &[Option<Answer>]) -> Possible {
        let shape = Shape { id: OneId::default(), answers: answers.to_vec() };
        Possible { shape, open_since_us }
    }

    fn all(states: &States) -> Vec<u64> {
        states.iter().map(|state| state.open_since_us).collect()
    }

    #[test]
    fn of_states_of_one_shape_the_one_that_may_time_out_first_stands_for_all() {
        let mut states = States::default();
        assert!(states.add(open_since(20, &[])));
        assert!(!states.add(open_since(20, &[])), "it is known");
        assert!(!states.add(open_since(30, &[])), "it allows nothing more");
        assert!(states.add(open_since(10, &[])), "it may time out before");
        assert_eq!(all(&states), [10]);
    }

    #[test]
    fn states_that_become_alike_are_one_which_began_as_early_as_any() {
        let mut states = States::default();
        states.add(open_since(20, &[None]));
        states.add(open_since(10, &[Some(Answer::Code(0))]));
        states.add(open_since(30, &[Some(Answer::Code(51))]));
        assert_eq!(states.len(), 3);
        states.change(|shape| shape.answers.clear());
        assert_eq!(all(&states), [10]);
    }
}
