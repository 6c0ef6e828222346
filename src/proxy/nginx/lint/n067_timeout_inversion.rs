//! Limits that contradict those of the system or of the application behind.

use foldhash::HashSet;

use super::super::tree::NodeId;
use super::super::{Config, pass, units};
use super::applications::Applications;
use super::{Check, Rule, problem, replaced};
use crate::evidence::{AppServer, ConfigProblem, PeerAddress, ProblemLevel, ProxyKind, Snapshot};

pub(super) const CHECK: Check<Config> = Check {
    rule: Rule {
        id: "N067-timeout-inversion",
        proxy: ProxyKind::Nginx,
        title: "a timeout is longer than what it waits for can last",
        level: ProblemLevel::Warning,
        cause: Some("upstream-worker-timeout-kill"),
        needs: None,
    },
    find,
};

/// No connection is waited for longer than this, says the manual of nginx.
const LONGEST_CONNECT_MS: u64 = 75_000;

fn find(config: &Config, around: &Snapshot, problems: &mut Vec<ConfigProblem>) {
    connect_timeouts(config, problems);
    if !around.applications.is_empty() {
        killed_first(config, around, problems);
    }
}

fn connect_timeouts(config: &Config, problems: &mut Vec<ConfigProblem>) {
    let tree = &config.tree;
    for node in tree.every_of(|name| name.ends_with("_connect_timeout")) {
        let name = tree.name(node);
        if !tree.in_http(node) {
            continue;
        }
        let Some(limit_ms) =
            units::milliseconds(tree.argument(node, 0)).filter(|ms| *ms > LONGEST_CONNECT_MS)
        else {
            continue;
        };
        if only_sockets(config, node, name) {
            continue;
        }
        let message = format!(
            "{name} is {} s: a client waits that long for each server that takes no connection",
            limit_ms / 1000
        );
        let mut found = problem(config, &CHECK.rule, node, message);
        "504 after a long wait when a server or a packet filter drops packets".clone_into(&mut found.effect);
        found.repair = Some(format!("{name} 5s;"));
        found.edit = replaced(config, node, &format!("{name} 5s"));
        problems.push(found);
    }
}

/// True when the limit is in force for servers on unix sockets alone: a full queue refuses there at once.
fn only_sockets(config: &Config, setting: NodeId, name: &str) -> bool {
    let tree = &config.tree;
    let mut passes = pass::all_passes(config)
        .filter(|node| {
            let prefix = pass::protocol(tree.name(*node)).directive_prefix();
            name.strip_suffix("_connect_timeout") == Some(prefix)
                && tree.nearest(tree.parent(*node), name) == Some(setting)
        })
        .peekable();
    let is_socket = |node: NodeId| {
        let written = tree.argument(node, 0);
        let destination = pass::destination(pass::protocol(tree.name(node)), written);
        let group = tree.upstream(pass::host_and_port(destination.authority).0);
        let peers = group.map_or_else(Vec::new, |group| pass::group_peers(config, group));
        destination.authority.starts_with("unix:")
            || (!peers.is_empty() && peers.iter().all(|peer| matches!(peer.address, PeerAddress::Unix(_))))
    };
    passes.peek().is_some() && passes.all(is_socket)
}

/// The application ends a slow worker before nginx stops waiting: the connection breaks, and that is a 502.
fn killed_first(config: &Config, around: &Snapshot, problems: &mut Vec<ConfigProblem>) {
    let tree = &config.tree;
    let applications = Applications::of(around);
    let mut told: HashSet<(NodeId, u32)> = HashSet::default();
    for node in pass::all_passes(config) {
        let Some(application) = applications.behind(config, node) else {
            continue;
        };
        let Some(kill_s) = kills_after(application) else {
            continue;
        };
        let prefix = pass::protocol(tree.name(node)).directive_prefix();
        let setting = tree.nearest(tree.parent(node), &format!("{prefix}_read_timeout"));
        let Some(read_ms) = setting.map_or(Some(60_000), |node| units::milliseconds(tree.argument(node, 0)))
        else {
            continue;
        };
        let place = setting.unwrap_or(node);
        if read_ms < kill_s.saturating_mul(1000) || !told.insert((place, application.pid)) {
            continue;
        }
        let message = format!(
            "{} ends a worker after {kill_s} s, before {prefix}_read_timeout ({} s) is over",
            application.kind,
            read_ms / 1000
        );
        let mut found = config.problem(CHECK.rule.id, ProblemLevel::Info, place, message);
        found.effect = format!("502, not 504, for requests that take longer than {kill_s} s");
        problems.push(found);
    }
}

/// After how many seconds a worker that is busy with one request is ended.
fn kills_after(application: &AppServer) -> Option<u64> {
    let busy = match application.kind.as_str() {
        // Only the worker that serves one request at a time dies of a slow request.
        "gunicorn" => application.keepalive_s == Some(0),
        "php-fpm" | "uwsgi" => true,
        _ => false,
    };
    application.worker_timeout_s.filter(|seconds| busy && *seconds > 0)
}
