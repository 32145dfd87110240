//! A proxy as its owner sees it: where it listens, where it forwards to, which faults it injects.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::mpsc;

use crate::connection::serve;
use crate::event::{Event, What};
use crate::link::{FaultId, LinkFault, LinkFaultKind};
use crate::protocol::Protocol;
use crate::rule::{Counts, Rule, RuleId};
use crate::rules::Refused;
use crate::shared::{Shared, locked};

/// Where a proxy listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listen {
    /// Port 0: any free one, which [`Proxy::address`] tells.
    pub address: SocketAddr,
}

impl Default for Listen {
    /// A free port of this machine's own address.
    fn default() -> Self {
        Self { address: (Ipv4Addr::LOCALHOST, 0).into() }
    }
}

/// A running proxy. Clones are the same proxy; when the last one is dropped, all its tasks and sockets end.
#[derive(Clone)]
pub struct Proxy {
    owner: Arc<Owner>,
}

struct Owner {
    shared: Arc<Shared>,
    address: SocketAddr,
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.shared.end.cancel();
    }
}

impl Proxy {
    /// Listens. Clients are reset until an upstream is set.
    ///
    /// # Errors
    /// The address can't be listened on.
    pub async fn start(protocol: impl Protocol, listen: Listen) -> io::Result<Self> {
        let listener = TcpListener::bind(listen.address).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared::new(Box::new(protocol)));
        shared.spawn(accept(Arc::clone(&shared), listener));
        Ok(Self { owner: Arc::new(Owner { shared, address }) })
    }

    /// Where clients connect to.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.owner.address
    }

    /// Where new connections are forwarded to, `HOST:PORT`. Existing ones stay where they are.
    pub fn set_upstream(&self, upstream: impl Into<String>) {
        *locked(&self.shared().upstream) = Some(upstream.into());
    }

    /// Adds a rule, which counts from now on.
    ///
    /// # Errors
    /// The protocol does not allow it; it says why.
    pub fn add(&self, rule: Rule) -> Result<RuleId, Refused> {
        rule.check(self.shared().protocol.as_ref())?;
        Ok(locked(&self.shared().rules).add(rule))
    }

    /// Removes a rule, and discards what it holds; what it met, if it was there.
    pub fn remove(&self, rule: RuleId) -> Option<Counts> {
        let counts = locked(&self.shared().rules).remove(rule);
        drop(self.shared().take_held(rule));
        counts
    }

    /// What a rule has met until now; `None` if there is no such rule.
    #[must_use]
    pub fn counts(&self, rule: RuleId) -> Option<Counts> {
        locked(&self.shared().rules).counts(rule)
    }

    /// Delivers everything that a rule holds, oldest first but at once; how many frames that was.
    pub fn release(&self, rule: RuleId) -> usize {
        let held = self.shared().take_held(rule);
        // Those that were released by their time do not listen any more.
        held.into_iter().filter_map(|held| held.send(()).ok()).count()
    }

    /// Puts a link fault in force, beside those that are.
    ///
    /// # Errors
    /// The protocol does not allow it; it says why.
    pub fn fault(&self, fault: LinkFault) -> Result<FaultId, Refused> {
        let shared = self.shared();
        fault.check(shared.protocol.as_ref())?;
        let id = FaultId(shared.next_fault());
        if fault.kind == LinkFaultKind::Reset {
            let concerned = shared
                .controls()
                .into_iter()
                .filter(|c| fault.concerns(c.client_id.get().map(String::as_str)));
            concerned.for_each(|control| control.reset.cancel());
        } else {
            shared.links.send_modify(|links| links.0.push((id, fault)));
        }
        Ok(id)
    }

    /// Ends one link fault.
    pub fn heal_one(&self, fault: FaultId) {
        self.shared().links.send_modify(|links| links.0.retain(|(id, _)| *id != fault));
    }

    /// Ends all link faults; what they kept back passes. Rules stay.
    pub fn heal(&self) {
        self.shared().links.send_modify(|links| links.0.clear());
    }

    /// All that happens from now on. Nothing is left out, so read it or drop it.
    #[must_use]
    pub fn events(&self) -> mpsc::UnboundedReceiver<Event> {
        self.shared().listen()
    }

    fn shared(&self) -> &Shared {
        &self.owner.shared
    }
}

async fn accept(shared: Arc<Shared>, listener: TcpListener) {
    let mut number = 0;
    loop {
        // Fails when a client is gone already, or there are no file descriptors; neither ends the proxy.
        let Ok((client, _)) = listener.accept().await else {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            continue;
        };
        number += 1;
        let _slower_without = client.set_nodelay(true);
        if shared.links.borrow().refuses(None) {
            let _ends_anyway = client.set_zero_linger();
            shared.report(Event::of_connection(number, What::Refused));
        } else {
            shared.spawn(serve(Arc::clone(&shared), number, client));
        }
    }
}
