//! Wall clocks that jump.

use truecut_cluster::{BrokerId, CLOCK_SEEN_AFTER};

use super::super::plan::{Clocks, Step};
use super::{Field, Outcome};
use crate::failure::Failure;
use crate::history::Phase;

impl Field<'_> {
    pub(super) async fn clock_jump(
        &mut self,
        of: Clocks,
        ahead_ms: i64,
        step: &Step,
    ) -> Result<Outcome, Failure> {
        let whose = match of {
            Clocks::Coordinators => {
                if let Some(clock) = self.clock {
                    clock.set(ahead_ms)?;
                }
                "the coordinator"
            }
            Clocks::Brokers => {
                let brokers: Vec<BrokerId> = self.cluster.brokers().collect();
                for broker in brokers {
                    self.meanwhile(self.cluster.set_clock(broker, ahead_ms)).await?;
                }
                "the brokers"
            }
        };
        self.pass(CLOCK_SEEN_AFTER).await?;
        let (phase, text) = match ahead_ms {
            0 => (Phase::Healed, format!("the clock of {whose} is right")),
            ahead => (Phase::Struck, format!("the clock of {whose} is {ahead} ms ahead")),
        };
        self.tell(&step.fault, phase, &text)?;
        Ok(Outcome::Done)
    }
}
