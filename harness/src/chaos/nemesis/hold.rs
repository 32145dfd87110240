//! Requests to Kafka that are on their way for as long as the plan says: until another frame of the same transactional id is seen,
//! or until a later step delivers them. So a request of a process that has died, or has asked again, meets what came after it.

use std::time::Duration;

use tokio::sync::mpsc::UnboundedReceiver;
use truecut_proxy::{Action, ClientSees, Event, Occurrence, Proxy, Rule, RuleId, Side, What};

use super::super::network::events_of;
use super::super::plan::{Step, Until};
use super::network::{ANSWERED, LOOK, told};
use super::{Field, Outcome};
use crate::failure::Failure;
use crate::history::Phase;

/// What the held request is waiting for waits itself for so long, so that the held one goes first.
const FIRST: Duration = Duration::from_millis(300);

/// A request that is on its way.
pub(super) struct Held {
    proxy: Proxy,
    rule: RuleId,
    /// What it is about.
    id: String,
}

/// What is to be held: a request of this kind, which of them, and what its sender sees.
type Wanted<'a> = (&'a str, u64, ClientSees);

impl Field<'_> {
    /// Catches a request. With `until`, returns when it was delivered.
    pub(super) async fn hold(
        &mut self,
        (frame, nth, client): Wanted<'_>,
        until: Option<&Until>,
        step: &Step,
    ) -> Result<Outcome, Failure> {
        let rule = Rule {
            frame: frame.to_owned(),
            side: Side::Request,
            when: Occurrence::Nth(nth),
            client_id_prefix: None,
            transactional_id_contains: None,
            action: Action::Hold { after_ms: None, client },
        };
        let mut events = events_of(&self.network.brokers(None));
        let rules = self.put(&rule)?;
        self.tell(&step.fault, Phase::Began, &format!("a rule waits for {frame}"))?;
        self.in_force().await;
        self.until_fired(&rules).await?;
        let Some(held) = caught(rules, &mut events) else {
            return Ok(Outcome::Missed(format!("no {frame} came that could be held")));
        };
        self.tell(&step.fault, Phase::Struck, &format!("{frame} of {} is on its way", held.id))?;
        match until {
            Some(until) => self.deliver_at(held, until, step).await?,
            None => self.held.push(held),
        }
        Ok(Outcome::Done)
    }

    /// Delivers a request when a frame of its transactional id is seen, or nothing of the kind comes.
    async fn deliver_at(&mut self, held: Held, until: &Until, step: &Step) -> Result<(), Failure> {
        let first_ms = u64::try_from(FIRST.as_millis()).unwrap_or(u64::MAX);
        let watch = Rule {
            frame: until.frame.clone(),
            side: until.side,
            when: Occurrence::Nth(until.nth),
            client_id_prefix: None,
            transactional_id_contains: (!held.id.is_empty()).then(|| held.id.clone()),
            action: Action::Delay { ms: first_ms },
        };
        let rules = self.put(&watch)?;
        let seen = self.until_fired(&rules).await?;
        let text = match seen {
            true => format!("{} of {} is seen", until.frame, held.id),
            false => format!("no {} of {} has come", until.frame, held.id),
        };
        self.tell(&step.fault, Phase::Began, &text)?;
        self.deliver(held, step).await?;
        for (proxy, id) in rules {
            proxy.remove(id);
        }
        Ok(())
    }

    /// Delivers what earlier steps hold.
    pub(super) async fn release(&mut self, step: &Step) -> Result<Outcome, Failure> {
        let held = std::mem::take(&mut self.held);
        if held.is_empty() {
            return Ok(Outcome::Missed("nothing was held".to_owned()));
        }
        for held in held {
            self.deliver(held, step).await?;
        }
        Ok(Outcome::Done)
    }

    async fn deliver(&mut self, held: Held, step: &Step) -> Result<(), Failure> {
        let mut events = held.proxy.events();
        held.proxy.release(held.rule);
        let since = tokio::time::Instant::now();
        let mut is_answered = false;
        while !is_answered && since.elapsed() < ANSWERED {
            self.subject.pump(LOOK, |_| false).await?;
            while let Ok(event) = events.try_recv() {
                if event.rule != Some(held.rule) {
                    continue;
                }
                is_answered |= matches!(event.what, What::Answered { .. } | What::Failed { .. });
                if let Some(text) = told(&event) {
                    self.tell(&step.fault, Phase::Struck, &text)?;
                }
            }
        }
        held.proxy.remove(held.rule);
        Ok(())
    }

    fn put(&self, rule: &Rule) -> Result<Vec<(Proxy, RuleId)>, Failure> {
        let put = |proxy: Proxy| {
            let id = proxy
                .add(rule.clone())
                .map_err(|why| Failure::usage(format!("this rule can't be: {why}")))?;
            Ok((proxy, id))
        };
        self.network.brokers(None).into_iter().map(put).collect()
    }
}

/// The request that one of the proxies has caught; the others are to catch none.
fn caught(rules: Vec<(Proxy, RuleId)>, events: &mut [UnboundedReceiver<Event>]) -> Option<Held> {
    let mut held = None;
    for ((proxy, rule), events) in rules.into_iter().zip(events) {
        let mut all = std::iter::from_fn(|| events.try_recv().ok());
        let frame = all
            .find(|event| event.rule == Some(rule) && event.what == What::Held)
            .and_then(|event| event.frame);
        match frame {
            Some(frame) if held.is_none() => {
                let id = frame.transactional_id.unwrap_or_default();
                held = Some(Held { proxy, rule, id });
            }
            Some(_) | None => drop(proxy.remove(rule)),
        }
    }
    held
}
