//! The two calls of librdkafka that rust-rdkafka has no cheap form of: messages taken many at a time, and records produced through a topic
//! handle; and a flush that sleeps until the last record is acknowledged, where rust-rdkafka's polls in steps of 100 ms. All unsafe
//! code is here.

use std::ffi::{CString, c_int, c_void};
use std::ptr::{self, NonNull};
use std::slice;
use std::time::Duration;

use rdkafka::bindings as rd;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{IsError as _, RDKafkaErrorCode};
use rdkafka::producer::{BaseProducer, Producer as _};

use crate::Failure;
use crate::function::Record;

/// librdkafka's `RD_KAFKA_PARTITION_UA`: the partitioner chooses.
const BY_KEY: i32 = -1;

/// The queue of a consumer.
pub(crate) struct Queue<'a> {
    queue: NonNull<rd::rd_kafka_queue_t>,
    /// Null between calls of `take`.
    taken: Vec<*mut rd::rd_kafka_message_t>,
    /// Keeps the client alive.
    _consumer: &'a BaseConsumer,
}

impl<'a> Queue<'a> {
    /// `capacity` messages are taken at a time.
    pub(crate) fn of(consumer: &'a BaseConsumer, capacity: usize) -> Result<Self, Failure> {
        // SAFETY: the client is valid; the queue that is given holds a reference of its own, given back in `drop`.
        let queue = unsafe { rd::rd_kafka_queue_get_consumer(consumer.client().native_ptr()) };
        let queue = NonNull::new(queue).ok_or("the consumer has no queue")?;
        Ok(Self { queue, taken: vec![ptr::null_mut(); capacity], _consumer: consumer })
    }

    /// Takes what is there; if nothing is, waits for one message. Says how many.
    pub(crate) fn take(
        &mut self,
        wait: Duration,
        mut each: impl FnMut(Record<'_>) -> Result<(), Failure>,
    ) -> Result<usize, Failure> {
        let mut count = self.fill(0, self.taken.len());
        if count == 0 {
            count = self.fill(millis(wait), 1);
        }
        let mut outcome = Ok(());
        for message in &mut self.taken[..count] {
            let message = std::mem::replace(message, ptr::null_mut());
            // SAFETY: librdkafka gave this message to us; it is valid until destroyed, and destroyed once.
            unsafe {
                if outcome.is_ok() {
                    outcome = record(&*message).and_then(&mut each);
                }
                rd::rd_kafka_message_destroy(message);
            }
        }
        outcome.map(|()| count)
    }

    fn fill(&mut self, wait_ms: c_int, limit: usize) -> usize {
        let (queue, room) = (self.queue.as_ptr(), self.taken.as_mut_ptr());
        // SAFETY: `room` has place for `limit` pointers; the queue is valid until `self` is dropped.
        let count = unsafe { rd::rd_kafka_consume_batch_queue(queue, wait_ms, room, limit) };
        usize::try_from(count).unwrap_or(0)
    }
}

impl Drop for Queue<'_> {
    fn drop(&mut self) {
        // SAFETY: the reference is ours and given back once.
        unsafe { rd::rd_kafka_queue_destroy(self.queue.as_ptr()) }
    }
}

fn record(message: &rd::rd_kafka_message_t) -> Result<Record<'_>, Failure> {
    if message.err.is_error() {
        return Err(format!("the input can't be read: {}", RDKafkaErrorCode::from(message.err)).into());
    }
    // SAFETY: pointers and lengths belong together and live as long as the message.
    let (key, value) = unsafe { (bytes(message.key, message.key_len), bytes(message.payload, message.len)) };
    Ok(Record { key, value, partition: message.partition, offset: message.offset })
}

unsafe fn bytes<'a>(start: *mut c_void, length: usize) -> &'a [u8] {
    match NonNull::new(start.cast::<u8>()) {
        // SAFETY: the caller's promise.
        Some(start) => unsafe { slice::from_raw_parts(start.as_ptr(), length) },
        None => &[],
    }
}

/// The output topic of a producer.
pub(crate) struct Topic<'a> {
    handle: NonNull<rd::rd_kafka_topic_t>,
    producer: &'a BaseProducer,
}

impl<'a> Topic<'a> {
    pub(crate) fn of(producer: &'a BaseProducer, name: &str) -> Result<Self, Failure> {
        let text = CString::new(name)?;
        let client = producer.client().native_ptr();
        // SAFETY: client and name are valid for the call; a null configuration is the default.
        let handle = unsafe { rd::rd_kafka_topic_new(client, text.as_ptr(), ptr::null_mut()) };
        let handle = NonNull::new(handle).ok_or_else(|| format!("no topic can be named {name}"))?;
        Ok(Self { handle, producer })
    }

    /// Copies a record into the producer's queue; the partition is the key's. False: there is no room.
    pub(crate) fn send(&self, key: &[u8], value: &[u8]) -> Result<bool, Failure> {
        // SAFETY: the handle is valid; key and value are valid for the call, which copies them (MSG_F_COPY).
        let sent = unsafe {
            rd::rd_kafka_produce(
                self.handle.as_ptr(),
                BY_KEY,
                rd::RD_KAFKA_MSG_F_COPY,
                value.as_ptr().cast_mut().cast(),
                value.len(),
                key.as_ptr().cast(),
                key.len(),
                ptr::null_mut(),
            )
        };
        if sent == 0 {
            return Ok(true);
        }
        // SAFETY: reads this thread's error of the call just made.
        let code = RDKafkaErrorCode::from(unsafe { rd::rd_kafka_last_error() });
        if code == RDKafkaErrorCode::QueueFull {
            return Ok(false);
        }
        Err(format!("a record can't be written: {code}").into())
    }

    /// Waits until everything is acknowledged; false when the time is over before.
    pub(crate) fn flush(&self, at_most: Duration) -> bool {
        // SAFETY: the client lives as long as `self`.
        let code = unsafe { rd::rd_kafka_flush(self.producer.client().native_ptr(), millis(at_most)) };
        !code.is_error()
    }
}

impl Drop for Topic<'_> {
    fn drop(&mut self) {
        // SAFETY: the handle is ours and destroyed once, before its client.
        unsafe { rd::rd_kafka_topic_destroy(self.handle.as_ptr()) }
    }
}

fn millis(duration: Duration) -> c_int {
    c_int::try_from(duration.as_millis()).unwrap_or(c_int::MAX)
}
