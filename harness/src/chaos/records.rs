//! What was read back from Kafka, in one file per topic, so that a run can be judged again without Kafka.
//!
//! A file is a magic line, then blocks: length, CRC-32C, records one after another. An empty block ends it, so that a file
//! that was cut off is never taken for a whole one. Of an input record's value only the CRC-32C is kept: more is not asked.

use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use crate::failure::Failure;

/// The input topic's records, as read back.
pub(super) const INPUT_FILE: &str = "input.records";
/// The output topic's committed records, as read back.
pub(super) const OUTPUT_FILE: &str = "output.records";
/// The output topic's committed records as they were read while the job ran; of each only a checksum.
pub(super) const LIVE_FILE: &str = "live.records";

const MAGIC: &[u8; 18] = b"truecut records 1\n";
const BLOCK_BYTES: usize = 256 << 10;

/// One record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kept<'a> {
    /// The partition.
    pub(super) partition: i32,
    /// The offset in it.
    pub(super) offset: i64,
    /// The key; empty if there is none.
    pub(super) key: &'a [u8],
    /// The value, or four bytes of checksum in its place.
    pub(super) value: &'a [u8],
}

/// Writes such a file. It gets its name when it is whole.
#[derive(Debug)]
pub(super) struct Writer {
    path: PathBuf,
    partial: PathBuf,
    file: BufWriter<File>,
    block: Vec<u8>,
}

impl Writer {
    /// Begins a file.
    ///
    /// # Errors
    /// It can't be created.
    pub(super) fn create(path: &Path) -> Result<Self, Failure> {
        let mut partial = path.as_os_str().to_owned();
        partial.push(".partial");
        let partial = PathBuf::from(partial);
        let begun = File::create(&partial).and_then(|mut file| file.write_all(MAGIC).map(|()| file));
        let file = BufWriter::new(begun.map_err(Failure::at("write", &partial))?);
        Ok(Self { file, path: path.to_owned(), partial, block: Vec::new() })
    }

    /// Appends a record.
    ///
    /// # Errors
    /// The file can't be written.
    pub(super) fn push(&mut self, record: Kept<'_>) -> Result<(), Failure> {
        let Kept { partition, offset, key, value } = record;
        self.block.extend_from_slice(&partition.to_le_bytes());
        self.block.extend_from_slice(&offset.to_le_bytes());
        for bytes in [key, value] {
            let length =
                u32::try_from(bytes.len()).map_err(|_| Failure::bad_data("a record of 4 GiB or more"))?;
            self.block.extend_from_slice(&length.to_le_bytes());
            self.block.extend_from_slice(bytes);
        }
        if self.block.len() >= BLOCK_BYTES { self.flush_block() } else { Ok(()) }
    }

    /// Ends the file.
    ///
    /// # Errors
    /// The file can't be written.
    pub(super) fn finish(mut self) -> Result<(), Failure> {
        if !self.block.is_empty() {
            self.flush_block()?;
        }
        self.flush_block()?;
        let named = self.file.flush().and_then(|()| std::fs::rename(&self.partial, &self.path));
        named.map_err(Failure::at("write", &self.path))
    }

    fn flush_block(&mut self) -> Result<(), Failure> {
        let length =
            u32::try_from(self.block.len()).map_err(|_| Failure::bad_data("a record of 4 GiB or more"))?;
        let crc = crc32c::crc32c(&self.block);
        let parts = [&length.to_le_bytes()[..], &crc.to_le_bytes(), &self.block];
        let written = parts.into_iter().try_for_each(|part| self.file.write_all(part));
        self.block.clear();
        written.map_err(Failure::at("write", &self.path))
    }
}

/// Reads a file and hands its records to `take`, in order.
///
/// # Errors
/// It is missing, cut off or damaged; or what `take` says.
pub(super) fn read(
    path: &Path,
    mut take: impl FnMut(Kept<'_>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let damaged = |what: &str| {
        Failure::bad_data(format!(
            "{}: {what}; it can't be judged again, run `truecut chaos` anew",
            path.display()
        ))
    };
    let file = File::open(path).map_err(|error| damaged(&format!("can't be opened ({error})")))?;
    let mut file = BufReader::new(file);
    let cut = |_| damaged("the file is cut off");
    let mut magic = [0; MAGIC.len()];
    file.read_exact(&mut magic).map_err(cut)?;
    if &magic != MAGIC {
        return Err(damaged("not a file of records"));
    }
    let mut block = Vec::new();
    loop {
        let (mut length, mut crc) = ([0; 4], [0; 4]);
        file.read_exact(&mut length).and_then(|()| file.read_exact(&mut crc)).map_err(cut)?;
        let length = u64::from(u32::from_le_bytes(length));
        if length == 0 {
            return Ok(());
        }
        block.clear();
        let read = file.by_ref().take(length).read_to_end(&mut block).map_err(cut)?;
        if u64::try_from(read).ok() != Some(length) {
            return Err(damaged("the file is cut off"));
        }
        if crc32c::crc32c(&block) != u32::from_le_bytes(crc) {
            return Err(damaged("a checksum does not match"));
        }
        let mut rest = &block[..];
        while !rest.is_empty() {
            take(record(&mut rest).ok_or_else(|| damaged("a block ends within a record"))?)?;
        }
    }
}

fn record<'a>(rest: &mut &'a [u8]) -> Option<Kept<'a>> {
    let partition = i32::from_le_bytes(*chunk(rest)?);
    let offset = i64::from_le_bytes(*chunk(rest)?);
    Some(Kept { partition, offset, key: bytes(rest)?, value: bytes(rest)? })
}

fn bytes<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = usize::try_from(u32::from_le_bytes(*chunk(rest)?)).ok()?;
    let (bytes, after) = rest.split_at_checked(length)?;
    *rest = after;
    Some(bytes)
}

fn chunk<'a, const N: usize>(rest: &mut &'a [u8]) -> Option<&'a [u8; N]> {
    let (chunk, after) = rest.split_first_chunk()?;
    *rest = after;
    Some(chunk)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(count: i64) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(OUTPUT_FILE);
        let mut writer = Writer::create(&path).unwrap();
        for offset in 0..count {
            let value = format!("value {offset}");
            writer.push(Kept { partition: 3, offset, key: b"k", value: value.as_bytes() }).unwrap();
        }
        writer.finish().unwrap();
        (folder, path)
    }

    fn count(path: &Path) -> Result<i64, Failure> {
        let mut next = 0;
        read(path, |record| {
            assert_eq!((record.partition, record.offset, record.key), (3, next, &b"k"[..]));
            assert_eq!(record.value, format!("value {next}").as_bytes());
            next += 1;
            Ok(())
        })?;
        Ok(next)
    }

    #[test]
    fn what_was_written_is_read_back_over_several_blocks() {
        for records in [0, 1, 40_000] {
            let (_folder, path) = written(records);
            assert_eq!(count(&path), Ok(records));
        }
    }

    #[test]
    fn a_file_that_is_cut_off_or_changed_is_refused_wherever_it_is() {
        let (_folder, path) = written(3);
        let whole = std::fs::read(&path).unwrap();
        for length in 0..whole.len() {
            std::fs::write(&path, &whole[..length]).unwrap();
            assert!(count(&path).unwrap_err().message.contains("cut off"), "{length}");
        }
        for place in 0..whole.len() - 8 {
            let mut changed = whole.clone();
            changed[place] ^= 1;
            std::fs::write(&path, &changed).unwrap();
            let failure = read(&path, |_| Ok(())).unwrap_err();
            assert_eq!(failure.exit, crate::verdict::Exit::BadData, "{place}");
        }
    }
}
