//! The program `rt`.

fn main() {}
