//! One direction of a connection: frame by frame, each passed on or given what its rule says.

use std::convert::Infallible;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::time::{sleep, timeout};

use crate::connection::{Connection, Ending};
use crate::copies;
use crate::event::{Event, What};
use crate::inlet::{Inlet, inlet};
use crate::outlet::Outlet;
use crate::protocol::{Head, Peek, Style};
use crate::rule::{Action, ClientSees, RuleId, Side};

/// Whether more is to come after what was done.
enum Next {
    Frame,
    /// From here on there are no frames, or none that is whole.
    Bytes,
    /// From here on nothing passes until the stream ends, or the connection when the time is over.
    Nothing {
        close_after: Option<Duration>,
    },
}

/// Forwards one direction; ends well when its stream has ended, and the other end knows.
pub(crate) async fn run(connection: &Connection, side: Side) -> Result<(), Ending> {
    let (source, inlet) = inlet();
    let mut pump = Pump { connection, side, inlet };
    let read = async {
        source.read_all(connection.from(side)).await;
        std::future::pending::<Infallible>().await
    };
    tokio::select! {
        done = pump.forward() => done,
        never = read => match never {},
    }
}

struct Pump<'a> {
    connection: &'a Connection,
    side: Side,
    inlet: Inlet,
}

impl Pump<'_> {
    async fn forward(&mut self) -> Result<(), Ending> {
        let rest = loop {
            match self.next_frame().await? {
                Next::Frame => {}
                rest @ (Next::Bytes | Next::Nothing { .. }) => break rest,
            }
        };
        if let Next::Nothing { close_after } = rest {
            self.lose_all(close_after).await?;
        }
        let (to, control) = (self.connection.to(self.side), &self.connection.control);
        let mut outlet = self.connection.outlet(self.side).lock().await;
        self.pass(&mut outlet, usize::MAX, None).await?;
        outlet.end(to, control).await?;
        Ok(())
    }

    async fn next_frame(&mut self) -> Result<Next, Ending> {
        let connection = self.connection;
        let Some(head) = self.head().await? else { return Ok(Next::Bytes) };
        connection.learn(&head)?;
        if let Some(rule) = head.copy {
            return self.swallow(rule, &head).await;
        }
        let Some((rule, action)) = connection.shared.decide(connection.number, self.side, &head) else {
            return self.pass_frame(&head, None).await;
        };
        self.act(rule, action, &head).await
    }

    /// The next frame's head; `None` if there is no further whole frame.
    async fn head(&mut self) -> Result<Option<Head>, Ending> {
        if self.connection.shared.protocol.style() == Style::Bytes {
            return Ok(None);
        }
        let mut count = 1;
        loop {
            if !self.inlet.want(count).await? {
                return Ok(None);
            }
            let peek = self.connection.cutter().peek(self.side, self.inlet.look());
            match peek {
                Peek::Need(more) => count = more.max(self.inlet.look().len() + 1),
                Peek::Frame(head) => return Ok(Some(head)),
                Peek::Garbage(why) => {
                    let what = What::Unreadable { side: self.side, why };
                    self.connection.shared.report(Event::of_connection(self.connection.number, what));
                    return Ok(None);
                }
            }
        }
    }

    async fn act(&mut self, rule: RuleId, action: Action, head: &Head) -> Result<Next, Ending> {
        let requests = self.connection.shared.protocol.style() == Style::Requests;
        match action {
            Action::Reset => Err(Ending::Reset),
            Action::Delay { ms } => {
                sleep(Duration::from_millis(ms)).await;
                self.pass_frame(head, None).await
            }
            Action::Drop { close_after_ms } if requests => {
                Ok(Next::Nothing { close_after: close_after_ms.map(Duration::from_millis) })
            }
            Action::Drop { .. } => {
                self.collect(head.length, |_| {}).await?;
                Ok(Next::Frame)
            }
            Action::Duplicate { after_ms } => {
                let mut copy = BytesMut::new();
                let next = self.pass_frame(head, Some(&mut copy)).await?;
                let what = copies::Copy { connection: self.connection.number, rule, side: self.side };
                what.repeat(&self.connection.shared, head, copy.freeze(), after_ms);
                Ok(next)
            }
            Action::Hold { after_ms, client } => {
                let what = copies::Copy { connection: self.connection.number, rule, side: self.side };
                let mut held = BytesMut::new();
                if !self.collect(head.length, |piece| held.extend_from_slice(piece)).await? {
                    what.failed(&self.connection.shared, head, "the connection ended in the midst of it");
                    return Ok(Next::Bytes);
                }
                what.hold(&self.connection.shared, head, held.freeze(), after_ms);
                match client {
                    ClientSees::Reset => Err(Ending::Lost),
                    ClientSees::Silence if requests => Ok(Next::Nothing { close_after: None }),
                    ClientSees::Silence => Ok(Next::Frame),
                }
            }
        }
    }

    /// Keeps the answer to a copy from the client.
    async fn swallow(&mut self, rule: RuleId, head: &Head) -> Result<Next, Ending> {
        let mut answer = BytesMut::new();
        let whole = self.collect(head.length, |piece| answer.extend_from_slice(piece)).await?;
        let what = if whole {
            let error_code = self.connection.cutter().error_code(head, &answer.freeze());
            What::Answered { error_code }
        } else {
            What::Failed { why: "the connection ended in the midst of the answer".to_owned() }
        };
        let number = self.connection.number;
        self.connection.shared.report(Event::of_rule(number, rule, self.side, head, what));
        Ok(if whole { Next::Frame } else { Next::Bytes })
    }

    /// Passes a frame on as it comes, and adds it to `copy`. No other frame comes between its bytes.
    async fn pass_frame(&mut self, head: &Head, copy: Option<&mut BytesMut>) -> Result<Next, Ending> {
        let connection = self.connection;
        let mut outlet = connection.outlet(self.side).lock().await;
        if self.side == Side::Request {
            connection.cutter().sent(head, None);
        }
        let whole = self.pass(&mut outlet, head.length, copy).await?;
        Ok(if whole { Next::Frame } else { Next::Bytes })
    }

    /// Passes so many bytes on; false: the stream ended before.
    async fn pass(
        &mut self,
        outlet: &mut Outlet,
        count: usize,
        mut copy: Option<&mut BytesMut>,
    ) -> Result<bool, Ending> {
        let mut left = count;
        while left > 0 {
            if !self.inlet.want(1).await? {
                return Ok(false);
            }
            let came = self.inlet.came();
            let piece = self.inlet.take(left);
            left -= piece.len();
            outlet.write(self.connection.to(self.side), &self.connection.control, came, &piece).await?;
            if let Some(copy) = &mut copy {
                copy.extend_from_slice(&piece);
            }
        }
        Ok(true)
    }

    /// Takes so many bytes away; false: the stream ended before.
    async fn collect(&mut self, count: usize, mut each: impl FnMut(&Bytes)) -> Result<bool, Ending> {
        let mut left = count;
        while left > 0 {
            if !self.inlet.want(1).await? {
                return Ok(false);
            }
            let piece = self.inlet.take(left);
            left -= piece.len();
            each(&piece);
        }
        Ok(true)
    }

    async fn lose_all(&mut self, close_after: Option<Duration>) -> Result<(), Ending> {
        let all = self.collect(usize::MAX, |_| {});
        match close_after {
            None => all.await.map(|_| ()),
            Some(time) => timeout(time, all).await.unwrap_or(Err(Ending::Lost)).map(|_| ()),
        }
    }
}
