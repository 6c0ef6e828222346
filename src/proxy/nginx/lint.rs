//! Rules about configurations that nginx accepts, and that then make or hide a 502.
//!
//! One file for each rule, named after its id (see [`crate::proxy::lint`]). To add one: the file, its `mod`
//! line and its line in [`CHECKS`], and its page `docs/rules/<id>.md`. What several rules share stands in
//! files without a number.

mod applications;
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
mod n034_self_loop;
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
mod n060_small_header_buf;
mod n062_buffers_emerg;
mod n063_next_off;
mod n066_fail_timeout_long;
mod n067_timeout_inversion;
mod n068_keepalive_race;
mod n069_keepalive_unused;
mod n070_upgrade_delta;
mod n071_worker_conns;
mod n072_errorpage_loop;
mod n073_authrequest;
mod n074_selinux;
mod n080_fixed_502;
mod n081_cached_502;
mod n082_misspelt;
mod run_time_names;
mod unix_sockets;
pub(super) mod upstreams;

pub(super) use n062_buffers_emerg::find as buffers;

use super::Config;
use super::tree::NodeId;
use crate::evidence::{ConfigFile, ConfigProblem, TextEdit};
use crate::proxy::lint::{Check, Need, Rule, Source};
use upstreams::Hop;

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
    n034_self_loop::CHECK,
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
    n060_small_header_buf::CHECK,
    n063_next_off::CHECK,
    n066_fail_timeout_long::CHECK,
    n067_timeout_inversion::CHECK,
    n068_keepalive_race::CHECK,
    n069_keepalive_unused::CHECK,
    n070_upgrade_delta::CHECK,
    n071_worker_conns::CHECK,
    n072_errorpage_loop::CHECK,
    n073_authrequest::CHECK,
    n074_selinux::CHECK,
    n080_fixed_502::CHECK,
    n081_cached_502::CHECK,
    n082_misspelt::CHECK,
];

/// Rules whose problems the reader reports among its errors, because nginx refuses such a configuration.
pub static REFUSED: &[Rule] = &[n062_buffers_emerg::RULE];

impl Source for Config {
    fn files(&self) -> Vec<ConfigFile> {
        self.config_files()
    }

    fn contents(&self) -> Vec<(&str, &[u8])> {
        let files = self.tree.files.iter();
        files.map(|file| (file.path.as_str(), file.bytes.as_ref())).collect()
    }

    fn prepare(&self) {
        upstreams::prepare(self);
    }
}

/// What a rule found at a directive, at the rule's own level.
fn problem(config: &Config, rule: &Rule, node: NodeId, message: String) -> ConfigProblem {
    config.problem(rule.id, rule.level, node, message)
}

/// Every literal `*_pass` to a named group, and the group.
fn passes_to_groups(config: &Config) -> impl Iterator<Item = (&Hop, NodeId)> {
    upstreams::hops(config)
        .iter()
        .filter_map(|hop| Some((hop, hop.named?)))
}

/// The lines written before a directive, each with its indentation.
fn inserted(config: &Config, before: NodeId, lines: &[String]) -> TextEdit {
    let place = config.place(before);
    let width = usize::try_from(place.column).unwrap_or(1).saturating_sub(1);
    let separator = format!("\n{}", " ".repeat(width.min(80)));
    TextEdit {
        replacement: lines.join(&separator) + &separator,
        start: (place.line, place.column),
        end: (place.line, place.column),
        file: place.file,
    }
}

/// Other words instead of a directive with its arguments; its `;` stays.
fn replaced(config: &Config, node: NodeId, words: &str) -> Option<TextEdit> {
    let place = config.place(node);
    Some(TextEdit {
        start: (place.line, place.column),
        end: config
            .tree
            .written_at(node, config.tree.argument_count(node).checked_sub(1)?)?
            .end,
        replacement: words.to_owned(),
        file: place.file,
    })
}

/// True when a proxied connection can be used again: HTTP/1.1 and no `Connection: close`, which nginx sends by
/// itself before 1.29.7. A header that is set to anything else may be a variable, and counts.
fn keeps_connections(config: &Config, block: NodeId) -> bool {
    let tree = &config.tree;
    let version = tree
        .nearest(block, "proxy_http_version")
        .map_or("1.0", |node| tree.argument(node, 0));
    let connection = tree.nearest_all(block, "proxy_set_header").any(|node| {
        tree.argument(node, 0).eq_ignore_ascii_case("connection")
            && !tree.argument(node, 1).eq_ignore_ascii_case("close")
    });
    version != "1.0" && connection
}
