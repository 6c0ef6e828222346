//! Rules about configurations that Squid accepts, and that then make or hide a 502.
//!
//! One file for each rule, named after its id (see [`crate::proxy::lint`]). To add one: the file, its `mod`
//! line and its line in [`CHECKS`], and its page `docs/rules/<id>.md`.

use super::Config;
use crate::evidence::ConfigFile;
use crate::proxy::lint::{Check, Source};

/// All rules about Squid, by id.
pub static CHECKS: &[Check<Config>] = &[];

impl Source for Config {
    fn files(&self) -> Vec<ConfigFile> {
        self.config_files()
    }

    fn contents(&self) -> Vec<(&str, &[u8])> {
        self.source.contents()
    }
}
