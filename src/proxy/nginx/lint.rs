//! Rules about configurations that nginx accepts, and that then make or hide a 502.
//!
//! One file for each rule, named after its id (see [`crate::proxy::lint`]). To add one: the file, its `mod`
//! line and its line in [`CHECKS`], and its page `docs/rules/<id>.md`. What several rules share stands in
//! files without a number.

mod edits;
mod n001_addr_shadow;
mod n002_name_conflict;
mod n003_dot_conflict;
mod n004_name_port;
mod n005_dead_nested_prefix;
mod n006_dead_regex;
mod n007_nested_no_pass;
mod n008_auto_301;
mod n009_return_beats_pass;
mod n010_server_tryfiles_dead;
mod n011_enc_location;
mod n012_regex_brace;
mod n020_no_resolver;
mod n021_var_name_port;
mod n022_no_scheme_var;
mod n023_upstream_typo;
mod n024_https_port80;
mod n025_http_to_tls_port;
mod n026_frozen_dns;
mod n028_resolver_public;
mod n030_all_down;
mod n031_localhost_dual;
mod n035_unix_path;
mod n036_unix_in_tmp;
mod n037_proxy_bind;
mod n040_wrong_protocol;
mod n043_fcgi_script;
mod n044_ws_always;
mod n045_hdr_lost;
mod n046_host_name_mismatch;
mod n047_two_hosts;
mod n050_no_sni;
mod n051_sni_is_upstream_name;
mod n052_verify_name;
mod n053_old_proto;
mod n054_client_cert;
mod n055_verify_untrusted;
mod n069_keepalive_unused;
mod n080_fixed_502;
mod n081_cached_502;
mod n082_misspelt;
mod run_time_names;
mod unix_sockets;
mod upstreams;

use super::tree::NodeId;
use super::variables::has_variables;
use super::{Config, pass};
use crate::evidence::{ConfigFile, ConfigProblem};
use crate::proxy::lint::{Check, Rule, Source};

/// All rules about nginx, by id.
pub static CHECKS: &[Check<Config>] = &[
    n001_addr_shadow::CHECK,
    n002_name_conflict::CHECK,
    n003_dot_conflict::CHECK,
    n004_name_port::CHECK,
    n005_dead_nested_prefix::CHECK,
    n006_dead_regex::CHECK,
    n007_nested_no_pass::CHECK,
    n008_auto_301::CHECK,
    n009_return_beats_pass::CHECK,
    n010_server_tryfiles_dead::CHECK,
    n011_enc_location::CHECK,
    n012_regex_brace::CHECK,
    n020_no_resolver::CHECK,
    n021_var_name_port::CHECK,
    n022_no_scheme_var::CHECK,
    n023_upstream_typo::CHECK,
    n024_https_port80::CHECK,
    n025_http_to_tls_port::CHECK,
    n026_frozen_dns::CHECK,
    n028_resolver_public::CHECK,
    n030_all_down::CHECK,
    n031_localhost_dual::CHECK,
    n035_unix_path::CHECK,
    n036_unix_in_tmp::CHECK,
    n037_proxy_bind::CHECK,
    n040_wrong_protocol::CHECK,
    n043_fcgi_script::CHECK,
    n044_ws_always::CHECK,
    n045_hdr_lost::CHECK,
    n046_host_name_mismatch::CHECK,
    n047_two_hosts::CHECK,
    n050_no_sni::CHECK,
    n051_sni_is_upstream_name::CHECK,
    n052_verify_name::CHECK,
    n053_old_proto::CHECK,
    n054_client_cert::CHECK,
    n055_verify_untrusted::CHECK,
    n069_keepalive_unused::CHECK,
    n080_fixed_502::CHECK,
    n081_cached_502::CHECK,
    n082_misspelt::CHECK,
];

impl Source for Config {
    fn files(&self) -> Vec<ConfigFile> {
        self.config_files()
    }

    fn contents(&self) -> Vec<(&str, &[u8])> {
        let files = self.tree.files.iter();
        files.map(|file| (file.path.as_str(), file.bytes.as_ref())).collect()
    }
}

/// What a rule found at a directive, at the rule's own level.
fn problem(config: &Config, rule: &Rule, node: NodeId, message: String) -> ConfigProblem {
    config.problem(rule.id, rule.level, node, message)
}

/// Every literal `*_pass` to a named group, with where it leads.
fn passes_to_groups(config: &Config) -> Vec<(NodeId, pass::Destination, NodeId)> {
    let tree = &config.tree;
    pass::all_passes(config)
        .filter(|node| !has_variables(tree.argument(*node, 0)))
        .filter_map(|node| {
            let destination = pass::destination(pass::protocol(tree.name(node)), tree.argument(node, 0));
            let group = tree.upstream(pass::host_and_port(&destination.authority).0)?;
            Some((node, destination, group))
        })
        .collect()
}
