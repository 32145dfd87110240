//! One trial on a running Kafka: feed, kill, drain, stop, and read back what is there. It judges nothing.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use truecut_cluster::{Clock, Cluster};
use truecut_runtime::launch::JobOptions;

use super::disk::Disk;
use super::feeder::{Feed, Feeder};
use super::job::{self, Names};
use super::kafka::Kafka;
use super::kafka_log;
use super::metrics::Scraper;
use super::moment::{Moment, Progress, Watch};
use super::nemesis::{self, Field};
use super::network::Network;
use super::plan::Plan;
use super::reader::{Keep, Sampler, read_back};
use super::records::{INPUT_FILE, LIVE_FILE, OUTPUT_FILE};
use super::seen::Seen;
use super::subject::Subject;
use super::{LOGS, TRACES};
use crate::failure::Failure;
use crate::history::{Event, Writer};

/// One step's share of the workload is fed in this time.
const STEP: Duration = Duration::from_millis(1_500);
/// The drain is given up when nothing new becomes visible for so long.
const STALLED: Duration = Duration::from_secs(20);
/// The same for a wrong protocol, of which it is expected.
const STALLED_MUTANT: Duration = Duration::from_secs(6);
/// How long the job may take for its last checkpoint.
const LAST_CHECKPOINT: Duration = Duration::from_secs(60);
/// How long committed transactions may take until their markers are everywhere.
const MARKERS: Duration = Duration::from_secs(20);
/// How often progress is told.
const TELL: Duration = Duration::from_millis(100);

/// A trial.
pub(super) struct Trial<'a> {
    pub(super) plan: &'a Plan,
    pub(super) names: &'a Names,
    pub(super) kafka: &'a Kafka,
    pub(super) cluster: &'a Cluster,
    pub(super) network: &'a Arc<Network>,
    pub(super) disk: Option<&'a Disk>,
    pub(super) clock: Option<&'a Clock>,
    pub(super) directory: &'a Path,
    pub(super) history: &'a Writer,
    pub(super) watch: &'a Watch,
}

