//! Data channels between workers: one TCP connection each, records one way, credit the other.
//!
//! Whether an offered channel is taken is the worker role's word; a connection that breaks is reported and never mended.

use std::io;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt, BufWriter};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use truecut_core::{Attempt, Channel, CheckpointId, Decode, Element, Encode, Reader, Subtask};

use crate::batch::RecordBatch;
use crate::credit::{CREDITS, CreditReturn, Credits};
use crate::exchange::{ElementInbox, Stamped};
use crate::records::Records;
use crate::trace::Stamp;

/// A frame longer than this is not one of ours: batches are cut at a fraction of it, but one record may be large.
const MAX_FRAME_BYTES: u32 = 1 << 30;

/// The name of a data channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChannelName {
    /// The attempt of both ends.
    pub attempt: Attempt,
    /// The sending subtask.
    pub from: Subtask,
    /// The receiving subtask.
    pub to: Subtask,
}

/// Where an accepted channel leads.
#[derive(Debug)]
pub struct Accepted {
    /// The receiving task.
    pub inbox: Arc<ElementInbox>,
    /// Its channel.
    pub channel: Channel,
    /// Ends with the attempt.
    pub stop: CancellationToken,
}

/// A channel that another worker offers. Dropping the decision refuses it.
#[derive(Debug)]
pub struct Offer {
    /// Its name.
    pub name: ChannelName,
    /// Where the decision goes.
    pub decision: oneshot::Sender<Accepted>,
}

/// Takes connections of other workers for as long as it is polled. `broken` hears of accepted channels that broke.
pub async fn serve(
    listener: TcpListener,
    offers: UnboundedSender<Offer>,
    broken: UnboundedSender<ChannelName>,
) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let (offers, broken) = (offers.clone(), broken.clone());
                tokio::spawn(async move {
                    if let Err(error) = receive(stream, offers, broken).await {
                        tracing::debug!(%error, "a data connection ended before it was accepted");
                    }
                });
            }
            Err(error) => {
                tracing::warn!(%error, "can't accept a data connection");
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            }
        }
    }
}

async fn receive(
    stream: TcpStream,
    offers: UnboundedSender<Offer>,
    broken: UnboundedSender<ChannelName>,
) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let (mut reader, writer) = stream.into_split();
    let name = name_of(&frame(&mut reader).await?)?;
    let (decision, decided) = oneshot::channel();
    if offers.send(Offer { name, decision }).is_err() {
        return Ok(());
    }
    let Ok(Accepted { inbox, channel, stop }) = decided.await else { return Ok(()) };
    let (credit, credits) = unbounded_channel();
    inbox.connect(channel, CreditReturn::Remote(credit.clone()));
    let _ = credit.send(CREDITS);
    let ended = tokio::select! {
        () = stop.cancelled() => return Ok(()),
        ended = read_elements(&mut reader, &inbox, channel) => ended,
        ended = write_credit(writer, credits) => ended,
    };
    if let Err(error) = ended {
        tracing::info!(?name, %error, "a data channel broke");
        let _ = broken.send(name);
    }
    Ok(())
}

async fn read_elements(reader: &mut OwnedReadHalf, inbox: &ElementInbox, channel: Channel) -> io::Result<()> {
    loop {
        let bytes = frame(reader).await?;
        inbox.push(channel, decode(&bytes)?);
    }
}

async fn write_credit(mut writer: OwnedWriteHalf, mut credits: UnboundedReceiver<u32>) -> io::Result<()> {
    while let Some(mut count) = credits.recv().await {
        while let Ok(more) = credits.try_recv() {
            count += more;
        }
        writer.write_all(&count.to_le_bytes()).await?;
    }
    Ok(())
}

/// Connects to the worker at `address` and sends what comes, until `stop`. `broken` hears when it breaks.
pub async fn send(
    address: String,
    name: ChannelName,
    elements: UnboundedReceiver<Stamped>,
    credits: Arc<Credits>,
    stop: CancellationToken,
    broken: UnboundedSender<ChannelName>,
) {
    let ended = tokio::select! {
        () = stop.cancelled() => Ok(()),
        ended = connect_and_send(&address, name, elements, &credits) => ended,
    };
    credits.close();
    if let Err(error) = ended {
        tracing::info!(?name, address, %error, "a data channel broke");
        let _ = broken.send(name);
    }
}

