//! What the structures find here in place of `std::sync`.
//!
//! `Arc` stays std's: it only shares ownership, and each of loom's would multiply the orders to explore.

use std::sync::LockResult;
pub use std::sync::{Arc, PoisonError};

pub use loom::sync::{Mutex, MutexGuard};

/// loom's, with what it lacks.
#[derive(Debug, Default)]
pub struct Condvar(loom::sync::Condvar);

impl Condvar {
    /// One that nobody waits for.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Waits to be notified.
    ///
    /// # Errors
    /// The lock is poisoned; loom's never is.
    pub fn wait<'a, T>(&self, guard: MutexGuard<'a, T>) -> LockResult<MutexGuard<'a, T>> {
        self.0.wait(guard)
    }

    /// Waits until the condition does not hold.
    ///
    /// # Errors
    /// The lock is poisoned; loom's never is.
    pub fn wait_while<'a, T>(
        &self,
        mut guard: MutexGuard<'a, T>,
        mut condition: impl FnMut(&mut T) -> bool,
    ) -> LockResult<MutexGuard<'a, T>> {
        while condition(&mut guard) {
            guard = self.wait(guard)?;
        }
        Ok(guard)
    }

    /// Wakes one who waits.
    pub fn notify_one(&self) {
        self.0.notify_one();
    }

    /// Wakes all who wait.
    pub fn notify_all(&self) {
        self.0.notify_all();
    }
}
