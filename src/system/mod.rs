//! BYTES → EVIDENCE for the host's own formats: /proc, systemd, packet filters, the kernel log,
//! resolver configuration. Pure, like [`crate::proxy`], and for the same reason: a better parser can read
//! an old bundle again.
//!
//! To add a format: one file here that takes bytes and returns a type of [`crate::evidence`].

pub mod firewall;
