//! Kafka's transactional ids: who asked what of which, and what was answered. What that allows is each id's own (`frontier.rs`).

use std::collections::{BTreeSet, HashMap};

use truecut_core::{Described, ErrorCode, Op, Outcome, Producer, Slot, TransactionState, TransactionalId};
use truecut_model::OneId;

use super::frontier::{Answer, Ask, Call, Frontier, Which};
use super::{Answered, Asked, Circumstances, Impossible, Slots, Trace, WorldFound};

/// Codes of EndTxn and InitProducerId that the transaction coordinator answers when it has looked at the id. With any other, nobody
/// knows whether it was done.
const DECIDED: [ErrorCode; 6] = [0, 47, 48, 49, 51, 90];
/// CONCURRENT_TRANSACTIONS
const CONCURRENT: ErrorCode = 51;
/// TRANSACTIONAL_ID_NOT_FOUND
const NOT_FOUND: ErrorCode = 105;
/// UNKNOWN_TOPIC_OR_PARTITION: there are no transactions yet.
const NO_TOPIC: ErrorCode = 3;

/// All ids of the job.
pub(super) struct Transactions {
    prefix: Option<String>,
    repeats: bool,
    /// Coordinators of transactional ids move.
    moves: bool,
    clocks_jump: bool,
    ids: HashMap<TransactionalId, Id>,
    /// Whose request is about which id.
    calls: HashMap<Call, TransactionalId>,
    /// What each slot's producer was told.
    generations: Slots<(TransactionalId, Producer)>,
    /// Listings under way, each with the ids that were, or may since have been, open.
    listings: HashMap<Trace, BTreeSet<TransactionalId>>,
    may_be_open: BTreeSet<TransactionalId>,
    /// Producer ids that Kafka gave out.
    producers: HashMap<i64, TransactionalId>,
    unanswered: u64,
}

#[derive(Default)]
struct Id {
    frontier: Frontier,
    producer: Option<i64>,
    /// Records went to a producer of it.
    was_written: bool,
}

impl Transactions {
    pub(super) fn new(prefix: Option<String>, circumstances: &Circumstances) -> Self {
        let Circumstances { repeats, moves, clocks_jump, .. } = *circumstances;
        Self {
            prefix,
            repeats,
            moves,
            clocks_jump,
            ids: HashMap::new(),
            calls: HashMap::new(),
            generations: HashMap::new(),
            listings: HashMap::new(),
            may_be_open: BTreeSet::new(),
            producers: HashMap::new(),
            unanswered: 0,
        }
    }

    fn times_out_after(&mut self, id: TransactionalId, timeout_ms: u32) {
        let timeout_ms = if self.clocks_jump { 0 } else { timeout_ms };
        self.ids.entry(id).or_default().frontier.times_out_after(timeout_ms);
    }

    /// An operation was started.
    pub(super) fn started(&mut self, trace: Trace, at_us: u64, op: Op, asked: &Asked) {
        let call = Call { trace, which: Which::Op(op) };
        match asked {
            Asked::InitProducer { id, timeout_ms } => {
                self.times_out_after(*id, *timeout_ms);
                self.ask(call, *id, Ask::Init, at_us);
            }
            Asked::Fence { id, timeout_ms } => {
                self.times_out_after(*id, *timeout_ms);
                self.ask(call, *id, Ask::Fence, at_us);
            }
            Asked::Commit(committable) => {
                let producer = self.modelled(committable.id, committable.producer);
                let version = *committable.protocol.end_txn_versions().end();
                self.ask(call, committable.id, Ask::Commit(producer, version), at_us);
            }
            Asked::Describe(id) => self.ask(call, *id, Ask::Describe, at_us),
            Asked::Rewrite { slot, .. } => self.write(call, *slot, at_us),
            Asked::ListTransactions(_) => {
                let open = self.may_be_open.clone();
                for id in &open {
                    self.ask(call, *id, Ask::List, at_us);
                }
                self.listings.insert(trace, open);
            }
            Asked::ReadHead
            | Asked::SwapHead { .. }
            | Asked::ReadCheckpoint(_)
            | Asked::WriteCheckpoint(_)
            | Asked::Discard(_)
            | Asked::DiscardBelow(_)
            | Asked::ResolveStart { .. }
            | Asked::CommitOffsets(_)
            | Asked::Restore(_)
            | Asked::Snapshot(_)
            | Asked::OpenProducer(_)
            | Asked::Flush(_)
            | Asked::Upload { .. }
            | Asked::ReadMarker(_) => {}
        }
    }

    /// Records go to a slot's producer.
    pub(super) fn records(&mut self, trace: Trace, at_us: u64, slot: Slot) {
        self.write(Call { trace, which: Which::Records(slot) }, slot, at_us);
    }

