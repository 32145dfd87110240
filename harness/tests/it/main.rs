//! The program as a person or a script calls it: arguments in; exit code, text and documents out.

mod bad_input;
mod bench;
mod chaos;
mod check;
mod conformance;
mod explore;
mod job;
mod leftovers;
mod list;
mod memory;
mod pages;
mod plans;
mod program;
mod running;
mod secured;
mod takeover;
mod usage;
