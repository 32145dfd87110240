//! What one output record says, and the fold that its digest must follow. The format is fixed: the job writes it too,
//! with code of its own, so that a mistake in either shows.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// The value of one output record: the `count`-th input of `key` was the record at `partition` and `offset`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lineage<'a> {
    /// The key that was counted; the record's own key says the same.
    #[serde(borrow)]
    pub key: Cow<'a, str>,
    /// How many inputs of this key have been processed, this one included.
    pub count: u64,
    /// The fold over those inputs' checksums, see [`fold`].
    pub digest: u32,
    /// The input record's partition.
    pub partition: i32,
    /// The input record's offset.
    pub offset: i64,
}

/// The digest after one more input whose value has the CRC-32C `value_crc`. The digest before the first is 0.
#[must_use]
pub fn fold(digest: u32, value_crc: u32) -> u32 {
    let mut bytes = [0; 8];
    bytes[..4].copy_from_slice(&digest.to_le_bytes());
    bytes[4..].copy_from_slice(&value_crc.to_le_bytes());
    crc32c::crc32c(&bytes)
}

/// Reads an output record, or says why it cannot be one of the job's.
pub(super) fn parse<'a>(key: &[u8], value: &'a [u8]) -> Result<Lineage<'a>, String> {
    let lineage: Lineage<'a> = serde_json::from_slice(value)
        .map_err(|e| format!("its value cannot be read ({e}): {}", excerpt(value)))?;
    if lineage.key.as_bytes() != key {
        return Err(format!("its key is {} but its value speaks of {}", excerpt(key), lineage.key));
    }
    Ok(lineage)
}

/// At most 80 characters of bytes that may be anything.
fn excerpt(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).chars().take(80).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_of_the_job_is_understood() {
        let value = br#"{"key":"1007","count":3,"digest":123456,"partition":2,"offset":117}"#;
        let want = Lineage { key: "1007".into(), count: 3, digest: 123_456, partition: 2, offset: 117 };
        assert_eq!(parse(b"1007", value), Ok(want));
    }

    #[test]
    fn anything_else_is_refused_with_the_reason() {
        assert!(parse(b"1", b"hello").unwrap_err().contains("hello"));
        assert!(
            parse(b"1", br#"{"key":"1","count":3,"digest":1,"partition":2}"#).unwrap_err().contains("offset")
        );
        let value = br#"{"key":"2","count":1,"digest":1,"partition":0,"offset":0}"#;
        assert_eq!(parse(b"1", value).unwrap_err(), "its key is 1 but its value speaks of 2");
        let negative = br#"{"key":"1","count":-1,"digest":1,"partition":0,"offset":0}"#;
        assert!(parse(b"1", negative).is_err());
    }

    #[test]
    fn the_fold_is_pinned_to_values_computed_elsewhere() {
        // CRC-32C of eight zero bytes, and of digest 1 followed by checksum 2, both little endian.
        assert_eq!(fold(0, 0), 0x8c28_b28a);
        assert_eq!(fold(1, 2), 0x7a73_ec2c);
        assert_ne!(fold(1, 2), fold(2, 1));
    }
}
