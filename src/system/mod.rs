//! BYTES → EVIDENCE for the host's own formats: /proc, systemd, packet filters, the kernel log,
//! resolver configuration, answers on the wire. Pure, like [`crate::proxy`], and for the same reason: a
//! better parser can read an old bundle again.
//!
//! To add a format: one file here that takes bytes and returns a type of [`crate::evidence`].

pub mod applications;
pub mod commands;
pub mod containers;
pub mod curl;
pub mod firewall;
pub mod git_log;
pub mod http;
pub mod idle_defaults;
pub mod java_servers;
pub mod kernel;
pub mod log_time;
pub mod macos;
pub mod network;
pub mod packages;
pub mod socket_list;
pub mod sockets;
pub mod syslog;
pub mod syslog_files;
pub mod systemd;
pub mod unit_status;
pub mod windows;
