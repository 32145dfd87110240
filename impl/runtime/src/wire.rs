//! Frames of the control connection between the coordinator and a worker, and of the data channels between workers.
//! Both ends are the same program; a version is checked all the same.

use truecut_core::{Decode, Encode, Malformed, Message, Reader};

use crate::metrics::Sample;
use crate::store::StateHandle;
use crate::trace::Stamp;

/// Version of everything here. Changes with any frame and with the alphabet of the core.
pub const VERSION: u16 = 4;

/// The largest control frame: a deployment carries handles to state, not the state.
pub const MAX_FRAME_BYTES: usize = 64 << 20;

/// A frame of a control connection.
#[derive(Clone, Debug)]
pub enum Frame {
    /// First frame of a worker.
    Hello {
        /// Its [`VERSION`].
        version: u16,
        /// Its process id.
        pid: u32,
        /// Slots that it offers.
        slots: u16,
        /// Where other workers connect to it.
        data_address: String,
    },
    /// First frame of the coordinator.
    Welcome {
        /// The worker's identity, as long as this connection lives.
        worker: u32,
        /// The job's description, JSON.
        config: String,
        /// Partitions of the input topic.
        partitions: u32,
        /// Go on after a lost transaction.
        accept_loss: bool,
    },
    /// A message of the protocol.
    Core {
        /// The effect that sent it.
        stamp: Stamp,
        /// The message.
        message: Message<StateHandle>,
        /// With a deployment: where the workers of its placement listen.
        addresses: Vec<Address>,
    },
    /// What a worker has counted. Nothing depends on it.
    Metrics(Vec<Sample>),
}

/// Where a worker listens for data channels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// The worker.
    pub worker: u32,
    /// `HOST:PORT`.
    pub at: String,
}

impl Encode for Address {
    fn encode(&self, out: &mut Vec<u8>) {
        self.worker.encode(out);
        self.at.encode(out);
    }
}

impl Decode for Address {
    fn decode(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self { worker: u32::decode(from)?, at: String::decode(from)? })
    }
}

impl Frame {
    /// Its bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        match self {
            Self::Hello { version, pid, slots, data_address } => {
                out.push(0);
                version.encode(&mut out);
                pid.encode(&mut out);
                slots.encode(&mut out);
                data_address.encode(&mut out);
            }
            Self::Welcome { worker, config, partitions, accept_loss } => {
                out.push(1);
                worker.encode(&mut out);
                config.encode(&mut out);
                partitions.encode(&mut out);
                accept_loss.encode(&mut out);
            }
            Self::Core { stamp, message, addresses } => {
                out.push(2);
                stamp.encode(&mut out);
                message.encode(&mut out);
                addresses.encode(&mut out);
            }
            Self::Metrics(samples) => {
                out.push(3);
                samples.encode(&mut out);
            }
        }
        out
    }

    /// Reads a frame.
    ///
    /// # Errors
    /// The bytes are not those of one.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut from = Reader::new(bytes);
        let frame = match u8::decode(&mut from)? {
            0 => Self::Hello {
                version: u16::decode(&mut from)?,
                pid: u32::decode(&mut from)?,
                slots: u16::decode(&mut from)?,
                data_address: String::decode(&mut from)?,
            },
            1 => Self::Welcome {
                worker: u32::decode(&mut from)?,
                config: String::decode(&mut from)?,
                partitions: u32::decode(&mut from)?,
                accept_loss: bool::decode(&mut from)?,
            },
            2 => Self::Core {
                stamp: Stamp::decode(&mut from)?,
                message: Message::decode(&mut from)?,
                addresses: Vec::decode(&mut from)?,
            },
            3 => Self::Metrics(Vec::decode(&mut from)?),
            _ => return Err(from.malformed("a frame of this version")),
        };
        from.end()?;
        Ok(frame)
    }
}
