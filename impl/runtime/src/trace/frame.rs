//! The layout of a trace file: a file header, then frames.
//!
//! All numbers are little-endian. A frame is aligned to 4 bytes:
//! ```text
//! published u32   length of the body; written last, with release order; 0 until the frame is whole
//! length    u32   the same, written first
//! crc       u32   CRC-32C of the body
//! body            sequence u64, monotonic_us u64, wall_us u64, kind u8, [stamp], payload
//! ```
//! After the last published frame there is at most one unfinished frame, and then zeros: so a frame that was unpublished
//! later is told from a process that was killed.

use truecut_core::{Decode, Effect, Encode, Input, Malformed, Reader};

use super::digest::BatchDigest;
use super::header::{Header, RoleId};
use crate::store::StateHandle;

/// First bytes of a trace.
const MAGIC: [u8; 8] = *b"tctrace\n";
/// Version of the layout, and of the core's alphabet as its codec writes it.
const VERSION: u32 = 3;
/// Magic, version, length and checksum of the header, which follows.
const FILE_PREFIX: usize = 8 + 4 + 4 + 4;
/// Published length, length, checksum.
pub(super) const FRAME_PREFIX: usize = 4 + 4 + 4;
/// Every frame begins at a multiple of it.
pub(super) const ALIGNMENT: usize = 4;

const INPUT: u8 = 1;
const STAMPED_INPUT: u8 = 2;
const EFFECT: u8 = 3;
const END: u8 = 4;

/// Where something that was received was sent: names a frame of another trace.
///
/// A message or a control element carries the sequence of the effect that sent it. A batch carries none, or that of the latest
/// `Emit` or `Process` of which it holds records: batches are split and drained on their way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stamp {
    /// The sender.
    pub role: RoleId,
    /// The sender's instance, as in its trace's header.
    pub instance: u64,
    /// The sender's sequence number.
    pub sequence: u64,
}

impl Encode for Stamp {
    fn encode(&self, out: &mut Vec<u8>) {
        let Self { role, instance, sequence } = self;
        role.encode(out);
        instance.encode(out);
        sequence.encode(out);
    }
}

impl Decode for Stamp {
    fn decode(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            role: Decode::decode(from)?,
            instance: Decode::decode(from)?,
            sequence: Decode::decode(from)?,
        })
    }
}

/// What a frame records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// An input, before it was stepped.
    Input {
        /// The input.
        input: Input<BatchDigest, StateHandle>,
        /// Where it was sent, for what another role sent.
        stamp: Option<Stamp>,
    },
    /// An effect, before it was performed.
    Effect(Effect<BatchDigest, StateHandle>),
    /// The role ended in good order; nothing follows.
    End,
}

/// One frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Where it begins, in bytes from the start of the file.
    pub offset: u64,
    /// Its number, from 1 without a gap.
    pub sequence: u64,
    /// The machine's monotonic clock, in microseconds.
    pub monotonic_us: u64,
    /// The wall clock, in microseconds since 1970.
    pub wall_us: u64,
    /// What it records.
    pub event: Event,
}

/// Writes the start of a file.
pub(super) fn encode_header(header: &Header, out: &mut Vec<u8>) {
    let mut bytes = Vec::new();
    header.encode(&mut bytes);
    out.extend_from_slice(&MAGIC);
    out.extend_from_slice(&VERSION.to_le_bytes());
    out.extend_from_slice(&u32::try_from(bytes.len()).expect("a header is small").to_le_bytes());
    out.extend_from_slice(&crc32c::crc32c(&bytes).to_le_bytes());
    out.extend_from_slice(&bytes);
    out.resize(aligned(out.len()), 0);
}

/// Reads the start of a file: the header, and where the first frame begins.
pub(super) fn decode_header(bytes: &[u8]) -> Result<(Header, usize), String> {
    let Some((prefix, rest)) = bytes.split_at_checked(FILE_PREFIX) else {
        return Err(format!("it has {} bytes, too few to be a trace", bytes.len()));
    };
    if prefix[..8] != MAGIC {
        return Err("it does not begin as a trace does".into());
    }
    let version = word(prefix, 8);
    if version != VERSION {
        return Err(format!("it has format version {version} and this program reads version {VERSION}"));
    }
    let length = usize::try_from(word(prefix, 12)).map_err(|error| error.to_string())?;
    let Some(bytes) = rest.get(..length) else { return Err("its header is cut off".into()) };
    if crc32c::crc32c(bytes) != word(prefix, 16) {
        return Err("the checksum of its header does not match".into());
    }
    let mut from = Reader::new(bytes);
    let header = Header::decode(&mut from).and_then(|header| from.end().map(|()| header));
    let header = header.map_err(|malformed| format!("its header can't be read: {malformed}"))?;
    Ok((header, aligned(FILE_PREFIX + length)))
}

/// The number at a place. There are four bytes.
pub(super) fn word(bytes: &[u8], at: usize) -> u32 {
    let mut word = [0; 4];
    word.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(word)
}

/// The bytes of a frame's body in front of its payload.
pub(super) struct BodyPrefix {
    pub(super) sequence: u64,
    pub(super) monotonic_us: u64,
    pub(super) wall_us: u64,
}

impl BodyPrefix {
    fn push(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.sequence.to_le_bytes());
        out.extend_from_slice(&self.monotonic_us.to_le_bytes());
        out.extend_from_slice(&self.wall_us.to_le_bytes());
    }

    pub(super) fn input(&self, input: &impl Encode, stamp: Option<Stamp>, out: &mut Vec<u8>) {
        self.push(out);
        match stamp {
            None => out.push(INPUT),
            Some(stamp) => {
                out.push(STAMPED_INPUT);
                stamp.encode(out);
            }
        }
        input.encode(out);
    }

    pub(super) fn effect(&self, effect: &impl Encode, out: &mut Vec<u8>) {
        self.push(out);
        out.push(EFFECT);
        effect.encode(out);
    }

    pub(super) fn end(&self, out: &mut Vec<u8>) {
        self.push(out);
        out.push(END);
    }
}

/// Reads a frame's body.
pub(super) fn decode_body(offset: u64, body: &[u8]) -> Result<Frame, Malformed> {
    let mut from = Reader::new(body);
    let sequence = fixed(&mut from)?;
    let monotonic_us = fixed(&mut from)?;
    let wall_us = fixed(&mut from)?;
    let event = match from.take(1)? {
        [INPUT] => Event::Input { input: Decode::decode(&mut from)?, stamp: None },
        [STAMPED_INPUT] => {
            let stamp = Some(Stamp::decode(&mut from)?);
            Event::Input { input: Decode::decode(&mut from)?, stamp }
        }
        [EFFECT] => Event::Effect(Decode::decode(&mut from)?),
        [END] => Event::End,
        _ => return Err(from.malformed("a kind of frame")),
    };
    from.end()?;
    Ok(Frame { offset, sequence, monotonic_us, wall_us, event })
}

fn fixed(from: &mut Reader<'_>) -> Result<u64, Malformed> {
    let mut bytes = [0; 8];
    bytes.copy_from_slice(from.take(8)?);
    Ok(u64::from_le_bytes(bytes))
}

/// The next multiple of the alignment.
pub(super) const fn aligned(length: usize) -> usize {
    length.next_multiple_of(ALIGNMENT)
}
