//! Faults of the network: one frame, or a whole link; between the job and Kafka, and between coordinator and workers.

use std::time::Duration;

use tokio::sync::mpsc::UnboundedReceiver;
use truecut_proxy::{Action, Event, LinkFault, LinkFaultKind, Proxy, Rule, RuleId, What};

use super::super::network::events_of;
use super::super::plan::Step;
use super::{Field, Outcome, is_over};
use crate::failure::Failure;
use crate::history::Phase;

/// How long a frame that a rule waits for may take to come.
const COMES: Duration = Duration::from_secs(15);
/// How often is looked.
pub(super) const LOOK: Duration = Duration::from_millis(10);
/// How long the answer to what was held or sent twice may take after it was delivered.
pub(super) const ANSWERED: Duration = Duration::from_secs(5);

impl Field<'_> {
    /// Puts a rule in force, waits until it has fired, and until what it delays or keeps has been delivered.
    pub(super) async fn one_frame(
        &mut self,
        proxies: Vec<Proxy>,
        rule: &Rule,
        step: &Step,
    ) -> Result<Outcome, Failure> {
        let mut events = events_of(&proxies);
        let mut rules = Vec::new();
        for proxy in &proxies {
            let id = proxy
                .add(rule.clone())
                .map_err(|why| Failure::usage(format!("this rule can't be: {why}")))?;
            rules.push((proxy.clone(), id));
        }
        self.tell(&step.fault, Phase::Began, &format!("a rule waits for {}", rule.frame))?;
        self.in_force().await;
        let fired = self.until_fired(&rules).await?;
        // One of several brokers has met it: the others are not to.
        for (proxy, id) in &rules {
            if proxy.counts(*id).is_none_or(|counts| counts.fired == 0) {
                proxy.remove(*id);
            }
        }
        if fired {
            self.pass(Duration::from_millis(aftermath_ms(rule.action))).await?;
            self.until_answered(rule.action, &mut events, step).await?;
        }
        for (proxy, id) in rules {
            proxy.remove(id);
        }
        if fired {
            return Ok(Outcome::Done);
        }
        Ok(Outcome::Missed(format!("no {} came that the rule waits for", rule.frame)))
    }

    pub(super) async fn until_fired(&mut self, rules: &[(Proxy, RuleId)]) -> Result<bool, Failure> {
        let since = tokio::time::Instant::now();
        let has_fired =
            |(proxy, id): &(Proxy, RuleId)| proxy.counts(*id).is_some_and(|counts| counts.fired > 0);
        while !rules.iter().any(has_fired) {
            if since.elapsed() > COMES || is_over(self.subject.seen()) {
                return Ok(false);
            }
            self.subject.pump(LOOK, is_over).await?;
        }
        Ok(true)
    }

    /// Tells what the proxies say of it; of a frame that is delivered a second time or late, until Kafka has answered.
    async fn until_answered(
        &mut self,
        action: Action,
        events: &mut [UnboundedReceiver<Event>],
        step: &Step,
    ) -> Result<(), Failure> {
        let is_late = matches!(action, Action::Hold { .. } | Action::Duplicate { .. });
        let since = tokio::time::Instant::now();
        loop {
            let mut is_done = !is_late;
            for event in events.iter_mut().flat_map(|events| std::iter::from_fn(|| events.try_recv().ok())) {
                let Some(text) = told(&event) else { continue };
                let is_answer = matches!(event.what, What::Answered { .. } | What::Failed { .. });
                is_done |= is_answer
                    || matches!(event.what, What::Delivered { .. })
                        && event.frame.as_ref().is_some_and(|frame| frame.correlation.is_none());
                self.tell(&step.fault, Phase::Struck, &text)?;
            }
            if is_done || since.elapsed() > ANSWERED {
                return Ok(());
            }
            self.subject.pump(LOOK, |_| false).await?;
        }
    }

    /// Puts a link fault in force for a while.
    pub(super) async fn link(
        &mut self,
        proxies: Vec<Proxy>,
        kind: LinkFaultKind,
        lasts: Duration,
        step: &Step,
    ) -> Result<Outcome, Failure> {
        let fault = LinkFault { kind, client_id_prefix: None };
        for proxy in &proxies {
            proxy
                .fault(fault.clone())
                .map_err(|why| Failure::usage(format!("this link fault can't be: {why}")))?;
        }
        self.tell(&step.fault, Phase::Struck, &format!("{kind:?} for {} ms", lasts.as_millis()))?;
        self.pass(lasts).await?;
        proxies.iter().for_each(Proxy::heal);
        self.tell(&step.fault, Phase::Healed, "the link is whole again")?;
        Ok(Outcome::Done)
    }
}

/// How long what an action keeps back is under way, ms.
fn aftermath_ms(action: Action) -> u64 {
    match action {
        Action::Delay { ms } => ms,
        Action::Duplicate { after_ms } => after_ms,
        Action::Hold { after_ms, .. } => after_ms.unwrap_or(0),
        Action::Drop { .. } | Action::Reset => 0,
    }
}

/// An event in words, if it is about a rule.
pub(super) fn told(event: &Event) -> Option<String> {
    event.rule?;
    let frame = event.frame.as_ref()?;
    let of = frame.transactional_id.as_deref().or(frame.client_id.as_deref()).unwrap_or("a message");
    Some(format!("{} {:?} of {of}: {:?}", frame.name, frame.side, event.what).to_lowercase())
}
