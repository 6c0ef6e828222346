//! A name that an earlier server of the same address and port has already: ignored here.

use super::super::Config;
use super::super::server_select::{self, Socket};
use super::{Check, Rule, problem};
use crate::evidence::{ConfigProblem, ProblemLevel, ProxyKind, Snapshot};

pub(super) const CHECK: Check<Config> = Check {
    rule: Rule {
        id: "N002-name-conflict",
        proxy: ProxyKind::Nginx,
        title: "a server name is taken by an earlier server on the same address and port",
        level: ProblemLevel::Warning,
        cause: None,
        needs_host: false,
    },
    find,
};

fn find(config: &Config, _: &Snapshot, problems: &mut Vec<ConfigProblem>) {
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
            problems.push(problem(config, &CHECK.rule, node, message));
            told.push((node, conflict.name));
        }
    }
}
