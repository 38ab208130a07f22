//! The command `mqtt`.

fn main() {}
