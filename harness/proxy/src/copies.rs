//! Frames that come a second time, or late: how long they wait, and by which connection they are delivered.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};

use crate::connection::connect;
use crate::event::{By, Event, What};
use crate::outlet::write_all;
use crate::protocol::{Cutter, Head, Peek, Style};
use crate::rule::{RuleId, Side};
use crate::shared::{Insertion, Shared};

/// How long upstream may take to answer on a connection of the proxy's own.
const ANSWER_LIMIT: Duration = Duration::from_secs(60);

/// Where a frame was caught, and by which rule.
#[derive(Clone, Copy)]
pub(crate) struct Copy {
    pub(crate) connection: u64,
    pub(crate) rule: RuleId,
    pub(crate) side: Side,
}

impl Copy {
    fn report(self, shared: &Shared, head: &Head, what: What) {
        shared.report(Event::of_rule(self.connection, self.rule, self.side, head, what));
    }

    pub(crate) fn failed(self, shared: &Shared, head: &Head, why: &str) {
        self.report(shared, head, What::Failed { why: why.to_owned() });
    }

    /// Sends a frame, which has passed, again.
    pub(crate) fn repeat(self, shared: &Arc<Shared>, head: &Head, frame: Bytes, after_ms: u64) {
        let (this, head) = (Arc::clone(shared), head.clone());
        shared.spawn(async move {
            sleep(Duration::from_millis(after_ms)).await;
            if self.insert(&this, &head, &frame).await {
                return;
            }
            match this.protocol.style() {
                Style::Requests => self.deliver(&this, &head, &frame).await,
                Style::Messages | Style::Bytes => self.failed(&this, &head, "its connection has ended"),
            }
        });
    }

    /// Delivers a frame, which has not passed, when it is released.
    pub(crate) fn hold(self, shared: &Arc<Shared>, head: &Head, frame: Bytes, after_ms: Option<u64>) {
        let (this, head) = (Arc::clone(shared), head.clone());
        let released = shared.hold(self.rule);
        shared.spawn(async move {
            if !is_released(released, after_ms).await {
                return self.failed(&this, &head, "its rule was removed");
            }
            match this.protocol.style() {
                Style::Requests => self.deliver(&this, &head, &frame).await,
                Style::Messages | Style::Bytes => {
                    if !self.insert(&this, &head, &frame).await {
                        self.failed(&this, &head, "its connection has ended");
                    }
                }
            }
        });
    }

    /// Writes it on the connection on which it came; false if that did not happen.
    async fn insert(self, shared: &Shared, head: &Head, frame: &Bytes) -> bool {
        let (written, told) = oneshot::channel();
        let insertion =
            Insertion { rule: self.rule, side: self.side, head: head.clone(), frame: frame.clone(), written };
        shared.insert(self.connection, insertion).is_some() && told.await.is_ok()
    }

    /// Sends a request on a connection of its own and reads the answer. No link fault concerns that connection.
    async fn deliver(self, shared: &Shared, head: &Head, frame: &Bytes) {
        let asked = async {
            let address = shared.upstream().ok_or_else(|| "no upstream is set".to_owned())?;
            let stream = connect(&address).await.map_err(|error| format!("{address}: {error}"))?;
            write_all(&stream, frame).await.map_err(|error| format!("{address}: {error}"))?;
            self.report(shared, head, What::Delivered { by: By::OwnConnection });
            if !head.answered {
                return Ok(());
            }
            let mut cutter = shared.protocol.open(self.connection);
            cutter.sent(head, Some(self.rule));
            let answer = timeout(ANSWER_LIMIT, answer(stream, cutter.as_mut())).await;
            let error_code = answer.unwrap_or_else(|late| Err(late.into()));
            let error_code = error_code.map_err(|error| format!("{address} did not answer: {error}"))?;
            self.report(shared, head, What::Answered { error_code });
            Ok(())
        };
        if let Err(why) = asked.await {
            let why: String = why;
            self.failed(shared, head, &why);
        }
    }
}

/// Waits for the release; false: discarded.
async fn is_released(released: oneshot::Receiver<()>, after_ms: Option<u64>) -> bool {
    let by_itself = async {
        match after_ms {
            Some(ms) => sleep(Duration::from_millis(ms)).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        released = released => released.is_ok(),
        () = by_itself => true,
    }
}

/// The error code of the first answer that comes.
async fn answer(mut stream: TcpStream, cutter: &mut dyn Cutter) -> io::Result<Option<i16>> {
    let mut frame = BytesMut::new();
    let mut head: Option<Head> = None;
    loop {
        if stream.read_buf(&mut frame).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if head.is_none() {
            match cutter.peek(Side::Response, &Bytes::copy_from_slice(&frame)) {
                Peek::Need(_) => {}
                Peek::Frame(named) => head = Some(named),
                Peek::Garbage(why) => return Err(io::Error::other(why)),
            }
        }
        if let Some(head) = head.as_ref().filter(|head| head.length <= frame.len()) {
            return Ok(cutter.error_code(head, &frame.freeze()));
        }
    }
}