    /// A trace is over.
    pub(super) fn over(&mut self, trace: Trace) {
        let calls: Vec<Call> = self.calls.keys().filter(|call| call.trace == trace).copied().collect();
        calls.into_iter().for_each(|call| self.give_up(call));
        if let Some(ids) = self.listings.remove(&trace) {
            self.end_listing(Call { trace, which: Which::Op(Op::ListTransactions) }, ids);
        }
    }

    /// An operation was answered.
    pub(super) fn answered(
        &mut self,
        trace: Trace,
        at_us: u64,
        op: Op,
        answered: &Answered,
    ) -> Result<(), Impossible> {
        let call = Call { trace, which: Which::Op(op) };
        match (op, answered) {
            // A broker that was the id's coordinator a moment ago told of an older generation. The core asks again.
            (Op::InitProducer(_), Outcome::Initialised { described, .. })
                if self.moves && described.state != TransactionState::Empty =>
            {
                self.unheard(call);
                Ok(())
            }
            (Op::InitProducer(slot), Outcome::Initialised { described, .. }) => {
                let Some(id) = self.calls.get(&call).copied() else { return Ok(()) };
                self.generations.insert((trace, slot), (id, described.producer));
                self.described(call, id, *described, at_us)
            }
            // Told by a producer that asks once, and by nobody else: librdkafka asks again.
            (Op::InitProducer(_), Outcome::Answer(CONCURRENT)) => {
                self.hear(call, Answer::Code(CONCURRENT), at_us)
            }
            (Op::Describe(id), Outcome::Described(described)) => self.described(call, id, *described, at_us),
            (Op::Describe(_), Outcome::Answer(NOT_FOUND)) => {
                self.hear(call, Answer::Described(Err(NOT_FOUND)), at_us)
            }
            (Op::Commit(_) | Op::Fence(_), Outcome::Answer(code)) if DECIDED.contains(code) => {
                self.hear(call, Answer::Code(*code), at_us)
            }
            (Op::Flush(slot), Outcome::Flushed) => {
                self.hear(Call { trace, which: Which::Records(slot) }, Answer::Code(0), at_us)
            }
            (Op::Flush(slot), _) => {
                self.unheard(Call { trace, which: Which::Records(slot) });
                Ok(())
            }
            (Op::Rewrite(_), Outcome::Flushed) => self.hear(call, Answer::Code(0), at_us),
            (Op::ListTransactions, answered) => self.listed(trace, call, answered, at_us),
            (_, Outcome::Failed { .. }) => {
                if let Some(id) = self.calls.remove(&call) {
                    self.ids.entry(id).or_default().frontier.not_done(call, at_us);
                }
                Ok(())
            }
            _ => {
                self.unheard(call);
                Ok(())
            }
        }
    }

    /// These were open at the end of the run. What is impossible about it.
    pub(super) fn left_open(&mut self, names: &[String]) -> Vec<Impossible> {
        let names: Vec<TransactionalId> = names.iter().filter_map(|name| self.parse(name)).collect();
        let opened_by_nobody = |id: &TransactionalId| !self.is_open(*id, u64::MAX);
        names.into_iter().filter(opened_by_nobody).map(|id| not_opened(id, "is left open")).collect()
    }

    /// What there is to say.
    pub(super) fn report(&self, found: &mut WorldFound) {
        let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
        found.unanswered += self.unanswered + count(self.calls.len());
        found.transactional_ids = count(self.ids.len());
        let most = self.ids.values().map(|id| id.frontier.most_states()).max();
        found.most_states = count(most.unwrap_or_default());
        let lost = self.ids.values().filter(|id| id.frontier.is_lost()).count();
        if lost > 0 {
            found.gaps.push(format!("{lost} transactional ids may be in more states than are followed"));
        }
        if self.prefix.is_none() {
            found.gaps.push("no trace names the job: nothing is known of its transactions".to_owned());
        }
    }

    fn ask(&mut self, call: Call, id: TransactionalId, ask: Ask, at_us: u64) {
        if ask != Ask::List {
            self.calls.insert(call, id);
        }
        self.ids.entry(id).or_default().frontier.ask(call, ask, at_us);
    }

    fn write(&mut self, call: Call, slot: Slot, at_us: u64) {
        // A producer without transactions was told no generation.
        let Some((id, producer)) = self.generations.get(&(call.trace, slot)).copied() else { return };
        let producer = self.modelled(id, producer);
        self.ask(call, id, Ask::Records(producer), at_us);
        self.ids.entry(id).or_default().was_written = true;
        if self.may_be_open.insert(id) {
            for (trace, ids) in &mut self.listings {
                if ids.insert(id) {
                    let call = Call { trace: *trace, which: Which::Op(Op::ListTransactions) };
                    self.ids.entry(id).or_default().frontier.ask(call, Ask::List, at_us);
                }
            }
        }
    }

