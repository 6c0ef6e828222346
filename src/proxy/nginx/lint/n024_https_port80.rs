//! A server without a port is on port 80, also under `https://`.

use super::super::tree::NodeId;
use super::super::{Config, pass};
use super::{Check, Rule, problem};
use crate::evidence::{ConfigProblem, ProblemLevel, ProxyKind, Snapshot};

pub(super) const CHECK: Check<Config> = Check {
    rule: Rule {
        id: "N024-https-port80",
        proxy: ProxyKind::Nginx,
        title: "TLS is spoken to a server of a group that has no port, which means port 80",
        level: ProblemLevel::Error,
        cause: Some("tls-to-plaintext-port"),
        needs_host: false,
    },
    find,
};

fn find(config: &Config, _: &Snapshot, problems: &mut Vec<ConfigProblem>) {
    for (node, destination, group) in super::passes_to_groups(config) {
        if destination.tls {
            tls_to_port_80(config, node, group, problems);
        }
    }
}

fn tls_to_port_80(config: &Config, node: NodeId, group: NodeId, problems: &mut Vec<ConfigProblem>) {
    let tree = &config.tree;
    for server in tree.named(group, "server") {
        let address = tree.argument(server, 0);
        if address.starts_with("unix:") || pass::host_and_port(address).1.is_some() {
            continue;
        }
        let message = format!(
            "{address} has no port, so it is port 80, but {} at {} speaks TLS to it",
            tree.argument(node, 0),
            config.place(node)
        );
        let mut found = problem(config, &CHECK.rule, server, message);
        "502 always".clone_into(&mut found.effect);
        let rest: Vec<&str> = tree.arguments(server).skip(1).collect();
        let tail = if rest.is_empty() {
            String::new()
        } else {
            format!(" {}", rest.join(" "))
        };
        found.repair = Some(format!("server {address}:443{tail};"));
        if !problems
            .iter()
            .any(|known| known.rule == found.rule && known.place == found.place)
        {
            problems.push(found);
        }
    }
}
