//! The calls of librdkafka that rust-rdkafka has no safe or no cheap form of; all unsafe code of this crate's
//! Kafka clients is here.
//!
//! - Messages are taken many at a time (`rd_kafka_consume_batch_queue`), instead of one event and two allocations each.
//! - Messages are produced through a topic handle, instead of a copied and looked-up topic name each.
//! - Flushing sleeps until the last message is acknowledged, and ignores `linger.ms` meanwhile; rust-rdkafka's flush
//!   polls in steps of 100 ms.
//! - The list of brokers is asked for without that of all topics.

use std::collections::HashMap;
use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::marker::PhantomData;
use std::ptr::{self, NonNull};
use std::slice;
use std::time::Duration;

use rdkafka::bindings as rd;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::producer::{BaseProducer, Producer, ProducerContext};

use super::settings::raw_code;
use crate::batch::{NO_TIMESTAMP, RecordRef};

/// A producer with its topic handles.
pub(super) struct NativeProducer<C: ProducerContext + 'static> {
    /// Invariant: handles of `producer`; declared first, so that they are destroyed first.
    topics: HashMap<Box<str>, Topic>,
    producer: BaseProducer<C>,
}

struct Topic(NonNull<rd::rd_kafka_topic_t>);

// SAFETY: librdkafka's topic handles may be used from any thread.
unsafe impl Send for Topic {}

impl Drop for Topic {
    fn drop(&mut self) {
        // SAFETY: the handle came from `rd_kafka_topic_new` and is destroyed once, before its client.
        unsafe { rd::rd_kafka_topic_destroy(self.0.as_ptr()) }
    }
}

impl<C: ProducerContext> NativeProducer<C> {
    pub(super) fn new(producer: BaseProducer<C>) -> Self {
        Self { topics: HashMap::new(), producer }
    }

    pub(super) fn producer(&self) -> &BaseProducer<C> {
        &self.producer
    }

    /// Has a handle for the topic. Gives librdkafka's code if it refuses the name.
    pub(super) fn open_topic(&mut self, topic: &str) -> Result<(), i16> {
        if self.topics.contains_key(topic) {
            return Ok(());
        }
        let name = CString::new(topic).map_err(|_| raw_code(-186))?;
        // SAFETY: client and name are valid for the call; a null configuration is the default.
        let handle = unsafe { rd::rd_kafka_topic_new(self.native(), name.as_ptr(), ptr::null_mut()) };
        // SAFETY: reads this thread's error of the call just made.
        let handle = NonNull::new(handle).ok_or_else(|| code(unsafe { rd::rd_kafka_last_error() }))?;
        self.topics.insert(topic.into(), Topic(handle));
        Ok(())
    }

    /// Copies a record into librdkafka's queue. Gives librdkafka's code if it does not take it.
    ///
    /// # Panics
    /// If the topic is not open.
    pub(super) fn send(&self, topic: &str, record: RecordRef<'_>) -> Result<(), i16> {
        let topic = self.topics.get(topic).expect("the topic was opened before");
        let (key, key_length) = pointer(record.key);
        let (value, value_length) = pointer(record.value);
        let timestamp = if record.timestamp_ms == NO_TIMESTAMP { 0 } else { record.timestamp_ms };
        // SAFETY: each tag is followed by the arguments that `rd_kafka_producev` documents for it, the list ends with
        // VTYPE_END; key and value are valid for the call, which copies them (MSG_F_COPY).
        let result = unsafe {
            rd::rd_kafka_producev(
                self.native(),
                rd::rd_kafka_vtype_t::RD_KAFKA_VTYPE_RKT,
                topic.0.as_ptr(),
                rd::rd_kafka_vtype_t::RD_KAFKA_VTYPE_PARTITION,
                record.partition,
                rd::rd_kafka_vtype_t::RD_KAFKA_VTYPE_MSGFLAGS,
                rd::RD_KAFKA_MSG_F_COPY,
                rd::rd_kafka_vtype_t::RD_KAFKA_VTYPE_VALUE,
                value,
                value_length,
                rd::rd_kafka_vtype_t::RD_KAFKA_VTYPE_KEY,
                key,
                key_length,
                rd::rd_kafka_vtype_t::RD_KAFKA_VTYPE_TIMESTAMP,
                timestamp,
                rd::rd_kafka_vtype_t::RD_KAFKA_VTYPE_END,
            )
        };
        match code(result) {
            0 => Ok(()),
            code => Err(code),
        }
    }

    /// Sends what lingers and waits until nothing is in flight; false when the time is over before.
    /// Failed deliveries stay in flight until the producer is polled.
    pub(super) fn flush(&self, at_most: Duration) -> bool {
        // SAFETY: the client lives as long as `self`.
        code(unsafe { rd::rd_kafka_flush(self.native(), millis(at_most)) }) == 0
    }

    /// Asks any broker for the list of brokers. Gives librdkafka's code if none answers in time.
    pub(super) fn ask_for_brokers(&self, at_most: Duration) -> Result<(), i16> {
        let mut metadata = ptr::null();
        // SAFETY: the client is valid; without topic and with `all_topics` 0 only brokers are asked for; the result
        // is destroyed once, if there is one.
        unsafe {
            match code(rd::rd_kafka_metadata(
                self.native(),
                0,
                ptr::null_mut(),
                &raw mut metadata,
                millis(at_most),
            )) {
                0 => rd::rd_kafka_metadata_destroy(metadata),
                code => return Err(code),
            }
        }
        Ok(())
    }

    fn native(&self) -> *mut rd::rd_kafka_t {
        self.producer.client().native_ptr()
    }
}

