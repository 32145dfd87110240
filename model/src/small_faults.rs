//! Faults that no process dies of: a data channel breaks, a subtask fails or can't be started, a notification is lost.

use truecut_core::{Attempt, Input, Message, Order, Subtask, Vertex};

use crate::action::Action;
use crate::assumption::Assumption;
use crate::state::State;
use crate::step::{Step, Work};

/// A channel between two workers that live may break; then each end learns it by itself, in any order.
pub(crate) fn breaks(state: &State, place: usize, actions: &mut Vec<Action>) {
    let Some(link) = state.network.links().get(place) else { return };
    let ends = (state.find(link.attempt, link.from), state.find(link.attempt, link.to));
    if !link.broken {
        let apart = matches!(ends, (Some(from), Some(to)) if from != to);
        if apart && state.budget.allows(Assumption::ChannelBreak) && state.halted.is_none() {
            actions.push(Action::BreakChannel(place));
        }
        return;
    }
    for (sender, end, knows) in [(true, ends.0, link.known_to.0), (false, ends.1, link.known_to.1)] {
        if end.is_some() && !knows {
            actions.push(Action::LearnBroken(place, sender));
        }
    }
}

/// Sources and operators run code of others; and a worker may not be able to start what it launches.
pub(crate) fn failures(state: &State, place: usize, actions: &mut Vec<Action>) {
    if !state.budget.allows(Assumption::TaskFailure) || state.halted.is_some() {
        return;
    }
    let running = state.machines[place].running();
    let failing = running.iter().filter(|(_, subtask)| subtask.vertex != Vertex::Sink);
    actions.extend(failing.map(|(attempt, subtask)| Action::FailTask(place, *attempt, *subtask)));
    if let Some((attempt, _)) = running.first() {
        actions.push(Action::FailLaunch(place, *attempt));
    }
}

/// The next message to a machine is lost, if it is a notification: heartbeats heal nothing else.
pub(crate) fn lost_mail(state: &State, place: usize, actions: &mut Vec<Action>) {
    let next = state.machines[place].down.front();
    let notifies = matches!(next, Some(Message::ToSubtask { order: Order::Completed(_), .. }));
    if notifies && state.budget.allows(Assumption::LostNotification) && state.halted.is_none() {
        actions.push(Action::LoseNotification(place));
    }
}

impl Step<'_> {
    pub(crate) fn break_channel(&mut self, link: usize) {
        self.state.budget.spend(Assumption::ChannelBreak);
        self.state.network.cut(link);
    }

    pub(crate) fn learn_broken(&mut self, link: usize, sender: bool) {
        let (attempt, subtask) = {
            let link = &self.state.network.links()[link];
            (link.attempt, if sender { link.from } else { link.to })
        };
        self.state.network.learn_broken(link, sender);
        let place = self.state.find(attempt, subtask).expect("the end lives");
        self.work.push_back(Work::Worker(place, Input::ChannelBroken { attempt, subtask }));
    }

    pub(crate) fn fail_task(&mut self, place: usize, attempt: Attempt, subtask: Subtask) {
        self.state.budget.spend(Assumption::TaskFailure);
        let input = Input::TaskFailed { detail: "the code of the job failed".into() };
        self.work.push_back(Work::Subtask(place, attempt, subtask, input));
    }

    pub(crate) fn fail_launch(&mut self, place: usize, attempt: Attempt) {
        self.state.budget.spend(Assumption::TaskFailure);
        let input = Input::LaunchFailed { attempt, detail: "no thread can be started".into() };
        self.work.push_back(Work::Worker(place, input));
    }

    pub(crate) fn lose_notification(&mut self, place: usize) {
        self.state.budget.spend(Assumption::LostNotification);
        self.state.machines[place].down.edit().pop_front();
        self.state.desk.edit().heartbeat = true;
    }
}
