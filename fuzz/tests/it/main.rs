//! The corpus is replayed, mutations of it are tried, and each target finds a fault that was planted for it.

mod corpus;
mod planted;
