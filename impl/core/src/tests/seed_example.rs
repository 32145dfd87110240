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
    job.settle(expect![[r#"
        coordinator: start: read the head
        coordinator: start: swap v0 for attempt 1 of coordinator 9, latest none, next 1
        coordinator: start: resolve the start (Earliest)
        coordinator: start: write checkpoint 1 of attempt 1: source-0 0:0, source-1 1:0, operator-0 no state, sink-0 []
        coordinator: start: swap v1 for attempt 1 of coordinator 9, latest checkpoint 1 of attempt 1, next 2
        coordinator: start: read checkpoint 1 of attempt 1
        coordinator: start: list transactions that are Ongoing
        coordinator: tell w0: deploy attempt 1 from checkpoint 1 of attempt 1 on w0 w0: sink-0 with [], operator-0 with no state, source-0 with 0:0, source-1 with 1:0
        sink-0: hold 0
        sink-0: start: init job/1/0/0
        operator-0: hold 0
        operator-0: hold 1
        operator-0: start: restore no state
        source-0: consume from 0:0, and say when the end is met
        source-0: tell the coordinator: source-0 of attempt 1 is ready
        source-1: consume from 1:0, and say when the end is met
        source-1: tell the coordinator: source-1 of attempt 1 is ready
        sink-0: release 0
        sink-0: start: init job/1/0/1
        sink-0: tell the coordinator: sink-0 of attempt 1 is ready
        operator-0: release 0
        operator-0: release 1
        operator-0: tell the coordinator: operator-0 of attempt 1 is ready
    "#]]);

    // Source 0 reads A and B, source 1 reads A. The next offsets are 2 and 1.
    job.fetch(0);
    job.fetch(0);
    job.fetch(1);
    job.settle(expect![[r#"
        source-0: emit A
        source-0: emit B
        source-1: emit A
    "#]]);

    // The coordinator triggers checkpoint 2 at the sources. Each notes its offset, sends the barrier after its records, and
    // acknowledges. The operator has not seen a thing yet.
    job.fire(Timer::Interval);
    job.settle(expect![[r#"
        coordinator: tell w0: source-0: trigger 2
        coordinator: tell w0: source-1: trigger 2
        source-0: emit barrier 2
        source-0: tell the coordinator: source-0 of attempt 1 acknowledges 2 with 0:2
        source-1: emit barrier 2
        source-1: tell the coordinator: source-1 of attempt 1 acknowledges 2 with 1:1
    "#]]);

    // Source 0 does not wait: it reads C while the barriers travel. C is after the barrier, and not in the checkpoint.
    job.fetch(0);
    job.settle(expect![[r#"
        source-0: emit C
    "#]]);

    // The operator takes A, B and the barrier of source 0. The barrier of source 1 has not come, so what source 0 sends is
    // held from now on: C has to wait.
    job.take(0);
    job.take(0);
    job.take(0);
    assert!(job.holds(0), "C waits behind the barrier");
    job.settle(expect![[r#"
        operator-0: process A
        sink-0: produce A in slot 0
        operator-0: process B
        sink-0: produce B in slot 0
        operator-0: hold 0
    "#]]);

    // It takes A of source 1, which belongs to the checkpoint, and then the second barrier. Now its state is captured, the
    // barrier goes on to the sink, and C may come. The sink flushes its transaction and lists it as pre-committed. With
    // this last acknowledgement the checkpoint is whole: it is stored, then swapped into the head, which completes it; and
    // only then everybody is told, and the sink commits.
    job.take(1);
    job.take(1);
    assert!(!job.holds(0));
    assert_eq!(job.visible(), "", "nothing is visible before the checkpoint is complete");
    job.settle(expect![[r#"
        operator-0: process A
        sink-0: produce A in slot 0
        operator-0: start: snapshot for checkpoint 2 of attempt 1
        operator-0: emit barrier 2
        sink-0: hold 0
        sink-0: start: flush slot 0
        operator-0: release 0
        operator-0: release 1
        operator-0: tell the coordinator: operator-0 of attempt 1 acknowledges 2 with `A:2 B:1`
        sink-0: close the producer of slot 0
        sink-0: tell the coordinator: sink-0 of attempt 1 acknowledges 2 with [2@job/1/0/0 by 1.0 (3 records)]
        sink-0: release 0
        sink-0: start: init job/1/0/2
        coordinator: start: write checkpoint 2 of attempt 1: source-0 0:2, source-1 1:1, operator-0 `A:2 B:1`, sink-0 [2@job/1/0/0 by 1.0 (3 records)]
        coordinator: start: swap v2 for attempt 1 of coordinator 9, latest checkpoint 2 of attempt 1, next 3
        coordinator: start: discard what is older than 2
        coordinator: tell w0: sink-0: 2 is complete
        coordinator: tell w0: operator-0: 2 is complete
        coordinator: tell w0: source-0: 2 is complete
        coordinator: tell w0: source-1: 2 is complete
        coordinator: start: list transactions that are Ongoing
        sink-0: start: commit 2@job/1/0/0 by 1.0 (3 records)
        source-0: start: commit offsets 0:2
        source-1: start: commit offsets 1:1
    "#]]);
    assert_eq!(job.visible(), "A B A");

    // C is processed and produced to the next transaction, which no checkpoint covers.
    job.take(0);
    job.settle(expect![[r#"
        operator-0: process C
        sink-0: produce C in slot 1
    "#]]);
    assert_eq!(job.visible(), "A B A");

    // The worker dies, and with it what was in memory. Another one takes its place. The next attempt restores offsets
    // (2, 1) and the counts A:2 B:1. It confirms the commit that the checkpoint lists, and aborts the transaction with C that
    // the dead attempt left open.
    job.kill();
    job.join(1);
    job.fire(Timer::Restart);
    job.settle(expect![[r#"
        coordinator: start: swap v3 for attempt 2 of coordinator 9, latest checkpoint 2 of attempt 1, next 3
        coordinator: start: read checkpoint 2 of attempt 1
        coordinator: start: list transactions that are Ongoing
        coordinator: tell w1: deploy attempt 2 from checkpoint 2 of attempt 1 on w1 w1: sink-0 with [2@job/1/0/0 by 1.0 (3 records)], operator-0 with `A:2 B:1`, source-0 with 0:2, source-1 with 1:1
        coordinator: start: fence job/1/0/1
        sink-0: hold 0
        sink-0: start: init job/2/0/0
        sink-0: start: commit 2@job/1/0/0 by 1.0 (3 records)
        operator-0: hold 0
        operator-0: hold 1
        operator-0: start: restore `A:2 B:1`
        source-0: consume from 0:2, and say when the end is met
        source-0: tell the coordinator: source-0 of attempt 2 is ready
        source-1: consume from 1:1, and say when the end is met
        source-1: tell the coordinator: source-1 of attempt 2 is ready
        sink-0: release 0
        sink-0: start: init job/2/0/1
        sink-0: tell the coordinator: sink-0 of attempt 2 is ready
        operator-0: release 0
        operator-0: release 1
        operator-0: tell the coordinator: operator-0 of attempt 2 is ready
    "#]]);

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
    job.settle(expect![[r#"
        source-0: emit C
        source-0: emit D
        source-0: emit E
        source-1: emit B
        source-1: emit C
        source-1: emit D
        source-1: emit E
        source-0: tell the coordinator: source-0 of attempt 2 is at the end of its input
        source-1: tell the coordinator: source-1 of attempt 2 is at the end of its input
        coordinator: tell w1: source-0: trigger 3, the last
        coordinator: tell w1: source-1: trigger 3, the last
        source-0: emit last barrier 3
        source-0: tell the coordinator: source-0 of attempt 2 acknowledges 3 with 0:5
        source-0: emit end
        source-1: emit last barrier 3
        source-1: tell the coordinator: source-1 of attempt 2 acknowledges 3 with 1:5
        source-1: emit end
    "#]]);

    // The operator takes what is there. When the last commit is confirmed, the job is finished: each letter came out once.
    for _ in 0..4 {
        job.take(0);
    }
    for _ in 0..5 {
        job.take(1);
    }
    job.settle(expect![[r#"
        operator-0: process C
        sink-0: produce C in slot 0
        operator-0: process D
        sink-0: produce D in slot 0
        operator-0: process E
        sink-0: produce E in slot 0
        operator-0: hold 0
        operator-0: process B
        sink-0: produce B in slot 0
        operator-0: process C
        sink-0: produce C in slot 0
        operator-0: process D
        sink-0: produce D in slot 0
        operator-0: process E
        sink-0: produce E in slot 0
        operator-0: start: snapshot for checkpoint 3 of attempt 2
        operator-0: emit last barrier 3
        sink-0: hold 0
        sink-0: start: flush slot 0
        operator-0: release 0
        operator-0: release 1
        operator-0: tell the coordinator: operator-0 of attempt 2 acknowledges 3 with `A:2 B:2 C:2 D:2 E:2`
        sink-0: close the producer of slot 0
        sink-0: tell the coordinator: sink-0 of attempt 2 acknowledges 3 with [3@job/2/0/0 by 5.0 (7 records)]
        sink-0: release 0
        coordinator: start: write checkpoint 3 of attempt 2, the last: source-0 0:5, source-1 1:5, operator-0 `A:2 B:2 C:2 D:2 E:2`, sink-0 [3@job/2/0/0 by 5.0 (7 records)]
        coordinator: start: swap v4 for attempt 2 of coordinator 9, latest checkpoint 3 of attempt 2, next 4
        coordinator: start: discard what is older than 3
        coordinator: tell w1: sink-0: 3 is complete
        coordinator: tell w1: operator-0: 3 is complete
        coordinator: tell w1: source-0: 3 is complete
        coordinator: tell w1: source-1: 3 is complete
        coordinator: start: list transactions that are Ongoing
        sink-0: start: commit 3@job/2/0/0 by 5.0 (7 records)
        source-0: start: commit offsets 0:5
        source-1: start: commit offsets 1:5
        sink-0: tell the coordinator: sink-0 of attempt 2 is drained
        coordinator: tell w1: cancel attempt 2
        coordinator: halt: finished at checkpoint 3 of attempt 2
    "#]]);
    assert_eq!(job.visible(), "A B A C D E B C D E");
}
