//! Plans for wrong protocols whose counterexample can't be made to happen, or did not kill them: kills at crash points and at random
//! moments, recoveries, restarts. They know nothing of the counterexample but its sink and how many workers and sources it has.

use truecut_runtime::config::CommitByConfig;

use super::RECORDS;
use crate::chaos::{JobSetting, KafkaSetting, Plan, Victims, Wanted};

/// How often processes are killed by the plan that is drawn.
const KILLS: u32 = 4;
/// A sink by log writes again what Kafka aborted while all workers were away for so long, ms.
const OUTAGE_MS: u32 = 5_500;

/// One plan after the other. `like`: the job of the counterexample, if it could be compiled.
pub(super) fn plans(mutant: &str, sink: CommitByConfig, like: Option<&JobSetting>, seed: u64) -> Vec<Plan> {
    let wanted = Wanted {
        seed,
        kills: KILLS,
        records: RECORDS,
        workers: 2,
        mutant: Some(mutant.to_owned()),
        victims: Victims::All,
        pauses: 0,
        sink,
        outage_ms: 0,
        kafka: KafkaSetting::default(),
    };
    let drawn = Plan::draw(match sink {
        CommitByConfig::Resume => wanted,
        // Only the protocol's own plan has outages.
        CommitByConfig::Log => Wanted { mutant: None, kills: KILLS / 2, outage_ms: OUTAGE_MS, ..wanted },
    });
    let named = ["restarts", "recoveries"].into_iter().filter_map(|name| Plan::named_or_read(name).ok());
    std::iter::once(drawn).chain(named).map(|plan| of_the_mutant(plan, mutant, sink, like, seed)).collect()
}

fn of_the_mutant(
    plan: Plan,
    mutant: &str,
    sink: CommitByConfig,
    like: Option<&JobSetting>,
    seed: u64,
) -> Plan {
    let mut plan = Plan { seed, records: RECORDS, ..plan };
    plan.job.mutant = Some(mutant.to_owned());
    plan.job.sink = sink;
    if let Some(like) = like {
        plan.job.accept_loss = like.accept_loss;
        plan.job.input_partitions = like.input_partitions;
        plan.job.operators = like.operators;
        plan.job.concurrent_checkpoints = like.concurrent_checkpoints;
    }
    plan
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_plan_runs_the_mutant_with_its_sink_and_can_be_carried_out() {
        let plans = plans("mark_checkpoint_behind", CommitByConfig::Log, None, 3);
        assert_eq!(plans.len(), 3, "none is lost because it has another name now");
        for plan in plans {
            assert_eq!(plan.check(), Ok(()), "{}", plan.name);
            assert_eq!(plan.job.mutant.as_deref(), Some("mark_checkpoint_behind"));
            assert_eq!((plan.job.sink, plan.records, plan.seed), (CommitByConfig::Log, RECORDS, 3));
        }
    }
}
