//! Logs read in one pass: exact counts, and how fast.
//!
//! The measurements are not part of an ordinary run:
//! `cargo test --release --test main logs::scale -- --ignored --nocapture --test-threads 1`

#[path = "logs/applications.rs"]
mod applications;
#[path = "logs/carried.rs"]
mod carried;
#[path = "logs/exact.rs"]
mod exact;
#[path = "logs/generator.rs"]
mod generator;
#[path = "logs/host.rs"]
mod host;
#[path = "logs/scale.rs"]
mod scale;
