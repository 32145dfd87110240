//! Hazards that the world may bring, each by name. A scope switches one on by saying how often it may happen.

macro_rules! assumptions {
    ($($variant:ident $name:literal: $meaning:literal,)*) => {
        /// A hazard.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Assumption {
            $(#[doc = $meaning] $variant,)*
        }

        impl Assumption {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// Its name, the same in scopes, options, reports and documents.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }

            /// What may happen, in one sentence.
            pub const fn meaning(self) -> &'static str {
                match self {
                    $(Self::$variant => $meaning,)*
                }
            }
        }
    };
}

assumptions! {
    Crash "crash": "A worker process is killed, at any crash point.",
    Expiry "expiry": "A checkpoint takes too long.",
    TransactionTimeout "transaction_timeout": "Kafka aborts an open transaction.",
    LostAnswer "lost_answer": "Kafka's answer to EndTxn or InitProducerId is lost, or the request is.",
    StoreFault "store_fault": "An operation of the coordinator at the checkpoint store fails, or its answer is lost, or it lands late.",
    ZombieWorker "zombie_worker": "A worker is given up for lost although it lives; it goes on until it learns that.",
    Takeover "takeover": "Another coordinator takes over while the one before is dead, or goes on because it does not know it.",
    ZombieOutlives "zombie_outlives": "A worker that was given up may still live when the job ends.",
    ChannelBreak "channel_break": "A data channel breaks although both its ends live.",
    TaskFailure "task_failure": "The job's code or a client fails, or subtasks can't be started.",
    LostNotification "lost_notification": "A subtask is not told that a checkpoint is complete.",
    Overlapping "overlapping": "Two checkpoints may be under way, and the interval passes at any time.",
    EarlyLanding "early_landing": "Records reach Kafka whenever they like, not only when they are flushed.",
    LateInit "late_init": "An InitProducerId reaches Kafka once more, at any later time: a duplicate of one that was answered, or one whose sender is gone.",
    LateMarker "late_marker": "Each partition learns in a step of its own, at any later time, that a transaction ended.",
    LateAddPartitions "late_add_partitions": "An AddPartitionsToTxn reaches Kafka once more, at any later time: a duplicate of one that was answered, or one whose sender is gone.",
    LateProduce "late_produce": "Records of a sender that is gone reach Kafka at any later time.",
    IdExpiry "id_expiry": "Kafka forgets a transactional id that has no open transaction.",
    ReadUncommitted "read_uncommitted": "Readers of the output see what is not committed.",
}

impl Assumption {
    const NUMBER: usize = Self::ALL.len();

    /// The assumption of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|assumption| assumption.name() == name)
    }

    /// The kind of step by which it shows that it happens, one of [`KINDS`](crate::KINDS), if one does.
    pub const fn kind(self) -> Option<&'static str> {
        match self {
            Self::Crash => Some("crash"),
            Self::Expiry => Some("expire"),
            Self::TransactionTimeout => Some("time_out"),
            Self::LostAnswer => Some("lose_answer"),
            Self::StoreFault => Some("lose_store"),
            Self::ZombieWorker | Self::ZombieOutlives => Some("give_up"),
            Self::Takeover => Some("take_over"),
            Self::ChannelBreak => Some("break_channel"),
            Self::TaskFailure => Some("fail_task"),
            Self::LostNotification => Some("lose_notification"),
            Self::EarlyLanding => Some("land_records"),
            Self::LateInit => Some("late_init"),
            Self::LateMarker => Some("write_marker"),
            Self::LateAddPartitions => Some("late_add_partitions"),
            Self::LateProduce => Some("late_produce"),
            Self::IdExpiry => Some("forget_id"),
            Self::Overlapping | Self::ReadUncommitted => None,
        }
    }

    #[expect(clippy::as_conversions, reason = "the place in the list")]
    const fn place(self) -> usize {
        self as usize
    }
}

/// How often the world may do what. Budgets limit faults and triggers only, never what the core does about them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Budget {
    /// Checkpoints that the interval triggers. The last checkpoint of the job is not counted.
    pub checkpoints: u8,
    faults: [u8; Assumption::NUMBER],
}

impl Budget {
    /// So many checkpoints, and nothing fails.
    pub const fn checkpoints(checkpoints: u8) -> Self {
        Self { checkpoints, faults: [0; Assumption::NUMBER] }
    }

    /// The same, and this may happen so often.
    #[must_use]
    pub const fn with(mut self, assumption: Assumption, times: u8) -> Self {
        self.faults[assumption.place()] = times;
        self
    }

    /// How often this may happen.
    pub const fn of(&self, assumption: Assumption) -> u8 {
        self.faults[assumption.place()]
    }

    /// What may happen, and how often.
    pub fn assumed(&self) -> impl Iterator<Item = (Assumption, u8)> + '_ {
        let all = Assumption::ALL.iter().map(|assumption| (*assumption, self.of(*assumption)));
        all.filter(|(_, times)| *times > 0)
    }
}
