//! nginx keeps an idle connection for longer than the application does.

use foldhash::HashSet;

use super::super::tree::NodeId;
use super::super::{Config, pass, units};
use super::applications::Applications;
use super::{Check, Need, Rule, inserted, problem, replaced};
use crate::evidence::{AppServer, ConfigProblem, ProblemLevel, Protocol, ProxyKind, Snapshot};

pub(super) const CHECK: Check<Config> = Check {
    rule: Rule {
        id: "N068-keepalive-race",
        proxy: ProxyKind::Nginx,
        title: "idle connections are kept for longer than the application keeps them",
        level: ProblemLevel::Warning,
        cause: Some("keepalive-race"),
        needs: Some(Need::Processes),
    },
    find,
};

fn find(config: &Config, around: &Snapshot, problems: &mut Vec<ConfigProblem>) {
    if around.applications.is_empty() {
        return;
    }
    let tree = &config.tree;
    let applications = Applications::of(around);
    let mut told: HashSet<NodeId> = HashSet::default();
    for (hop, group_node) in super::passes_to_groups(config) {
        let group = pass::group(config, group_node);
        let (Some(_), Some(kept_ms)) = (group.keepalive, group.keepalive_timeout_ms) else {
            continue;
        };
        if !reuses(config, hop.node) {
            continue;
        }
        let idle = pass::group_peers(config, group_node)
            .iter()
            .filter_map(|peer| applications.at(&peer.address))
            .filter_map(|application| Some((application, idle_s(application)?)))
            .min_by_key(|(_, seconds)| *seconds);
        let Some((application, idle_s)) = idle else {
            continue;
        };
        if kept_ms < idle_s.saturating_mul(1000) || !told.insert(group_node) {
            continue;
        }
        let message = format!(
            "upstream \"{}\" keeps idle connections for {} s, but {} closes them after {idle_s} s",
            group.name,
            kept_ms / 1000,
            application.kind
        );
        let setting = tree.first(group_node, "keepalive_timeout");
        let place = setting
            .or(tree.first(group_node, "keepalive"))
            .or(tree.first(group_node, "server"))
            .unwrap_or(group_node);
        let mut found = problem(config, &CHECK.rule, place, message);
        "502 sometimes, for POST and other requests that are not repeated".clone_into(&mut found.effect);
        if config.environment.at_least(1, 15, 3) {
            let shorter = if idle_s > 1 {
                format!("{}s", idle_s.saturating_sub(1))
            } else {
                "500ms".to_owned()
            };
            let repair = format!("keepalive_timeout {shorter}");
            found.edit = match setting {
                Some(setting) => replaced(config, setting, &repair),
                None if place != group_node => Some(inserted(config, place, &[format!("{repair};")])),
                None => None,
            };
            found.repair = Some(format!("{repair};"));
        }
        problems.push(found);
    }
}

/// For how many seconds an application keeps an idle connection; `None`: not known, or it keeps none.
fn idle_s(application: &AppServer) -> Option<u64> {
    let default = (application.kind == "node").then_some(5);
    application.keepalive_s.or(default).filter(|seconds| *seconds > 0)
}

/// True when a pass uses a connection again.
fn reuses(config: &Config, node: NodeId) -> bool {
    let tree = &config.tree;
    let block = tree.parent(node);
    match pass::protocol(tree.name(node)) {
        Protocol::Http => config.environment.at_least(1, 29, 7) || super::keeps_connections(config, block),
        Protocol::FastCgi => tree
            .nearest(block, "fastcgi_keep_conn")
            .is_some_and(|setting| units::flag(tree.argument(setting, 0)) == Some(true)),
        Protocol::Grpc | Protocol::Memcached => true,
        Protocol::Ajp | Protocol::Scgi | Protocol::Uwsgi => false,
    }
}
