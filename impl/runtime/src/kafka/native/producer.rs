//! A producer's cheap calls: records through topic handles, a flush that sleeps until all is acknowledged.

use std::collections::HashMap;
use std::ffi::{CString, c_void};
use std::ptr::{self, NonNull};
use std::time::Duration;

use rdkafka::bindings as rd;
use rdkafka::producer::{BaseProducer, Producer, ProducerContext};

use super::{code, millis};
use crate::batch::{NO_TIMESTAMP, RecordRef};
use crate::kafka::settings::INVALID_ARGUMENT;

/// A producer with its topic handles.
pub(in crate::kafka) struct NativeProducer<C: ProducerContext + 'static> {
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
    pub(in crate::kafka) fn new(producer: BaseProducer<C>) -> Self {
        Self { topics: HashMap::new(), producer }
    }

    pub(in crate::kafka) fn producer(&self) -> &BaseProducer<C> {
        &self.producer
    }

    /// Has a handle for the topic. Gives librdkafka's code if it refuses the name.
    pub(in crate::kafka) fn open_topic(&mut self, topic: &str) -> Result<(), i16> {
        if self.topics.contains_key(topic) {
            return Ok(());
        }
        let name = CString::new(topic).map_err(|_| INVALID_ARGUMENT)?;
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
    pub(in crate::kafka) fn send(&self, topic: &str, record: RecordRef<'_>) -> Result<(), i16> {
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
    pub(in crate::kafka) fn flush(&self, at_most: Duration) -> bool {
        // SAFETY: the client lives as long as `self`.
        code(unsafe { rd::rd_kafka_flush(self.native(), millis(at_most)) }) == 0
    }

    /// Asks any broker for the list of brokers. Gives librdkafka's code if none answers in time.
    pub(in crate::kafka) fn ask_for_brokers(&self, at_most: Duration) -> Result<(), i16> {
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

fn pointer(bytes: Option<&[u8]>) -> (*const c_void, usize) {
    bytes.map_or((ptr::null(), 0), |bytes| (bytes.as_ptr().cast(), bytes.len()))
}
