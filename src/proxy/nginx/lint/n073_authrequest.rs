//! The location that `auth_request` asks can only fail, and each failure is a 500.

use foldhash::HashSet;

use super::super::location_select::{self, Found};
use super::super::tree::NodeId;
use super::super::variables::has_variables;
use super::super::{Config, units};
use super::{Check, Rule, problem};
use crate::evidence::{ConfigProblem, ProblemLevel, ProxyKind, Snapshot};

pub(super) const CHECK: Check<Config> = Check {
    rule: Rule {
        id: "N073-authrequest",
        proxy: ProxyKind::Nginx,
        title: "the location that auth_request asks can only fail",
        level: ProblemLevel::Error,
        cause: None,
        needs: None,
    },
    find,
};

fn find(config: &Config, _: &Snapshot, problems: &mut Vec<ConfigProblem>) {
    let tree = &config.tree;
    // One word for each place, however many locations ask it.
    let mut known: HashSet<(NodeId, &str)> = HashSet::default();
    for node in tree.every("auth_request") {
        let target = tree.argument(node, 0);
        if !target.starts_with('/') || has_variables(target) {
            continue;
        }
        let server = tree.around(node).find(|level| tree.name(*level) == "server");
        let Some(server) = server.filter(|_| tree.in_http(node)) else {
            continue;
        };
        if !known.insert((server, target)) {
            continue;
        }
        let path = target.split('?').next().unwrap_or_default();
        let search = location_select::find(config, server, path);
        let Found::Location(location) = search.found else {
            continue;
        };
        if search.undetermined.is_empty() {
            problems.extend(judge(config, node, location));
        }
    }
}

fn judge(config: &Config, node: NodeId, location: NodeId) -> Option<ConfigProblem> {
    let tree = &config.tree;
    let plain = !["if", "rewrite", "set", "error_page"]
        .iter()
        .any(|name| tree.first(location, name).is_some());
    if !plain {
        return None;
    }
    let asked = tree.argument(node, 0);
    let shown = location_select::shown(tree, location);
    if let Some(given) = tree.first(location, "return") {
        let status = tree.argument(given, 0);
        let numeric = status.parse::<u16>().ok()?;
        if matches!(numeric, 200..=299 | 401 | 403) {
            return None;
        }
        let message = format!("auth_request \"{asked}\" always gets {status} from location \"{shown}\"");
        let mut found = problem(config, &CHECK.rule, node, message);
        "500 always: only 2xx, 401 and 403 are answers to auth_request".clone_into(&mut found.effect);
        return Some(found);
    }
    let pass = tree.first(location, "proxy_pass")?;
    let body_off = tree
        .nearest(location, "proxy_pass_request_body")
        .is_some_and(|node| units::flag(tree.argument(node, 0)) == Some(false));
    let no_length = tree
        .nearest_all(location, "proxy_set_header")
        .any(|node| tree.argument(node, 0).eq_ignore_ascii_case("content-length"));
    if body_off || no_length {
        return None;
    }
    let message = format!(
        "auth_request \"{asked}\" tells {} of a request body that never comes",
        tree.argument(pass, 0)
    );
    let mut found = problem(config, &CHECK.rule, pass, message);
    found.level = ProblemLevel::Warning;
    "500 for requests with a body, after the timeout, when the service waits for the body"
        .clone_into(&mut found.effect);
    found.repair = Some("proxy_pass_request_body off; proxy_set_header Content-Length \"\";".to_owned());
    Some(found)
}
