//! What must hold of the shared structures, in every order in which their threads may run.
//!
//! Compiled once for the structures as they are and once for each mutant: `super` is where they lie. A lost wake-up shows as a
//! deadlock, which loom reports by itself.

use loom::sync::atomic::{AtomicU32, Ordering};
use loom::thread::{self, JoinHandle};
use truecut_core::{Element, Exchange, Subtask};
use truecut_runtime::trace::{RoleId, Stamp};

use super::batch::{BatchPool, RecordBatch, RecordRef};
use super::credit::{Closed, CreditReturn, Credits};
use super::exchange::{ElementInbox, OutputChannel, Outputs, Stamped, Target};
use super::inbox::{Inbox, Received};
use super::records::Records;
use crate::explore::explore;
use crate::sync::Arc;

/// A gate for numbers.
type Gate = Inbox<u8, u32>;

/// Connects a channel within this process, with this much credit.
fn connected<C, T>(inbox: &Inbox<C, T>, channel: u16, credit: u32) -> Arc<Credits> {
    let credits = Arc::new(Credits::new());
    inbox.connect(channel, CreditReturn::Local(Arc::clone(&credits)));
    credits.give(credit);
    credits
}

fn ended(threads: impl IntoIterator<Item = JoinHandle<()>>) {
    for thread in threads {
        thread.join().expect("a thread of the scenario ends");
    }
}

/// A sender that waits goes on once there is credit.
pub fn credit_wakes_the_sender() {
    explore("credit_wakes_the_sender", || {
        let credits = Arc::new(Credits::new());
        let giver = thread::spawn({
            let credits = Arc::clone(&credits);
            move || (0..2).for_each(|_| credits.give(1))
        });
        assert_eq!((credits.take(), credits.take()), (Ok(()), Ok(())));
        ended([giver]);
    });
}

/// Sends `count` numbers on a channel with this credit; all arrive, in order, and never more than credit allows.
fn arrive_in_order(name: &str, credit: u32, count: u32) {
    explore(name, move || {
        let inbox = Arc::new(Gate::new(1));
        let credits = connected(&inbox, 0, credit);
        // How many the receiver may have taken.
        let taking = Arc::new(AtomicU32::new(0));
        let sender = thread::spawn({
            let (inbox, taking) = (Arc::clone(&inbox), Arc::clone(&taking));
            move || {
                for number in 0..count {
                    assert_eq!(credits.take(), Ok(()));
                    let room = credit + taking.load(Ordering::SeqCst);
                    assert!(number < room, "more was sent than there was credit for");
                    inbox.push(0, number);
                }
            }
        });
        for expected in 0..count {
            taking.fetch_add(1, Ordering::SeqCst);
            let Received::Item(0, number) = inbox.take() else { panic!("nothing else was sent") };
            assert_eq!(number, expected, "out of order");
        }
        ended([sender]);
        assert!(matches!(inbox.try_take(), Received::Idle), "nothing arrives twice");
    });
}

/// The next one is sent only when the one before was taken.
pub fn batches_arrive_once_in_order_within_credit() {
    arrive_in_order("batches_arrive_once_in_order_within_credit", 1, 3);
}

/// Two may wait at the receiver.
pub fn batches_arrive_once_in_order_within_credit_of_two() {
    arrive_in_order("batches_arrive_once_in_order_within_credit_of_two", 2, 3);
}

/// Threads that answer past the channels wake the task, and each is heard in its order.
pub fn answers_of_client_threads_arrive_in_order() {
    explore("answers_of_client_threads_arrive_in_order", || {
        let inbox = Arc::new(Gate::new(1));
        let answers = |numbers: &'static [u8]| {
            let inbox = Arc::clone(&inbox);
            thread::spawn(move || {
                numbers.iter().for_each(|number| inbox.push_control(Subtask::sink(0), *number));
            })
        };
        let threads = [answers(&[10, 11]), answers(&[20])];
        let mut heard = Vec::new();
        while heard.len() < 3 {
            let Received::Control(_, number) = inbox.take() else { panic!("nothing else was sent") };
            heard.push(number);
        }
        ended(threads);
        heard.retain(|number| *number < 20);
        assert_eq!(heard, [10, 11], "out of order");
    });
}

const BARRIER: u32 = 0;
const AFTER: u32 = 1;

