//! The names of things. Fields are private, so that no layer does arithmetic on an identity by accident.

use core::fmt;

/// Declares an ordered newtype over an integer, with a constructor, an accessor and a short `Display`.
macro_rules! identity {
    ($(#[$doc:meta])* $name:ident($inner:ty), $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name($inner);

        impl $name {
            /// Wraps a number.
            pub const fn new(number: $inner) -> Self {
                Self(number)
            }

            /// The number.
            pub const fn get(self) -> $inner {
                self.0
            }

            /// The one after this.
            #[must_use]
            pub const fn next(self) -> Self {
                Self(self.0 + 1)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "{}"), self.0)
            }
        }
    };
}

identity!(
    /// Number of a checkpoint: given out when it is triggered, never used again.
    CheckpointId(u64), ""
);
identity!(
    /// One execution of the whole job between two failures. Durable and unique: a new one is swapped into the head
    /// of the checkpoint store before anything is restored.
    Attempt(u64), ""
);
identity!(
    /// Offset of a record in its partition.
    Offset(i64), ""
);
identity!(
    /// Offset of the next record to read: one past the last record processed, in every layer.
    NextOffset(i64), ""
);
identity!(
    /// Number of a partition of the input topic: the split of the source.
    Partition(u32), ""
);
identity!(
    /// One incarnation of a worker process. A restarted worker gets a new one.
    WorkerId(u32), "w"
);
identity!(
    /// Version of the head of the checkpoint store; a swap states the version that it replaces.
    HeadVersion(u64), "v"
);
identity!(
    /// Tells one incarnation of the coordinator from another in the head. Whoever starts coordinators draws it: a later one has a greater
    /// token. Which swap counts never depends on that, only who gives way when two begin.
    Token(u64), ""
);

impl Offset {
    /// Where reading goes on after this record.
    pub const fn one_past(self) -> NextOffset {
        NextOffset(self.0 + 1)
    }
}

/// Which of the job's vertices a subtask belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Vertex {
    /// Reads the input topic.
    Source,
    /// Keeps the keyed state.
    Operator,
    /// Writes the output topic.
    Sink,
}

impl fmt::Display for Vertex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Source => "source",
            Self::Operator => "operator",
            Self::Sink => "sink",
        })
    }
}

/// One parallel instance of a vertex.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Subtask {
    /// Its vertex.
    pub vertex: Vertex,
    /// Its place among the vertex's instances, from 0.
    pub index: u16,
}

impl Subtask {
    /// The source subtask with this index.
    pub const fn source(index: u16) -> Self {
        Self { vertex: Vertex::Source, index }
    }

    /// The operator subtask with this index.
    pub const fn operator(index: u16) -> Self {
        Self { vertex: Vertex::Operator, index }
    }

    /// The sink subtask with this index.
    pub const fn sink(index: u16) -> Self {
        Self { vertex: Vertex::Sink, index }
    }
}

impl fmt::Display for Subtask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.vertex, self.index)
    }
}

/// Full name of a checkpoint: the id alone could be given out again by a coordinator that crashed before storing it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CheckpointName {
    /// The attempt that took it.
    pub attempt: Attempt,
    /// Its number.
    pub id: CheckpointId,
}

impl fmt::Display for CheckpointName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of attempt {}", self.id, self.attempt)
    }
}
