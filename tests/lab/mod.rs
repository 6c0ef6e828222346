//! The fault lab: real servers with one injected fault each, and what the built program says about them.
//!
//! Every test makes a [`world::World`]: namespaces of its own (network, processes, mounts, host name) with nginx, an
//! application and whatever the fault needs. It first proves with curl and the error log that the fault is really there, so
//! that a broken lab is told apart from a wrong verdict; then it runs fix502 inside and reads its JSON. Everything dies with
//! the world, and nothing of it can be seen from the machine.
//!
//! Where namespaces cannot be made, or a server is not installed, a test prints `skipped: …` and passes, unless
//! `FIX502_LAB=require` is set: then it fails. `FIX502_LAB_TOOL` names another program to be judged.
//!
//! To add a fault: write a test with a sentence for a name in the file of its family: start the servers, inject the fault,
//! [`world::World::shows`] it, and say which cause is to be found.

mod answers;
mod healthy;
mod hostile;
mod names;
mod reads_only;
mod report;
mod requests;
mod servers;
mod services;
mod transport;
mod walks;
mod world;
