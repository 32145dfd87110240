//! Sets up what is missing.
fn main() {}
