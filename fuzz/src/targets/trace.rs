//! Traces: a file is built of valid frames and some that are not, or of valid ones and then damaged.
//!
//! The file is one in memory, read by its path as any other. What must come out is said by how it was built: by the layout that
//! `trace/frame.rs` of the runtime documents, and the core's codec.

use std::fs;
use std::sync::OnceLock;

use truecut_core::{Decode, Effect, Encode, Input, WorkerId};
use truecut_runtime::store::StateHandle;
use truecut_runtime::trace::{BatchDigest, Construction, Event, Header, Reader, RoleId, Stamp, Writer};

use super::by_tags;
use crate::memory_file::with_file;
use crate::outcome::Outcome;

/// The events that were read, and why no more were, if not for the end.
pub type Read = (Vec<Event>, Option<String>);

/// Builds a trace and reads it with the runtime's reader.
pub fn run(data: &[u8]) -> Outcome {
    run_with(data, read)
}

/// Builds a trace and reads it. The first byte says whether it is damaged: then four bytes say where and how.
///
/// # Panics
/// If what is read is not what the trace holds.
pub fn run_with(data: &[u8], read: impl Fn(&[u8]) -> Read) -> Outcome {
    match data.split_first() {
        None => Outcome::plain("empty"),
        Some((0..128, bodies)) => whole(bodies, read),
        Some((128.., rest)) => match rest.split_first_chunk::<7>() {
            None => Outcome::plain("empty"),
            Some((how, bodies)) => damaged(how, bodies, read),
        },
    }
}

/// What a frame may record, by the byte in front of it.
const KINDS: [u8; 6] = [1, 1, 2, 3, 3, 4];

/// Bodies of frames, as the data gives them: a length, a kind, a payload.
fn bodies(mut data: &[u8]) -> Vec<Vec<u8>> {
    let mut bodies = Vec::new();
    while let Some((&[length, kind], rest)) = data.split_first_chunk::<2>() {
        let (payload, rest) = rest.split_at(rest.len().min(length.into()));
        let kind = KINDS.get(usize::from(kind)).copied().unwrap_or(kind);
        bodies.push([&[kind], payload].concat());
        data = rest;
    }
    bodies
}

/// What a body records, by the core's codec.
fn event(body: &[u8]) -> Option<Event> {
    let (kind, payload) = body.split_first()?;
    let mut from = truecut_core::Reader::new(payload);
    let event = match kind {
        1 => Event::Input { stamp: None, input: Input::decode(&mut from).ok()? },
        2 => {
            let stamp = Some(Stamp::decode(&mut from).ok()?);
            Event::Input { stamp, input: Input::decode(&mut from).ok()? }
        }
        3 => Event::Effect(Effect::decode(&mut from).ok()?),
        4 => Event::End,
        _ => return None,
    };
    from.end().ok().map(|()| event)
}

/// An event is written and read again as the same.
fn comes_back(event: &Event) {
    let mut bytes = Vec::new();
    match event {
        Event::Input { input, .. } => input.encode(&mut bytes),
        Event::Effect(effect) => effect.encode(&mut bytes),
        Event::End => return,
    }
    let mut from = truecut_core::Reader::new(&bytes);
    match event {
        Event::Input { input, .. } => {
            assert_eq!(Input::<BatchDigest, StateHandle>::decode(&mut from).as_ref(), Ok(input));
        }
        Event::Effect(effect) => {
            assert_eq!(Effect::<BatchDigest, StateHandle>::decode(&mut from).as_ref(), Ok(effect));
        }
        Event::End => {}
    }
    assert_eq!(from.end(), Ok(()), "{event:?} has bytes left over");
}

/// Everything up to the first frame that is none, and then an error; or everything.
fn whole(data: &[u8], read: impl Fn(&[u8]) -> Read) -> Outcome {
    let bodies = bodies(data);
    let mut expected: Vec<Event> = bodies.iter().map_while(|body| event(body)).collect();
    let end = expected.iter().position(|event| *event == Event::End);
    expected.truncate(end.map_or(expected.len(), |end| end + 1));
    let (events, error) = read(&file(bodies.iter().map(Vec::as_slice)));
    assert_eq!(events, expected, "the reader says {error:?}");
    assert_eq!(error.is_some(), expected.len() < bodies.len(), "{error:?} after {events:?}");
    events.iter().for_each(comes_back);
    match error {
        None => Outcome::value("whole", &events),
        Some(why) => Outcome::text("refused", &why),
    }
}

