//! The oracle of every codec: what is read is written and read again as the same, in one form, which ends where it ends.

use std::fmt::Debug;

use crate::outcome::Outcome;

/// Reads bytes, if they can be, and holds the codec to what it read.
///
/// # Panics
/// If the codec is wrong: what it wrote reads as something else, or not at all, is longer than what was read, or is still read with its
/// end cut off or with a byte more.
pub fn round_trip<T: Debug>(
    data: &[u8],
    read: impl Fn(&[u8]) -> Result<T, String>,
    write: impl Fn(&T) -> Vec<u8>,
) -> Outcome {
    let value = match read(data) {
        Ok(value) => value,
        Err(why) => return Outcome::text("refused", &why),
    };
    let mut written = write(&value);
    assert!(written.len() <= data.len(), "the form that is written is the shortest one: {value:?}");
    let again = read(&written).unwrap_or_else(|why| panic!("{value:?} was written and can't be read: {why}"));
    assert_eq!(write(&again), written, "{value:?} was written and reads as {again:?}");
    if let Some(last) = data.last() {
        let cut = usize::from(*last) % written.len().max(1);
        let rest = read(written.get(..cut).unwrap_or_default());
        assert!(written.is_empty() || rest.is_err(), "{cut} bytes of {value:?} are read as {rest:?}");
    }
    written.push(0);
    let longer = read(&written);
    assert!(longer.is_err(), "{value:?} is read with a byte more");
    Outcome::value("read", &value)
}
