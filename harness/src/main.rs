//! The `truecut` program.
fn main() {}
