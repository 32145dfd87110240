//! One Kafka for many runs: those that need nothing of their brokers share it, as topics, groups and transactional ids are each run's
//! own; others get one of their own.

use truecut_cluster::{Cluster, KafkaChoice, Options as ClusterOptions};

use super::plan::{KafkaSetting, Plan};
use crate::failure::Failure;
use crate::wall_clock::now_ms;

/// A Kafka that runs share.
pub struct SharedKafka {
    choice: KafkaChoice,
    running: Option<(KafkaSetting, Cluster)>,
}

impl SharedKafka {
    /// None yet, of this kind.
    #[must_use]
    pub fn new(choice: KafkaChoice) -> Self {
        Self { choice, running: None }
    }

    /// The Kafka that a run of this plan can share, started if need be, or the kind of one of its own.
    ///
    /// # Errors
    /// It can't be started.
    pub async fn for_plan(&mut self, plan: &Plan) -> Result<KafkaChoice, Failure> {
        let own = plan.kafka.brokers > 1 || plan.steps.iter().any(|step| step.fault.needs_own_brokers());
        if own || matches!(self.choice, KafkaChoice::Bootstrap(_)) {
            return Ok(self.choice.clone());
        }
        let fits = self.running.as_ref().is_some_and(|(setting, _)| *setting == plan.kafka);
        if !fits {
            self.stop().await?;
            let mut cluster = ClusterOptions::new(format!("shared-{}-{}", now_ms(), std::process::id()));
            plan.kafka.apply(&mut cluster)?;
            let cluster = Cluster::start(self.choice.clone(), cluster).await?;
            self.running = Some((plan.kafka.clone(), cluster));
        }
        let bootstrap = self.running.as_ref().map(|(_, cluster)| cluster.bootstrap().to_owned());
        bootstrap.map(KafkaChoice::Bootstrap).ok_or_else(|| Failure::internal("there is no Kafka to share"))
    }

    /// It is not to be used again: a fault may have ruined it.
    pub fn discard(&mut self) {
        drop(self.running.take());
    }

    /// Takes it away.
    ///
    /// # Errors
    /// It can't be.
    pub async fn stop(&mut self) -> Result<(), Failure> {
        match self.running.take() {
            Some((_, cluster)) => Ok(cluster.stop().await?),
            None => Ok(()),
        }
    }
}
