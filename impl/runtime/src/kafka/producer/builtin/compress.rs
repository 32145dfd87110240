//! How the records of a batch are compressed.

use std::io::Write as _;

use lz4_flex::frame::{BlockMode, BlockSize, FrameEncoder, FrameInfo};

use crate::kafka::Failure;

/// zstd's own default.
const ZSTD_LEVEL: i32 = 3;
/// CORRUPT_MESSAGE: the nearest of Kafka's codes for a batch that can't be made.
const CORRUPT_MESSAGE: i16 = 2;

/// How records are compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    #[default]
    None,
    /// Quick, to about a half.
    Lz4,
    /// Slower and smaller.
    Zstd,
}

impl Compression {
    /// The bits of a batch's attributes that tell of it (Kafka's `CompressionType`).
    pub(super) fn attribute(self) -> i16 {
        match self {
            Self::None => 0,
            Self::Lz4 => 3,
            Self::Zstd => 4,
        }
    }

    /// librdkafka's name of it.
    pub(in crate::kafka) fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
        }
    }

    /// Compresses what lies behind the header, whose room stays as it is.
    pub(super) fn apply(self, bytes: Vec<u8>, header: usize) -> Result<Vec<u8>, Failure> {
        let (room, records) = bytes.split_at(header);
        // A first guess; it grows if need be.
        let mut out = Vec::new();
        let compressed = match self {
            Self::None => return Ok(bytes),
            Self::Lz4 => {
                out.reserve(header + records.len() / 2);
                out.extend_from_slice(room);
                // What Java's client writes, and all that it reads: blocks that do not depend on one another.
                let frame =
                    FrameInfo::new().block_mode(BlockMode::Independent).block_size(BlockSize::Max64KB);
                let mut encoder = FrameEncoder::with_frame_info(frame, out);
                encoder.write_all(records).and_then(|()| encoder.finish().map_err(std::io::Error::other))
            }
            Self::Zstd => {
                out.reserve(header + records.len() / 2);
                out.extend_from_slice(room);
                zstd::stream::write::Encoder::new(out, ZSTD_LEVEL).and_then(|mut encoder| {
                    encoder.write_all(records)?;
                    encoder.finish()
                })
            }
        };
        let mut packed = compressed.map_err(|error| Failure {
            code: CORRUPT_MESSAGE,
            reason: format!("records can't be compressed with {}: {error}", self.name()),
        })?;
        // It waits for Kafka, and counts as so long: docs/memory.md.
        packed.shrink_to_fit();
        Ok(packed)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    #[test]
    fn what_is_compressed_comes_back_and_the_header_stays() {
        let header = b"header";
        let records: Vec<u8> =
            b"many records that look alike; ".iter().copied().cycle().take(200_000).collect();
        let bytes = [&header[..], &records].concat();
        for compression in [Compression::Lz4, Compression::Zstd] {
            let packed = compression.apply(bytes.clone(), header.len()).expect("compressed");
            assert_eq!(&packed[..header.len()], header);
            assert!(packed.len() < bytes.len() / 4, "{compression:?}: {}", packed.len());
            assert!(packed.capacity() <= packed.len() + 64, "{compression:?}: {}", packed.capacity());
            let (packed, mut back) = (&packed[header.len()..], Vec::new());
            match compression {
                Compression::None => unreachable!("not asked for"),
                Compression::Lz4 => {
                    lz4_flex::frame::FrameDecoder::new(packed).read_to_end(&mut back).expect("a frame")
                }
                Compression::Zstd => zstd::stream::read::Decoder::new(packed)
                    .expect("a frame")
                    .read_to_end(&mut back)
                    .expect("whole"),
            };
            assert_eq!(back, records, "{compression:?}");
        }
        assert_eq!(Compression::None.apply(bytes.clone(), header.len()), Ok(bytes));
    }
}
