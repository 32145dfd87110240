//! One client's connection and its counterpart to upstream: both directions in one task, and how the two end.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::net::TcpStream;
use tokio::sync::{Mutex as AsyncMutex, mpsc};

use crate::event::{By, Event, What};
use crate::outlet::Outlet;
use crate::protocol::{Cutter, Head};
use crate::pump;
use crate::rule::Side;
use crate::shared::{Control, Insertion, Shared, locked};

/// Why a connection ends before both directions came to their end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// A fault: both ends see a reset.
    Reset,
    /// A frame was lost: the client sees a reset, upstream an end after all that was sent to it.
    Lost,
    /// One end is gone or broken: the other one is closed.
    Broken,
}

impl From<io::Error> for Ending {
    fn from(_: io::Error) -> Self {
        Self::Broken
    }
}

/// What both directions of a connection know.
pub(crate) struct Connection {
    pub(crate) number: u64,
    pub(crate) shared: Arc<Shared>,
    pub(crate) control: Arc<Control>,
    client: TcpStream,
    upstream: TcpStream,
    cutter: Mutex<Box<dyn Cutter>>,
    requests: AsyncMutex<Outlet>,
    answers: AsyncMutex<Outlet>,
}

/// Serves a client until its connection ends.
pub(crate) async fn serve(shared: Arc<Shared>, number: u64, client: TcpStream) {
    let (control, insertions) = shared.register(number);
    let upstream = tokio::select! {
        upstream = reach_upstream(&shared, number) => upstream,
        () = control.reset.cancelled() => None,
    };
    if let Some(upstream) = upstream {
        let connection = Connection::new(&shared, number, control, client, upstream);
        connection.run(insertions).await;
    } else {
        let _ends_anyway = client.set_zero_linger();
    }
    shared.forget(number);
}

/// Waits while a cut link hides newcomers; `None`: the client is to be reset, which was reported.
async fn reach_upstream(shared: &Shared, number: u64) -> Option<TcpStream> {
    let mut links = shared.links.subscribe();
    links.wait_for(|links| !links.stalls_newcomers()).await.ok()?;
    let reached = match shared.upstream() {
        Some(upstream) => connect(&upstream).await.map_err(|error| format!("{upstream}: {error}")),
        None => Err("no upstream is set".to_owned()),
    };
    reached.inspect_err(|why| report_unreached(shared, number, why)).ok()
}

fn report_unreached(shared: &Shared, number: u64, why: &str) {
    shared.report(Event::of_connection(number, What::Unreached { why: why.to_owned() }));
}

pub(crate) async fn connect(address: &str) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

impl Connection {
    fn new(
        shared: &Arc<Shared>,
        number: u64,
        control: Arc<Control>,
        client: TcpStream,
        upstream: TcpStream,
    ) -> Self {
        let outlet = |side| AsyncMutex::new(Outlet::new(side, shared.links.subscribe()));
        Self {
            number,
            shared: Arc::clone(shared),
            control,
            client,
            upstream,
            cutter: Mutex::new(shared.protocol.open(number)),
            requests: outlet(Side::Request),
            answers: outlet(Side::Response),
        }
    }

    async fn run(self, insertions: mpsc::UnboundedReceiver<Insertion>) {
        let both = async {
            tokio::try_join!(pump::run(&self, Side::Request), pump::run(&self, Side::Response)).map(|_| ())
        };
        let ended = tokio::select! {
            ended = both => ended,
            () = self.insert_all(insertions) => Ok(()),
            () = self.control.reset.cancelled() => Err(Ending::Reset),
        };
        // A stream that lingers for no time is reset when it is dropped.
        let reset: &[&TcpStream] = match ended {
            Err(Ending::Reset) => &[&self.client, &self.upstream],
            Err(Ending::Lost) => &[&self.client],
            Err(Ending::Broken) | Ok(()) => &[],
        };
        for stream in reset {
            let _ends_anyway = stream.set_zero_linger();
        }
    }

    /// Never ends while the connection is registered.
    async fn insert_all(&self, mut insertions: mpsc::UnboundedReceiver<Insertion>) {
        while let Some(insertion) = insertions.recv().await {
            let Insertion { rule, side, head, frame, written } = insertion;
            let mut outlet = self.outlet(side).lock().await;
            if outlet.is_ended() {
                continue;
            }
            if side == Side::Request {
                self.cutter().sent(&head, Some(rule));
            }
            let now = tokio::time::Instant::now();
            if outlet.write(self.to(side), &self.control, now, &frame).await.is_ok() {
                let what = What::Delivered { by: By::SameConnection };
                self.shared.report(Event::of_rule(self.number, rule, side, &head, what));
                let _nobody_asks = written.send(());
            }
        }
    }

    pub(crate) fn cutter(&self) -> MutexGuard<'_, Box<dyn Cutter>> {
        locked(&self.cutter)
    }

    pub(crate) fn from(&self, side: Side) -> &TcpStream {
        match side {
            Side::Request => &self.client,
            Side::Response => &self.upstream,
        }
    }

    pub(crate) fn to(&self, side: Side) -> &TcpStream {
        match side {
            Side::Request => &self.upstream,
            Side::Response => &self.client,
        }
    }

    pub(crate) fn outlet(&self, side: Side) -> &AsyncMutex<Outlet> {
        match side {
            Side::Request => &self.requests,
            Side::Response => &self.answers,
        }
    }

    /// Learns from a frame who the client is; an error if such clients are refused.
    pub(crate) fn learn(&self, head: &Head) -> Result<(), Ending> {
        let Some(client_id) = &head.client_id else { return Ok(()) };
        if self.control.client_id.set(client_id.clone()).is_err() {
            return Ok(());
        }
        if self.shared.links.borrow().refuses(Some(client_id)) {
            self.shared.report(Event::of_connection(self.number, What::Refused));
            return Err(Ending::Reset);
        }
        Ok(())
    }
}
