//! Where each cell of a state lies in the array of its ids.

use std::collections::BTreeSet;

use truecut_core::{Committable, Halt, TransactionalId};

use crate::action::Action;
use crate::assumption::Budget;
use crate::budget::Left;
use crate::cell::Cell;
use crate::engine::table::Table;
use crate::footprint::NOWHERE;
use crate::late::Late;
use crate::ledger::{Aborted, Completed, Handed, Ledger, Owners};
use crate::lineage::Record;
use crate::scope::Scope;
use crate::state::{Broker, Desk, State};
use crate::store_fault::Strays;
use crate::world::kafka::Kafka;
use crate::world::network::{Link, Network, Queue};
use crate::world::process::{Head, Host, Lanes, Machine, Mail, Task, UnderWay};
use crate::world::store::{Offsets, Store};

/// A kind of value.
pub(crate) trait Kind: Clone + std::hash::Hash + PartialEq + Sized {
    fn table(tables: &Tables) -> &Table<Self>;
}

macro_rules! tables {
    ($($name:ident: $kind:ty,)*) => {
        /// One table per kind of value.
        #[derive(Debug)]
        pub(crate) struct Tables {
            pub(super) actions: Table<Action>,
            $($name: Table<$kind>,)*
        }

        impl Tables {
            pub(crate) fn new() -> Self {
                Self { actions: Table::new(), $($name: Table::new(),)* }
            }
        }

        $(impl Kind for $kind {
            fn table(tables: &Tables) -> &Table<Self> {
                &tables.$name
            }
        })*
    };
}

tables! {
    desks: Desk,
    ops: Vec<UnderWay>,
    halts: Option<Halt>,
    kafkas: Kafka<TransactionalId, Record>,
    orphans: BTreeSet<Committable>,
    lates: BTreeSet<Late>,
    offsets: Offsets,
    stores: Store,
    strays: Strays,
    handed: Handed,
    aborted: Aborted,
    completed: Completed,
    owners: Owners,
    counters: u8,
    words: u32,
    links: Vec<Link>,
    queues: Queue,
    heads: Head,
    mails: Mail,
    hosts: Host,
    lanes: Lanes,
}

impl Tables {
    /// The id of a cell's value.
    pub(super) fn id<T: Kind>(&self, cell: &Cell<T>) -> u32 {
        T::table(self).id(cell)
    }

    /// The action of this id.
    pub(super) fn action(&self, id: u32) -> Action {
        Action::clone(self.actions.cell(id, NOWHERE).shared())
    }

    /// Kinds of the actions that have an id.
    pub(super) fn kinds(&self) -> BTreeSet<&'static str> {
        self.actions.ids().map(|id| self.action(id).kind()).collect()
    }

    /// The word of this id.
    pub(super) fn word(&self, id: u32) -> u32 {
        **self.words.cell(id, NOWHERE).shared()
    }
}

/// A cell of any kind.
pub(crate) trait AnyCell {
    fn id(&self, tables: &Tables) -> u32;
    fn print(&self) -> u64;
    /// Where it was loaded from, and whether it is still what was loaded.
    fn origin(&self) -> Option<(u8, bool)>;
}

impl<T: Kind> AnyCell for Cell<T> {
    fn id(&self, tables: &Tables) -> u32 {
        T::table(tables).id(self)
    }

    fn print(&self) -> u64 {
        Self::print(self)
    }

    fn origin(&self) -> Option<(u8, bool)> {
        self.slot().map(|slot| (slot, Self::id(self).is_some()))
    }
}

/// The slot of the bits of violated properties.
pub(crate) const VIOLATED: u8 = 13;
const LINKS: u8 = 14;
const STRAYS: u8 = 15;
/// The coordinator that was taken over from, and what it has under way.
const FORMER: u8 = 16;
const LATE: u8 = 18;
/// The first slot of what is left of each hazard; behind them lie the machines.
const FAULTS: u8 = 19;
/// Slots of a machine without its tasks, and of a task.
const OF_MACHINE: u8 = 3;
const OF_TASK: u8 = 3;

/// How a scope's states lie in arrays.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Layout {
    pub(crate) machines: usize,
    budget: Budget,
    /// Most tasks of a machine, and most links.
    pub(crate) tasks: usize,
    pub(crate) links: usize,
}

impl Layout {
    /// Room for two attempts at once, of each coordinator that lives.
    pub(crate) fn new(scope: &Scope) -> Self {
        let tasks = usize::from(scope.slots) * 3;
        let links = usize::from(scope.sources)
            * usize::from(scope.operators)
            * if scope.has_zombies() { 4 } else { 2 };
        Self { machines: scope.places(), budget: scope.budget, tasks, links }
    }

    /// Slots of a state.
    pub(crate) fn len(&self) -> usize {
        usize::from(self.first_machine()) + self.machines * self.of_machine() + self.links
    }

    fn first_machine(&self) -> u8 {
        FAULTS + slot(self.budget.assumed().count())
    }

    fn of_machine(&self) -> usize {
        usize::from(OF_MACHINE) + self.tasks * usize::from(OF_TASK)
    }

