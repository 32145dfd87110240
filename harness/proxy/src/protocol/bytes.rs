//! No frames at all: for links that only suffer link faults.

use bytes::Bytes;

use super::{Cutter, Peek, Protocol, Style};
use crate::rule::Side;

/// Bytes, whatever they mean. No rule fits them.
#[derive(Clone, Copy, Debug, Default)]
pub struct Untouched;

impl Protocol for Untouched {
    fn style(&self) -> Style {
        Style::Bytes
    }

    fn knows(&self, _frame: &str) -> bool {
        false
    }

    fn open(&self, _connection: u64) -> Box<dyn Cutter> {
        Box::new(Self)
    }
}

impl Cutter for Untouched {
    fn peek(&mut self, _side: Side, _bytes: &Bytes) -> Peek {
        Peek::Garbage("there are no frames".to_owned())
    }
}
