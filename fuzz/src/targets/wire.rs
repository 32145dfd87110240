//! Frames between processes: of control connections, and of data channels. The first byte says which.

use truecut_runtime::data;
use truecut_runtime::exchange::Stamped;
use truecut_runtime::wire::Frame;

use super::by_tags;
use crate::outcome::Outcome;
use crate::round_trip::round_trip;

/// A control frame, or an element of a data channel, is read and written as the same.
pub fn run(data: &[u8]) -> Outcome {
    match data.split_first() {
        None => Outcome::plain("empty"),
        Some((0..128, bytes)) => round_trip(bytes, read_frame, Frame::to_bytes),
        Some((128.., bytes)) => round_trip(bytes, read_element, write_element),
    }
}

/// As a worker and the coordinator read it.
///
/// # Errors
/// It is none.
pub fn read_frame(bytes: &[u8]) -> Result<Frame, String> {
    Frame::from_bytes(bytes).map_err(|malformed| malformed.expected.to_owned())
}

fn read_element(bytes: &[u8]) -> Result<Stamped, String> {
    data::decode(bytes).map_err(|error| error.to_string())
}

fn write_element(element: &Stamped) -> Vec<u8> {
    let mut bytes = Vec::new();
    data::encode(element, &mut bytes);
    bytes
}

/// Frames of every kind.
pub fn seeds() -> Vec<Vec<u8>> {
    let read = |bytes: &[u8]| run(bytes).kind == "read";
    // A message of the coordinator's with its stamp, of which the first two numbers are zero.
    [&[0][..], &[0, 2, 0, 0, 0], &[0, 2, 1, 0, 0, 0], &[0, 2, 2, 0, 0, 0, 0, 0], &[128]]
        .iter()
        .flat_map(|prefix| by_tags(read, prefix))
        .collect()
}
