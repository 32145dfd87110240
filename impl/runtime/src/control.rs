//! One end of a control connection: frames in, frames out.

use std::io;

use futures::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio_util::codec::{FramedRead, FramedWrite, LengthDelimitedCodec};

use crate::wire::{Frame, MAX_FRAME_BYTES};

/// Frames of the other end.
#[derive(Debug)]
pub struct Incoming(FramedRead<OwnedReadHalf, LengthDelimitedCodec>);

/// Splits a connection: frames that come, and where to put frames that go. The writer ends when the sender is dropped.
///
/// # Errors
/// The socket refuses an option.
pub fn split(stream: TcpStream) -> io::Result<(Incoming, UnboundedSender<Frame>)> {
    stream.set_nodelay(true)?;
    let codec = || LengthDelimitedCodec::builder().max_frame_length(MAX_FRAME_BYTES).new_codec();
    let (reader, writer) = stream.into_split();
    let (sender, frames) = unbounded_channel();
    tokio::spawn(write(FramedWrite::new(writer, codec()), frames));
    Ok((Incoming(FramedRead::new(reader, codec())), sender))
}

async fn write(
    mut writer: FramedWrite<OwnedWriteHalf, LengthDelimitedCodec>,
    mut frames: UnboundedReceiver<Frame>,
) {
    while let Some(frame) = frames.recv().await {
        if let Err(error) = writer.send(bytes::Bytes::from(frame.to_bytes())).await {
            // The reader of the same connection sees its end and reports it.
            tracing::debug!(%error, "a control connection broke");
            return;
        }
    }
}

impl Incoming {
    /// The next frame; `None` when the connection is gone. Cancel safe.
    pub async fn next(&mut self) -> Option<Frame> {
        let bytes = match self.0.next().await? {
            Ok(bytes) => bytes,
            Err(error) => {
                tracing::debug!(%error, "a control connection broke");
                return None;
            }
        };
        match Frame::from_bytes(&bytes) {
            Ok(frame) => Some(frame),
            Err(error) => {
                tracing::error!(%error, "a control connection is closed: the other end is of another version, or bytes were damaged");
                None
            }
        }
    }
}
