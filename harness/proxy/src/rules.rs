//! The rules in force: which are allowed, which frames they match, and which one is due. Leaves the doing to others.

use std::collections::BTreeMap;

use crate::protocol::{Head, Protocol, Style};
use crate::rule::{Action, ClientSees, Counts, Occurrence, Rule, RuleId, Side};

/// A rule or a link fault that this proxy can't carry out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refused(pub(crate) String);

/// Rules by age.
#[derive(Default)]
pub(crate) struct Rules {
    last: u64,
    armed: BTreeMap<RuleId, Armed>,
}

struct Armed {
    rule: Rule,
    counts: Counts,
}

impl Rules {
    pub(crate) fn add(&mut self, rule: Rule) -> RuleId {
        self.last += 1;
        let id = RuleId(self.last);
        self.armed.insert(id, Armed { rule, counts: Counts::default() });
        id
    }

    pub(crate) fn remove(&mut self, id: RuleId) -> Option<Counts> {
        self.armed.remove(&id).map(|armed| armed.counts)
    }

    pub(crate) fn counts(&self, id: RuleId) -> Option<Counts> {
        self.armed.get(&id).map(|armed| armed.counts)
    }

    /// Counts a frame, and says what it suffers.
    pub(crate) fn decide(&mut self, side: Side, head: &Head) -> Option<(RuleId, Action)> {
        let mut chosen = None;
        for (id, armed) in &mut self.armed {
            if !armed.rule.matches(side, head) {
                continue;
            }
            armed.counts.matched += 1;
            if chosen.is_none() && armed.is_due() {
                armed.counts.fired += 1;
                chosen = Some((*id, armed.rule.action));
            }
        }
        chosen
    }
}

impl Armed {
    fn is_due(&self) -> bool {
        match self.rule.when {
            Occurrence::Nth(nth) => self.counts.fired == 0 && self.counts.matched >= nth,
            Occurrence::Every => true,
        }
    }
}

impl Rule {
    fn matches(&self, side: Side, head: &Head) -> bool {
        let begins = |prefix: &String| head.client_id.as_ref().is_some_and(|id| id.starts_with(prefix));
        let contains = |part: &String| head.transactional_id.as_ref().is_some_and(|id| id.contains(part));
        self.side == side
            && self.frame == head.name
            && self.client_id_prefix.as_ref().is_none_or(begins)
            && self.transactional_id_contains.as_ref().is_none_or(contains)
    }

    /// Whether a proxy of this protocol can carry it out.
    pub(crate) fn check(&self, protocol: &dyn Protocol) -> Result<(), Refused> {
        let refuse = |why: &str| Err(Refused(format!("rule for {:?}: {why}", self.frame)));
        if self.when == Occurrence::Nth(0) {
            return refuse("occurrences are counted from 1, there is no 0th");
        }
        let style = protocol.style();
        if style == Style::Bytes {
            return refuse("this proxy forwards bytes and knows no frames; use a link fault");
        }
        if self.frame.is_empty() || !protocol.knows(&self.frame) {
            return refuse("no frame has this name; Kafka's APIs are written as in `EndTxn`");
        }
        let requests = style == Style::Requests;
        match (self.action, self.side) {
            (Action::Duplicate { .. } | Action::Hold { .. }, Side::Response) if requests => {
                refuse("an answer can be dropped, delayed or reset; only a request can come later or twice")
            }
            (Action::Drop { close_after_ms: Some(_) }, _) if !requests => {
                refuse("a message is lost alone; close_after_ms is for requests")
            }
            (Action::Hold { client: ClientSees::Reset, .. }, _) if !requests => {
                refuse("a message is delivered on its own connection, which must not be reset")
            }
            _ => Ok(()),
        }
    }
}
