//! What a job does with records: the part that is the user's. The protocol knows nothing of it but when to capture state.

mod benchmark;

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, DefaultHasher};

use crate::batch::{RecordBatch, RecordRef};
pub use benchmark::{BidStatistics, BidsOfAuction, CountBinary, Currency};

/// An error of a function; it fails the task, and the job restarts from the latest checkpoint.
pub type FunctionError = Box<dyn std::error::Error + Send + Sync>;

/// A job's function with its state. One instance runs in each operator subtask; it sees the records of its channels one by one.
pub trait Function: Send {
    /// Takes a record and appends what it returns to `out`. Must depend on nothing but the record and the state.
    ///
    /// # Errors
    /// The record can't be processed; the task fails.
    fn process(&mut self, record: RecordRef<'_>, out: &mut RecordBatch) -> Result<(), FunctionError>;

    /// The whole state as bytes.
    fn snapshot(&self) -> Vec<u8>;

    /// Replaces the state by one that [`Self::snapshot`] wrote.
    ///
    /// # Errors
    /// The bytes are not such a state.
    fn restore(&mut self, state: &[u8]) -> Result<(), FunctionError>;
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

/// Makes a [`Function`] of a [`KeyedFunction`].
#[derive(Debug)]
pub struct Keyed<F: KeyedFunction> {
    function: F,
    values: HashMap<Vec<u8>, F::Value, BuildHasherDefault<DefaultHasher>>,
}

impl<F: KeyedFunction> Keyed<F> {
    /// No key has a value yet.
    pub fn new(function: F) -> Self {
        Self { function, values: HashMap::default() }
    }
}

impl<F: KeyedFunction> Function for Keyed<F> {
    fn process(&mut self, record: RecordRef<'_>, out: &mut RecordBatch) -> Result<(), FunctionError> {
        let key = record.key.unwrap_or_default();
        // Looked up by reference first: the key is copied once, when it is new.
        if let Some(value) = self.values.get_mut(key) {
            return self.function.process(record, value, out);
        }
        let value = self.values.entry(key.to_vec()).or_default();
        self.function.process(record, value, out)
    }

    fn snapshot(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut value_bytes = Vec::new();
        for (key, value) in &self.values {
            value_bytes.clear();
            F::encode(value, &mut value_bytes);
            for part in [key, &value_bytes] {
                bytes.extend_from_slice(&u32::try_from(part.len()).expect("below 4 GiB").to_le_bytes());
                bytes.extend_from_slice(part);
            }
        }
        bytes
    }

    fn restore(&mut self, mut state: &[u8]) -> Result<(), FunctionError> {
        self.values.clear();
        while !state.is_empty() {
            let key = part(&mut state)?.to_vec();
            let value = F::decode(part(&mut state)?)?;
            if self.values.insert(key, value).is_some() {
                return Err("a key occurs twice in the state".into());
            }
        }
        Ok(())
    }
}

fn part<'a>(state: &mut &'a [u8]) -> Result<&'a [u8], FunctionError> {
    let cut = || FunctionError::from("the state ends within an entry");
    let (length, rest) = state.split_first_chunk::<4>().ok_or_else(cut)?;
    let length = usize::try_from(u32::from_le_bytes(*length))?;
    let (part, rest) = rest.split_at_checked(length).ok_or_else(cut)?;
    *state = rest;
    Ok(part)
}

/// Passes every record on as it is.
#[derive(Debug, Default)]
pub struct PassThrough;

impl Function for PassThrough {
    fn process(&mut self, record: RecordRef<'_>, out: &mut RecordBatch) -> Result<(), FunctionError> {
        out.push(RecordRef { partition: crate::batch::ANY_PARTITION, ..record });
        Ok(())
    }

    fn snapshot(&self) -> Vec<u8> {
        Vec::new()
    }

    fn restore(&mut self, state: &[u8]) -> Result<(), FunctionError> {
        if state.is_empty() { Ok(()) } else { Err("a pass-through has no state".into()) }
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
    fn state_restored_goes_on_where_it_was_captured() {
        let mut before = Keyed::new(Count::default());
        let mut out = RecordBatch::default();
        for key in ["a", "b", "a"] {
            before.process(record(key, 0), &mut out).unwrap();
        }
        let mut after = Keyed::new(Count::default());
        after.restore(&before.snapshot()).unwrap();
        after.process(record("a", 0), &mut out).unwrap();
        assert_eq!(values(&out), ["1", "1", "2", "3"]);
    }

    #[test]
    fn damaged_state_is_refused() {
        let mut function = Keyed::new(Count::default());
        function.process(record("key", 0), &mut RecordBatch::default()).unwrap();
        let state = function.snapshot();
        for length in 1..state.len() {
            assert!(function.restore(&state[..length]).is_err(), "cut at {length}");
        }
        assert!(function.restore(&[state.clone(), state].concat()).is_err());
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