    fn hear(&mut self, call: Call, answer: Answer, at_us: u64) -> Result<(), Impossible> {
        let Some(id) = self.calls.remove(&call) else { return Ok(()) };
        let repeats = self.repeats;
        let heard = self.ids.entry(id).or_default().frontier.answered(call, answer, at_us, repeats);
        self.look_whether_open(id);
        heard.map_err(|impossible| of(id, impossible))
    }

    /// An answer that says nothing.
    fn unheard(&mut self, call: Call) {
        self.unanswered += u64::from(self.calls.contains_key(&call));
        self.give_up(call);
    }

    fn give_up(&mut self, call: Call) {
        if let Some(id) = self.calls.remove(&call) {
            self.ids.entry(id).or_default().frontier.give_up(call);
            self.look_whether_open(id);
        }
    }

    fn look_whether_open(&mut self, id: TransactionalId) {
        if self.may_be_open.contains(&id) && !self.ids.entry(id).or_default().frontier.may_be_open() {
            self.may_be_open.remove(&id);
        }
    }

    /// A description came. The producer id of an id is always the same, and no other's.
    fn described(
        &mut self,
        call: Call,
        id: TransactionalId,
        told: Described,
        at_us: u64,
    ) -> Result<(), Impossible> {
        let real = told.producer.id;
        let owner = *self.producers.entry(real).or_insert(id);
        let known = *self.ids.entry(id).or_default().producer.get_or_insert(real);
        let modelled = Described { producer: self.modelled(id, told.producer), ..told };
        let heard = self.hear(call, Answer::Described(Ok(modelled)), at_us);
        if owner != id || known != real {
            let what = format!("{} was said to have producer id {real}", name(id));
            let allowed = if owner == id {
                format!("{known}, which it was given first")
            } else {
                format!("another one, as that is the one of {}", name(owner))
            };
            return Err(Impossible::new(what, allowed));
        }
        heard
    }

    /// A listing came. A broker that is cut off from the others and was the id's coordinator goes on telling what was open then, and so the
    /// same transaction is listed twice, or one that is over: where coordinators move, a name that is listed says that it was open once.
    fn listed(
        &mut self,
        trace: Trace,
        call: Call,
        answered: &Answered,
        at_us: u64,
    ) -> Result<(), Impossible> {
        let Some(ids) = self.listings.remove(&trace) else { return Ok(()) };
        let Outcome::Listed { topic, leaderless, brokers, names } = answered else {
            self.end_listing(call, ids);
            return Ok(());
        };
        let whole = matches!(topic, Some(0 | NO_TOPIC))
            && *leaderless == 0
            && !brokers.is_empty()
            && brokers.iter().all(|answer| *answer == Some(0));
        let open: BTreeSet<TransactionalId> = names.iter().filter_map(|name| self.parse(name)).collect();
        let mut result = Ok(());
        for id in &ids {
            let frontier = &mut self.ids.entry(*id).or_default().frontier;
            let heard = match open.contains(id) {
                false if !whole => {
                    frontier.give_up(call);
                    Ok(())
                }
                true if self.moves => {
                    frontier.give_up(call);
                    Ok(())
                }
                listed => frontier.answered(call, Answer::Listed(listed), at_us, false),
            };
            self.look_whether_open(*id);
            result = result.and(heard.map_err(|impossible| of(*id, impossible)));
        }
        for id in open.difference(&ids) {
            let was_open = self.moves && self.ids.get(id).is_some_and(|id| id.was_written);
            if !was_open && !self.is_open(*id, at_us) {
                result = result.and(Err(not_opened(*id, "was listed as open")));
            }
        }
        result
    }

    fn end_listing(&mut self, call: Call, ids: BTreeSet<TransactionalId>) {
        for id in ids {
            self.ids.entry(id).or_default().frontier.give_up(call);
        }
    }

    fn is_open(&mut self, id: TransactionalId, at_us: u64) -> bool {
        self.ids.get_mut(&id).is_some_and(|id| id.frontier.may_be(at_us, OneId::is_open))
    }

    fn parse(&self, name: &str) -> Option<TransactionalId> {
        TransactionalId::parse(self.prefix.as_deref()?, name)
    }

    /// A producer as the model numbers it: every id has the same one there.
    fn modelled(&self, id: TransactionalId, producer: Producer) -> Producer {
        let known = self.ids.get(&id).and_then(|id| id.producer);
        let ours = known == Some(producer.id);
        Producer { id: if ours { OneId::PRODUCER_ID } else { OneId::PRODUCER_ID - 1 }, ..producer }
    }
}

fn name(id: TransactionalId) -> String {
    format!("transactional id {}/{}/{}", id.attempt, id.subtask, id.slot.get())
}

fn of(id: TransactionalId, Impossible { what, allowed }: Impossible) -> Impossible {
    Impossible::new(format!("{}: {what}", name(id)), allowed)
}

fn not_opened(id: TransactionalId, what: &str) -> Impossible {
    Impossible::new(format!("{} {what}", name(id)), "no open transaction there: nobody produced to it")
}
