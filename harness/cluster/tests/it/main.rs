//! Brokers of both kinds, started, broken and taken away for real.

mod broker;
mod container;
mod disk;
mod process;
mod reaper;
mod records;
mod releases;
mod three;
