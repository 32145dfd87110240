//! A consumer that gives its messages in arrays.
//!
//! rust-rdkafka's consumer is not used below its configuration: it takes one message per call, and its queue, read in
//! arrays, would only log errors such as that of a topic that was deleted. Here an error callback takes them.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::ptr::{self, NonNull};
use std::slice;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rdkafka::bindings as rd;
use rdkafka::{ClientConfig, TopicPartitionList};

use super::{code, log, millis};
use crate::kafka::Failure;
use crate::kafka::settings::{INVALID_ARGUMENT, failure, raw_code};

/// librdkafka's consumer.
pub(in crate::kafka) struct NativeConsumer {
    client: NonNull<rd::rd_kafka_t>,
    queue: NonNull<rd::rd_kafka_queue_t>,
    /// Null between calls of `take`.
    taken: Vec<*mut rd::rd_kafka_message_t>,
    /// The client's opaque: boxed, so that it stays where it is.
    errors: Box<Mutex<Vec<Failure>>>,
}

// SAFETY: librdkafka's clients and queues may be used from any thread.
unsafe impl Send for NativeConsumer {}

impl NativeConsumer {
    /// A consumer; its configuration has a group id. `capacity` messages are taken at a time.
    pub(in crate::kafka) fn new(config: &ClientConfig, capacity: usize) -> Result<Self, Failure> {
        let native_config = config.create_native_config().map_err(|error| failure(&error))?;
        let errors = Box::<Mutex<Vec<Failure>>>::default();
        let mut text = [0; 512];
        // SAFETY: the configuration is valid, the callbacks have the right types, and the opaque outlives the client,
        // which is destroyed in `drop` before the fields are. The client takes the configuration if it is created.
        let client = unsafe {
            rd::rd_kafka_conf_set_opaque(native_config.ptr(), ptr::from_ref(&*errors).cast_mut().cast());
            rd::rd_kafka_conf_set_error_cb(native_config.ptr(), Some(error));
            rd::rd_kafka_conf_set_log_cb(native_config.ptr(), Some(log));
            let kind = rd::rd_kafka_type_t::RD_KAFKA_CONSUMER;
            rd::rd_kafka_new(kind, native_config.ptr(), text.as_mut_ptr(), text.len())
        };
        let Some(client) = NonNull::new(client) else {
            // SAFETY: librdkafka has written a C string.
            let reason = unsafe { CStr::from_ptr(text.as_ptr()) }.to_string_lossy().into_owned();
            return Err(Failure { code: INVALID_ARGUMENT, reason });
        };
        std::mem::forget(native_config);
        // SAFETY: the client is valid; its own queue is led to the consumer's, so that one queue has everything.
        let queue = unsafe {
            rd::rd_kafka_poll_set_consumer(client.as_ptr());
            rd::rd_kafka_queue_get_consumer(client.as_ptr())
        };
        let queue = NonNull::new(queue).expect("a client with a group id has a consumer queue");
        Ok(Self { client, queue, taken: vec![ptr::null_mut(); capacity], errors })
    }

    /// Reads these partitions, from their offsets.
    pub(in crate::kafka) fn assign(&self, partitions: &TopicPartitionList) -> Result<(), i16> {
        // SAFETY: client and list are valid for the call, which copies the list.
        done(unsafe { rd::rd_kafka_assign(self.client.as_ptr(), partitions.ptr()) })
    }

    /// Fetches no more of these partitions.
    pub(in crate::kafka) fn pause(&self, partitions: &TopicPartitionList) -> Result<(), i16> {
        // SAFETY: client and list are valid for the call.
        done(unsafe { rd::rd_kafka_pause_partitions(self.client.as_ptr(), partitions.ptr()) })
    }

    /// Fetches these partitions again.
    pub(in crate::kafka) fn resume(&self, partitions: &TopicPartitionList) -> Result<(), i16> {
        // SAFETY: client and list are valid for the call.
        done(unsafe { rd::rd_kafka_resume_partitions(self.client.as_ptr(), partitions.ptr()) })
    }

