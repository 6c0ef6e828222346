//! What the commands of macOS print: processes, sockets, services, names, pf.
//!
//! Shapes as the programs of macOS 12 to 15 print them in the C locale; sources are named in each file.

mod firewall;
mod names;
mod processes;
mod services;
mod sockets;

pub(crate) use firewall::contains;
pub use firewall::{ApplicationFirewall, PacketFilter, application_firewall, enabled, packet_filter};
pub use names::{cached, resolver};
pub use processes::{addresses, processes};
pub use services::{jobs, services};
pub use sockets::{connections, listeners, owners, queues, unix_listeners};
