//! Carries out the plan's steps, one after another, and sees that each one struck. Each family of faults has a file of its own.

mod broker;
mod clock;
mod hold;
mod network;
mod process;
mod store;

use std::path::Path;
use std::time::Duration;

use truecut_cluster::{BrokerId, Clock, Cluster};
use truecut_runtime::crash_point::{CrashAt, Strike};

use super::disk::Disk;
use super::kafka::Kafka;
use super::network::Network;
use super::plan::{Comes, Fault, Plan, Step, When, comes};
use super::seen::Seen;
use super::subject::Subject;
use crate::failure::Failure;
use crate::history::{Event, Phase, Who};

/// How long the job may take to come to where a step waits for it, before the fault comes all the same.
const SETTLE: Duration = Duration::from_secs(10);
/// So much later than its time Kafka may abort a transaction.
const EXPIRES_LATE: Duration = Duration::from_secs(4);
/// How often what happens to the job is taken in while something else is done.
const LOOK: Duration = Duration::from_millis(20);
/// How long what follows a fault of this harness's own may take.
const GONE: Duration = Duration::from_secs(10);

/// A process that is armed before it does anything, for the plan's first step.
pub(super) fn armed_from_the_start(plan: &Plan) -> Option<(Who, CrashAt)> {
    let (who, point) = plan.steps.first()?.fault.point()?;
    let at = CrashAt { point: point.to_owned(), ordinal: 1, strike: Strike::Kill };
    is_armed_from_the_start(who, point).then_some((who, at))
}

/// What a coordinator does before its first checkpoint is done once in a job's life, and the end of a bounded input may come soon.
fn is_armed_from_the_start(who: Who, point: &str) -> bool {
    point.starts_with("resolve_start.") || comes(who, point) == Comes::AtInputEnd
}

/// All that faults can be done to.
pub(super) struct Field<'a> {
    subject: &'a mut Subject,
    cluster: &'a Cluster,
    kafka: &'a Kafka,
    network: &'a Network,
    /// The disk of the checkpoints, if they have one of their own.
    disk: Option<&'a Disk>,
    /// Where they are.
    checkpoints: &'a Path,
    /// The coordinators' wall clock, if it is to jump.
    clock: Option<&'a Clock>,
    /// After so long Kafka has surely aborted a transaction.
    expires: Duration,
    /// The step that is carried out, from 1.
    step: u32,
    /// The attempt that the last fault may have ended.
    doomed: u64,
    /// The job is to be asked to end when the fault of this step is in force.
    ending: bool,
    /// Requests to Kafka that are on their way until a later step.
    held: Vec<hold::Held>,
}

/// What came of a fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It struck, or its kills are counted by themselves.
    Done,
    /// It hit nothing.
    Missed(String),
}

/// Carries out all steps; `begin` is told the number of each before it, from 0. Returns early if the job ends.
pub(super) async fn strike(
    mut field: Field<'_>,
    plan: &Plan,
    mut begin: impl FnMut(u64, &Seen),
) -> Result<(), Failure> {
    for step in &plan.steps {
        begin(field.step.into(), field.subject.seen());
        field.step += 1;
        field.wait_for(step).await?;
        if is_over(field.subject.seen()) {
            return field.tell(&step.fault, Phase::Missed, "the job was over before it");
        }
        field.doomed = field.subject.seen().attempt;
        field.ending = step.when == When::Ending;
        match field.carry_out(step).await? {
            Outcome::Done if step.fault.tells_itself() => {}
            Outcome::Done => field.tell(&step.fault, Phase::Struck, "as planned")?,
            Outcome::Missed(why) => field.tell(&step.fault, Phase::Missed, &why)?,
        }
        field.end_and_go_on().await?;
    }
    Ok(())
}