/// What is read of a damaged trace is what was written, up to some place.
fn damaged(how: &[u8; 7], data: &[u8], read: impl Fn(&[u8]) -> Read) -> Outcome {
    let bodies = bodies(data);
    let written: Vec<Event> = bodies.iter().filter_map(|body| event(body)).collect();
    let end = written.iter().position(|event| *event == Event::End);
    let written = &written[..end.map_or(written.len(), |end| end + 1)];
    let valid = bodies.iter().filter(|body| event(body).is_some()).take(written.len());
    let whole = file(valid.map(Vec::as_slice));
    let [how, high, low, change @ ..] = how;
    let start = header().len();
    let at = start + usize::from(u16::from_be_bytes([*high, *low])) % (whole.len() - start + 1);
    let mut bytes = whole.clone();
    if how % 2 == 0 {
        bytes.truncate(at);
    } else {
        // Within one aligned word, for a change that long a checksum always shows.
        let within = bytes[at..].iter_mut().take(4 - at % 4);
        within.zip(change).for_each(|(byte, change)| *byte ^= change);
    }
    let (events, error) = read(&bytes);
    assert!(written.starts_with(&events), "{events:?} were read of {written:?}, changed at byte {at}");
    assert!(bytes != whole || (events == written && error.is_none()), "{error:?} of a whole trace");
    match error {
        None if events == written => Outcome::plain("nothing lost"),
        None => Outcome::plain("cut short"),
        Some(why) => Outcome::text("damaged", &why),
    }
}

/// A trace with these bodies.
fn file<'a>(bodies: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut bytes = header().to_vec();
    for (sequence, body) in (1_u64..).zip(bodies) {
        let clocks = [sequence, 1_000 + sequence, 2_000 + sequence];
        let mut frame: Vec<u8> = clocks.iter().flat_map(|number| number.to_le_bytes()).collect();
        frame.extend_from_slice(body);
        let length = u32::try_from(frame.len()).expect("a body is small");
        for number in [length, length, crc32c::crc32c(&frame)] {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        bytes.extend_from_slice(&frame);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
    }
    bytes
}

/// What the runtime's writer puts in front of the frames.
pub fn header() -> &'static [u8] {
    static HEADER: OnceLock<Vec<u8>> = OnceLock::new();
    HEADER.get_or_init(|| {
        let name = format!("truecut-fuzz-{}-{:?}.trace", std::process::id(), std::thread::current().id());
        let path = std::env::temp_dir().join(name);
        let header = Header {
            role: RoleId::Worker(WorkerId::new(1)),
            instance: 1,
            construction: Construction::Worker,
            mutant: None,
        };
        let writer = Writer::create(&path, &header).expect("a temporary file");
        writer.finish().expect("a temporary file");
        let bytes = fs::read(&path).expect("it was written");
        fs::remove_file(&path).expect("it was written");
        let length = u32::from_le_bytes([bytes[12], bytes[13], bytes[14], bytes[15]]);
        let end = (20 + usize::try_from(length).expect("a small header")).next_multiple_of(4);
        bytes[..end].to_vec()
    })
}

/// Reads with the runtime's reader.
pub fn read(bytes: &[u8]) -> Read {
    with_file(bytes, |path| {
        let mut reader = Reader::open(path).expect("the header is whole");
        let mut events = Vec::new();
        let error = loop {
            match reader.next() {
                None => break None,
                Some(Ok(frame)) => events.push(frame.event),
                Some(Err(error)) => break Some(error.to_string()),
            }
        };
        (events, error)
    })
}

/// A trace of one event for every event there is, whole and damaged.
pub fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for (place, kind) in [(0, 1), (3, 3)] {
        let is_event = |payload: &[u8]| event(&[&[kind], payload].concat()).is_some();
        for payload in by_tags(is_event, &[]) {
            let length = u8::try_from(payload.len()).expect("a short one");
            let frame = [&[length, place], payload.as_slice()].concat();
            seeds.push([&[0], frame.as_slice(), &[0, 5]].concat());
            seeds.push([&[128, 1, 0, 40, 1, 0, 0, 0], frame.as_slice(), &frame, &frame].concat());
            seeds.push([&[128, 0, 0, 50, 1, 0, 0, 0], frame.as_slice(), &frame, &frame].concat());
        }
    }
    seeds
}
