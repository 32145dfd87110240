//! Kafka for truecut: as a container, as a plain process, or someone else's; and nothing left behind.
//!
//! Decides where Kafka comes from, how its image is made, when a broker is ready, and who takes away what a killed run
//! left. Leaves to others what is done with the cluster, and knows nothing of truecut's own protocol.
//!
//! A program that starts clusters calls [`reaper_main`] first thing in `main`.

mod admin;
mod broker;
mod capability;
mod choice;
mod clean;
mod clock;
mod cluster;
mod container;
mod disk;
mod doctor;
mod engine;
mod error;
mod exec;
mod features;
mod fleet;
mod image;
mod jars;
mod kernel;
mod network;
mod options;
mod owner;
mod port;
mod probe;
mod process;
mod reaper;
mod release;
mod request;
mod settings;
mod site;
mod spawn;
pub mod testing;
mod tool;
mod wire;

pub use broker::BrokerId;
pub use capability::Capability;
pub use choice::{KafkaChoice, UnknownChoice};
pub use clean::clean;
pub use clock::{Clock, SEEN_AFTER as CLOCK_SEEN_AFTER};
pub use cluster::Cluster;
pub use doctor::{Check, Status, doctor};
pub use error::ClusterError;
pub use image::ensure_image;
pub use jars::KAFKA_VERSION;
pub use network::Isolation;
pub use options::{Options, Progress};
pub use reaper::{REAPER_ARGUMENT, reaper_main};
pub use release::{Release, UnknownRelease};
pub use spawn::spawn_bound;
