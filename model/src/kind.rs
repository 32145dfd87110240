//! Kinds of steps by name: how a saved counterexample names a step, and how a report says which steps a scope never takes.

use crate::action::Action;
use crate::late::{KafkaStep, Late};

macro_rules! kinds {
    ($($variant:ident $name:literal,)*; $($of_kafka:literal,)*) => {
        /// Names of all kinds of steps.
        pub const KINDS: &[&str] = &[$($name,)* $($of_kafka,)*];

        impl Action {
            /// The name of its kind, one of [`KINDS`].
            pub const fn kind(&self) -> &'static str {
                match self {
                    $(Self::$variant { .. } => $name,)*
                    Self::Kafka(step) => step.kind(),
                }
            }
        }
    };
}

kinds! {
    TakeReport "take_report",
    LoseWorker "lose_worker",
    LandCoordinator "land_coordinator",
    AnswerCoordinator "answer_coordinator",
    Stop "stop",
    TakeOrder "take_order",
    Fetch "fetch",
    Take "take",
    LandRecords "land_records",
    Land "land",
    Answer "answer",
    Trigger "trigger",
    Expire "expire",
    Crash "crash",
    TimeOut "time_out",
    LoseAnswer "lose_answer",
    RefuseStore "refuse_store",
    LoseStore "lose_store",
    LandStray "land_stray",
    GiveUp "give_up",
    Vanish "vanish",
    TakeOver "take_over",
    LandFormer "land_former",
    AnswerFormer "answer_former",
    BreakChannel "break_channel",
    LearnBroken "learn_broken",
    FailTask "fail_task",
    FailLaunch "fail_launch",
    LoseNotification "lose_notification",
    Heartbeat "heartbeat",
    LandOrphan "land_orphan",
    ;
    "late_init",
    "late_add_partitions",
    "late_produce",
    "write_marker",
    "forget_id",
    "time_out_at_last",
}

impl KafkaStep {
    const fn kind(&self) -> &'static str {
        match self {
            Self::Land(Late::Init(_)) => "late_init",
            Self::Land(Late::AddPartitions(..)) => "late_add_partitions",
            Self::Land(Late::Produce(..)) => "late_produce",
            Self::WriteMarker(..) => "write_marker",
            Self::Forget(_) => "forget_id",
            Self::TimeOutAtLast(_) => "time_out_at_last",
        }
    }
}
