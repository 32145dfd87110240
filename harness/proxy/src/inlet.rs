//! Where bytes come from: read ahead into a bounded queue, each piece with the time at which it came.

use std::io;

use bytes::{Bytes, BytesMut};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::Instant;

/// Bytes that are read at once.
const READ_BYTES: usize = 64 << 10;
/// Pieces that wait: at most 1 MiB. More stays with the sender.
const WAITING_MAX: usize = 16;
/// Memory that is taken for a large frame before its bytes are there.
const AHEAD_BYTES: usize = 1 << 20;

/// A piece and when it came.
type Piece = (Instant, Bytes);

/// The reader's end of the queue.
pub(crate) struct Source(mpsc::Sender<io::Result<Piece>>);

/// Bytes that came, in order.
pub(crate) struct Inlet {
    queue: mpsc::Receiver<io::Result<Piece>>,
    bytes: Bytes,
    came: Instant,
}

pub(crate) fn inlet() -> (Source, Inlet) {
    let (sender, queue) = mpsc::channel(WAITING_MAX);
    (Source(sender), Inlet { queue, bytes: Bytes::new(), came: Instant::now() })
}

impl Source {
    /// Reads until the end of the stream or an error, which is the last thing in the queue.
    pub(crate) async fn read_all(self, stream: &TcpStream) {
        let mut buffer = BytesMut::new();
        loop {
            if let Err(error) = stream.readable().await {
                let _nobody_asks = self.0.send(Err(error)).await;
                return;
            }
            buffer.reserve(READ_BYTES);
            let piece = match stream.try_read_buf(&mut buffer) {
                Ok(0) => return,
                Ok(_) => Ok((Instant::now(), buffer.split().freeze())),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
                Err(error) => Err(error),
            };
            let last = piece.is_err();
            if self.0.send(piece).await.is_err() || last {
                return;
            }
        }
    }
}

impl Inlet {
    /// Waits until so many bytes are there, in one piece; false: the stream ends before.
    pub(crate) async fn want(&mut self, count: usize) -> io::Result<bool> {
        if self.bytes.len() >= count {
            return Ok(true);
        }
        if self.bytes.is_empty() && !self.next().await? {
            return Ok(false);
        }
        if self.bytes.len() >= count {
            return Ok(true);
        }
        let mut joined = BytesMut::with_capacity(count.min(AHEAD_BYTES));
        joined.extend_from_slice(&self.bytes);
        while joined.len() < count && self.next().await? {
            joined.extend_from_slice(&self.bytes);
        }
        self.bytes = joined.freeze();
        Ok(self.bytes.len() >= count)
    }

    async fn next(&mut self) -> io::Result<bool> {
        let Some(piece) = self.queue.recv().await.transpose()? else { return Ok(false) };
        (self.came, self.bytes) = piece;
        Ok(true)
    }

    /// What is there, without taking it.
    pub(crate) fn look(&self) -> &Bytes {
        &self.bytes
    }

    /// Takes what is there, but no more than that.
    pub(crate) fn take(&mut self, most: usize) -> Bytes {
        self.bytes.split_to(most.min(self.bytes.len()))
    }

    /// When the last of what is there came.
    pub(crate) fn came(&self) -> Instant {
        self.came
    }
}
