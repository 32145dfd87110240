//! What one transaction costs, by each producer. Creates a topic and deletes it.
//!
//! `cargo run -p truecut-runtime --example transaction_cost -- HOST:PORT [INTERVAL_MS] [TRANSACTIONS]`
//!
//! Each interval: begin to initialise the next producer, write 100 records, flush, drop the producer, commit by raw EndTxn.
//! CPU is this process's alone, the broker's comes on top. A librdkafka client holds 2 to 3 connections and 4 threads, and two
//! clients overlap; our own producers share one connection per broker. The raw requests use 2 connections more.
//!
//! librdkafka, measured with Kafka 4.3.0 on the same machine, whose 2 cores also ran builds (load 6), so the times are upper bounds:
//!
//! | interval | CPU each | initialise p50, p99, max | flush p50, p99 | commit p50, p99 | connections | threads |
//! | --- | --- | --- | --- | --- | --- | --- |
//! | 100 ms | 4.5 ms | 19 ms, 51 ms, 53 ms | 0.1 ms, 3.2 ms | 1.1 ms, 3.2 ms | 8 | 11 |
//! | 1 s | 4.5 ms | 19 ms, 31 ms, 47 ms | 0.1 ms, 0.2 ms | 1.1 ms, 1.6 ms | 8 | 11 |
//!
//! Asking for brokers before `init_transactions` took the 508 ms away that one initialisation in eight needed before
//! (p90 508 ms, p99 525 ms): see `Client::connect` in `src/kafka/producer/client.rs`.

use std::error::Error;
use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use truecut_runtime::batch::{ANY_PARTITION, BatchPool, NO_TIMESTAMP, RecordBatch, RecordRef};
use truecut_runtime::kafka::Cluster;
use truecut_runtime::kafka::producer::{
    NotInitialised, Producer, ProducerKind, ProducerSettings, TransactionalProducers,
};
use truecut_runtime::kafka::raw::{Description, NewTopic, RawClient};

const RECORDS: u32 = 100;
const TIMEOUT: Duration = Duration::from_secs(60);

#[derive(Default)]
struct Times {
    initialise: Vec<Duration>,
    flush: Vec<Duration>,
    commit: Vec<Duration>,
    connections: usize,
    threads: usize,
}

#[tokio::main(flavor = "current_thread")]
#[expect(clippy::print_stdout, reason = "its output is what it is for")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let bootstrap =
        arguments.first().ok_or("usage: transaction_cost HOST:PORT [INTERVAL_MS] [TRANSACTIONS]")?;
    let interval = Duration::from_millis(arguments.get(1).map_or(Ok(100), |a| a.parse())?);
    let count = arguments.get(2).map_or(Ok(100), |a| a.parse())?;
    let cluster = Cluster::new(bootstrap, "transaction-cost");
    let raw = RawClient::new(cluster.clone());
    let run = SystemTime::UNIX_EPOCH.elapsed()?.as_millis();
    let topic: Arc<str> = format!("transaction-cost-{run}").into();
    let new = NewTopic { name: &topic, partitions: 4, replication_factor: 1, settings: &[] };
    raw.create_topics(&[new], TIMEOUT).await?;

    for kind in [ProducerKind::BuiltIn, ProducerKind::Librdkafka] {
        let settings = ProducerSettings { kind, ..ProducerSettings::new(cluster.clone()) };
        let producers = TransactionalProducers::new(settings, raw.clone(), BatchPool::new(4, 1 << 20));
        let cpu = cpu_ms()?;
        let times = measure(&raw, &producers, &topic, &format!("{run}-{kind:?}"), interval, count).await?;
        let cpu = (cpu_ms()? - cpu) / f64::from(count + 1);
        println!("{kind:?}, every {interval:?}, {count} transactions: {cpu:.1} ms CPU each");
        for (name, mut times) in
            [("initialise", times.initialise), ("flush", times.flush), ("commit", times.commit)]
        {
            times.sort_unstable();
            let at = |percent: usize| times[(times.len() - 1) * percent / 100];
            println!(
                "{name:10}  p50 {:8.1?}  p90 {:8.1?}  p99 {:8.1?}  max {:8.1?}",
                at(50),
                at(90),
                at(99),
                at(100)
            );
        }
        println!(
            "at most {} connections and {} threads at the end of an interval",
            times.connections, times.threads
        );
    }
    raw.delete_topics(&[&topic], TIMEOUT).await?;
    Ok(())
}

/// Initialises as the job does: again, as long as Kafka has not done with the transaction before.
async fn initialise(
    producers: &TransactionalProducers,
    id: &str,
) -> Result<(Producer, Description), NotInitialised> {
    const CONCURRENT_TRANSACTIONS: i16 = 51;
    loop {
        match producers.init(id, TIMEOUT).await {
            Err(NotInitialised::Refused(failure)) if failure.code == CONCURRENT_TRANSACTIONS => {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            other => return other,
        }
    }
}

async fn measure(
    raw: &RawClient,
    producers: &TransactionalProducers,
    topic: &Arc<str>,
    run: &str,
    interval: Duration,
    count: u32,
) -> Result<Times, Box<dyn Error>> {
    let ahead = |number: u32| {
        // Three slots in turn, as the sink uses them.
        let (producers, id) = (producers.clone(), format!("transaction-cost/{run}/{}", number % 3));
        tokio::spawn(async move {
            let before = Instant::now();
            let ready = initialise(&producers, &id).await;
            (ready, id, before.elapsed())
        })
    };
    let (mut times, mut next) = (Times::default(), ahead(0));
    let mut ticks = tokio::time::interval(interval);
    for number in 0..count {
        let (ready, id, took) = next.await?;
        let (producer, description) = ready?;
        times.initialise.push(took);
        next = ahead(number + 1);
        producer.produce(topic, records()).await;
        ticks.tick().await;
        let before = Instant::now();
        producer.flush().await?;
        times.flush.push(before.elapsed());
        let versions = producer.protocol().end_txn_versions();
        drop(producer);
        let before = Instant::now();
        let ended = raw.end_txn(&id, description.identity, true, versions).await?;
        times.commit.push(before.elapsed());
        if ended.error_code != 0 {
            return Err(format!("EndTxn of {id} answered {}", ended.error_code).into());
        }
        times.connections = times.connections.max(connections()?);
        times.threads = times.threads.max(fs::read_dir("/proc/self/task")?.count());
    }
    next.await?.0?;
    Ok(times)
}

fn records() -> RecordBatch {
    let mut batch = RecordBatch::default();
    for number in 0..RECORDS {
        let key = number.to_be_bytes();
        let (key, value) = (Some(&key[..]), Some(&[b'.'; 100][..]));
        batch.push(RecordRef { key, value, timestamp_ms: NO_TIMESTAMP, partition: ANY_PARTITION, offset: 0 });
    }
    batch
}

/// User and system time of this process, ended threads included; the kernel counts in steps of 10 ms.
fn cpu_ms() -> Result<f64, Box<dyn Error>> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    let after_name = stat.rsplit(')').next().ok_or("no process name in /proc/self/stat")?;
    let ticks: Result<Vec<f64>, _> = after_name.split_whitespace().skip(11).take(2).map(str::parse).collect();
    Ok(ticks?.iter().sum::<f64>() * 10.0)
}

fn connections() -> Result<usize, Box<dyn Error>> {
    let links = fs::read_dir("/proc/self/fd")?.filter_map(|fd| fs::read_link(fd.ok()?.path()).ok());
    Ok(links.filter(|link| link.to_string_lossy().starts_with("socket:")).count())
}
