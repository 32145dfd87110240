//! Frames of a length and that many bytes. What they mean, a function of the harness says.

use std::sync::Arc;

use bytes::{Buf as _, Bytes};

use super::{Cutter, FRAME_BYTES_MAX, Head, Peek, Protocol, Style};
use crate::rule::Side;

/// Bytes of the length field.
const LENGTH_BYTES: usize = 4;

/// The length before each frame: 32 bits, without itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prefix {
    /// Most significant byte first.
    BigEndian,
    /// Least significant byte first.
    LittleEndian,
}

/// A frame that is to be named.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// On which connection.
    pub connection: u64,
    /// Which way it goes.
    pub side: Side,
    /// Its bytes, without the length.
    pub body: &'a [u8],
}

/// What a frame is called.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Named {
    /// Its name; empty if no rule is to match it.
    pub name: String,
    /// Who is at the client's end, as far as this frame tells it.
    pub client_id: Option<String>,
}

type Classify = dyn Fn(Seen<'_>) -> Named + Send + Sync;

/// Messages with a length before each. Whole frames are collected, as the function wants to see them.
#[derive(Clone)]
pub struct Frames {
    prefix: Prefix,
    classify: Arc<Classify>,
}

impl Frames {
    /// Frames that `classify` names; it is called once per frame.
    pub fn new(prefix: Prefix, classify: impl Fn(Seen<'_>) -> Named + Send + Sync + 'static) -> Self {
        Self { prefix, classify: Arc::new(classify) }
    }
}

impl Protocol for Frames {
    fn style(&self) -> Style {
        Style::Messages
    }

    fn knows(&self, _frame: &str) -> bool {
        true
    }

    fn open(&self, connection: u64) -> Box<dyn Cutter> {
        Box::new(Cut { frames: self.clone(), connection })
    }
}

struct Cut {
    frames: Frames,
    connection: u64,
}

impl Cutter for Cut {
    fn peek(&mut self, side: Side, bytes: &Bytes) -> Peek {
        let mut rest = bytes.clone();
        let size = match self.frames.prefix {
            Prefix::BigEndian => rest.try_get_u32(),
            Prefix::LittleEndian => rest.try_get_u32_le(),
        };
        let Ok(size) = size else { return Peek::Need(LENGTH_BYTES) };
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        if size > FRAME_BYTES_MAX {
            return Peek::Garbage(format!("a frame of {size} bytes"));
        }
        let Some(body) = rest.get(..size) else { return Peek::Need(LENGTH_BYTES + size) };
        let named = (self.frames.classify)(Seen { connection: self.connection, side, body });
        Peek::Frame(Head {
            length: LENGTH_BYTES + size,
            name: named.name,
            client_id: named.client_id,
            ..Head::default()
        })
    }
}
