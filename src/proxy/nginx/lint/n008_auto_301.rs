//! `location /app/` with a pass answers `/app` with a redirect.

use super::super::Config;
use super::super::location_select::{self, Kind, has_pass};
use super::{Check, Need, Rule, edits, problem};
use crate::evidence::{ConfigProblem, Handler, ProblemLevel, ProxyKind, Snapshot};

pub(super) const CHECK: Check<Config> = Check {
    rule: Rule {
        id: "N008-auto-301",
        proxy: ProxyKind::Nginx,
        title: "a path without its last slash is redirected, not passed on",
        level: ProblemLevel::Warning,
        cause: None,
        needs: Some(Need::Attempts),
    },
    find,
};

fn find(config: &Config, around: &Snapshot, problems: &mut Vec<ConfigProblem>) {
    let tree = &config.tree;
    // Nearly every proxied location ends in a slash: only the URL asked for is worth a word.
    let redirected = edits::asked(around)
        .and_then(|request| config.route(&request))
        .and_then(|route| match route.handler {
            Handler::Return { status: 301, place } => Some(place),
            _ => None,
        });
    let Some(place) = redirected else { return };
    for node in tree.every("location") {
        if !has_pass(tree, node) || config.place(node) != place {
            continue;
        }
        let (kind, name) = location_select::kind(tree, node);
        let plain = matches!(kind, Kind::Exact | Kind::Prefix | Kind::PrefixNoRegex);
        let Some(bare) = name.strip_suffix('/').filter(|_| plain) else {
            continue;
        };
        let message = format!("nginx answers \"{bare}\" with 301 to \"{name}\"");
        let mut found = problem(config, &CHECK.rule, node, message);
        "301; a client that sends POST may repeat the request as GET".clone_into(&mut found.effect);
        found.repair = Some(format!("location = {bare} {{ … }}"));
        problems.push(found);
        return;
    }
}
