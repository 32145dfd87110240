//! How fast each producer writes. Creates topics and deletes them.
//!
//! `cargo run -p truecut-runtime --example producer_speed -- HOST:PORT [RECORDS] [VALUE_BYTES]`
//!
//! Writes keyed records to 4 partitions in transactions of about 100 ms, as fast as they are taken; several rounds in turn. Batches are
//! made before the clock starts. CPU is this process's alone.

use std::error::Error;
use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use truecut_runtime::batch::{ANY_PARTITION, BatchPool, NO_TIMESTAMP, RecordBatch, RecordRef};
use truecut_runtime::kafka::Cluster;
use truecut_runtime::kafka::producer::{Compression, ProducerKind, ProducerSettings, TransactionalProducers};
use truecut_runtime::kafka::raw::{NewTopic, RawClient};

const TIMEOUT: Duration = Duration::from_secs(60);
const TRANSACTION: Duration = Duration::from_millis(100);
const ROUNDS: u32 = 3;
/// As large as the batches of the exchange.
const BATCH_RECORDS: usize = 512;

#[tokio::main]
#[expect(clippy::print_stdout, reason = "its output is what it is for")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let bootstrap = arguments.first().ok_or("usage: producer_speed HOST:PORT [RECORDS] [VALUE_BYTES]")?;
    let records: usize = arguments.get(1).map_or(Ok(1_000_000), |a| a.parse())?;
    let bytes: usize = arguments.get(2).map_or(Ok(100), |a| a.parse())?;
    let cluster = Cluster::new(bootstrap, "producer-speed");
    let raw = RawClient::new(cluster.clone());
    let batches = batches(records, bytes);
    for round in 0..ROUNDS {
        for (kind, compression) in [
            (ProducerKind::BuiltIn, Compression::None),
            (ProducerKind::Librdkafka, Compression::None),
            (ProducerKind::BuiltIn, Compression::Lz4),
            (ProducerKind::Librdkafka, Compression::Lz4),
        ] {
            let settings = ProducerSettings { kind, compression, ..ProducerSettings::new(cluster.clone()) };
            let producers = TransactionalProducers::new(settings, raw.clone(), BatchPool::new(64, 1 << 20));
            let name = format!("producer-speed-{}", SystemTime::UNIX_EPOCH.elapsed()?.as_millis());
            let new = NewTopic { name: &name, partitions: 4, replication_factor: 1, settings: &[] };
            raw.create_topics(&[new], TIMEOUT).await?;
            tokio::time::sleep(Duration::from_millis(500)).await;
            let (cpu, began) = (cpu_ms()?, Instant::now());
            write(&raw, &producers, &name.as_str().into(), &batches).await?;
            let (took, cpu) = (began.elapsed(), cpu_ms()? - cpu);
            raw.delete_topics(&[&name], TIMEOUT).await?;
            let count = f64::from(u32::try_from(records)?);
            println!(
                "round {round}: {kind:?} {compression:?}: {:.0} thousand records/s, {:.2} s CPU per million",
                count / took.as_secs_f64() / 1e3,
                cpu * 1e3 / count
            );
        }
    }
    Ok(())
}

async fn write(
    raw: &RawClient,
    producers: &TransactionalProducers,
    topic: &Arc<str>,
    batches: &[RecordBatch],
) -> Result<(), Box<dyn Error>> {
    let (mut number, mut left) = (0, batches.iter());
    let mut next = Some(producers.init(&format!("{topic}/0"), TIMEOUT).await?);
    while let Some((producer, description)) = next.take() {
        let id = format!("{topic}/{number}");
        let began = Instant::now();
        let mut more = false;
        for batch in left.by_ref() {
            producer.produce(topic, batch.clone()).await;
            more = began.elapsed() >= TRANSACTION;
            if more {
                break;
            }
        }
        producer.flush().await?;
        let versions = producer.protocol().end_txn_versions();
        number += 1;
        let ahead = async {
            let id = format!("{topic}/{number}");
            if more { producers.init(&id, TIMEOUT).await.map(Some) } else { Ok(None) }
        };
        let (ended, ready) = tokio::join!(raw.end_txn(&id, description.identity, true, versions), ahead);
        match ended?.error_code {
            0 => next = ready?,
            code => return Err(format!("EndTxn of {id} answered {code}").into()),
        }
    }
    Ok(())
}

fn batches(records: usize, bytes: usize) -> Vec<RecordBatch> {
    let value: Vec<u8> = (0..bytes).map(|n| n.wrapping_mul(31).to_le_bytes()[0]).collect();
    let numbers: Vec<usize> = (0..records).collect();
    let batch = |numbers: &[usize]| {
        let mut batch = RecordBatch::default();
        for number in numbers {
            let key = (number % 10_000).to_string();
            let (key, value) = (Some(key.as_bytes()), Some(&value[..]));
            batch.push(RecordRef {
                key,
                value,
                timestamp_ms: NO_TIMESTAMP,
                partition: ANY_PARTITION,
                offset: 0,
            });
        }
        batch
    };
    numbers.chunks(BATCH_RECORDS).map(batch).collect()
}

/// User and system time of this process, ended threads included; the kernel counts in steps of 10 ms.
fn cpu_ms() -> Result<f64, Box<dyn Error>> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    let after_name = stat.rsplit(')').next().ok_or("no process name in /proc/self/stat")?;
    let ticks: Result<Vec<f64>, _> = after_name.split_whitespace().skip(11).take(2).map(str::parse).collect();
    Ok(ticks?.iter().sum::<f64>() * 10.0)
}