/// Alignment: what follows a barrier waits until the barrier has come on both channels, and then comes. An answer passes.
pub fn a_held_channel_waits_and_nothing_is_lost() {
    explore("a_held_channel_waits_and_nothing_is_lost", || {
        let inbox = Arc::new(Gate::new(2));
        let send = |channel: u16| {
            let (inbox, credits) = (Arc::clone(&inbox), connected(&inbox, channel, 1));
            thread::spawn(move || {
                for number in [BARRIER, AFTER] {
                    assert_eq!(credits.take(), Ok(()));
                    inbox.push(channel, number);
                }
            })
        };
        let threads = [send(0), send(1)];
        inbox.push_control(Subtask::operator(0), 1);
        let (mut barriers, mut after, mut answers) = (0, 0, 0);
        while (barriers, after, answers) != (2, 2, 1) {
            match inbox.take() {
                Received::Control(..) => answers += 1,
                Received::Item(channel, BARRIER) => {
                    barriers += 1;
                    inbox.hold(channel, true);
                    if barriers == 2 {
                        (0..2).for_each(|channel| inbox.hold(channel, false));
                    }
                }
                Received::Item(..) => {
                    assert_eq!(barriers, 2, "a channel was read past its hold");
                    after += 1;
                }
                Received::Idle | Received::Closed => panic!("nothing else was sent"),
            }
        }
        ended(threads);
    });
}

/// A sink's flush: the whole gate is held from the barrier until a client's thread answers, and then goes on.
pub fn a_held_gate_opens_with_the_answer() {
    explore("a_held_gate_opens_with_the_answer", || {
        let inbox = Arc::new(Gate::new(1));
        let credits = connected(&inbox, 0, 1);
        let sender = thread::spawn({
            let inbox = Arc::clone(&inbox);
            move || {
                for number in [BARRIER, AFTER] {
                    assert_eq!(credits.take(), Ok(()));
                    inbox.push(0, number);
                }
            }
        });
        let mut client = None;
        let mut answered = false;
        loop {
            match inbox.take() {
                Received::Item(_, BARRIER) => {
                    inbox.hold_all(true);
                    let inbox = Arc::clone(&inbox);
                    client = Some(thread::spawn(move || inbox.push_control(Subtask::sink(0), 1)));
                }
                Received::Control(..) => {
                    answered = true;
                    inbox.hold_all(false);
                }
                Received::Item(..) => break,
                Received::Idle | Received::Closed => panic!("nothing else was sent"),
            }
        }
        assert!(answered, "the gate was passed before the answer, past its hold");
        ended(client.into_iter().chain([sender]));
    });
}

/// Who releases a channel must be who takes from it, as it is with the task of an operator: a release wakes nobody.
pub fn a_release_from_elsewhere_is_not_heard() {
    explore("a_release_from_elsewhere_is_not_heard", || {
        let inbox = Arc::new(Gate::new(1));
        inbox.hold(0, true);
        inbox.push(0, AFTER);
        let other = thread::spawn({
            let inbox = Arc::clone(&inbox);
            move || inbox.hold(0, false)
        });
        assert!(matches!(inbox.take(), Received::Item(0, AFTER)));
        ended([other]);
    });
}

/// One output channel within this process.
fn outputs(inbox: &Arc<ElementInbox>, credits: &Arc<Credits>) -> Outputs {
    let channel = OutputChannel { credits: Arc::clone(credits), target: Target::Local(Arc::clone(inbox), 0) };
    Outputs::new(Exchange::Forward, vec![channel])
}

fn one_record(offset: i64) -> Records {
    let mut batch = RecordBatch::default();
    batch.push(RecordRef { key: Some(b"key"), value: None, timestamp_ms: 0, partition: 0, offset });
    Records::new(batch)
}

/// A barrier, as far as the exchange can tell.
fn end(outputs: &mut Outputs) -> Result<(), Closed> {
    outputs.broadcast(&Element::End, Stamp { role: RoleId::Coordinator, instance: 0, sequence: 1 })
}

/// What arrived, in words.
fn arrived(received: Received<truecut_runtime::task::Stepped, Stamped>) -> String {
    match received {
        Received::Item(0, Stamped { element: Element::Batch(records), .. }) => {
            records.batch().iter().map(|record| record.offset.to_string()).collect::<Vec<_>>().join(" ")
        }
        Received::Item(0, Stamped { element: Element::End, .. }) => "end".to_owned(),
        other @ (Received::Item(..) | Received::Control(..) | Received::Idle | Received::Closed) => {
            format!("{other:?}")
        }
    }
}

