//! Wrong shared structures: each is an edit of the runtime's source, the scenario that meets it, and what loom then finds.
//!
//! Edits find their place by text, so that no production code knows of them.

/// A wrong structure.
pub(crate) struct Mutant {
    /// What is wrong with it.
    pub(crate) name: &'static str,
    /// The file of the runtime that is edited.
    pub(crate) file: &'static str,
    /// What is replaced by what.
    pub(crate) edits: &'static [(&'static str, &'static str)],
    /// The scenario that it fails.
    pub(crate) scenario: &'static str,
    /// Part of what is then said.
    pub(crate) finding: &'static str,
}

const LOST_WAKE_UP: &str = "deadlock";

/// All of them.
pub(crate) const MUTANTS: &[Mutant] = &[
    Mutant {
        name: "credit_given_without_waking",
        file: "credit",
        edits: &[("        self.changed.notify_one();\n", "")],
        scenario: "credit_wakes_the_sender",
        finding: LOST_WAKE_UP,
    },
    Mutant {
        name: "woken_before_credit_is_given",
        file: "credit",
        edits: &[
            (
                "pub fn give(&self, count: u32) {\n        self.state",
                "pub fn give(&self, count: u32) {\n        self.changed.notify_one();\n        self.state",
            ),
            ("available += count;\n        self.changed.notify_one();", "available += count;"),
        ],
        scenario: "credit_wakes_the_sender",
        finding: LOST_WAKE_UP,
    },
    Mutant {
        name: "looks_for_credit_and_waits_under_two_locks",
        file: "credit",
        edits: &[
            (
                ".wait_while(state, |state| state.available == 0 && !state.closed)",
                ".wait_while(\n{ let looked = state.available == 0 && !state.closed; drop(state); self.waits(looked) }, |state| state.available == 0 && !state.closed)",
            ),
            (
                "    /// The receiver has room for more.\n",
                "    fn waits(&self, looked: bool) -> crate::sync::MutexGuard<'_, State> { let state = self.state.lock().unwrap_or_else(PoisonError::into_inner); if looked { self.changed.wait(state).unwrap_or_else(PoisonError::into_inner) } else { state } }\n",
            ),
        ],
        scenario: "credit_wakes_the_sender",
        finding: LOST_WAKE_UP,
    },
    Mutant {
        name: "sends_without_credit",
        file: "credit",
        edits: &[
            ("state.available == 0 && !state.closed", "false && state.closed"),
            ("state.available -= 1;", "state.available = state.available.saturating_sub(1);"),
        ],
        scenario: "batches_arrive_once_in_order_within_credit",
        finding: "more was sent than there was credit for",
    },
    Mutant {
        name: "closed_without_waking_the_sender",
        file: "credit",
        edits: &[("        self.changed.notify_all();\n", "")],
        scenario: "stopping_ends_source_and_chain",
        finding: LOST_WAKE_UP,
    },
    Mutant {
        name: "pushed_without_waking",
        file: "inbox",
        edits: &[("items.push_back(item);\n        self.arrived.notify_one();", "items.push_back(item);")],
        scenario: "batches_arrive_once_in_order_within_credit",
        finding: LOST_WAKE_UP,
    },
    Mutant {
        name: "woken_before_the_push",
        file: "inbox",
        edits: &[(
            "self.lock().lanes[usize::from(channel)].items.push_back(item);\n        self.arrived.notify_one();",
            "self.arrived.notify_one();\n        self.lock().lanes[usize::from(channel)].items.push_back(item);",
        )],
        scenario: "batches_arrive_once_in_order_within_credit",
        finding: LOST_WAKE_UP,
    },
    Mutant {
        name: "pushed_in_front",
        file: "inbox",
        edits: &[("items.push_back(item);", "items.push_front(item);")],
        scenario: "batches_arrive_once_in_order_within_credit_of_two",
        finding: "out of order",
    },
    Mutant {
        name: "looks_and_waits_under_two_locks",
        file: "inbox",
        edits: &[(
            "            state = self.arrived.wait(state)",
            "            drop(state);\n            state = self.arrived.wait(self.lock())",
        )],
        scenario: "answers_of_client_threads_arrive_in_order",
        finding: LOST_WAKE_UP,
    },
    Mutant {
        name: "control_without_waking",
        file: "inbox",
        edits: &[(
            "control.push_back((to, control));\n        self.arrived.notify_one();",
            "control.push_back((to, control));",
        )],
        scenario: "answers_of_client_threads_arrive_in_order",
        finding: LOST_WAKE_UP,
    },
    Mutant {
        name: "closed_without_waking_the_taker",
        file: "inbox",
        edits: &[("        self.arrived.notify_all();\n", "")],
        scenario: "stopping_ends_source_and_chain",
        finding: LOST_WAKE_UP,
    },
    Mutant {
        name: "credit_returned_twice",
        file: "inbox",
        edits: &[("credit.give(1);", "credit.give(2);")],
        scenario: "batches_arrive_once_in_order_within_credit",
        finding: "more was sent than there was credit for",
    },
    Mutant {
        name: "credit_kept",
        file: "inbox",
        edits: &[("credit.give(1);", "let _ = credit;")],
        scenario: "batches_arrive_once_in_order_within_credit",
        finding: LOST_WAKE_UP,
    },
    Mutant {
        name: "hold_overlooked",
        file: "inbox",
        edits: &[("if lane.held {", "if false {")],
        scenario: "a_held_channel_waits_and_nothing_is_lost",
        finding: "past its hold",
    },
    Mutant {
        name: "hold_of_the_gate_overlooked",
        file: "inbox",
        edits: &[("if state.all_held {", "if false {")],
        scenario: "a_held_gate_opens_with_the_answer",
        finding: "past its hold",
    },
    Mutant {
        name: "answers_wait_behind_a_held_gate",
        file: "inbox",
        edits: &[(
            "= state.control.pop_front() {",
            "= (!state.all_held).then(|| state.control.pop_front()).flatten() {",
        )],
        scenario: "a_held_gate_opens_with_the_answer",
        finding: LOST_WAKE_UP,
    },
    Mutant {
        name: "sent_before_there_is_credit",
        file: "exchange",
        edits: &[
            ("        self.credits.take()?;\n", ""),
            (
                "inbox.push(*channel, element);\n                Ok(())",
                "inbox.push(*channel, element);\n                self.credits.take()",
            ),
        ],
        scenario: "nothing_is_sent_without_credit",
        finding: "without credit",
    },
    Mutant {
        name: "barrier_before_what_is_coalesced",
        file: "exchange",
        edits: &[
            ("let flushed = self.flush();", "let flushed = Ok(());"),
            (
                "self.channels.iter().map(send).fold(flushed, Result::and)",
                "let sent = self.channels.iter().map(send).fold(flushed, Result::and);\n        sent.and(self.flush())",
            ),
        ],
        scenario: "a_barrier_follows_the_records_before_it",
        finding: "out of order",
    },
    Mutant {
        name: "coalesced_and_kept",
        file: "exchange",
        edits: &[("if self.open[place].is_empty() {", "if self.open[place].byte_len() < BATCH_BYTES {")],
        scenario: "what_is_coalesced_goes_out_before_the_source_waits",
        finding: LOST_WAKE_UP,
    },
    Mutant {
        name: "room_in_the_pool_seen_under_another_lock",
        file: "batch",
        edits: &[(
            "let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);\n        if idle.len() < self.kept_max {\n            idle.push(batch);",
            "let room = self.idle.lock().unwrap_or_else(PoisonError::into_inner).len() < self.kept_max;\n        if room {\n            self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(batch);",
        )],
        scenario: "a_pool_keeps_no_more_than_it_may",
        finding: "more than the pool may keep",
    },
];
