//! Which broker leads which partition, as far as it is known; shared by all producers of a process.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::kafka::Transport;
use crate::kafka::raw::RawClient;

/// LEADER_NOT_AVAILABLE
const NO_LEADER: i16 = 5;

/// What is known of a topic. Never changed: what is learned anew is another one.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Topic {
    /// By partition.
    leaders: Vec<Option<i32>>,
}

impl Topic {
    #[cfg(test)]
    pub(super) fn led_by(leaders: &[i32]) -> Arc<Self> {
        Arc::new(Self { leaders: leaders.iter().copied().map(Some).collect() })
    }

    pub(super) fn partitions(&self) -> usize {
        self.leaders.len()
    }

    /// The broker that leads a partition, or Kafka's code for having none.
    pub(super) fn leader(&self, partition: usize) -> Result<i32, i16> {
        self.leaders.get(partition).copied().flatten().ok_or(NO_LEADER)
    }
}

/// What is known of all topics that are written to.
pub(super) struct Topics {
    raw: RawClient,
    known: Mutex<HashMap<Arc<str>, Arc<Topic>>>,
}

impl Topics {
    pub(super) fn new(raw: RawClient) -> Self {
        Self { raw, known: Mutex::default() }
    }

    fn known(&self) -> MutexGuard<'_, HashMap<Arc<str>, Arc<Topic>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is remembered of a topic.
    pub(super) fn remembered(&self, name: &str) -> Option<Arc<Topic>> {
        self.known().get(name).cloned()
    }

    /// What is remembered, or else what a broker says. The inner error is Kafka's code.
    pub(super) async fn locate(&self, name: &Arc<str>) -> Result<Result<Arc<Topic>, i16>, Transport> {
        if let Some(topic) = self.remembered(name) {
            return Ok(Ok(topic));
        }
        let metadata = self.raw.metadata(Some(&[&**name])).await?;
        let found = metadata.topics.iter().find(|topic| topic.name == **name);
        let found = found.ok_or_else(|| Transport::NotSent(format!("Kafka says nothing of topic {name}")))?;
        if found.error_code != 0 {
            return Ok(Err(found.error_code));
        }
        let mut leaders = vec![None; found.partitions.len()];
        for partition in &found.partitions {
            let place = usize::try_from(partition.partition).ok().and_then(|at| leaders.get_mut(at));
            *place.ok_or_else(|| Transport::NotSent(format!("topic {name} lacks partitions")))? =
                partition.leader;
        }
        if leaders.is_empty() {
            return Ok(Err(NO_LEADER));
        }
        let topic = Arc::new(Topic { leaders });
        self.known().insert(Arc::clone(name), Arc::clone(&topic));
        Ok(Ok(topic))
    }

    /// This is no longer so. What others learned since stays.
    pub(super) fn forget(&self, name: &str, stale: &Arc<Topic>) {
        let mut known = self.known();
        if known.get(name).is_some_and(|topic| Arc::ptr_eq(topic, stale)) {
            known.remove(name);
        }
    }
}
