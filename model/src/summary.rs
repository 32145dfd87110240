//! A state in a few lines for a person: what stands where, and what is on its way. Not all of it.

use truecut_core::{Halt, Vertex};

use crate::lineage::Record;
use crate::scope::Scope;
use crate::state::State;
use crate::tell::ending;
use crate::world::process::Machine;

impl State {
    /// What stands where, and what is on its way, in lines.
    pub fn summary(&self) -> String {
        let mut lines = vec![self.job()];
        lines.extend((0..).zip(&self.machines).flat_map(|(place, machine)| self.machine(place, machine)));
        lines.extend(self.links());
        lines.extend(self.kafka());
        let left = self.budget.checkpoints.to_string();
        lines.push(format!("left to the world: {left} triggers{}", self.faults()));
        lines.join("\n")
    }

    fn job(&self) -> String {
        let head = self.store.head().map_or_else(
            || "the store is empty".to_owned(),
            |head| {
                let latest = head.latest.map_or("none".to_owned(), |name| name.id.to_string());
                format!("attempt {}, latest checkpoint {latest}", head.attempt)
            },
        );
        let ops: Vec<_> = self.ops.iter().map(|under_way| under_way.op.name()).collect();
        let ops = if ops.is_empty() { String::new() } else { format!("; under way: {}", ops.join(", ")) };
        let ended = self
            .halted
            .as_ref()
            .map_or_else(String::new, |halt: &Halt| format!("; the job ended: {}", ending(halt)));
        format!("{head}{ops}{ended}")
    }

    fn machine(&self, place: usize, machine: &Machine) -> Vec<String> {
        if !machine.head.alive {
            return vec![format!(
                "worker-{place}: {} is dead, the coordinator does not know it",
                machine.head.worker
            )];
        }
        let mail = format!("{} orders and {} reports on their way", machine.down.len(), machine.up.len());
        let mut lines = vec![format!("worker-{place}: {}, {mail}", machine.head.worker)];
        for ((attempt, subtask), task) in machine.running().iter().zip(machine.tasks()) {
            let what = match subtask.vertex {
                Vertex::Source => {
                    let next =
                        task.host.positions.iter().map(|(partition, next)| format!("{partition}@{next}"));
                    format!("reads on at {}", next.collect::<Vec<_>>().join(" "))
                }
                Vertex::Operator => "keeps state".to_owned(),
                Vertex::Sink => {
                    let sent = task.lanes.values().map(|lane| lane.records.len()).sum::<usize>();
                    let ops: Vec<_> = task.ops.iter().map(|under_way| under_way.op.name()).collect();
                    format!(
                        "{sent} records on their way; under way: {}",
                        if ops.is_empty() { "nothing".into() } else { ops.join(", ") }
                    )
                }
            };
            lines.push(format!("  {subtask} of attempt {attempt}: {what}"));
        }
        lines
    }

    fn links(&self) -> Vec<String> {
        let links = self.network.links().iter().enumerate();
        let told = links.filter(|(place, _)| !self.network.queue(*place).is_empty()).map(|(place, link)| {
            format!("  {} to {}: {} in flight", link.from, link.to, self.network.queue(place).len())
        });
        told.collect()
    }

    fn kafka(&self) -> Vec<String> {
        let kafka = &self.broker.kafka;
        let open: Vec<_> = kafka
            .open_ids()
            .map(|id| format!("{} ({} records)", id.render(Scope::PREFIX), kafka.open_records(id).count()))
            .collect();
        let open = if open.is_empty() { "none".to_owned() } else { open.join(", ") };
        let mut lines = vec![format!("kafka: open transactions: {open}")];
        for (partition, log) in kafka.logs().iter().enumerate() {
            let of = |record: &Record| format!("{}@{}", record.partition, record.offset);
            let visible: Vec<_> = kafka.visible(partition).map(of).collect();
            let hidden = log.len() - visible.len();
            lines.push(format!("  output {partition}: visible [{}], {hidden} not yet", visible.join(" ")));
        }
        lines
    }

    fn faults(&self) -> String {
        let faults =
            self.budget.all_left().map(|(assumption, left)| format!(", {left} {}", assumption.name()));
        faults.collect()
    }
}
