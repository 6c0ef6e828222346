//! Rules about configurations that nginx accepts.
use super::Config;
use crate::evidence::ConfigProblem;
pub(super) fn lint(_config: &Config) -> Vec<ConfigProblem> {
    Vec::new()
}
