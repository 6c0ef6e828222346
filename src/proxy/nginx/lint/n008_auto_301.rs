//! `location /app/` with a pass answers `/app` with a redirect.

use std::collections::HashSet;

use super::super::Config;
use super::super::location_select::{self, Kind, has_pass};
use super::{Check, Rule, edits, problem};
use crate::evidence::{ConfigProblem, Handler, ProblemLevel, ProxyKind, Snapshot};

pub(super) const CHECK: Check<Config> = Check {
    rule: Rule {
        id: "N008-auto-301",
        proxy: ProxyKind::Nginx,
        title: "a path without its last slash is redirected, not passed on",
        level: ProblemLevel::Warning,
        cause: None,
        needs_host: false,
    },
    find,
};

fn find(config: &Config, around: &Snapshot, problems: &mut Vec<ConfigProblem>) {
    let tree = &config.tree;
    let redirected = edits::asked(around)
        .and_then(|request| config.route(&request))
        .and_then(|route| match route.handler {
            Handler::Return { status: 301, place } => Some(place),
            _ => None,
        });
    for block in 0..tree.nodes.len() {
        if !matches!(tree.name(block), "server" | "location") || !tree.in_http(block) {
            continue;
        }
        let locations: Vec<_> = tree
            .named(block, "location")
            .map(|node| (node, location_select::kind(tree, node)))
            .filter(|(_, (kind, _))| matches!(kind, Kind::Exact | Kind::Prefix | Kind::PrefixNoRegex))
            .collect();
        let names: HashSet<&str> = locations.iter().map(|(_, (_, name))| name.as_str()).collect();
        for (node, (_, name)) in &locations {
            let Some(bare) = name.strip_suffix('/').filter(|bare| bare.len() > 1) else {
                continue;
            };
            if names.contains(bare) || !has_pass(tree, *node) {
                continue;
            }
            let message = format!("nginx answers \"{bare}\" with 301 to \"{name}\"");
            let mut found = problem(config, &CHECK.rule, *node, message);
            if redirected.as_ref() != Some(&found.place) {
                found.level = ProblemLevel::Info;
            }
            "301; a client that sends POST may repeat the request as GET".clone_into(&mut found.effect);
            found.repair = Some(format!("location = {bare} {{ … }}"));
            problems.push(found);
        }
    }
}
