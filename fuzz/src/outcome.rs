//! What came of one execution, coarse enough to be counted: inputs that bring a new outcome are worth keeping.

use std::collections::BTreeSet;
use std::fmt::{self, Debug, Write as _};

/// What came of one execution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Outcome {
    /// In a word or two.
    pub kind: &'static str,
    /// Tells outcomes of a kind apart.
    pub detail: u64,
}

impl Outcome {
    /// One that needs no detail.
    #[must_use]
    pub const fn plain(kind: &'static str) -> Self {
        Self { kind, detail: 0 }
    }

    /// A value: told apart by which variants and types it is made of, and not by its numbers, texts and lengths.
    pub fn value(kind: &'static str, value: &impl Debug) -> Self {
        let mut words = Words::default();
        write!(words, "{value:?} ").expect("counting words does not fail");
        Self { kind, detail: words.all.into_iter().fold(FNV, mix) }
    }

    /// A text, told apart by all but its numbers and what it quotes.
    #[must_use]
    pub fn text(kind: &'static str, text: &str) -> Self {
        let spoken = text.split(['`', '"']).step_by(2).flat_map(str::bytes);
        let bytes = spoken.filter(|byte| !byte.is_ascii_digit());
        Self { kind, detail: bytes.fold(FNV, |hash, byte| mix(hash, byte.into())) }
    }
}

const FNV: u64 = 0xcbf2_9ce4_8422_2325;

fn mix(hash: u64, more: u64) -> u64 {
    (hash ^ more).wrapping_mul(0x0100_0000_01b3)
}

/// The set of words that begin with a capital letter, outside of quotes.
#[derive(Default)]
struct Words {
    all: BTreeSet<u64>,
    /// The hash of the word so far.
    word: Option<u64>,
    capital: bool,
    quoted: bool,
    escaped: bool,
}

impl fmt::Write for Words {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        text.bytes().for_each(|byte| self.take(byte));
        Ok(())
    }
}

impl Words {
    fn take(&mut self, byte: u8) {
        if self.quoted {
            self.quoted = self.escaped || byte != b'"';
            self.escaped = !self.escaped && byte == b'\\';
        } else if byte.is_ascii_alphanumeric() || byte == b'_' {
            self.capital = self.word.map_or(byte.is_ascii_uppercase(), |_| self.capital);
            self.word = Some(mix(self.word.unwrap_or(FNV), byte.into()));
        } else {
            self.quoted = byte == b'"';
            if let Some(word) = self.word.take().filter(|_| self.capital) {
                self.all.insert(word);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(value: &impl Debug) -> u64 {
        Outcome::value("", value).detail
    }

    #[test]
    fn values_differ_by_their_variants_alone() {
        assert_eq!(of(&Some(1)), of(&Some(22)));
        assert_ne!(of(&Some(1)), of(&None::<u8>));
        assert_eq!(of(&vec![Some("None \" Some"), None]), of(&vec![None, None, Some("x")]));
        assert_ne!(of(&Ok::<_, ()>(Some(1))), of(&Some(1)));
        assert_eq!(Outcome::text("", "byte 17"), Outcome::text("", "byte 9"));
        assert_eq!(Outcome::text("", "no field `a` there"), Outcome::text("", "no field `b` there"));
        assert_ne!(Outcome::text("", "no field `a` there"), Outcome::text("", "no field `a` here"));
    }
}
