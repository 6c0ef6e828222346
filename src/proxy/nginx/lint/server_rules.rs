//! Rules about servers, locations and fixed answers.

use super::super::location_select::{self, Kind};
use super::super::server_select::{self, Socket};
use super::super::{Config, checks, directives, units};
use super::found;
use crate::evidence::{ConfigProblem, ProblemLevel};

/// A 502 that nginx is told to send.
pub(super) fn fixed_502(config: &Config, problems: &mut Vec<ConfigProblem>) {
    let tree = &config.tree;
    for id in 0..tree.nodes.len() {
        let is_return = tree.name(id) == "return" && tree.argument(id, 0) == "502";
        let is_page = tree.name(id) == "error_page" && tree.arguments(id).any(|word| word == "=502");
        if (is_return || is_page) && tree.in_http(id) {
            let message = format!("\"{}\" makes nginx itself answer 502", tree.written(id));
            problems.push(found(config, "fixed-502", ProblemLevel::Info, id, message));
        }
    }
}

/// `*_cache_valid any` keeps a 502 after the backend has recovered.
pub(super) fn cached_errors(config: &Config, problems: &mut Vec<ConfigProblem>) {
    let tree = &config.tree;
    for id in 0..tree.nodes.len() {
        let name = tree.name(id);
        if !matches!(
            name,
            "proxy_cache_valid" | "fastcgi_cache_valid" | "uwsgi_cache_valid" | "scgi_cache_valid"
        ) {
            continue;
        }
        let words: Vec<&str> = tree.arguments(id).collect();
        let Some((time, statuses)) = words.split_last() else {
            continue;
        };
        let keeps = statuses.iter().any(|status| matches!(*status, "any" | "502"));
        if keeps && tree.in_http(id) && units::seconds_as_milliseconds(time).is_some_and(|time| time > 0) {
            let message = format!(
                "\"{}\" also keeps a 502 of the backend for {time}",
                tree.written(id)
            );
            problems.push(found(
                config,
                "cache-valid-502",
                ProblemLevel::Warning,
                id,
                message,
            ));
        }
    }
}

/// Names that nginx ignores because an earlier server has them. Each is said once, whatever the number of
/// addresses.
pub(super) fn name_conflicts(config: &Config, problems: &mut Vec<ConfigProblem>) {
    let mut sockets: Vec<&Socket> = Vec::new();
    for listen in config.servers.iter().flat_map(|server| &server.listens) {
        if !sockets.contains(&&listen.socket) {
            sockets.push(&listen.socket);
        }
    }
    let mut told = Vec::new();
    for socket in sockets {
        for conflict in server_select::conflicts(config, socket) {
            let Some(node) = conflict.node else { continue };
            // `server_name _` in several servers is a habit and harmless.
            if matches!(conflict.name.as_str(), "_" | "") || told.contains(&(node, conflict.name.clone())) {
                continue;
            }
            let message = format!(
                "conflicting server name \"{}\": an earlier server has it, so it is ignored here",
                conflict.name
            );
            problems.push(found(
                config,
                "server-name-conflict",
                ProblemLevel::Warning,
                node,
                message,
            ));
            told.push((node, conflict.name));
        }
    }
}

/// A name with a port or a scheme never matches.
pub(super) fn names_with_port(config: &Config, problems: &mut Vec<ConfigProblem>) {
    for name in config.servers.iter().flat_map(|server| &server.names) {
        let Some(node) = name.node else { continue };
        if !name.text.starts_with('~') && name.text.contains([':', '/']) {
            let message = format!(
                "server_name \"{}\" never matches: a name has no port, scheme or slash",
                name.text
            );
            problems.push(found(
                config,
                "server-name-port",
                ProblemLevel::Warning,
                node,
                message,
            ));
        }
    }
}

/// Prefix and exact locations in a location given by a regular expression are never chosen.
pub(super) fn dead_locations(config: &Config, problems: &mut Vec<ConfigProblem>) {
    let tree = &config.tree;
    for id in 0..tree.nodes.len() {
        let parent = tree.node(id).parent;
        if tree.name(id) != "location" || tree.name(parent) != "location" || !tree.in_http(id) {
            continue;
        }
        let (kind, name) = location_select::kind(tree, id);
        let (outer, _) = location_select::kind(tree, parent);
        if matches!(outer, Kind::Regex | Kind::RegexCaseless)
            && !matches!(kind, Kind::Regex | Kind::RegexCaseless)
        {
            let message = format!(
                "location \"{name}\" is never used: nginx finds only regular expressions inside location \"{}\"",
                location_select::shown(tree, parent)
            );
            problems.push(found(config, "dead-location", ProblemLevel::Warning, id, message));
        }
    }
}

/// A directive that is not nginx's own but nearly has the name of one. It may be a third-party module's, so
/// this is no error.
pub(super) fn misspelt(config: &Config, problems: &mut Vec<ConfigProblem>) {
    let tree = &config.tree;
    for id in 1..tree.nodes.len() {
        let node = tree.node(id);
        if node.name.len() < 5 || directives::is_known(&node.name) || checks::is_list_entry(config, id) {
            continue;
        }
        let near =
            checks::context(config, node.parent).and_then(|context| directives::nearly(&node.name, context));
        if let Some(near) = near {
            let message = format!("unknown directive \"{}\", perhaps \"{near}\" is meant", node.name);
            let mut problem = found(config, "misspelt-directive", ProblemLevel::Warning, id, message);
            let rest: Vec<&str> = tree.arguments(id).collect();
            problem.repair = (!node.is_block).then(|| format!("{near} {};", rest.join(" ")));
            problems.push(problem);
        }
        if problems.len() > 500 {
            return;
        }
    }
}
