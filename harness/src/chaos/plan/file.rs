//! Plans written by hand: TOML, or the JSON of a run directory. A plan that can't be carried out is refused before anything starts.

use std::path::Path;

use truecut_mutants::Mutant;
use truecut_runtime::crash_point::{self, Host};

use super::{Fault, PLAN_SCHEMA, Plan, Topic};
use crate::failure::Failure;
use crate::history::Who;

impl Plan {
    /// Reads a plan: JSON if the file's name ends so, else TOML.
    ///
    /// # Errors
    /// It can't be read, or is no plan that can be carried out: says where, and what is wrong.
    pub fn read(path: &Path) -> Result<Self, Failure> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| Failure::bad_data(format!("can't read the plan {}: {error}", path.display())))?;
        let plan = match path.extension().is_some_and(|extension| extension == "json") {
            true => Self::from_json(&text),
            false => toml::from_str(&text).map_err(|error| error.to_string()),
        };
        let plan = plan.and_then(|plan: Self| plan.check().map(|()| plan));
        plan.map_err(|why| Failure::bad_data(format!("{} is no plan: {why}", path.display())))
    }

    fn from_json(text: &str) -> Result<Self, String> {
        let value: serde_json::Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let schema = value.get("schema").and_then(serde_json::Value::as_u64);
        if schema != Some(PLAN_SCHEMA.into()) {
            return Err(format!(
                "its form is of another version of truecut ({}; this one reads {PLAN_SCHEMA})",
                schema.map_or_else(|| "1".to_owned(), |schema| schema.to_string())
            ));
        }
        serde_json::from_value(value).map_err(|error| error.to_string())
    }

    /// Whether it can be carried out at all.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn check(&self) -> Result<(), String> {
        if self.records == 0 {
            return Err("records = 0: at least one record is needed to see anything".into());
        }
        if !(1..=64).contains(&self.job.workers) {
            return Err(format!("job.workers = {}: 1 to 64 are possible", self.job.workers));
        }
        if ![1, 3].contains(&self.kafka.brokers) {
            return Err(format!("kafka.brokers = {}: 1 or 3 are possible", self.kafka.brokers));
        }
        if let Some(mutant) = &self.job.mutant
            && Mutant::from_name(mutant).is_none()
        {
            return Err(format!("job.mutant: there is no `{mutant}`; `truecut list mutants` names them"));
        }
        for (number, step) in (1..).zip(&self.steps) {
            if matches!(step.fault, Fault::DeleteTopic { of: Topic::Input }) {
                return Err(format!(
                    "step {number}: without its input nobody can judge the output; only the output may be deleted"
                ));
            }
            let Some((who, point)) = step.fault.point() else { continue };
            let host = if who == Who::Worker { Host::Worker } else { Host::Coordinator };
            let known = crash_point::all().iter().any(|known| known.host == host && known.name == point);
            if !known {
                return Err(format!(
                    "step {number}: a {who} has no crash point `{point}`; `truecut list crash-points` names them"
                ));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chaos::When;

    fn read(name: &str, text: &str) -> Result<Plan, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        Plan::read(&path).map_err(|failure| failure.to_string())
    }

    const SHORT: &str = r#"
        name = "two faults"
        records = 20000
        [job]
        sink = "log"
        [[steps]]
        fault = { kill = {} }
        [[steps]]
        when = "recovering"
        after_ms = 20
        fault = { crash_point = { who = "coordinator", point = "deploy.after", ordinal = 2 } }
    "#;

    #[test]
    fn a_short_plan_is_read_with_defaults() {
        let plan = read("plan.toml", SHORT).unwrap();
        assert_eq!((plan.records, plan.job.workers, plan.kills()), (20_000, 3, 2));
        assert_eq!((plan.steps[0].when, plan.steps[1].when), (When::Checkpointed, When::Recovering));
        assert_eq!(plan.steps[0].fault, Fault::Kill { who: Who::Worker });
        let json = serde_json::to_string(&plan).unwrap();
        assert_eq!(read("plan.json", &json), Ok(plan));
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        let cases = [
            (SHORT.replace("after_ms", "afterms"), "afterms"),
            (SHORT.replace("kill =", "kil ="), "kil"),
            (
                SHORT.replace("deploy.after", "deploy.middle"),
                "step 2: a coordinator has no crash point `deploy.middle`",
            ),
            (
                SHORT.replace("who = \"coordinator\", ", ""),
                "step 2: a worker has no crash point `deploy.after`",
            ),
            (SHORT.replace("records = 20000", "records = 0"), "records = 0"),
            (SHORT.replace("[job]", "[job]\nmutant = \"x\""), "there is no `x`"),
            (SHORT.replace("[job]", "[kafka]\nbrokers = 2\n[job]"), "kafka.brokers = 2"),
        ];
        for (text, said) in cases {
            let refused = read("plan.toml", &text).unwrap_err();
            assert!(refused.contains(said) && refused.contains("plan.toml"), "{said}: {refused}");
        }
        let old = read("plan.json", r#"{"wanted":{}}"#).unwrap_err();
        assert!(old.contains("another version"), "{old}");
    }
}
