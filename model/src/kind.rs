//! Kinds of steps by name: how a saved counterexample names a step, and how a report says which steps a scope never takes.

use crate::action::Action;

macro_rules! kinds {
    ($($variant:ident $name:literal,)*) => {
        /// Names of all kinds of steps.
        pub const KINDS: &[&str] = &[$($name,)*];

        impl Action {
            /// The name of its kind, one of [`KINDS`].
            pub const fn kind(&self) -> &'static str {
                match self {
                    $(Self::$variant { .. } => $name,)*
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
}