impl<'a> Field<'a> {
    pub(super) fn new(
        subject: &'a mut Subject,
        (cluster, kafka, network): (&'a Cluster, &'a Kafka, &'a Network),
        (disk, checkpoints, clock): (Option<&'a Disk>, &'a Path, Option<&'a Clock>),
        plan: &Plan,
    ) -> Self {
        // Kafka looks for expired transactions each second, and takes its time to end them.
        let expires = Duration::from_millis(plan.job.transaction_timeout_ms.into()) + EXPIRES_LATE;
        Self {
            subject,
            cluster,
            kafka,
            network,
            disk,
            checkpoints,
            clock,
            expires,
            step: 0,
            doomed: 0,
            ending: false,
            held: Vec::new(),
        }
    }

    /// Does something that takes its time, and takes in what happens to the job meanwhile.
    async fn meanwhile<T, E>(&mut self, work: impl Future<Output = Result<T, E>>) -> Result<T, Failure>
    where
        Failure: From<E>,
    {
        let mut work = std::pin::pin!(work);
        loop {
            tokio::select! {
                done = &mut work => return Ok(done?),
                pumped = self.subject.pump(LOOK, |_| false) => drop(pumped?),
            }
        }
    }

    async fn wait_for(&mut self, step: &Step) -> Result<(), Failure> {
        let doomed = self.doomed;
        let is_there = |seen: &Seen| match step.when {
            When::Checkpointed | When::Ending => seen.running && seen.checkpoints_of_attempt > 0,
            When::Running => seen.running,
            When::Recovering => seen.attempt > doomed,
            When::Now => true,
        };
        self.subject.pump(SETTLE, |seen| is_there(seen) || is_over(seen)).await?;
        self.pass(Duration::from_millis(step.after_ms)).await
    }

    async fn carry_out(&mut self, step: &Step) -> Result<Outcome, Failure> {
        match &step.fault {
            Fault::Kill { who } => self.kill(*who, step.draw).await,
            Fault::CrashPoint { point, ordinal, who } => {
                self.crash_point(*who, (point, *ordinal), step.draw).await
            }
            Fault::KillAll {} => self.kill_all().await,
            Fault::Pause { who, point, ordinal, asleep_ms } => {
                let at = point.as_deref().map(|point| (point, *ordinal));
                self.pause(*who, at, Duration::from_millis(*asleep_ms), step).await
            }
            Fault::Stop { who } => self.stop(*who, step).await,
            Fault::RestartJob {} => self.restart_job(step).await,
            Fault::Outage { point, ordinal, ms } => {
                let at = point.as_deref().map(|point| (point, *ordinal));
                self.outage(at, Duration::from_millis(*ms), step.draw).await
            }
            Fault::BrokerKill { broker, ms } => {
                let broker = self.broker(*broker, step.draw);
                self.broker_kill(broker, Duration::from_millis(*ms), step).await
            }
            Fault::BrokerPause { broker, ms } => {
                let broker = self.broker(*broker, step.draw);
                self.broker_pause(broker, Duration::from_millis(*ms), step).await
            }
            Fault::BrokerRestart { broker } => {
                let broker = self.broker(*broker, step.draw);
                self.broker_restart(broker, step).await
            }
            Fault::RollingRestart {} => self.rolling_restart(step).await,
            Fault::BrokerIsolate { broker, direction, ms } => {
                let broker = self.broker(*broker, step.draw);
                self.broker_isolate(broker, *direction, Duration::from_millis(*ms), step).await
            }
            Fault::BrokerDiskFull { broker, ms } => {
                let broker = self.broker(*broker, step.draw);
                self.broker_disk_full(broker, Duration::from_millis(*ms), step).await
            }
            Fault::MoveLeader { of, partition } => self.move_leader(*of, *partition, step).await,
            Fault::MoveTransactionCoordinator {} => self.move_transaction_coordinator(step).await,
            Fault::KafkaApi(rule) => self.one_frame(self.network.brokers(None), rule, step).await,
            Fault::KafkaHold { frame, nth, client, until } => {
                self.hold((frame, *nth, *client), until.as_ref(), step).await
            }
            Fault::Release {} => self.release(step).await,
            Fault::KafkaLink { link, broker, ms } => {
                let proxies = self.network.brokers(broker.map(BrokerId::new));
                self.link(proxies, *link, Duration::from_millis(*ms), step).await
            }
            Fault::ControlMessage(rule) => self.one_frame(self.network.control(), rule, step).await,
            Fault::ControlLink { link, ms } => {
                self.link(self.network.control(), *link, Duration::from_millis(*ms), step).await
            }
            Fault::StoreFull { ms } => self.store_full(Duration::from_millis(*ms), step).await,
            Fault::StoreReadOnly { ms } => self.store_read_only(Duration::from_millis(*ms), step).await,
            Fault::DamageCheckpoint { damage } => self.damage_checkpoint(*damage, step).await,
            Fault::ClockJump { of, ahead_ms } => self.clock_jump(*of, *ahead_ms, step).await,
            Fault::DeleteTopic { of } => self.delete_topic(*of, step).await,
        }
    }

    /// A fault is in force: if the step says so, the job is asked to end.
    async fn in_force(&mut self) {
        if self.ending {
            self.subject.stop().await;
        }
    }

    /// Lets time pass.
    async fn pass(&mut self, time: Duration) -> Result<(), Failure> {
        self.subject.pump(time, is_over).await.map(drop)
    }

    fn tell(&self, fault: &Fault, phase: Phase, text: &str) -> Result<(), Failure> {
        let event =
            Event::Fault { step: self.step, fault: fault.name().to_owned(), phase, text: text.to_owned() };
        self.subject.record(event)
    }
}

fn is_over(seen: &Seen) -> bool {
    seen.ended.is_some()
}
