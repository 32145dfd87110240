//! `run` on a Kafka whose clients come by TLS and say who they are: by every mechanism, with either producer, and for longer than the broker
//! lets a connection live; and what a person is told whom it does not let in.

use std::path::Path;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use truecut_cluster::testing::{PASSWORD, REAUTH_MS, Secured, USER, secured_kafka};
use truecut_runtime::kafka::raw::{Isolation, RawClient};
use truecut_runtime::kafka::security::{Sasl, SaslMechanism, Tls};
use truecut_runtime::kafka::{Cluster, Security};

use crate::job::{Topics, job};
use crate::program::{Answer, call_in};
use crate::running::Running;

/// Output that is not there after so long will not come.
const LIMIT: Duration = Duration::from_secs(60);

/// How a job is secured; the file of the password lies beside it.
struct Secures<'a> {
    ca: &'a str,
    mechanism: &'a str,
    password: &'a str,
    producer: &'a str,
}

const RIGHT: Secures<'_> =
    Secures { ca: "ca", mechanism: "SCRAM-SHA-512", password: PASSWORD, producer: "builtin" };

fn run(directory: &Path, kafka: &Secured, topics: (&str, &str), secures: &Secures<'_>) -> Answer {
    let file = secured_job(directory, kafka, topics, secures, |text| text);
    call_in(directory, &["run", &file, "--json"])
}

/// The job file; `change` is applied to its text.
fn secured_job(
    directory: &Path,
    kafka: &Secured,
    topics: (&str, &str),
    secures: &Secures<'_>,
    change: impl FnOnce(String) -> String,
) -> String {
    let Secures { ca, mechanism, password, producer } = secures;
    std::fs::write(directory.join("password"), format!("{password}\n")).expect("it can be written");
    let [ca, client, key] = [ca, "client", "client-key"].map(|name| kafka.pem(name).display().to_string());
    let security = format!(
        r#"
[security]
tls = {{ ca = "{ca}", certificate = "{client}", key = "{key}" }}
sasl = {{ mechanism = "{mechanism}", username = "{USER}", password_file = "password" }}
"#
    );
    let sink = format!("producer = \"{producer}\", topic = \"{}\" }}\n", topics.1);
    job(directory, &kafka.bootstrap, topics, |text| {
        change(text.replace(&format!("topic = \"{}\" }}\n", topics.1), &sink) + &security)
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_runs_by_tls_and_every_mechanism_and_is_told_why_it_may_not() {
    let Some(kafka) = secured_kafka() else { return };
    let jobs = [("PLAIN", "builtin"), ("SCRAM-SHA-256", "builtin"), ("SCRAM-SHA-512", "librdkafka")];
    for (number, (mechanism, producer)) in (1..).zip(jobs) {
        let (input, output) = (format!("in-{number}"), format!("out-{number}"));
        let topics = Topics::make(kafka.cluster.bootstrap(), &input, &output).await;
        let directory = tempfile::tempdir().expect("a directory");
        let secures = Secures { mechanism, producer, ..RIGHT };
        let answer = run(directory.path(), &kafka, (&input, &output), &secures);
        assert_eq!(answer.code, 0, "{mechanism}, {producer}: {}{}", answer.out, answer.err);
        assert_eq!(topics.committed(&output).await, Topics::RECORDS);
    }
    for (secures, said) in [
        (Secures { password: "wrong", ..RIGHT }, "user app by SCRAM-SHA-512: the broker refused"),
        (Secures { password: "wrong", mechanism: "PLAIN", ..RIGHT }, "user app by PLAIN: the broker refused"),
        (Secures { ca: "other-ca", ..RIGHT }, "certificate"),
    ] {
        let directory = tempfile::tempdir().expect("a directory");
        let answer = run(directory.path(), &kafka, ("in-1", "out-1"), &secures);
        assert_eq!(answer.code, 3, "{said}: {}", answer.err);
        assert!(answer.err.contains(said) && !answer.err.contains(PASSWORD), "{said}: {}", answer.err);
    }
    let directory = tempfile::tempdir().expect("a directory");
    let answer = run(directory.path(), &kafka, ("in-1", "out-1"), &Secures { ca: "none", ..RIGHT });
    assert_eq!(answer.code, 65, "{}", answer.err);
    assert!(answer.err.contains("none.pem") && answer.err.contains("security.tls"), "{}", answer.err);
}

fn secured_cluster(kafka: &Secured) -> Cluster {
    let (ca, client, key) = (kafka.pem("ca"), kafka.pem("client"), kafka.pem("client-key"));
    let tls = Tls::load(Some(&ca), Some((&client, &key))).expect("the files are there");
    let sasl = Sasl::new(SaslMechanism::ScramSha256, USER, PASSWORD);
    Cluster { security: Security::new(Some(tls), Some(sasl)), ..Cluster::new(&kafka.bootstrap, "test") }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_outlives_what_a_broker_grants_a_connection() {
    let Some(kafka) = secured_kafka() else { return };
    let topics = Topics::make(kafka.cluster.bootstrap(), "in", "out").await;
    let directory = tempfile::tempdir().expect("a directory");
    let file = secured_job(directory.path(), &kafka, ("in", "out"), &RIGHT, |text| {
        text.replace(", bounded = true", "").replace("interval_ms = 200", "interval_ms = 100")
    });
    let running = Running::start(directory.path(), &file);
    let started = Instant::now();
    let mut records = Topics::RECORDS;
    let client = RawClient::new(secured_cluster(&kafka));
    // Each connection is made anew twice at least.
    while started.elapsed() < Duration::from_millis(2 * REAUTH_MS + 1_000) {
        client
            .list_ends("in", &[0], Isolation::ReadCommitted)
            .await
            .expect("no request meets a connection's end");
        topics.add("in").await;
        records += Topics::RECORDS;
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    let since = Instant::now();
    while topics.committed("out").await < records {
        assert!(since.elapsed() < LIMIT, "the output is not complete after {} s", LIMIT.as_secs());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(running.attempts(), 1, "no connection's end was a failure");
    running.ask_to_end(Signal::SIGTERM);
    let answer = running.end();
    assert_eq!(answer.code, 0, "{}{}", answer.out, answer.err);
    assert_eq!(topics.committed("out").await, records);
}
