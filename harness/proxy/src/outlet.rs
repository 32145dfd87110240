//! Where bytes go: as late and as slowly as the link faults in force want it, or not at all as long as it is cut.

use std::io;
use std::net::Shutdown;
use std::num::NonZeroU64;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use crate::link::Links;
use crate::rule::Side;
use crate::shared::Control;

/// A slow link passes this many pieces per second.
const PIECES_PER_SECOND: u64 = 50;

/// One direction of a connection. Who writes a frame holds it from the frame's first byte to its last.
pub(crate) struct Outlet {
    side: Side,
    links: watch::Receiver<Links>,
    /// When what was written has passed the slow link.
    free_at: Instant,
    ended: bool,
}

impl Outlet {
    pub(crate) fn new(side: Side, links: watch::Receiver<Links>) -> Self {
        Self { side, links, free_at: Instant::now(), ended: false }
    }

    /// Writes everything, which came at this time.
    pub(crate) async fn write(
        &mut self,
        stream: &TcpStream,
        control: &Control,
        came: Instant,
        mut bytes: &[u8],
    ) -> io::Result<()> {
        while !bytes.is_empty() {
            let rate = self.pass(control, came).await;
            let piece = rate.map_or(bytes.len(), |rate| piece(rate).min(bytes.len()));
            let (now, rest) = bytes.split_at(piece);
            write_all(stream, now).await?;
            if let Some(rate) = rate {
                self.free_at = Instant::now() + time_of(piece, rate);
            }
            bytes = rest;
        }
        Ok(())
    }

    /// Nothing more will be written; the other end learns it, unless the link is cut.
    pub(crate) async fn end(&mut self, stream: &TcpStream, control: &Control) -> io::Result<()> {
        self.pass(control, Instant::now()).await;
        self.ended = true;
        shut_down_writing(stream)
    }

    pub(crate) fn is_ended(&self) -> bool {
        self.ended
    }

    /// Waits until something that came at this time may pass, and says at which rate.
    async fn pass(&mut self, control: &Control, came: Instant) -> Option<NonZeroU64> {
        loop {
            let client_id = control.client_id.get().map(String::as_str);
            let suffers = self.links.borrow_and_update().suffers(self.side, client_id);
            let due = if suffers.bytes_per_second.is_some() {
                self.free_at.max(came + suffers.latency)
            } else {
                came + suffers.latency
            };
            if !suffers.cut && due <= Instant::now() {
                return suffers.bytes_per_second;
            }
            // The proxy's end, which would make it an error, ends this task.
            tokio::select! {
                _ = self.links.changed() => {}
                () = sleep_until(due), if !suffers.cut => {}
            }
        }
    }
}

/// Bytes of a slow link's pieces.
fn piece(rate: NonZeroU64) -> usize {
    usize::try_from(rate.get().div_ceil(PIECES_PER_SECOND)).unwrap_or(usize::MAX)
}

fn time_of(count: usize, rate: NonZeroU64) -> Duration {
    let count = u64::try_from(count).unwrap_or(u64::MAX);
    Duration::from_micros(count.saturating_mul(1_000_000) / rate)
}

pub(crate) async fn write_all(stream: &TcpStream, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        stream.writable().await?;
        match stream.try_write(bytes) {
            Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// A stream that is shared by both directions can't be ended by its own method, which wants it alone.
fn shut_down_writing(stream: &TcpStream) -> io::Result<()> {
    socket2::SockRef::from(stream).shutdown(Shutdown::Write)
}
