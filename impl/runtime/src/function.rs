//! What a job does with records: the part that is the user's. The protocol knows nothing of it but when to capture state.

mod benchmark;
mod keyed;

use crate::batch::{RecordBatch, RecordRef};
pub use crate::state::{Capture, Changes, Entries, Part};
pub use benchmark::{BidStatistics, BidsOfAuction, CountBinary, Currency};
pub use keyed::Keyed;

/// An error of a function; it fails the task, and the job restarts from the latest checkpoint.
pub type FunctionError = Box<dyn std::error::Error + Send + Sync>;

/// A job's function with its state. One instance runs in each operator subtask; it sees the records of its channels one by one.
pub trait Function: Send {
    /// Takes a record and appends what it returns to `out`. Must depend on nothing but the record and the state.
    ///
    /// # Errors
    /// The record can't be processed; the task fails.
    fn process(&mut self, record: RecordRef<'_>, out: &mut RecordBatch) -> Result<(), FunctionError>;

    /// Captures the state: as a whole ([`Capture::Whole`]), or what changed since the last capture ([`Capture::Changes`]); always
    /// the same of both. The stream waits for it; what comes after, it does not wait for.
    fn snapshot(&mut self) -> Capture;

    /// Takes back what [`Self::snapshot`] captured, before any record comes: the whole, or changes, part by part, the oldest first. An
    /// entry replaces one of the same key that came before.
    ///
    /// # Errors
    /// It is not a state of this function.
    fn restore(&mut self, part: Part) -> Result<(), FunctionError>;
}

/// A function with a value of state for each key. [`Keyed`] keeps, captures and restores the values.
pub trait KeyedFunction: Send {
    /// The value kept for a key; `Default` is that of a key not seen before.
    type Value: Default + Send;

    /// Takes a record and the value of its key (a record without key has the empty key).
    ///
    /// # Errors
    /// The record can't be processed; the task fails.
    fn process(
        &mut self,
        record: RecordRef<'_>,
        value: &mut Self::Value,
        out: &mut RecordBatch,
    ) -> Result<(), FunctionError>;

    /// Appends a value's bytes.
    fn encode(value: &Self::Value, out: &mut Vec<u8>);

    /// Reads a value's bytes.
    ///
    /// # Errors
    /// They are not those of a value.
    fn decode(bytes: &[u8]) -> Result<Self::Value, FunctionError>;
}

/// Passes every record on as it is.
#[derive(Debug, Default)]
pub struct PassThrough;

impl Function for PassThrough {
    fn process(&mut self, record: RecordRef<'_>, out: &mut RecordBatch) -> Result<(), FunctionError> {
        out.push(RecordRef { partition: crate::batch::ANY_PARTITION, ..record });
        Ok(())
    }

    fn snapshot(&mut self) -> Capture {
        Capture::Changes(Changes::default())
    }

    fn restore(&mut self, _part: Part) -> Result<(), FunctionError> {
        Err("a pass-through has no state".into())
    }
}

/// Counts the records of each key. The value written is the count in decimal.
#[derive(Debug, Default)]
pub struct Count {
    text: String,
}

impl KeyedFunction for Count {
    type Value = u64;

    fn process(
        &mut self,
        record: RecordRef<'_>,
        count: &mut u64,
        out: &mut RecordBatch,
    ) -> Result<(), FunctionError> {
        use std::fmt::Write as _;
        *count += 1;
        self.text.clear();
        write!(self.text, "{count}")?;
        let partition = crate::batch::ANY_PARTITION;
        out.push(RecordRef { value: Some(self.text.as_bytes()), partition, ..record });
        Ok(())
    }

    fn encode(count: &u64, out: &mut Vec<u8>) {
        out.extend_from_slice(&count.to_le_bytes());
    }

    fn decode(bytes: &[u8]) -> Result<u64, FunctionError> {
        Ok(u64::from_le_bytes(bytes.try_into()?))
    }
}

/// What [`CountWithLineage`] keeps for a key.
#[derive(Clone, Copy, Debug, Default)]
pub struct Lineage {
    count: u64,
    digest: u32,
}

impl Lineage {
    /// Takes one more record of the key.
    fn add(&mut self, record: RecordRef<'_>) {
        self.count += 1;
        let crc = crc32c::crc32c(record.value.unwrap_or_default());
        self.digest = crc32c::crc32c_append(crc32c::crc32c(&self.digest.to_le_bytes()), &crc.to_le_bytes());
    }
}

/// Counts the records of each key, and says of each output which input record it came from: the job of a chaos run.
///
/// The value is JSON: key, count, digest (a CRC-32C folded over the CRC-32Cs of all values of the key so far, in
/// order), and the input record's partition and offset.
#[derive(Debug, Default)]
pub struct CountWithLineage {
    text: String,
}

impl KeyedFunction for CountWithLineage {
    type Value = Lineage;

    fn process(
        &mut self,
        record: RecordRef<'_>,
        value: &mut Lineage,
        out: &mut RecordBatch,
    ) -> Result<(), FunctionError> {
        use std::fmt::Write as _;
        value.add(record);
        let Lineage { count, digest } = *value;
        let key = std::str::from_utf8(record.key.unwrap_or_default())?;
        if key.contains(['"', '\\']) || key.chars().any(char::is_control) {
            return Err("a key with quotes, backslashes or control characters".into());
        }
        self.text.clear();
        write!(
            self.text,
            r#"{{"key":"{key}","count":{count},"digest":{digest},"partition":{},"offset":{}}}"#,
            record.partition, record.offset
        )?;
        let partition = crate::batch::ANY_PARTITION;
        out.push(RecordRef { value: Some(self.text.as_bytes()), partition, ..record });
        Ok(())
    }

    fn encode(value: &Lineage, out: &mut Vec<u8>) {
        out.extend_from_slice(&value.count.to_le_bytes());
        out.extend_from_slice(&value.digest.to_le_bytes());
    }

    fn decode(bytes: &[u8]) -> Result<Lineage, FunctionError> {
        let (count, digest) = bytes.split_first_chunk::<8>().ok_or("a value that is too short")?;
        Ok(Lineage { count: u64::from_le_bytes(*count), digest: u32::from_le_bytes(digest.try_into()?) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(key: &str, offset: i64) -> RecordRef<'_> {
        RecordRef { key: Some(key.as_bytes()), value: Some(b"v"), timestamp_ms: 0, partition: 3, offset }
    }

    fn values(batch: &RecordBatch) -> Vec<String> {
        batch.iter().map(|record| String::from_utf8(record.value.unwrap().to_vec()).unwrap()).collect()
    }

    #[test]
    fn lineage_names_the_input_record() {
        let mut function = Keyed::new(CountWithLineage::default());
        let mut out = RecordBatch::default();
        function.process(record("1007", 117), &mut out).unwrap();
        let zero = crc32c::crc32c(&0_u32.to_le_bytes());
        let digest = crc32c::crc32c_append(zero, &crc32c::crc32c(b"v").to_le_bytes());
        let expected = format!(r#"{{"key":"1007","count":1,"digest":{digest},"partition":3,"offset":117}}"#);
        assert_eq!(values(&out), [expected]);
        assert!(function.process(record("a\"b", 0), &mut out).is_err());
    }
}