/// The queue that a consumer's messages come from.
pub(super) struct MessageQueue<'c> {
    queue: NonNull<rd::rd_kafka_queue_t>,
    taken: Vec<*mut rd::rd_kafka_message_t>,
    consumer: PhantomData<&'c BaseConsumer>,
}

impl<'c> MessageQueue<'c> {
    /// The queue of a consumer that has a group id; `capacity` messages are taken at a time.
    pub(super) fn new(consumer: &'c BaseConsumer, capacity: usize) -> Option<Self> {
        let client = consumer.client().native_ptr();
        // SAFETY: the client lives as long as `'c`; the logger may be called from any thread, and is.
        let queue = unsafe {
            rd::rd_kafka_set_logger(client, Some(log));
            rd::rd_kafka_queue_get_consumer(client)
        };
        Some(Self {
            queue: NonNull::new(queue)?,
            taken: vec![ptr::null_mut(); capacity],
            consumer: PhantomData,
        })
    }

    /// Takes what is there, in order, and says how many. If nothing is, waits for one message for a while.
    pub(super) fn take(&mut self, wait: Duration, mut each: impl FnMut(Message<'_>)) -> usize {
        let (limit, wait) = if wait.is_zero() { (self.taken.len(), 0) } else { (1, millis(wait)) };
        let (queue, room) = (self.queue.as_ptr(), self.taken.as_mut_ptr());
        // SAFETY: `room` has place for `limit` pointers; the queue is valid until `self` is dropped.
        let count = unsafe { rd::rd_kafka_consume_batch_queue(queue, wait, room, limit) };
        let count = usize::try_from(count).unwrap_or(0);
        for message in &self.taken[..count] {
            // SAFETY: librdkafka gave this message to us; it is valid until destroyed, and destroyed once.
            unsafe {
                each(Message(&**message));
                rd::rd_kafka_message_destroy(*message);
            }
        }
        count
    }
}

impl Drop for MessageQueue<'_> {
    fn drop(&mut self) {
        // SAFETY: our reference to the queue, given back once.
        unsafe { rd::rd_kafka_queue_destroy(self.queue.as_ptr()) }
    }
}

/// A record, or an error about a partition.
#[derive(Clone, Copy)]
pub(super) struct Message<'a>(&'a rd::rd_kafka_message_t);

impl<'a> Message<'a> {
    /// 0 for a record.
    pub(super) fn code(self) -> i16 {
        // SAFETY: read as the number it is, since a broker's code may be one that the enum does not list.
        raw_code(unsafe { ptr::addr_of!(self.0.err).cast::<i32>().read() })
    }

    pub(super) fn partition(self) -> i32 {
        self.0.partition
    }

    pub(super) fn offset(self) -> i64 {
        self.0.offset
    }

    pub(super) fn key(self) -> Option<&'a [u8]> {
        // SAFETY: pointer and length belong together and live as long as the message.
        unsafe { bytes(self.0.key, self.0.key_len) }
    }

    /// The value; in an error its text.
    pub(super) fn value(self) -> Option<&'a [u8]> {
        // SAFETY: pointer and length belong together and live as long as the message.
        unsafe { bytes(self.0.payload, self.0.len) }
    }

    pub(super) fn timestamp_ms(self) -> i64 {
        // SAFETY: the message is valid; the kind of timestamp is not asked for.
        unsafe { rd::rd_kafka_message_timestamp(self.0, ptr::null_mut()) }
    }

    /// Names the topic for comparison with that of another message that is alive.
    pub(super) fn topic_handle(self) -> *const c_void {
        self.0.rkt.cast_const().cast()
    }

    pub(super) fn topic(self) -> &'a str {
        if self.0.rkt.is_null() {
            return "";
        }
        // SAFETY: the handle lives as long as the message, and its name is a C string.
        unsafe { CStr::from_ptr(rd::rd_kafka_topic_name(self.0.rkt)) }.to_str().unwrap_or("")
    }
}

/// Levels are those of syslog.
unsafe extern "C" fn log(
    client: *const rd::rd_kafka_t,
    level: c_int,
    facility: *const c_char,
    line: *const c_char,
) {
    // SAFETY: librdkafka passes itself and C strings, all valid for the call.
    let (client, facility, line) = unsafe {
        let client = rd::rd_kafka_name(client);
        (CStr::from_ptr(client), CStr::from_ptr(facility), CStr::from_ptr(line))
    };
    let (client, facility, line) =
        (client.to_string_lossy(), facility.to_string_lossy(), line.to_string_lossy());
    match level {
        ..=3 => tracing::error!(target: "librdkafka", %client, %facility, "{line}"),
        4 => tracing::warn!(target: "librdkafka", %client, %facility, "{line}"),
        5 | 6 => tracing::info!(target: "librdkafka", %client, %facility, "{line}"),
        _ => tracing::debug!(target: "librdkafka", %client, %facility, "{line}"),
    }
}

unsafe fn bytes<'a>(start: *mut c_void, length: usize) -> Option<&'a [u8]> {
    let start = NonNull::new(start.cast::<u8>())?;
    // SAFETY: the caller's promise.
    Some(unsafe { slice::from_raw_parts(start.as_ptr(), length) })
}

fn pointer(bytes: Option<&[u8]>) -> (*const c_void, usize) {
    bytes.map_or((ptr::null(), 0), |bytes| (bytes.as_ptr().cast(), bytes.len()))
}

fn code(error: rd::rd_kafka_resp_err_t) -> i16 {
    // SAFETY: the enum is `repr(i32)`.
    raw_code(unsafe { ptr::addr_of!(error).cast::<i32>().read() })
}

fn millis(duration: Duration) -> c_int {
    c_int::try_from(duration.as_millis()).unwrap_or(c_int::MAX)
}
