//! What is known of a run besides its input and its visible output, and the oracles that judge by it. Which of them can't, is said here.

use super::class::{CLASSES, Class, ClassInfo, Needs};
use super::findings::Collector;
use super::inconsistent_cut::Cuts;
use super::journal::{Completed, Journal};
use super::log::InputLog;
use super::view::{Parts, SeenRecord, View, looked_at};
use super::{
    aborted_read, checkpoint_regression, early_visible, inconsistent_cut, inconsistent_offset, skipped_input,
    stuck_transaction, torn_checkpoint, write_cycles,
};
use crate::chaos::kafka_log::KafkaLog;

/// What is known of a run.
#[derive(Clone, Debug, Default)]
pub struct RunEvidence {
    /// What Kafka's own logs say.
    kafka: KafkaLog,
    /// What the subject tells.
    journal: Journal,
    /// The job ended in good order: it was not killed, given up, and did not end with an error.
    in_good_order: bool,
    /// How many moments the history has at which readers were seen to lag or not.
    moments: u64,
    live: Option<Vec<SeenRecord>>,
}

impl RunEvidence {
    /// What there is, but for the live reading.
    #[must_use]
    pub fn new(kafka: KafkaLog, journal: Journal, in_good_order: bool, moments: u64) -> Self {
        RunEvidence { kafka, journal, in_good_order, moments, live: None }
    }

    /// The output was read live: from here on what it gave is handed in.
    pub fn begin_live(&mut self) {
        self.live.get_or_insert_default();
    }

    /// Takes one record of the output as it was read live, with the checksum of key and value.
    pub fn live(&mut self, partition: i32, offset: i64, crc32c: u32) {
        self.live.get_or_insert_default().push(SeenRecord { partition, crc32c, offset });
    }

    pub(super) fn check(&self, inputs: &InputLog, seen: &[SeenRecord], found: &mut Collector) {
        self.say_what_is_missing(found);
        found.looked(Class::Unseen, self.moments);
        let completed = self.journal.completed();
        if self.journal.told {
            let heads = checkpoint_regression::check(&self.journal, &completed, found);
            found.looked(Class::CheckpointRegression, heads);
        }
        let told = self.journal.silence().is_none();
        if told {
            let steps = skipped_input::check(inputs, &self.journal, found);
            found.looked(Class::SkippedInput, steps);
        }
        let Some(log) = &self.kafka.output else { return };
        let view = View::of(log, seen, |record, transaction| aborted_read::check(record, transaction, found));
        found.looked(Class::AbortedRead, looked_at(seen));
        self.by_log(&view, looked_at(seen), found);
        if told {
            self.by_both(&view, &completed, found);
        }
    }

    fn by_log(&self, view: &View<'_>, seen: u64, found: &mut Collector) {
        inconsistent_offset::check(view, found);
        let live =
            self.live.as_ref().map(|live| inconsistent_offset::check_live(view.log, live.clone(), found));
        found.looked(Class::InconsistentOffset, seen + live.unwrap_or(0));
        found.allow(Class::WriteCycles, write_cycles::count(&view.transactions));
        found.looked(Class::WriteCycles, looked_at(&view.transactions.all));
        if self.in_good_order {
            let states = self.kafka.states.as_deref().unwrap_or_default();
            let judged = stuck_transaction::check(view.log, &view.transactions, states, found);
            found.looked(Class::StuckTransaction, judged);
        }
    }

    fn by_both(&self, view: &View<'_>, completed: &[Completed<'_>], found: &mut Collector) {
        let parts = Parts::of(&self.journal, completed, &view.transactions);
        let torn = torn_checkpoint::check(view, &parts, self.in_good_order, found);
        found.looked(Class::TornCheckpoint, torn);
        let cuts = Cuts::of(completed, found);
        let cut = inconsistent_cut::check(view, &parts, &cuts, found);
        found.looked(Class::InconsistentCut, cut);
        let committed = early_visible::check(view, &self.journal, &parts, found);
        found.looked(Class::EarlyVisible, committed);
        found.looked(Class::ZombieWrite, committed);
    }

    fn say_what_is_missing(&self, found: &mut Collector) {
        let no_log = self.kafka.output.is_none().then(|| "Kafka's log of the output was not kept".to_owned());
        let silence = self.journal.silence();
        for ClassInfo { class, needs, .. } in &CLASSES {
            let why = match needs {
                Needs::Output | Needs::History => None,
                Needs::Log => no_log.as_ref(),
                Needs::Journal => silence.as_ref(),
                Needs::LogAndJournal => no_log.as_ref().or(silence.as_ref()),
            };
            if let Some(why) = why {
                found.unknown(*class, why);
            }
        }
        if !self.in_good_order {
            found.unknown(
                Class::StuckTransaction,
                "the job did not end in good order: what it left open says nothing",
            );
        }
        if self.kafka.states.is_none() {
            found.unknown(Class::StuckTransaction, "the transaction coordinators' records were not kept");
        }
        if self.live.is_none() {
            found.unknown(Class::InconsistentOffset, "what the live reading got was not kept");
        }
    }
}
