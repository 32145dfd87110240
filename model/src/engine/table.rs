//! The values that cells of one kind ever have, each once, under an id.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hash, Hasher};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::cell::Cell;
use crate::engine::arena::Slab;

/// A fingerprint is a hash already.
#[derive(Default)]
pub(super) struct Same(u64);

impl Hasher for Same {
    fn write(&mut self, _bytes: &[u8]) {
        unreachable!("fingerprints are words")
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

type Ids = HashMap<u64, u32, BuildHasherDefault<Same>>;

const SHARDS: usize = 16;

/// A table. Values are looked up by id without a lock.
#[derive(Debug)]
pub(crate) struct Table<T> {
    values: Slab<(Arc<T>, u64)>,
    /// Ids by fingerprint.
    ids: [Mutex<Ids>; SHARDS],
    /// Id 0 is nothing.
    next: AtomicU32,
}

impl<T: Clone + Hash + PartialEq> Table<T> {
    pub(super) fn new() -> Self {
        Self { values: Slab::new(), ids: std::array::from_fn(|_| Mutex::default()), next: AtomicU32::new(1) }
    }

    /// The id of a cell's value.
    pub(crate) fn id(&self, cell: &Cell<T>) -> u32 {
        if let Some(id) = cell.id() {
            return id;
        }
        let print = cell.print();
        let shard = usize::try_from(print >> 60).expect("four bits");
        let mut ids = self.ids[shard].lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(id) = ids.get(&print) {
            let (value, _) = self.values.get(*id).expect("what has an id is there");
            assert!(**value == **cell.shared(), "two values of one kind have one fingerprint: {print:x}");
            return *id;
        }
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        self.values.set(id, (cell.shared().clone(), print));
        ids.insert(print, id);
        id
    }

    /// All ids that were given out.
    pub(super) fn ids(&self) -> std::ops::Range<u32> {
        1..self.next.load(Ordering::Relaxed)
    }

    /// A cell with the value of this id, at a slot.
    pub(crate) fn cell(&self, id: u32, slot: u8) -> Cell<T> {
        let (value, print) = self.values.get(id).expect("what has an id is there");
        Cell::loaded(value.clone(), *print, id, slot)
    }
}
