//! The step by step example of the seed, as a test: two partitions, each with the letters A B C D E; the checkpoint that
//! catches the offsets (2, 1); the map task aligning its two inputs; a failure; the restart from (2, 1).
//!
//! Each step says what happens, then what the roles did about it, in order. Letters count as one each: the operator's state
//! is how many of each it has seen. The sink writes what the operator passes on to Kafka, in transactions.

use expect_test::expect;

use super::cluster::Cluster;
use crate::Timer;

#[test]
fn two_partitions_a_checkpoint_at_2_and_1_a_failure_and_a_restart() {
    let mut job = Cluster::new(["A B C D E", "A B C D E"]);

    // The job starts. Its first checkpoint says where: at the beginning of both partitions. The sink's first transaction is
    // open, the second one is initialised ahead of need.
    job.join(0);
    job.settle(expect![[""]]);

    // Source 0 reads A and B, source 1 reads A. The next offsets are 2 and 1.
    job.fetch(0);
    job.fetch(0);
    job.fetch(1);
    job.settle(expect![[""]]);

    // The coordinator triggers checkpoint 2 at the sources. Each notes its offset, sends the barrier after its records, and
    // acknowledges. The operator has not seen a thing yet.
    job.fire(Timer::Interval);
    job.settle(expect![[""]]);

    // Source 0 does not wait: it reads C while the barriers travel. C is after the barrier, and not in the checkpoint.
    job.fetch(0);
    job.settle(expect![[""]]);

    // The operator takes A, B and the barrier of source 0. The barrier of source 1 has not come, so what source 0 sends is
    // held from now on: C has to wait.
    job.take(0);
    job.take(0);
    job.take(0);
    assert!(job.holds(0), "C waits behind the barrier");
    job.settle(expect![[""]]);

    // It takes A of source 1, which belongs to the checkpoint, and then the second barrier. Now its state is captured, the
    // barrier goes on to the sink, and C may come. The sink flushes its transaction and lists it as pre-committed. With
    // this last acknowledgement the checkpoint is whole: it is stored, then swapped into the head, which completes it; and
    // only then everybody is told, and the sink commits.
    job.take(1);
    job.take(1);
    assert!(!job.holds(0));
    assert_eq!(job.visible(), "", "nothing is visible before the checkpoint is complete");
    job.settle(expect![[""]]);
    assert_eq!(job.visible(), "A B A");

    // C is processed and produced to the next transaction, which no checkpoint covers.
    job.take(0);
    job.settle(expect![[""]]);
    assert_eq!(job.visible(), "A B A");

    // The worker dies, and with it what was in memory. Another one takes its place. The next attempt restores offsets
    // (2, 1) and the counts A:2 B:1. It confirms the commit that the checkpoint lists, and aborts the transaction with C that
    // the dead attempt left open.
    job.kill();
    job.join(1);
    job.fire(Timer::Restart);
    job.settle(expect![[""]]);

    // Both sources read on from there, C once more, and reach the end of their input. That ends the job with a last
    // checkpoint.
    for _ in 0..3 {
        job.fetch(0);
    }
    for _ in 0..4 {
        job.fetch(1);
    }
    job.at_end(0);
    job.at_end(1);
    job.settle(expect![[""]]);

    // The operator takes what is there. When the last commit is confirmed, the job is finished: each letter came out once.
    for _ in 0..4 {
        job.take(0);
    }
    for _ in 0..5 {
        job.take(1);
    }
    job.settle(expect![[""]]);
    assert_eq!(job.visible(), "A B A C D E B C D E");
}