    fn machine(&self, place: usize) -> u8 {
        self.first_machine() + slot(place * self.of_machine())
    }

    /// The first slot of a task; nothing is there if there is no such task.
    pub(crate) fn task(&self, place: usize, task: usize) -> u8 {
        assert!(task < self.tasks, "a machine has room for {} tasks at once", self.tasks);
        self.machine(place) + OF_MACHINE + slot(task) * OF_TASK
    }

    /// The slot of a link's queue; nothing is there if there is no such link.
    pub(crate) fn link(&self, link: usize) -> u8 {
        assert!(link < self.links, "there is room for {} links at once", self.links);
        self.first_machine() + slot(self.machines * self.of_machine() + link)
    }

    /// The state of these ids.
    pub(crate) fn load(&self, tables: &Tables, ids: &[u32]) -> State {
        let load = Load { tables, ids };
        let machine = |place: usize| {
            let at = self.machine(place);
            Machine::of(load.cell(at), load.cell(at + 1), load.cell(at + 2), |task| {
                let at = self.task(place, task);
                Task { host: load.cell(at), lanes: load.cell(at + 1), ops: load.cell(at + 2) }
            })
        };
        State {
            desk: load.cell(0),
            ops: load.cell(1),
            halted: load.cell(2),
            broker: Broker {
                kafka: load.cell(3),
                orphans: load.cell(4),
                late: load.cell(LATE),
                group: load.cell(5),
            },
            store: load.cell(6),
            strays: load.cell(STRAYS),
            former: load.cell(FORMER),
            former_ops: load.cell(FORMER + 1),
            ledger: Ledger {
                handed: load.cell(7),
                aborted: load.cell(8),
                completed: load.cell(9),
                owners: load.cell(10),
            },
            budget: Left::of(load.cell(11), &self.budget, |place| load.cell(FAULTS + slot(place))),
            next_worker: load.cell(12),
            violated: load.cell(VIOLATED),
            machines: (0..self.machines).map(machine).collect(),
            network: Network::of(load.cell(LINKS), |link| load.cell(self.link(link))),
        }
    }

    /// Shows every cell of a state with its slot.
    pub(crate) fn each<'a>(&self, state: &'a State, show: &mut dyn FnMut(u8, &'a dyn AnyCell)) {
        let State { broker, ledger, budget, .. } = state;
        let (links, queues) = state.network.stored();
        let first: [&dyn AnyCell; 19] = [
            &state.desk,
            &state.ops,
            &state.halted,
            &broker.kafka,
            &broker.orphans,
            &broker.group,
            &state.store,
            &ledger.handed,
            &ledger.aborted,
            &ledger.completed,
            &ledger.owners,
            &budget.checkpoints,
            &state.next_worker,
            &state.violated,
            links,
            &state.strays,
            &state.former,
            &state.former_ops,
            &broker.late,
        ];
        for (slot, cell) in (0..).zip(first) {
            show(slot, cell);
        }
        for (slot, left) in (FAULTS..).zip(budget.stored()) {
            show(slot, left);
        }
        for (place, machine) in state.machines.iter().enumerate() {
            let at = self.machine(place);
            show(at, &machine.head);
            show(at + 1, &machine.down);
            show(at + 2, &machine.up);
            for (task, cells) in machine.stored().iter().enumerate() {
                let at = self.task(place, task);
                show(at, &cells.host);
                show(at + 1, &cells.lanes);
                show(at + 2, &cells.ops);
            }
        }
        for (link, queue) in queues.iter().enumerate() {
            show(self.link(link), queue);
        }
    }

    /// The ids and the fingerprint of a state.
    pub(crate) fn store(&self, tables: &Tables, state: &State) -> (Vec<u32>, u64) {
        let mut ids = vec![0; self.len()];
        let mut print = 0_u64;
        self.each(state, &mut |slot, cell| {
            ids[usize::from(slot)] = cell.id(tables);
            print = print.wrapping_add(at_slot(slot, cell.print()));
        });
        (ids, print)
    }
}

struct Load<'a> {
    tables: &'a Tables,
    ids: &'a [u32],
}

impl Load<'_> {
    fn cell<T: Kind>(&self, slot: u8) -> Cell<T> {
        T::table(self.tables).cell(self.ids[usize::from(slot)], slot)
    }
}

fn slot(number: usize) -> u8 {
    u8::try_from(number).expect("fewer than 128 slots")
}

/// What a value at a slot adds to a state's fingerprint.
#[expect(clippy::as_conversions, reason = "the halves of a product")]
pub(crate) fn at_slot(slot: u8, print: u64) -> u64 {
    let seed = (u64::from(slot) + 1).wrapping_mul(0xa076_1d64_78bd_642f);
    let once = u128::from(print ^ seed) * 0xe703_7ed1_a0b4_28db_u128;
    let folded = (once as u64) ^ ((once >> 64) as u64) ^ seed.rotate_left(32);
    let twice = u128::from(folded) * 0x8ebc_6af0_9c88_c6e3_u128;
    (twice as u64) ^ ((twice >> 64) as u64)
}
