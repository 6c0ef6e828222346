//! The versions of TLS that nginx offers and those that the upstream takes.

use foldhash::HashSet;

use super::super::Config;
use super::upstreams::{self, Around, Hop, Line};
use super::{Check, Rule, edits, problem};
use crate::evidence::{ConfigProblem, ProbeKind, ProblemLevel, ProxyKind, Snapshot};

pub(super) const CHECK: Check<Config> = Check {
    rule: Rule {
        id: "N053-old-proto",
        proxy: ProxyKind::Nginx,
        title: "nginx and the upstream have no version of TLS in common",
        level: ProblemLevel::Error,
        cause: Some("tls-version-cipher-mismatch"),
        needs: None,
    },
    find,
};

fn find(config: &Config, around: &Snapshot, problems: &mut Vec<ConfigProblem>) {
    let hops = upstreams::hops(config);
    let around = Around::new(around);
    let mut told = HashSet::default();
    for hop in hops.iter().filter(|hop| hop.tls) {
        only_old(config, hop, &mut told, problems);
    }
    for line in upstreams::lines(config) {
        if line.hop.tls {
            by_probes(config, &around, &line, problems);
        }
    }
}

/// Versions that nginx offers by default.
fn by_default(config: &Config) -> &'static [&'static str] {
    let environment = &config.environment;
    if environment.at_least(1, 27, 3) {
        &["TLSv1.2", "TLSv1.3"]
    } else if environment.at_least(1, 23, 4) {
        &["TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"]
    } else {
        &["TLSv1", "TLSv1.1", "TLSv1.2"]
    }
}

/// A list that holds nothing a server of today takes.
fn only_old(config: &Config, hop: &Hop, told: &mut HashSet<usize>, problems: &mut Vec<ConfigProblem>) {
    let tree = &config.tree;
    let Some(node) = hop.directive(config, "ssl_protocols") else {
        return;
    };
    let modern = tree.arguments(node).any(|word| matches!(word, "TLSv1.2" | "TLSv1.3"));
    if modern || !told.insert(node) {
        return;
    }
    let name = tree.name(node);
    let list: Vec<&str> = tree.arguments(node).collect();
    let message = format!(
        "{name} offers {} only, which servers of today refuse",
        list.join(", ")
    );
    let mut found = problem(config, &CHECK.rule, node, message);
    found.level = ProblemLevel::Warning;
    "502 always, where the upstream wants TLS 1.2 or newer, and where OpenSSL here forbids older versions"
        .clone_into(&mut found.effect);
    found.repair = Some(format!("{name} TLSv1.2 TLSv1.3;"));
    if list.len() == 1 {
        found.edit = edits::replace_argument(config, node, 0, "TLSv1.2 TLSv1.3");
    }
    problems.push(found);
}

/// What the handshakes of probes tell about the upstream.
fn by_probes(config: &Config, around: &Around<'_>, line: &Line<'_>, problems: &mut Vec<ConfigProblem>) {
    let tree = &config.tree;
    let hop = line.hop;
    let written = hop.directive(config, "ssl_protocols");
    let offered: Vec<&str> = written.map_or_else(
        || by_default(config).to_vec(),
        |node| tree.arguments(node).collect(),
    );
    for evidence in around.endpoints(line.address) {
        let (Some(twelve), Some(thirteen)) = (
            upstreams::shook_hands(evidence, ProbeKind::Tls12),
            upstreams::shook_hands(evidence, ProbeKind::Tls13),
        ) else {
            continue;
        };
        let takes: Vec<&str> = [(twelve, "TLSv1.2"), (thirteen, "TLSv1.3")]
            .iter()
            .filter(|(yes, _)| *yes)
            .map(|(_, name)| *name)
            .collect();
        // With neither, something else may be wrong; only the alert for versions says that it is old.
        let old = takes.is_empty()
            && [ProbeKind::Tls12, ProbeKind::Tls13]
                .iter()
                .all(|kind| upstreams::handshake(evidence, *kind).is_some_and(|tls| tls.alert == Some(70)));
        let common = takes.iter().any(|version| offered.contains(version));
        if common || takes.is_empty() && !old {
            continue;
        }
        let reach = upstreams::shown(line.address);
        let has_old = offered.iter().any(|version| matches!(*version, "TLSv1" | "TLSv1.1"));
        let message = if old {
            format!(
                "{reach} speaks neither TLS 1.2 nor 1.3, and nginx offers {}",
                offered.join(", ")
            )
        } else {
            format!(
                "{reach} takes {}, and nginx offers {}",
                takes.join(", "),
                offered.join(", ")
            )
        };
        let name = format!("{}_ssl_protocols", hop.protocol.directive_prefix());
        let mut found = problem(config, &CHECK.rule, written.unwrap_or(hop.node), message);
        if old && has_old || line.others {
            found.level = ProblemLevel::Warning;
            "502 where OpenSSL here forbids versions older than 1.2, as current distributions do"
                .clone_into(&mut found.effect);
        } else {
            "502 always: handshake failure".clone_into(&mut found.effect);
        }
        found.repair = Some(if old {
            format!("{name} TLSv1 TLSv1.1 TLSv1.2 TLSv1.3;")
        } else {
            format!("{name} TLSv1.2 TLSv1.3;")
        });
        problems.push(found);
        return;
    }
}