/// Nothing is at the receiver before it had room.
pub fn nothing_is_sent_without_credit() {
    explore("nothing_is_sent_without_credit", || {
        let inbox = Arc::new(ElementInbox::new(1));
        let credits = connected(&inbox, 0, 0);
        let mut outputs = outputs(&inbox, &credits);
        let sender = thread::spawn(move || assert_eq!(end(&mut outputs), Ok(())));
        assert_eq!(arrived(inbox.try_take()), "Idle", "sent without credit");
        credits.give(1);
        assert_eq!(arrived(inbox.take()), "end");
        ended([sender]);
    });
}

/// What was coalesced goes before a barrier, what comes later behind it.
pub fn a_barrier_follows_the_records_before_it() {
    explore("a_barrier_follows_the_records_before_it", || {
        let inbox = Arc::new(ElementInbox::new(1));
        let credits = connected(&inbox, 0, 2);
        let mut outputs = outputs(&inbox, &credits);
        let sender = thread::spawn(move || {
            assert_eq!(outputs.records(&one_record(1)), Ok(()));
            assert_eq!(outputs.records(&one_record(2)), Ok(()));
            assert_eq!(end(&mut outputs), Ok(()));
            assert_eq!(outputs.records(&one_record(3)), Ok(()));
            assert_eq!(outputs.flush(), Ok(()));
        });
        let all: Vec<String> = (0..3).map(|_| arrived(inbox.take())).collect();
        assert_eq!(all, ["1 2", "end", "3"], "out of order");
        ended([sender]);
    });
}

/// The loop of a source: with nothing more to read, what is coalesced is sent before it waits.
pub fn what_is_coalesced_goes_out_before_the_source_waits() {
    explore("what_is_coalesced_goes_out_before_the_source_waits", || {
        let deliveries: Arc<Inbox<u8, Records>> = Arc::new(Inbox::new(1));
        let inbox = Arc::new(ElementInbox::new(1));
        let credits = connected(&inbox, 0, 1);
        let mut outputs = outputs(&inbox, &credits);
        let source = thread::spawn({
            let deliveries = Arc::clone(&deliveries);
            move || {
                loop {
                    let received = match deliveries.try_take() {
                        Received::Idle => {
                            assert_eq!(outputs.flush(), Ok(()));
                            deliveries.take()
                        }
                        received @ (Received::Item(..) | Received::Control(..) | Received::Closed) => {
                            received
                        }
                    };
                    match received {
                        Received::Item(_, records) => assert_eq!(outputs.records(&records), Ok(())),
                        Received::Control(..) | Received::Idle => {}
                        Received::Closed => break,
                    }
                }
            }
        });
        deliveries.push(0, one_record(1));
        assert_eq!(arrived(inbox.take()), "1");
        deliveries.close();
        ended([source]);
    });
}

/// A stopped attempt: a source that waits for credit and a chain that waits for input both end.
pub fn stopping_ends_source_and_chain() {
    explore("stopping_ends_source_and_chain", || {
        let inbox = Arc::new(ElementInbox::new(1));
        let credits = connected(&inbox, 0, 1);
        let mut outputs = outputs(&inbox, &credits);
        let source = thread::spawn(move || {
            let _ = end(&mut outputs).and_then(|()| end(&mut outputs));
        });
        let chain = thread::spawn({
            let inbox = Arc::clone(&inbox);
            move || while !matches!(inbox.take(), Received::Closed) {}
        });
        credits.close();
        inbox.close();
        ended([source, chain]);
    });
}

/// Batches are given back from several threads at once.
pub fn a_pool_keeps_no_more_than_it_may() {
    explore("a_pool_keeps_no_more_than_it_may", || {
        let pool = BatchPool::new(1, 1 << 10);
        let give = || {
            let pool = pool.clone();
            thread::spawn(move || pool.give(RecordBatch::with_capacity(1, 16)))
        };
        ended([give(), give()]);
        // One that was never used owns no memory.
        let fresh = RecordBatch::default();
        let kept = [pool.take(), pool.take()].map(|batch| batch.data().as_ptr() != fresh.data().as_ptr());
        assert_eq!(kept, [true, false], "more than the pool may keep");
    });
}
