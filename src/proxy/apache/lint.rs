//! Rules about configurations that httpd accepts, and that then make or hide a 502.
//!
//! One file for each rule, named after its id (see [`crate::proxy::lint`]). To add one: the file, its `mod`
//! line and its line in [`CHECKS`], and its page `docs/rules/<id>.md`. What a rule can look at is listed in
//! [`super`]; what several rules share stands in files without a number.

mod a001_slash_mismatch;
mod a002_order;
mod a003_locationmatch_pp;
mod a004_location_order;
mod a005_module_missing;
mod a006_sslproxyengine;
mod a007_sslproxy_name;
mod a008_worker_sharing;
mod a009_balancer_empty;
mod a010_stale_pool;
mod a011_timeout;
mod a012_retry60;
mod a013_undefined_var;
mod a014_rewrite_p_scope;
mod a015_header_8k;
mod a016_sethandler_source;
mod a017_vhost_shadow;
mod backends;
mod covers;
mod edits;

use super::{Backend, Config, StatementId};
use crate::evidence::{ConfigFile, ConfigProblem};
use crate::proxy::lint::{Check, Need, Rule, Source};

/// All rules about Apache httpd, by id.
pub static CHECKS: &[Check<Config>] = &[
    a001_slash_mismatch::CHECK,
    a002_order::CHECK,
    a003_locationmatch_pp::CHECK,
    a004_location_order::CHECK,
    a005_module_missing::CHECK,
    a006_sslproxyengine::CHECK,
    a007_sslproxy_name::CHECK,
    a008_worker_sharing::CHECK,
    a009_balancer_empty::CHECK,
    a010_stale_pool::CHECK,
    a011_timeout::CHECK,
    a012_retry60::CHECK,
    a013_undefined_var::CHECK,
    a014_rewrite_p_scope::CHECK,
    a015_header_8k::CHECK,
    a016_sethandler_source::CHECK,
    a017_vhost_shadow::CHECK,
];

/// A problem of a rule at a statement.
fn problem(config: &Config, rule: &Rule, id: StatementId, message: String) -> ConfigProblem {
    config.problem(rule.id, rule.level, id, message)
}

/// All URLs that passes and balancers dial, with the parameters that count.
fn all_backends(config: &Config) -> impl Iterator<Item = &Backend> {
    let workers = config.workers().iter().map(|worker| &worker.backend);
    workers.chain(config.balancers().iter().flat_map(|balancer| &balancer.members))
}

/// What a client gets when the name of the backend cannot be resolved.
fn status_of_unknown_host(config: &Config) -> &'static str {
    match config.version() {
        Some(version) if version >= (2, 4, 59) => "500",
        Some(_) => "502",
        None => "502, since 2.4.59 500,",
    }
}

impl Source for Config {
    fn is_part(&self) -> bool {
        self.is_part()
    }

    fn files(&self) -> Vec<ConfigFile> {
        self.config_files()
    }

    fn contents(&self) -> Vec<(&str, &[u8])> {
        let files = self.tree.files.iter();
        files.map(|file| (file.path.as_str(), file.bytes.as_ref())).collect()
    }
}
