//! Job files, read by their path as any other, from a file in memory.

use truecut_runtime::config::{ConfigError, JobConfig};

use crate::memory_file::with_file;
use crate::outcome::Outcome;

/// Reads a job and writes it as it would be written for a run's directory.
pub fn run(data: &[u8]) -> Outcome {
    run_with(data, |config| toml::to_string(config).expect("a job that was read can be written"))
}

/// Reads a job; one that can be read is written and read again as the same.
///
/// # Panics
/// If it is not, or if a job that passed its checks can't be asked for what it needs.
pub fn run_with(data: &[u8], write: impl Fn(&JobConfig) -> String) -> Outcome {
    // Most bytes are text, or most executions would end at the first that is none.
    let as_text = |byte: &u8| byte & 0x7f;
    let ascii: Vec<u8> = data.iter().map(as_text).collect();
    let config = match read(if data.first() == Some(&0xff) { data } else { &ascii }) {
        Ok(config) => config,
        Err(ConfigError::Unreadable { source, .. }) => {
            return Outcome::text("unreadable", &source.to_string());
        }
        Err(ConfigError::Malformed { source, .. }) => {
            return Outcome::text("malformed", first_clause(source.message()));
        }
        Err(ConfigError::Invalid { what }) => return Outcome::text("invalid", &what),
    };
    let written = write(&config);
    let again = read(written.as_bytes());
    assert_eq!(again.as_ref().ok(), Some(&config), "written as\n{written}\nand read as {again:?}");
    let job = config.job(4, false);
    assert!(u32::from(config.slots_per_worker()) * u32::from(config.workers.count) >= u32::from(job.slots()));
    assert!(!config.group().is_empty() || config.source.group.is_some(), "a group is named");
    Outcome::value("job", &config)
}

/// What is wrong, without what was found there.
fn first_clause(message: &str) -> &str {
    message.split([',', ':', '\n', '`', '"']).next().unwrap_or_default()
}

fn read(text: &[u8]) -> Result<JobConfig, ConfigError> {
    with_file(text, JobConfig::read)
}

/// The smallest job and one that says everything, whole and line by line.
pub fn seeds() -> Vec<Vec<u8>> {
    const SMALLEST: &str = r#"
name = "orders"
bootstrap = "127.0.0.1:9092"
source = { topic = "in" }
sink = { topic = "out" }
checkpoints = { directory = "checkpoints" }
"#;
    const ALL: &str = r#"
name = "orders"
bootstrap = "127.0.0.1:9092,localhost:1"
metrics = "0.0.0.0:9"
[source]
topic = "in"
group = "readers"
start = "group-or-latest"
parallelism = 3
read_committed = false
bounded = true
[operator]
function = "keyed-count"
exchange = "key-by"
parallelism = 4
[sink]
topic = "out"
guarantee = "exactly_once"
commit_by = "log"
marker_topic = "marks"
transaction_timeout_ms = 60_000
[checkpoints]
directory = "/var/lib/checkpoints"
interval_ms = 100
timeout_ms = 60000
min_pause_ms = 10
max_concurrent = 2
tolerable_failures = 3
retained = 2
max_restarts = 0
restart_delay_ms = 5
[workers]
count = 2
slots = 2
heartbeat_ms = 100
heartbeat_timeout_ms = 1000
"#;
    let words = [
        ("key-by", "forward"),
        ("key-by", "rebalance"),
        ("exactly_once", "none"),
        ("\"log\"", "\"resume\""),
        ("exactly_once", "at_least_once"),
        ("group-or-latest", "latest"),
        ("group-or-latest", "earliest"),
        ("group-or-latest", "group-or-earliest"),
        ("\"orders\"", "\"a/b\""),
        ("\"orders\"", "\"\""),
        ("parallelism = 3", "parallelism = 0"),
        ("parallelism = 4", "parallelism = 65535"),
        ("slots = 2", "slots = 0"),
        ("count = 2", "count = -1"),
    ];
    let mut seeds = vec![SMALLEST.to_owned(), ALL.to_owned()];
    seeds.extend(words.map(|(from, to)| ALL.replace(from, to)));
    let lines: Vec<&str> = ALL.lines().collect();
    seeds.extend((0..lines.len()).map(|left_out| {
        let rest = lines.iter().enumerate().filter(|(place, _)| *place != left_out);
        rest.map(|(_, line)| format!("{line}\n")).collect()
    }));
    seeds.into_iter().map(String::into_bytes).collect()
}
