//! What surrounds the roles. Each file says what its part may do, and what it is assumed not to do.

pub(crate) mod conformance;
pub(crate) mod ending;
pub(crate) mod kafka;
pub(crate) mod network;
pub(crate) mod one_id;
pub(crate) mod process;
pub(crate) mod sequences;
pub(crate) mod store;
