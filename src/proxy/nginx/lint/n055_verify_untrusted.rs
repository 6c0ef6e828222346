//! Verification without a list of trusted certificates; nginx refuses it for a literal `https://`.

use foldhash::HashSet;

use super::super::tree::NodeId;
use super::super::{Config, units};
use super::upstreams::{self, Hop};
use super::{Check, Rule, problem};
use crate::evidence::{ConfigProblem, ProblemLevel, ProxyKind, Snapshot};

pub(super) const CHECK: Check<Config> = Check {
    rule: Rule {
        id: "N055-verify-untrusted",
        proxy: ProxyKind::Nginx,
        title: "the certificate of the upstream is verified against nothing",
        level: ProblemLevel::Error,
        cause: Some("tls-cert-untrusted"),
        needs: None,
    },
    find,
};

fn find(config: &Config, _: &Snapshot, problems: &mut Vec<ConfigProblem>) {
    let mut told = HashSet::default();
    for hop in upstreams::hops(config).iter().filter(|hop| hop.tls) {
        verify_without_certificate(config, hop, &mut told, problems);
    }
}

/// Verification without a list of trusted certificates; nginx refuses it for a literal `https://`.
fn verify_without_certificate(
    config: &Config,
    hop: &Hop,
    told: &mut HashSet<NodeId>,
    problems: &mut Vec<ConfigProblem>,
) {
    let tree = &config.tree;
    let prefix = hop.protocol.directive_prefix();
    let verify = hop.directive(config, "ssl_verify");
    let Some(verify) = verify.filter(|verify| units::flag(tree.argument(*verify, 0)) == Some(true)) else {
        return;
    };
    let name = format!("{prefix}_ssl_trusted_certificate");
    // One directive in force for many passes is told of once.
    if tree.nearest(hop.block, &name).is_some() || !told.insert(verify) {
        return;
    }
    let message = format!(
        "{prefix}_ssl_verify is on, but no {name} is set for {}",
        hop.written
    );
    let mut found = problem(config, &CHECK.rule, verify, message);
    found.repair = Some(format!("{name} /etc/ssl/certs/ca-certificates.crt;"));
    problems.push(found);
}
