//! What nginx refuses although every word can be read.
use super::Config;
use crate::evidence::ConfigProblem;
pub(super) fn check(_config: &Config) -> Vec<ConfigProblem> {
    Vec::new()
}
