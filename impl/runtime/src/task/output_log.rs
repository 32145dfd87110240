//! The bytes of a log: batches of outputs in the order in which they were produced, each with its length before it.

use crate::batch::RecordBatch;

/// Bytes of a length.
const LENGTH: usize = 8;

/// Appends a batch.
pub(super) fn append(log: &mut Vec<u8>, batch: &RecordBatch) {
    let length = u64::try_from(batch.encoded_len()).expect("a length fits");
    log.extend_from_slice(&length.to_le_bytes());
    batch.encode(log);
}

/// Reads all batches, or says what is wrong with the bytes.
pub(super) fn read(mut log: &[u8]) -> Result<Vec<RecordBatch>, String> {
    let mut batches = Vec::new();
    while !log.is_empty() {
        let (length, rest) = log.split_first_chunk::<LENGTH>().ok_or("a log of outputs is cut short")?;
        let length = usize::try_from(u64::from_le_bytes(*length)).unwrap_or(usize::MAX);
        let (bytes, rest) = rest.split_at_checked(length).ok_or("a log of outputs is cut short")?;
        let mut batch = RecordBatch::default();
        batch.decode_from(bytes).map_err(|error| error.to_string())?;
        batches.push(batch);
        log = rest;
    }
    Ok(batches)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::RecordRef;

    #[test]
    fn batches_read_back_in_order_and_a_cut_log_is_refused() {
        let batch = |value: &[u8]| {
            let mut batch = RecordBatch::default();
            batch.push(RecordRef { key: None, value: Some(value), timestamp_ms: 1, partition: 2, offset: 3 });
            batch
        };
        let (first, second) = (batch(b"one"), batch(b"two"));
        let mut log = Vec::new();
        append(&mut log, &first);
        let whole = log.len();
        append(&mut log, &second);
        assert_eq!(read(&log), Ok(vec![first, second]));
        for length in (1..log.len()).filter(|length| *length != whole) {
            assert!(read(&log[..length]).is_err(), "{length} bytes");
        }
    }
}
