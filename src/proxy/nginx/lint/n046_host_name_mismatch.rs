//! Without a `Host` header of its own a pass sends the name that is written in it.

use super::super::Config;
use super::upstreams::{self, GroupNames, Hop};
use super::{Check, Rule, edits, problem};
use crate::evidence::{ConfigProblem, ProblemLevel, ProxyKind, Snapshot};

pub(super) const CHECK: Check<Config> = Check {
    rule: Rule {
        id: "N046-host-name-mismatch",
        proxy: ProxyKind::Nginx,
        title: "the name of an upstream group is sent as the Host header",
        level: ProblemLevel::Warning,
        cause: None,
        needs: None,
    },
    find,
};

fn find(config: &Config, _: &Snapshot, problems: &mut Vec<ConfigProblem>) {
    if upstreams::some_unread(config) {
        // The header may stand in the file that could not be read.
        return;
    }
    let tree = &config.tree;
    let names = upstreams::group_names(config);
    for hop in upstreams::hops(config).iter().filter(|hop| !hop.variables) {
        let Some(directive) = hop.header_directive() else {
            continue;
        };
        let host = hop.host();
        let sends_its_own = tree.nearest_all(hop.block, directive).any(|node| {
            tree.argument(node, 0).eq_ignore_ascii_case("host") && tree.argument(node, 1) != "$proxy_host"
        });
        if host.is_empty() || sends_its_own {
            continue;
        }
        let group = hop.group.and_then(|group| names.get(&group));
        judge(config, hop, host, directive, group, problems);
    }
}

fn judge(
    config: &Config,
    hop: &Hop,
    host: &str,
    directive: &str,
    group: Option<&GroupNames>,
    problems: &mut Vec<ConfigProblem>,
) {
    let (message, effect, wanted) = if let Some(name) = group
        .filter(|names| !names.public.contains(&host.to_ascii_lowercase()))
        .and_then(|names| names.first_public.as_ref().map(|name| (name, names.only_one)))
        .filter(|_| !host.contains('.'))
    {
        let (name, only_one) = name;
        (
            format!("requests to {name} carry Host: {host}, the name of the upstream group"),
            "400, 404 or 421 from hosts that serve by name".to_owned(),
            if only_one {
                name.clone()
            } else {
                "$host".to_owned()
            },
        )
    } else if host.contains('_') {
        (
            format!("requests carry Host: {host}, which is no valid host name because of the underscore"),
            "400 from strict backends (Tomcat, Django and others)".to_owned(),
            "$host".to_owned(),
        )
    } else {
        return;
    };
    let mut found = problem(config, &CHECK.rule, hop.node, message);
    found.effect = effect;
    let header = format!("{directive} Host {wanted};");
    // Another header at this level would hide all of those around it.
    let tree = &config.tree;
    let own = tree.first(hop.block, directive).is_some() || tree.nearest(hop.block, directive).is_none();
    found.edit = own
        .then(|| edits::insert_before(config, hop.node, std::slice::from_ref(&header)))
        .flatten();
    found.repair = Some(header);
    problems.push(found);
}
