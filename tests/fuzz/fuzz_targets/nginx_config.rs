//! Any bytes as an nginx configuration: read, linted, routed.
#![no_main]

use fix502::evidence::Snapshot;
use fix502::proxy::Configuration;
use fix502::proxy::nginx::{self, Environment};
use fix502_fuzz::{Cut, bounded, requests};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let files = Cut::new(input);
    let config = bounded(input.len(), || nginx::read(Cut::MAIN, &files, &Environment::default()));
    let config = Configuration::Nginx(Box::new(config));
    let _ = config.summary();
    let _ = config.lint(&Snapshot::default());
    for request in requests() {
        let _ = config.route(&request);
    }
});
