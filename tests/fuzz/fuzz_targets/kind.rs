//! Any bytes as a file of unknown kind: which server's configuration it is, and what lint says of it.
#![no_main]

use fix502::evidence::Snapshot;
use fix502::proxy::{self, Around, Extent};
use fix502_fuzz::{Cut, bounded};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some(kind) = bounded(input.len(), || proxy::detect(input)) else {
        return;
    };
    let files = Cut::new(input);
    let paths = [Cut::MAIN.to_owned()];
    if let Some(config) = proxy::read(kind, &paths, Extent::Unknown, &files, &Around::default()) {
        let _ = config.lint(&Snapshot::default());
    }
});
