//! Rules about configurations that httpd accepts, and that then make or hide a 502.
//!
//! One file for each rule, named after its id (see [`crate::proxy::lint`]). To add one: the file, its `mod`
//! line and its line in [`CHECKS`], and its page `docs/rules/<id>.md`. What a rule can look at is listed in
//! [`super`].

use super::Config;
use crate::evidence::ConfigFile;
use crate::proxy::lint::{Check, Source};

/// All rules about Apache httpd, by id.
pub static CHECKS: &[Check<Config>] = &[];

impl Source for Config {
    fn files(&self) -> Vec<ConfigFile> {
        self.config_files()
    }

    fn contents(&self) -> Vec<(&str, &[u8])> {
        let files = self.tree.files.iter();
        files.map(|file| (file.path.as_str(), file.bytes.as_ref())).collect()
    }
}
