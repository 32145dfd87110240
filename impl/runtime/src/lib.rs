//! The protocol core run by operating-system processes on real Kafka.
//!
//! The shell performs effects and reports raw outcomes; it takes no decision about checkpoints, attempts, transactions or
//! offsets. One [`driver`] hosts every role. A coordinator process hosts the coordinator role; a worker process hosts the
//! worker role and, in threads, the subtasks that it launches. Both are the same program, started again with a hidden
//! argument ([`process`]), so that a user's own program with own functions works the same way.

pub mod admin;
pub mod batch;
pub mod config;
pub mod control;
pub mod coordinator;
pub mod crash_point;
pub mod credit;
pub mod data;
pub mod driver;
pub mod event;
pub mod exchange;
pub mod explain;
pub mod failure;
pub mod function;
pub mod inbox;
pub mod kafka;
pub mod launch;
pub mod memory;
pub mod metrics;
mod outcome;
pub mod process;
pub mod program;
pub mod records;
mod retries;
pub mod state;
pub mod store;
pub mod supervise;
pub mod task;
pub mod timers;
pub mod tokens;
pub mod trace;
pub mod types;
pub mod wire;
pub mod worker;
