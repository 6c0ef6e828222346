//! Two `Host` headers in one request, which most backends refuse.

use foldhash::HashSet;

use super::super::Config;
use super::super::variables::has_variables;
use super::upstreams;
use super::{Check, Rule, problem};
use crate::evidence::{ConfigProblem, ProblemLevel, Protocol, ProxyKind, Snapshot};

pub(super) const CHECK: Check<Config> = Check {
    rule: Rule {
        id: "N047-two-hosts",
        proxy: ProxyKind::Nginx,
        title: "the Host header is set twice",
        level: ProblemLevel::Warning,
        cause: Some("upstream-returned-502"),
        needs: None,
    },
    find,
};

/// Variables that are not empty in any ordinary request.
const FILLED: [&str; 5] = ["$host", "$http_host", "$proxy_host", "$server_name", "$hostname"];

fn find(config: &Config, _: &Snapshot, problems: &mut Vec<ConfigProblem>) {
    // Since then the last one counts, and only it is sent.
    if config.environment.at_least(1, 31, 4) {
        return;
    }
    let tree = &config.tree;
    let mut told = HashSet::default();
    for hop in upstreams::hops(config)
        .iter()
        .filter(|hop| hop.protocol == Protocol::Http)
    {
        let mut hosts = tree
            .nearest_all(hop.block, "proxy_set_header")
            .filter(|node| tree.argument(*node, 0).eq_ignore_ascii_case("host"))
            .filter(|node| is_sent(tree.argument(*node, 1)));
        let (Some(first), Some(last)) = (hosts.next(), hosts.last()) else {
            continue;
        };
        if !told.insert(last) {
            continue;
        }
        let message = format!(
            "Host is set here and at {}: both are sent, {} and {}",
            config.place(first),
            tree.argument(first, 1),
            tree.argument(last, 1)
        );
        let mut found = problem(config, &CHECK.rule, last, message);
        "400 always from most backends, nginx and Apache among them".clone_into(&mut found.effect);
        problems.push(found);
    }
}

/// True for a value that is not empty in any ordinary request: such a header is sent.
fn is_sent(value: &str) -> bool {
    let starts = |name: &&str| {
        let start = value.get(..name.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(name))
    };
    !value.is_empty() && (!has_variables(value) || FILLED.iter().any(starts))
}
