//! Numbers by which Kafka tells a record that comes again from one that is new.

/// The number of a record among all that one generation of a producer writes to one partition. After the largest number
/// comes 0 again, as in Kafka's `DefaultRecordBatch.incrementSequence`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sequence(i32);

impl Sequence {
    /// The first record's.
    pub const FIRST: Self = Self(0);

    /// The number as Kafka writes it; never negative.
    pub const fn get(self) -> i32 {
        self.0
    }

    /// The number that comes this many records later.
    ///
    /// # Panics
    /// If `records` is 2^31 or more, which no batch holds.
    #[must_use]
    pub fn after(self, records: u32) -> Self {
        let records = i32::try_from(records).expect("a batch has less than 2^31 records");
        let left = i32::MAX - self.0;
        Self(if records <= left { self.0 + records } else { records - left - 1 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_begin_again_at_zero() {
        assert_eq!(Sequence::FIRST.after(3).get(), 3);
        assert_eq!(Sequence(i32::MAX - 1).after(1).get(), i32::MAX);
        assert_eq!(Sequence(i32::MAX).after(1), Sequence::FIRST);
        assert_eq!(Sequence(i32::MAX - 1).after(4).get(), 2);
    }
}
