//! The proxy between clients and an upstream of the test's own, and once before a real broker.

mod broker;
mod client;
mod copies;
mod drops;
mod frames;
mod garbage;
mod links;
mod same_bytes;
mod upstream;