    /// Takes what is there, in order, and says how many. With a time to wait, waits so long for one message instead.
    pub(in crate::kafka) fn take(&mut self, wait: Duration, mut each: impl FnMut(Message<'_>)) -> usize {
        let (limit, wait) = if wait.is_zero() { (self.taken.len(), 0) } else { (1, millis(wait)) };
        let (queue, room) = (self.queue.as_ptr(), self.taken.as_mut_ptr());
        // SAFETY: `room` has place for `limit` pointers; the queue is valid until `self` is dropped.
        let count = unsafe { rd::rd_kafka_consume_batch_queue(queue, wait, room, limit) };
        let count = usize::try_from(count).unwrap_or(0);
        for message in &mut self.taken[..count] {
            let message = std::mem::replace(message, ptr::null_mut());
            // SAFETY: librdkafka gave this message to us; it is valid until destroyed, and destroyed once.
            unsafe {
                each(Message(&*message));
                rd::rd_kafka_message_destroy(message);
            }
        }
        count
    }

    /// Errors that came in `take` and are no messages of a partition.
    pub(in crate::kafka) fn errors(&self) -> Vec<Failure> {
        std::mem::take(&mut *self.errors.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for NativeConsumer {
    fn drop(&mut self) {
        // SAFETY: queue and client are ours and given back once, in the order that librdkafka asks for; messages are
        // all destroyed.
        unsafe {
            rd::rd_kafka_queue_destroy(self.queue.as_ptr());
            rd::rd_kafka_consumer_close(self.client.as_ptr());
            rd::rd_kafka_destroy(self.client.as_ptr());
        }
    }
}

/// A record, or an error about a partition.
#[derive(Clone, Copy)]
pub(in crate::kafka) struct Message<'a>(&'a rd::rd_kafka_message_t);

impl<'a> Message<'a> {
    /// 0 for a record.
    pub(in crate::kafka) fn code(self) -> i16 {
        // SAFETY: read as the number it is, since a broker's code may be one that the enum does not list.
        raw_code(unsafe { ptr::addr_of!(self.0.err).cast::<i32>().read() })
    }

    pub(in crate::kafka) fn partition(self) -> i32 {
        self.0.partition
    }

    pub(in crate::kafka) fn offset(self) -> i64 {
        self.0.offset
    }

    pub(in crate::kafka) fn key(self) -> Option<&'a [u8]> {
        // SAFETY: pointer and length belong together and live as long as the message.
        unsafe { bytes(self.0.key, self.0.key_len) }
    }

    /// The value; in an error its text.
    pub(in crate::kafka) fn value(self) -> Option<&'a [u8]> {
        // SAFETY: pointer and length belong together and live as long as the message.
        unsafe { bytes(self.0.payload, self.0.len) }
    }

    pub(in crate::kafka) fn timestamp_ms(self) -> i64 {
        // SAFETY: the message is valid; the kind of timestamp is not asked for.
        unsafe { rd::rd_kafka_message_timestamp(self.0, ptr::null_mut()) }
    }

    /// Names the topic for comparison with that of another message that is alive.
    pub(in crate::kafka) fn topic_handle(self) -> *const c_void {
        self.0.rkt.cast_const().cast()
    }

    pub(in crate::kafka) fn topic(self) -> &'a str {
        if self.0.rkt.is_null() {
            return "";
        }
        // SAFETY: the handle lives as long as the message, and its name is a C string.
        unsafe { CStr::from_ptr(rd::rd_kafka_topic_name(self.0.rkt)) }.to_str().unwrap_or("")
    }
}

/// Called by librdkafka within `take`, and when the client closes.
unsafe extern "C" fn error(_: *mut rd::rd_kafka_t, error: c_int, reason: *const c_char, opaque: *mut c_void) {
    // SAFETY: librdkafka passes a C string that is valid for the call.
    let reason = unsafe { CStr::from_ptr(reason) }.to_string_lossy().into_owned();
    let failure = Failure { code: raw_code(error), reason };
    tracing::warn!(target: "librdkafka", code = failure.code, "{}", failure.reason);
    // SAFETY: the opaque is the list that `NativeConsumer` holds for as long as the client lives.
    let errors = unsafe { &*opaque.cast::<Mutex<Vec<Failure>>>() };
    errors.lock().unwrap_or_else(PoisonError::into_inner).push(failure);
}

fn done(error: rd::rd_kafka_resp_err_t) -> Result<(), i16> {
    match code(error) {
        0 => Ok(()),
        code => Err(code),
    }
}

unsafe fn bytes<'a>(start: *mut c_void, length: usize) -> Option<&'a [u8]> {
    let start = NonNull::new(start.cast::<u8>())?;
    // SAFETY: the caller's promise.
    Some(unsafe { slice::from_raw_parts(start.as_ptr(), length) })
}
