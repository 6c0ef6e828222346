//! Step 2, upstream: ask each endpoint as the proxy would, and in other ways where that fails.

mod ask;
mod further;
mod nearby;
mod show;
mod socket_file;

pub(super) use ask::{after_the_attempts, endpoints};
pub(super) use show::show;
pub(super) use socket_file::socket_files;