impl Trial<'_> {
    /// Runs it. What is left in the run directory then can be judged.
    pub(super) async fn conduct(&self) -> Result<(), Failure> {
        self.doing("create topics, start the job");
        self.kafka.create_topics(self.plan).await?;
        let feeder = Feeder::start(self.feed(), self.history.clone())?;
        let sampler = Sampler::start(
            self.kafka.bootstrap(),
            &self.names.output,
            self.plan.job.output_partitions,
            self.history.clone(),
            &self.directory.join(LIVE_FILE),
        )?;
        if self.plan.job.bounded {
            self.feed_all(&feeder).await?;
        }
        let watch = Arc::clone(self.watch);
        let armed = nemesis::armed_from_the_start(self.plan);
        let scraper = Scraper::start(self.directory, self.history.clone())?;
        let mut subject = Subject::start(
            self.job(scraper.address())?,
            armed,
            Arc::clone(self.network),
            self.history.clone(),
            watch,
        )
        .await?;
        let shown = self.show(&feeder, &sampler);
        let seen = self.kill_and_drain(&mut subject, &feeder, &sampler, &shown).await?;
        let finished = seen.ended.as_ref().is_some_and(|ended| ended.exit_code == 0);
        subject.finish().await?;
        drop(scraper);
        drop(feeder);
        if !self.plan.deletes_output() {
            self.come_to_rest(finished).await?;
        }
        drop(sampler);
        self.read_back().await
    }

    /// A bounded job reads what there is when it starts.
    async fn feed_all(&self, feeder: &Feeder) -> Result<(), Failure> {
        feeder.finish();
        while !feeder.is_done() {
            if let Some(failure) = feeder.failure() {
                return Err(failure);
            }
            tokio::time::sleep(TELL).await;
        }
        Ok(())
    }

    async fn kill_and_drain(
        &self,
        subject: &mut Subject,
        feeder: &Feeder,
        sampler: &Sampler,
        shown: &Shown<'_>,
    ) -> Result<Seen, Failure> {
        self.doing("feed and kill");
        let share = self.share();
        let begin = |number: u64, seen: &Seen| {
            feeder.allow(share * (number + 1));
            shown.tell(seen);
        };
        let checkpoints = self.directory.join(job::CHECKPOINTS);
        let field = Field::new(
            subject,
            (self.cluster, self.kafka, self.network),
            (self.disk, &checkpoints, self.clock),
            self.plan,
        );
        nemesis::strike(field, self.plan, begin).await?;
        feeder.finish();
        self.doing("drain");
        let stalled = if self.plan.job.mutant.is_some() { STALLED_MUTANT } else { STALLED };
        let (mut best, mut since) = (0, Instant::now());
        let mut records = 0;
        while subject.seen().ended.is_none() {
            subject.pump(TELL, |seen| seen.ended.is_some()).await?;
            shown.tell(subject.seen());
            if let Some(failure) = feeder.failure() {
                return Err(failure);
            }
            let progress = feeder.acknowledged() + sampler.visible();
            if progress > best {
                (best, since) = (progress, Instant::now());
            }
            if feeder.is_done() && sampler.visible() >= records {
                // A request that was repeated may have put its records in twice, and may do so after it was acknowledged.
                records = self.kafka.input_records(self.plan).await?;
                if sampler.visible() >= records {
                    break;
                }
            }
            if since.elapsed() > stalled {
                let (visible, records) = (sampler.visible(), feeder.acknowledged());
                subject.note(format!(
                    "nothing new became visible for {} s: {visible} of {records} records are",
                    stalled.as_secs()
                ))?;
                break;
            }
        }
        self.doing("stop the job");
        if subject.seen().ended.is_none() {
            subject.stop().await;
            let ended = subject.pump(LAST_CHECKPOINT, |seen| seen.ended.is_some()).await?;
            if !ended {
                let reason =
                    format!("the job did not end within {} s and was killed", LAST_CHECKPOINT.as_secs());
                subject.record(Event::GaveUp { reason })?;
            }
        }
        Ok(subject.seen().clone())
    }

    /// The run is drained if the job ended in good order, its offsets are the ends of the input, and nothing of its output is
    /// held back by an open transaction.
    async fn come_to_rest(&self, finished: bool) -> Result<(), Failure> {
        self.doing("wait for the last stable offset");
        // What a failed job left open stays open.
        let limit = if finished { MARKERS } else { Duration::ZERO };
        let since = Instant::now();
        let (blocked, open) = loop {
            let blocked = self.kafka.blocked_partitions(self.plan).await?;
            let open = self.kafka.open_transactions().await?;
            if (blocked.is_empty() && open.is_empty()) || since.elapsed() > limit {
                break (blocked, open);
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        };
        if !blocked.is_empty() || !open.is_empty() {
            self.record(Event::LeftOpen { transactions: open, partitions: blocked.clone() })?;
        }
        let consumed = self.kafka.input_is_consumed(self.plan).await?;
        if !consumed {
            self.record(Event::Note { text: "the job did not process its input to the end".to_owned() })?;
        }
        if finished && consumed && blocked.is_empty() { self.record(Event::Drained) } else { Ok(()) }
    }

    /// Time is over: what is there is read back all the same.
    pub(super) async fn give_up(&self, limit: Duration) -> Result<(), Failure> {
        let reason = format!("the run did not end within {} s (--time-limit)", limit.as_secs());
        self.record(Event::GaveUp { reason })?;
        self.read_back().await
    }

    async fn read_back(&self) -> Result<(), Failure> {
        self.doing("read input and output back");
        // Nothing is left of a topic that was deleted.
        let outputs = if self.plan.deletes_output() { 0 } else { self.plan.job.output_partitions };
        let topics = [
            (&self.names.input, self.plan.job.input_partitions, Keep::Checksum, INPUT_FILE),
            (&self.names.output, outputs, Keep::Value, OUTPUT_FILE),
        ];
        for (topic, partitions, keep, file) in topics {
            let (bootstrap, topic) = (self.kafka.bootstrap().to_owned(), topic.clone());
            let path = self.directory.join(file);
            let read =
                tokio::task::spawn_blocking(move || read_back(&bootstrap, &topic, partitions, keep, &path));
            read.await.map_err(|error| Failure::internal(error.to_string()))??;
        }
        let output = (self.names.output.as_str(), self.plan.job.output_partitions);
        let saved = kafka_log::save(self.kafka.raw(), output, &self.names.job, self.directory).await;
        saved.or_else(|failure| self.record(Event::Note { text: failure.message }))
    }

    fn job(&self, metrics: String) -> Result<JobOptions, Failure> {
        let bootstrap = self.network.bootstrap().unwrap_or_else(|| self.kafka.bootstrap().to_owned());
        let mut config = job::config(self.plan, self.names, &bootstrap, self.directory);
        let path = self.directory.join(job::JOB_FILE);
        let text = toml::to_string(&config).map_err(|error| Failure::internal(error.to_string()))?;
        std::fs::write(&path, text).map_err(Failure::at("write", &path))?;
        // Of this run alone: whoever runs the job again has another port in mind, or none.
        config.metrics = Some(metrics);
        Ok(JobOptions {
            config,
            fresh: false,
            accept_loss: self.plan.job.accept_loss,
            logs: self.directory.join(LOGS),
            traces: Some(self.directory.join(TRACES)),
            mutant: self.plan.job.mutant.clone(),
            coordinator_environment: self.clock.map(Clock::environment).unwrap_or_default(),
        })
    }

    fn feed(&self) -> Feed {
        let step_ms = u64::try_from(STEP.as_millis()).unwrap_or(u64::MAX);
        Feed {
            bootstrap: self.kafka.bootstrap().to_owned(),
            topic: self.names.input.clone(),
            seed: self.plan.seed,
            partitions: self.plan.job.input_partitions,
            records: self.plan.records,
            rate: (self.share() * 1_000).div_ceil(step_ms),
        }
    }

    fn steps(&self) -> u64 {
        u64::try_from(self.plan.steps.len()).unwrap_or(u64::MAX)
    }

    /// Records for each step, and one share for the time after the last.
    fn share(&self) -> u64 {
        self.plan.records.div_ceil(self.steps() + 1)
    }

    fn show<'b>(&'b self, feeder: &'b Feeder, sampler: &'b Sampler) -> Shown<'b> {
        Shown { plan: self.plan, feeder, sampler, watch: Arc::clone(self.watch) }
    }

    fn doing(&self, what: &str) {
        (self.watch)(&Moment::Doing(what.to_owned()));
    }

    fn record(&self, event: Event) -> Result<(), Failure> {
        self.history
            .record(event)
            .map_err(|error| Failure::environment(format!("the history can't be written: {error}")))
    }
}

/// Tells progress.
struct Shown<'a> {
    plan: &'a Plan,
    feeder: &'a Feeder,
    sampler: &'a Sampler,
    watch: Watch,
}

impl Shown<'_> {
    fn tell(&self, seen: &Seen) {
        (self.watch)(&Moment::Progress(Progress {
            fed: self.feeder.acknowledged(),
            records: self.plan.records,
            visible: self.sampler.visible(),
            kills: seen.kills,
            kills_planned: self.plan.kills(),
            attempt: seen.attempt,
            checkpoints: seen.checkpoints,
        }));
    }
}
