//! Faults of Kafka's brokers: killed, frozen, restarted, cut off, out of disk; leaders and coordinators that move.

use std::time::Duration;

use truecut_cluster::{BrokerId, Isolation};

use super::super::plan::{Direction, Step, Topic};
use super::{Field, Outcome};
use crate::failure::Failure;
use crate::history::Phase;

/// How long a broker may take to end in good order before it is killed.
const GRACE: Duration = Duration::from_secs(20);
/// How often a move is asked for again that Kafka did not make in time.
const TRIES: u32 = 2;

impl Field<'_> {
    /// The broker that is meant.
    pub(super) fn broker(&self, wanted: Option<u8>, draw: u64) -> BrokerId {
        let brokers: Vec<BrokerId> = self.cluster.brokers().collect();
        let count = u64::try_from(brokers.len()).unwrap_or(1).max(1);
        let drawn = usize::try_from(draw % count).unwrap_or_default();
        wanted.map_or_else(|| brokers.get(drawn).copied().unwrap_or(BrokerId::new(1)), BrokerId::new)
    }

    pub(super) async fn broker_kill(
        &mut self,
        broker: BrokerId,
        down: Duration,
        step: &Step,
    ) -> Result<Outcome, Failure> {
        self.meanwhile(self.cluster.kill_broker(broker)).await?;
        self.tell(&step.fault, Phase::Struck, &format!("broker {broker} is killed"))?;
        self.pass(down).await?;
        self.start_broker(broker, step).await
    }

    async fn start_broker(&mut self, broker: BrokerId, step: &Step) -> Result<Outcome, Failure> {
        self.meanwhile(self.cluster.start_broker(broker)).await?;
        self.meanwhile(self.cluster.until_ready()).await?;
        self.tell(&step.fault, Phase::Healed, &format!("broker {broker} serves again"))?;
        Ok(Outcome::Done)
    }

    pub(super) async fn broker_pause(
        &mut self,
        broker: BrokerId,
        lasts: Duration,
        step: &Step,
    ) -> Result<Outcome, Failure> {
        self.meanwhile(self.cluster.pause_broker(broker)).await?;
        self.tell(&step.fault, Phase::Struck, &format!("broker {broker} is frozen"))?;
        self.pass(lasts).await?;
        self.meanwhile(self.cluster.resume_broker(broker)).await?;
        self.tell(&step.fault, Phase::Healed, &format!("broker {broker} goes on"))?;
        Ok(Outcome::Done)
    }

    pub(super) async fn broker_restart(&mut self, broker: BrokerId, step: &Step) -> Result<Outcome, Failure> {
        self.meanwhile(self.cluster.stop_broker(broker, GRACE)).await?;
        self.tell(&step.fault, Phase::Struck, &format!("broker {broker} is stopped"))?;
        self.start_broker(broker, step).await
    }

    pub(super) async fn rolling_restart(&mut self, step: &Step) -> Result<Outcome, Failure> {
        let brokers: Vec<BrokerId> = self.cluster.brokers().collect();
        for broker in brokers {
            self.broker_restart(broker, step).await?;
        }
        Ok(Outcome::Done)
    }

    pub(super) async fn broker_isolate(
        &mut self,
        broker: BrokerId,
        direction: Direction,
        lasts: Duration,
        step: &Step,
    ) -> Result<Outcome, Failure> {
        let isolation = match direction {
            Direction::Both => Isolation::Full,
            Direction::Mute => Isolation::Mute,
            Direction::Deaf => Isolation::Deaf,
        };
        self.meanwhile(self.cluster.isolate(broker, isolation)).await?;
        self.tell(&step.fault, Phase::Struck, &format!("broker {broker} is cut off ({isolation:?})"))?;
        self.pass(lasts).await?;
        self.meanwhile(self.cluster.rejoin(broker)).await?;
        self.meanwhile(self.cluster.until_ready()).await?;
        self.tell(&step.fault, Phase::Healed, &format!("broker {broker} is among the others again"))?;
        Ok(Outcome::Done)
    }

    pub(super) async fn broker_disk_full(
        &mut self,
        broker: BrokerId,
        lasts: Duration,
        step: &Step,
    ) -> Result<Outcome, Failure> {
        self.meanwhile(self.cluster.fill(broker)).await?;
        self.tell(&step.fault, Phase::Struck, &format!("the disk of broker {broker} is full"))?;
        self.pass(lasts).await?;
        self.meanwhile(self.cluster.unfill(broker)).await?;
        // Kafka takes a disk that failed out of service until the broker is started again; a broker without any ends.
        self.meanwhile(self.cluster.kill_broker(broker)).await.or_else(|error| self.is_gone(error))?;
        self.start_broker(broker, step).await
    }

    fn is_gone(&self, error: Failure) -> Result<(), Failure> {
        self.subject.note(format!("a broker without a disk had ended by itself: {error}"))
    }

    pub(super) async fn move_leader(
        &mut self,
        of: Topic,
        partition: i32,
        step: &Step,
    ) -> Result<Outcome, Failure> {
        let topic = self.kafka.topic(of);
        let leader = self.meanwhile(self.cluster.leader(topic, partition)).await?;
        let Some(next) = self.another(leader, step.draw) else {
            return Ok(Outcome::Missed("a single broker leads everything".into()));
        };
        let mut moved = self.meanwhile(self.cluster.move_leader(topic, partition, next)).await;
        for _ in 0..TRIES {
            if moved.is_ok() {
                break;
            }
            moved = self.meanwhile(self.cluster.move_leader(topic, partition, next)).await;
        }
        if let Err(why) = moved {
            return Ok(Outcome::Missed(why.message));
        }
        self.tell(
            &step.fault,
            Phase::Struck,
            &format!("{topic} partition {partition} moved from broker {leader} to {next}"),
        )?;
        Ok(Outcome::Done)
    }

    pub(super) async fn move_transaction_coordinator(&mut self, step: &Step) -> Result<Outcome, Failure> {
        let open = self.kafka.open_transactions().await?;
        if open.is_empty() {
            return Ok(Outcome::Missed("no transaction was open".into()));
        }
        let mut moved = Vec::new();
        for id in open {
            let at = self.meanwhile(self.cluster.transaction_coordinator(&id)).await?;
            let Some(next) = self.another(at, step.draw) else {
                return Ok(Outcome::Missed("a single broker coordinates everything".into()));
            };
            match self.meanwhile(self.cluster.move_transaction_coordinator(&id, next)).await {
                Ok(()) => moved.push(format!("{id} from broker {at} to {next}")),
                Err(why) => self.subject.note(format!("the coordinator of {id} did not move: {why}"))?,
            }
        }
        if moved.is_empty() {
            return Ok(Outcome::Missed("no transaction's coordinator moved".into()));
        }
        self.tell(&step.fault, Phase::Struck, &moved.join(", "))?;
        Ok(Outcome::Done)
    }

    fn another(&self, than: BrokerId, draw: u64) -> Option<BrokerId> {
        let others: Vec<BrokerId> = self.cluster.brokers().filter(|broker| *broker != than).collect();
        let count = u64::try_from(others.len()).unwrap_or(1).max(1);
        others.get(usize::try_from(draw % count).unwrap_or_default()).copied()
    }

    pub(super) async fn delete_topic(&mut self, of: Topic, step: &Step) -> Result<Outcome, Failure> {
        let topic = self.kafka.topic(of).to_owned();
        self.meanwhile(self.kafka.delete_topic(&topic)).await?;
        self.tell(&step.fault, Phase::Struck, &format!("{topic} is deleted"))?;
        Ok(Outcome::Done)
    }
}