async fn connect_and_send(
    address: &str,
    name: ChannelName,
    elements: UnboundedReceiver<Stamped>,
    credits: &Credits,
) -> io::Result<()> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (reader, writer) = stream.into_split();
    let mut writer = BufWriter::new(writer);
    let mut bytes = Vec::new();
    name.attempt.encode(&mut bytes);
    name.from.encode(&mut bytes);
    name.to.encode(&mut bytes);
    write_frame(&mut writer, &bytes).await?;
    writer.flush().await?;
    tokio::select! {
        ended = read_credit(reader, credits) => ended,
        ended = write_elements(writer, elements) => ended,
    }
}

async fn read_credit(mut reader: OwnedReadHalf, credits: &Credits) -> io::Result<()> {
    loop {
        credits.give(reader.read_u32_le().await?);
    }
}

async fn write_elements(
    mut writer: BufWriter<OwnedWriteHalf>,
    mut elements: UnboundedReceiver<Stamped>,
) -> io::Result<()> {
    let mut bytes = Vec::new();
    while let Some(element) = elements.recv().await {
        bytes.clear();
        encode(&element, &mut bytes);
        write_frame(&mut writer, &bytes).await?;
        if elements.is_empty() {
            writer.flush().await?;
        }
    }
    // The sender is gone, the attempt is not: keep the connection, so that the receiver does not take it for broken.
    std::future::pending().await
}

async fn write_frame(writer: &mut BufWriter<OwnedWriteHalf>, bytes: &[u8]) -> io::Result<()> {
    let length = u32::try_from(bytes.len()).ok().filter(|length| *length <= MAX_FRAME_BYTES);
    let length =
        length.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "a batch of more than 1 GiB"))?;
    writer.write_all(&length.to_le_bytes()).await?;
    writer.write_all(bytes).await
}

async fn frame(reader: &mut OwnedReadHalf) -> io::Result<Vec<u8>> {
    let length = reader.read_u32_le().await?;
    if length > MAX_FRAME_BYTES {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a frame length that no worker sends"));
    }
    let mut bytes = vec![0; usize::try_from(length).map_err(io::Error::other)?];
    reader.read_exact(&mut bytes).await?;
    Ok(bytes)
}

fn name_of(bytes: &[u8]) -> io::Result<ChannelName> {
    let mut from = Reader::new(bytes);
    let mut read = || {
        let name = ChannelName {
            attempt: Attempt::decode(&mut from)?,
            from: Subtask::decode(&mut from)?,
            to: Subtask::decode(&mut from)?,
        };
        from.end().map(|()| name)
    };
    read().map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

/// Appends the bytes of an element, as a frame carries them.
pub fn encode(stamped: &Stamped, out: &mut Vec<u8>) {
    match &stamped.element {
        Element::Batch(records) => {
            out.push(0);
            records.batch().encode(out);
        }
        Element::Barrier { checkpoint, last } => {
            out.push(1);
            stamped.stamp.encode(out);
            checkpoint.encode(out);
            last.encode(out);
        }
        Element::Cancel { checkpoint } => {
            out.push(2);
            stamped.stamp.encode(out);
            checkpoint.encode(out);
        }
        Element::End => {
            out.push(3);
            stamped.stamp.encode(out);
        }
    }
}

/// Reads an element.
///
/// # Errors
/// The bytes are not those of one.
pub fn decode(bytes: &[u8]) -> io::Result<Stamped> {
    let invalid =
        |error: &dyn std::fmt::Display| io::Error::new(io::ErrorKind::InvalidData, error.to_string());
    let (tag, rest) = bytes.split_first().ok_or_else(|| invalid(&"an empty frame"))?;
    if *tag == 0 {
        let mut batch = RecordBatch::default();
        batch.decode_from(rest).map_err(|error| invalid(&error))?;
        return Ok(Stamped { element: Element::Batch(Records::new(batch)), stamp: None });
    }
    let mut from = Reader::new(rest);
    let mut read = || {
        let stamp = Option::<Stamp>::decode(&mut from)?;
        let element = match tag {
            1 => Element::Barrier {
                checkpoint: CheckpointId::decode(&mut from)?,
                last: bool::decode(&mut from)?,
            },
            2 => Element::Cancel { checkpoint: CheckpointId::decode(&mut from)? },
            3 => Element::End,
            _ => return Err(from.malformed("an element of this version")),
        };
        from.end().map(|()| Stamped { element, stamp })
    };
    read().map_err(|error| invalid(&error))
}
