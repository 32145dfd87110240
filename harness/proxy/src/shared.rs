//! What a proxy's tasks share: upstream, rules, link faults, who listens to events, and which connections there are.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

use crate::event::{Event, What};
use crate::link::Links;
use crate::protocol::{Head, Protocol};
use crate::rule::{Action, RuleId, Side};
use crate::rules::Rules;

/// What all tasks of one proxy know.
pub(crate) struct Shared {
    pub(crate) protocol: Box<dyn Protocol>,
    pub(crate) upstream: Mutex<Option<String>>,
    pub(crate) rules: Mutex<Rules>,
    pub(crate) links: watch::Sender<Links>,
    pub(crate) faults: AtomicU64,
    /// Ends every task.
    pub(crate) end: CancellationToken,
    connections: Mutex<HashMap<u64, Arc<Control>>>,
    listeners: Mutex<Vec<mpsc::UnboundedSender<Event>>>,
    /// What releases held frames; dropping one discards its frame.
    held: Mutex<HashMap<RuleId, Vec<oneshot::Sender<()>>>>,
}

/// How a connection is reached from outside of its task.
pub(crate) struct Control {
    /// Resets it.
    pub(crate) reset: CancellationToken,
    /// Who the client is; told by its first frame that says so.
    pub(crate) client_id: OnceLock<String>,
    insertions: mpsc::UnboundedSender<Insertion>,
}

/// A frame that is to be put between two others.
pub(crate) struct Insertion {
    pub(crate) rule: RuleId,
    pub(crate) side: Side,
    pub(crate) head: Head,
    pub(crate) frame: Bytes,
    /// Told when all of it is written; dropped if that will not happen.
    pub(crate) written: oneshot::Sender<()>,
}

/// No code under these locks can panic half-way.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    pub(crate) fn new(protocol: Box<dyn Protocol>) -> Self {
        Self {
            protocol,
            upstream: Mutex::default(),
            rules: Mutex::default(),
            links: watch::Sender::new(Links::default()),
            faults: AtomicU64::new(0),
            end: CancellationToken::new(),
            connections: Mutex::default(),
            listeners: Mutex::default(),
            held: Mutex::default(),
        }
    }

    /// Runs something until it is done or the proxy ends.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let end = self.end.clone();
        tokio::spawn(async move { end.run_until_cancelled(task).await });
    }

    pub(crate) fn upstream(&self) -> Option<String> {
        locked(&self.upstream).clone()
    }

    pub(crate) fn next_fault(&self) -> u64 {
        self.faults.fetch_add(1, Ordering::Relaxed) + 1
    }

    pub(crate) fn listen(&self) -> mpsc::UnboundedReceiver<Event> {
        let (sender, receiver) = mpsc::unbounded_channel();
        locked(&self.listeners).push(sender);
        receiver
    }

    pub(crate) fn report(&self, event: Event) {
        locked(&self.listeners).retain(|listener| listener.send(event.clone()).is_ok());
    }

    /// What a frame suffers, which is reported at once.
    pub(crate) fn decide(&self, connection: u64, side: Side, head: &Head) -> Option<(RuleId, Action)> {
        let (rule, action) = locked(&self.rules).decide(side, head)?;
        let what = match action {
            Action::Drop { .. } => What::Dropped,
            Action::Delay { .. } => What::Delayed,
            Action::Duplicate { .. } => What::Copied,
            Action::Reset => What::Reset,
            Action::Hold { .. } => What::Held,
        };
        self.report(Event::of_rule(connection, rule, side, head, what));
        Some((rule, action))
    }

    pub(crate) fn register(&self, number: u64) -> (Arc<Control>, mpsc::UnboundedReceiver<Insertion>) {
        let (insertions, receiver) = mpsc::unbounded_channel();
        let control = Control { reset: CancellationToken::new(), client_id: OnceLock::new(), insertions };
        let control = Arc::new(control);
        locked(&self.connections).insert(number, Arc::clone(&control));
        (control, receiver)
    }

    pub(crate) fn forget(&self, number: u64) {
        locked(&self.connections).remove(&number);
    }

    pub(crate) fn controls(&self) -> Vec<Arc<Control>> {
        locked(&self.connections).values().map(Arc::clone).collect()
    }

    /// Hands a frame to a connection; `None` if that is gone.
    pub(crate) fn insert(&self, connection: u64, insertion: Insertion) -> Option<()> {
        let control = locked(&self.connections).get(&connection).map(Arc::clone)?;
        control.insertions.send(insertion).ok()
    }

    /// What will tell that a frame that this rule holds is released; an error: discarded.
    pub(crate) fn hold(&self, rule: RuleId) -> oneshot::Receiver<()> {
        let (sender, receiver) = oneshot::channel();
        locked(&self.held).entry(rule).or_default().push(sender);
        receiver
    }

    /// Takes away what would release the frames of this rule.
    pub(crate) fn take_held(&self, rule: RuleId) -> Vec<oneshot::Sender<()>> {
        locked(&self.held).remove(&rule).unwrap_or_default()
    }
}
