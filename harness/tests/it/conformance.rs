//! The modelled Kafka agrees with the real one, in every answer and every visible record.

use truecut::conformance::{Agreement, compare};

/// As many as a verdict on the model asks for.
const SEQUENCES: usize = 2_000;
const SEED: u64 = 1;

#[test]
fn the_modelled_kafka_agrees_with_the_real_one() {
    let Some(kafka) = truecut_cluster::testing::shared_kafka() else { return };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let agreement = runtime.block_on(compare(kafka.bootstrap(), SEED, SEQUENCES)).unwrap();
    let Agreement { sequences, requests, disagreements } = agreement;
    let first: Vec<&String> = disagreements.iter().take(3).collect();
    assert!(disagreements.is_empty(), "{} of {sequences} disagree, first:\n{first:#?}", disagreements.len());
    assert_eq!(sequences, SEQUENCES);
    assert!(requests > 10 * SEQUENCES, "{requests} requests");
}
